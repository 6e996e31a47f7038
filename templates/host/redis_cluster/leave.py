"""What comes before a stop of the node: ExecStop of its unit.

A master that is stopped on purpose hands over first. What Redis has to write before it ends is waited for, beyond
TimeoutStopSec, for as long as it gets on.
"""

import os
import re
import signal
import socket
import time
from contextlib import suppress

from .decide.replies import pairs
from .files import size_of
from .messages import Refused, mistake, say
from .observe import Daemons
from .paths import DATA, ETC, MANAGED
from .release import current_release
from .resp import Unanswered
from .waits import Patience, unstoppable

# How often, in seconds, systemd is asked for more time.
_BREATH = 0.5


def leave() -> None:
    """Whatever fails, the node stops. Raises Refused where there is no release."""
    release = current_release(MANAGED)
    _hand_over(release.directory)
    daemons = release.daemons()
    _finish_first_aof(daemons)
    process = os.environ.get("MAINPID", "")
    if re.fullmatch("[1-9][0-9]{0,9}", process) and _saves_at_stop(daemons):
        _finish_last_save(daemons, int(process))


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


def _finish_last_save(daemons: Daemons, process: int) -> None:
    """Redis serves nobody meanwhile, and what systemd kills half-way is of no use."""
    size, stall = -1, daemons.members.stall
    deadline = time.monotonic() + stall
    with suppress(ProcessLookupError, PermissionError):
        os.kill(process, signal.SIGTERM)
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
