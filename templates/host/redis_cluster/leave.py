"""What comes before a stop of the node: ExecStop of its unit.

A master that is stopped on purpose hands over first. What Redis has to write before it ends is waited for, beyond
TimeoutStopSec, for as long as it gets on.
"""

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from .decide.replies import number, pairs
from .files import Files, size_of
from .host import LEAST_FREE
from .messages import Refused, mistake, plain, say
from .observe import Daemons, fields, text
from .paths import DATA, ETC, MANAGED
from .release import current_release
from .resp import Unanswered
from .resume import Mark, holds_all, identity, write_mark
from .waits import Patience, unstoppable

# How often, in seconds, systemd is asked for more time.
_BREATH = 0.1


def leave() -> None:
    """Whatever fails, the node stops. Raises Refused where there is no release."""
    release = current_release(MANAGED)
    _hand_over(release.directory)
    daemons = release.daemons()
    _finish_first_aof(daemons)
    process = os.environ.get("MAINPID", "")
    if re.fullmatch("[1-9][0-9]{0,9}", process):
        _save_to_resume(daemons, int(process), Files(release.settings, DATA))
        if _saves_at_stop(daemons):
            with _without_clients(daemons, int(process)):
                _finish_last_save(daemons, int(process), signal.SIGTERM)


def _hand_over(release: str) -> None:
    from .handover import hand_over_first

    try:
        hand_over_first(f"{release}/members", f"{release}/secrets", ETC)
    except Refused as refusal:
        say(f"error: {refusal}", refusal.host)
    except Exception as failure:
        say(mistake("leave", failure))


def _finish_first_aof(daemons: Daemons) -> None:
    patience = Patience(daemons, saves=True)
    while busy := unstoppable(daemons):
        if patience.over():
            say(
                f"is stopped although it is still busy: {busy}; nothing moved for {_limit(daemons)}",
                daemons.members.host,
            )
            return
        _ask_for_time(daemons)


def _save_to_resume(daemons: Daemons, process: int, files: Files) -> None:
    """A replica saves how far its replication is, and goes on from there when it starts; see resume.py.

    Where that cannot be had it stops as it would, and starts from its AOF.
    """
    here = daemons.members.node_here
    try:
        told = fields(daemons.ask(here, "INFO")[0])
        wanted = {"role": "slave", "loading": "0", "master_sync_in_progress": "0", "aof_enabled": "1"}
        if not wanted.items() <= told.items() or not files.base or files.aof_is_behind():
            return
        disk, size = os.statvfs(files.directory), number(told.get("used_memory_dataset")) or 0
        if disk.f_bavail * disk.f_frsize < size + (LEAST_FREE << 20):
            say("starts from its AOF next: no room to save", daemons.members.host)
            return
        with _without_clients(daemons, process):
            with suppress(Unanswered):
                (reply,) = daemons.ask_once(here, "SHUTDOWN SAVE")
                say(f"starts from its AOF next, since it cannot save: {plain(text(reply))}", daemons.members.host)
                return
            _finish_last_save(daemons, process, 0)
        if not os.path.exists(f"/proc/{process}") and holds_all(files.rdb, told):
            write_mark(files.directory, Mark("saved", files.base, identity(files.rdb)))
    except (Unanswered, OSError) as error:
        say(f"starts from its AOF next: {error}", daemons.members.host)


@contextmanager
def _without_clients(daemons: Daemons, process: int) -> Iterator[None]:
    """While Redis saves for the last time it serves nobody: clients go elsewhere at once instead of waiting for that.

    Replicas stay, and so does the connection in hand. Listens again where the node has not ended.
    """
    here, bind = daemons.members.node_here, ""
    with suppress(Unanswered):
        bind = pairs(daemons.ask(here, "CONFIG GET bind")[0]).get("bind", "")
        ends = [("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes") for kind in ("normal", "pubsub")]
        daemons.tell(here, ("CONFIG", "SET", "bind", ""), *ends)
    try:
        yield
    finally:
        if bind and os.path.exists(f"/proc/{process}"):
            with suppress(Unanswered):
                daemons.tell(here, ("CONFIG", "SET", "bind", bind))


def _finish_last_save(daemons: Daemons, process: int, begin: int) -> None:
    """Redis serves nobody meanwhile, and what systemd kills half-way is of no use.

    begin: the signal that has it save, 0 where it does already.
    """
    size, stall = -1, daemons.members.stall
    deadline = time.monotonic() + stall
    with suppress(ProcessLookupError, PermissionError):
        os.kill(process, begin)
        while True:
            os.kill(process, 0)
            before, size = size, size_of(f"{DATA}/temp-{process}.rdb")
            if size != before:
                deadline = time.monotonic() + stall
            if time.monotonic() >= deadline:
                say(
                    f"the last save before the stop has not moved for {_limit(daemons)}, and is ended",
                    daemons.members.host,
                )
                return
            _ask_for_time(daemons)


def _saves_at_stop(daemons: Daemons) -> bool:
    try:
        asked = daemons.ask(daemons.members.node_here, "CONFIG GET shutdown-on-sigterm", "CONFIG GET save")
    except Unanswered:
        return False
    how, save = (pairs(reply) for reply in asked)
    flags = how.get("shutdown-on-sigterm", "").split()
    return "nosave" not in flags and ("save" in flags or save.get("save", "") != "")


def _ask_for_time(daemons: Daemons) -> None:
    """Of systemd, which else goes by TimeoutStopSec. Takes a breath first."""
    time.sleep(_BREATH)
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.connect(f"\0{address[1:]}" if address.startswith("@") else address)
            notify.send(f"EXTEND_TIMEOUT_USEC={daemons.members.stall * 1_000_000}".encode())


def _limit(daemons: Daemons) -> str:
    return f"{daemons.members.stall} s, redis-cluster:limits.stall"
