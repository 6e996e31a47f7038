"""What the steps of a rollout have at hand: what is staged, what runs, and what is done with that."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from . import gate
from .acts import act
from .beside import switch
from .decide.owed import Owed, Runs, owed
from .decide.replies import is_linked
from .decide.staged import CREATION, changed_creation, changed_name
from .host import LEAST_FREE, UNIT, binary, installed, refuse_full_disk, refuse_less_free, running
from .members import CONF, Daemon, load_members
from .messages import Refused, plain
from .observe import Daemons, fields
from .package import pending
from .paths import CURRENT, DATA, INITIALISED, RELEASES, STAGED
from .refusals import refuse_change
from .release import (
    CERTIFICATE,
    is_current,
    live_names,
    note_release,
    release_hash,
    running_release,
    same_files,
    staged_daemons,
)
from .resp import Unanswered
from .settings import Settings
from .told import last_word, read_told, told
from .waits import Patience, start, stop_sentinel, unstoppable

if TYPE_CHECKING:
    from .turn import Turn


class Step:
    """What every step begins with. Raises Refused where what is staged may not become live here.

    lines: what it is told; default: standard input.
    """

    def __init__(self, lines: str | None = None) -> None:
        self.told = read_told() if lines is None else told(lines)
        self.members = load_members(f"{STAGED}/members")
        self._daemons: Daemons | None = None
        self._turn: Turn | None = None
        self.staged = current = os.path.basename(os.path.realpath(CURRENT))
        self.done: list[str] = []
        self.known: dict[Daemon, Owed] = {}
        if is_current():
            return
        self.staged = release_hash(STAGED)
        if current == self.staged:
            # One in which somebody has edited a file is made anew.
            self.make_release()
        elif os.path.exists(f"{CURRENT}/members"):
            self.refuse_change()

    def end(self) -> str:
        """Its last word."""
        return last_word(self.done)

    # --- what is asked --------------------------------------------------------------------------

    @property
    def daemons(self) -> Daemons:
        """The group's daemons."""
        self._daemons = self._daemons or staged_daemons()
        return self._daemons

    @property
    def turn(self) -> "Turn":
        """This host's turn to restart, for as long as the step goes on."""
        if not self._turn:
            from .turn import Turn

            self._turn = Turn(self.daemons)
        return self._turn

    @property
    def has_sentinel(self) -> bool:
        """Whether this host runs a sentinel."""
        return self.members.has_sentinel

    @property
    def was_whole(self) -> bool:
        """Whether the group has ever been whole with this host in it."""
        return os.path.exists(INITIALISED)

    def refuse_change(self) -> None:
        """All that may not be changed in a group that runs."""
        if self.was_whole:
            before, after = (_directives(directory) for directory in (CURRENT, STAGED))
            changed = changed_name(before, after)
            if changed:
                raise Refused(changed, self.members.host)
        refuse_change()
        if self.was_whole:
            changed = changed_creation(before, after)
            if changed:
                raise Refused(changed, self.members.host)

    def owed(self, daemon: Daemon) -> Owed:
        """What that daemon owes, as it was when it was first asked for."""
        if daemon not in self.known:
            self.known[daemon] = self._owed(daemon)
        return self.known[daemon]

    def _owed(self, daemon: Daemon) -> Owed:
        if daemon not in self.members.here:
            return "none"
        conf = CONF[daemon]
        release, runs = running_release(daemon), None
        if release and running(daemon):
            same = installed(daemon, STAGED) and binary(daemon) == "same" and not pending(self.members.package)
            certificate = same_files(release, STAGED, CERTIFICATE)
            runs = Runs(os.path.basename(release) == self.staged, same, certificate, _read(f"{release}/{conf}"))
        return owed(daemon, _read(f"{STAGED}/{conf}"), live_names(STAGED, daemon), runs)

    def info(self, section: str = "") -> dict[str, str]:
        """What this host's node tells of itself; nothing where it does not answer."""
        try:
            return fields(self.daemons.ask(self.members.node_here, f"INFO {section}".strip())[0])
        except Unanswered:
            return {}

    def is_master(self) -> bool:
        """Whether this host's node is the master. Refused where it runs and does not say."""
        if not self.members.has_node:
            return False
        role, why = "", "it tells none"
        try:
            role = fields(self.daemons.ask(self.members.node_here, "INFO replication")[0]).get("role", "")
        except Unanswered as error:
            why = plain(str(error))
        if not role and running("node"):
            raise Refused(
                f"the node runs but does not tell its role: {why}; expected an answer within 2 s. Look at it with "
                "'redis-cluster gate', then run pulumi up again",
                self.members.host,
            )
        return role == "master"

    def role(self) -> str:
        """What this host's node says it is."""
        told = self.info("replication").get
        if told("role") == "slave":
            return plain(f"replica of {told('master_host')}:{told('master_port')}")
        return plain(told("role", ""))

    def waits_with_master(self) -> bool:
        """Whether the sentinel has to wait for its host's node, the master."""
        return self.owed("node") == "restart" and self.is_master()

    @property
    def consent(self) -> gate.Step:
        """What the run carries out, and with which faults it may go on."""
        return gate.Step(self.told.plan, self.told.override, tuple(self.told.left.split()))

    # --- what is done ---------------------------------------------------------------------------

    def make_release(self) -> None:
        """What is staged becomes a release, once the binaries that will read it have accepted it."""
        from .validate import make_release

        make_release()

    def switch(self) -> None:
        """The next start of either daemon is composed from what is staged."""
        self.make_release()
        switch(self.staged)

    def adopt(self, daemon: Daemon, done: Iterable[str]) -> None:
        """It now runs with all that is staged: its next start composes from that too. done: how it came to that."""
        self.make_release()
        self.done += done
        switch(self.staged)
        note_release(daemon, self.staged)
        self.done.append("nothing restarted")

    def enter_rollout(self) -> None:
        """Nothing that runs is stopped before the new release is accepted and the group is whole."""
        refuse_full_disk(self.members.host)
        if running("node"):
            self.refuse_too_full_for_sync()
        # Another version of Redis is what has to accept it.
        upgrades = pending(self.members.package)
        if not upgrades:
            self.make_release()
        # What an interrupted run has left down on this host would keep the gate red.
        if self.members.has_node and not running("node"):
            self.start("node")
        if self.has_sentinel and os.path.exists(f"{CURRENT}/{UNIT['sentinel']}") and not running("sentinel"):
            self.start("sentinel")
        if upgrades:
            if running("node") or running("sentinel"):
                self.wait_gate()
            self.place_package()
            self.make_release()
        if running("node"):
            from .live import refuse_evicting_maxmemory

            refuse_evicting_maxmemory(self.daemons, f"{RELEASES}/{self.staged}")
        if running("node") or running("sentinel"):
            self.wait_gate()
        switch(self.staged)

    def wait_gate(self) -> None:
        """Until it is this host's turn and the group is whole. Refused where it is not."""
        self.turn.take()
        gate.gate(f"{STAGED}/members", f"{STAGED}/secrets", STAGED, self.consent)

    def place_package(self) -> None:
        """Puts the version of Redis in place that the stack wants; what runs takes it at its restart."""
        from .package import change

        change(self.members.package, self.members.host)
        self.done.append(f"installed redis-server {self.members.package}")

    def start(self, daemon: str) -> None:
        """Until it serves. Refused where nothing moves."""
        start(self.daemons, daemon)

    def stop_sentinel(self) -> None:
        """With a timer that starts it again, should the run die."""
        if self.has_sentinel:
            stop_sentinel(self.members.sentinel_return)

    def restart_node(self) -> None:
        """Until it is linked again."""
        if running("node"):
            # A node that is stopped on a full disk does not start again.
            refuse_full_disk(self.members.host)
            self.refuse_too_full_for_sync()
            self.wait_stoppable()
            act("stop", "node")
        self.start("node")
        patience = Patience(self.daemons)
        if not self.linked(patience):
            raise patience.gave_up("the restarted node is not linked to a master")
        self.done.append(f"restarted as {self.role()}")

    def linked(self, patience: Patience) -> bool:
        """Waits until this host's node serves and, as a replica, is linked; false where nothing moves."""
        while True:
            if _serves(self.info()):
                return True
            if patience.over():
                return False

    def wait_all_linked(self) -> None:
        """Until every node of the group is, or nothing moves: a large first sync goes on by itself."""
        patience = Patience(self.daemons)
        while not all(_serves(node.info) for node in self.daemons.nodes()):
            if patience.over():
                return

    def wait_stoppable(self) -> None:
        """Until the node may be stopped."""
        patience = Patience(self.daemons, saves=True)
        while busy := unstoppable(self.daemons):
            if patience.over():
                raise patience.gave_up(f"the node is still busy: {busy}; expected an idle node before its restart")

    def wait_replicas_written(self) -> None:
        """Until a replica has written its first AOF after a full sync, it would start from older data than it holds.

        Seen without a rewrite once is enough.
        """
        patience = Patience(self.daemons, saves=True)
        for node in self.members.nodes:
            while node.name != self.members.host:
                try:
                    told = fields(self.daemons.ask(node, "INFO persistence")[0]).get
                    if told("aof_rewrite_in_progress") == told("aof_rewrite_scheduled") == "0":
                        break
                except Unanswered:
                    pass
                if patience.over():
                    raise patience.gave_up(
                        f"the node on {node.name} writes its AOF; expected it written before it may become the master"
                    )

    def refuse_too_full_for_sync(self) -> None:
        """A node that starts again gets all data anew from its master, as an RDB.

        Where it keeps an AOF it writes one of it beside its last.
        """
        told = self.info()
        if told.get("role") == "slave":
            master = self.members.node_at(told.get("master_host", ""), told.get("master_port", ""))
            with suppress(Unanswered):
                told = fields(self.daemons.ask(master, "INFO")[0]) if master else told
        # The files are smaller than the data in memory; how much, an AOF tells.
        sizes = [told.get(name, "") for name in ("used_memory_dataset", "aof_current_size")]
        size = min((int(each) >> 20 for each in sizes if each.isdecimal() and len(each) < 19), default=0)
        settings = Settings(f"{CURRENT}/redis.conf", missing=True)
        if settings.get("appendonly", "no") == "yes":
            # The last RDB makes room when the new one takes its place.
            last = 0
            with suppress(OSError):
                last = os.lstat(f"{DATA}/{settings.get('dbfilename', 'dump.rdb')}").st_size >> 20
            size = max(size, 2 * size - last)
        reason = "for the data that this node gets from its master when it starts again, and the AOF written of them"
        refuse_less_free(self.members.host, DATA, size + LEAST_FREE, reason)

    def wait_whole(self) -> None:
        """Until the group is whole; where it is not, behind the hosts that restart at this time."""
        files = (f"{STAGED}/members", f"{STAGED}/secrets")
        if not self.has_sentinel:
            if gate.is_whole(*files):
                return
            self.turn.take()
        gate.whole(*files, self.consent)

    def settle(self) -> None:
        """The next start takes what both daemons run with: a run that was cut off may have left another release."""
        run = {os.path.basename(running_release(daemon)) for daemon in self.members.here}
        if run == {self.staged}:
            switch(self.staged)

    def end_turn(self, *of: Owed) -> None:
        """The next host's turn begins on a group that is whole, which can never be bootstrapped again."""
        self.settle()
        if set(of) == {"none"} and self.was_whole:
            return
        self.wait_whole()
        act("mark", "initialised")
        act("prune", *filter(None, (os.path.basename(running_release(daemon)) for daemon in UNIT)))

    def took_back(self, names: str) -> None:
        """Notes what was set by hand."""
        if names:
            self.done.append(f"took back what was set by hand: {names}")


def _serves(info: Mapping[str, str]) -> bool:
    """Whether a node does, by its INFO: as a replica it is linked."""
    return is_linked(info) or (info.get("loading") == "0" and info.get("role") == "master")


def _directives(directory: str) -> dict[str, dict[str, str]]:
    """What decide.staged compares of a release."""
    words = [line.split(" ", 1) for line in _read(f"{directory}/members").split("\n") if " " in line]
    found = {"members": dict(reversed(words))}
    for file in CONF.values():
        settings = Settings(f"{directory}/{file}", missing=True)
        found[file] = {name: settings.get(name, "") for name in (*CREATION, "port", "tls-port")}
    return found


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
