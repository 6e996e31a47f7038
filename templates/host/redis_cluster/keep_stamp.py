"""Stamps the node that runs here, once a second, and gives it its own rank back when it is linked."""

import os
import re
import sys
import time
from contextlib import suppress
from fcntl import LOCK_EX, LOCK_NB, flock

from .decide.stamp import UNSAVED_RANK, Ticks, saved
from .files import Files
from .messages import Refused
from .observe import fields
from .release import current_release
from .resp import Reply, Unanswered
from .resume import forget_resumed
from .stamps import read_stamp, write_stamp


def restore_priority() -> None:
    """ExecStartPost of the node's unit: begins what goes on behind the node for as long as it runs, and returns."""
    here = sys.orig_argv
    silent = [(os.POSIX_SPAWN_OPEN, file, "/dev/null", os.O_RDWR, 0) for file in (0, 1, 2)]
    os.posix_spawn(here[0], [*here[:-1], "keep-stamp"], os.environ, file_actions=silent)


def keep_stamp(managed: str, data: str, run: str) -> None:
    """Goes on for as long as the unit of the node runs; ends at once where another process does this already.

    managed: root's directory of releases. data: the data directory. run: the unit's own, which goes with it.
    """
    try:
        lock = open(f"{run}/stamping", "w")  # noqa: SIM115 for as long as this runs
        flock(lock, LOCK_EX | LOCK_NB)
    except (FileNotFoundError, BlockingIOError):
        return
    while os.path.isdir(run):
        # The node may be down, and a release incomplete for a moment.
        with suppress(Refused, Unanswered):
            stamping = Stamping(managed, data)
            while os.path.isdir(run) and stamping.look():
                # Once it is linked a replica soon has more than the others, and its rank is not one by its stamp any
                # more.
                time.sleep(1 if stamping.stamped else 0.2)
        time.sleep(0.2)


class Stamping:
    """The stamps of this host's node, while it goes by one release, and follows one master if any.

    stamped: whether the node has been stamped since it was linked. Raises Refused where there is no complete release.
    """

    def __init__(self, managed: str, data: str) -> None:
        self._link, self._data = f"{managed}/current", data
        self._linked = os.path.realpath(self._link)
        self._release = current_release(managed)
        self._files = Files(self._release.settings, data)
        # Each is asked on a connection that stays: new ones each second would cost a hundred times as much.
        self._daemons = self._release.daemons()
        self._stamp = read_stamp(data)
        self._ticks = Ticks(self._stamp and self._stamp.moment)
        self._master: tuple[str, int] | None = None
        self._forget()

    def look(self) -> bool:
        """Looks once at the node. False where all has to begin anew. Raises Unanswered where it is not there."""
        if os.path.realpath(self._link) != self._linked:
            return False
        match self._here("ROLE"):
            case [["master", *_]]:
                self._stamp_master()
            case [["slave", str(host), int(port), "connected", int(offset)]]:
                if self._master not in (None, (host, port)):
                    return False
                self._master = (host, port)
                self._stamp_replica(host, port, offset)
            case _:
                self._forget()
        return True

    def _forget(self) -> None:
        """What was so while the node was linked."""
        self.stamped = False
        # Whether it was told its own priority, or UNSAVED_RANK; None before it was told any.
        self._own_priority: bool | None = None
        # What the master's clock told, and how far the master was then.
        self._mark: tuple[int, int] | None = None

    def _here(self, *commands: str) -> list[Reply]:
        # A node that has started anew since knows nothing of what the last one was told.
        return self._daemons.ask_once(self._release.members.node_here, *commands)

    def _stamp_master(self) -> None:
        """Of a master that reaches as many replicas as a write needs."""
        if not self._settled():
            return
        self.stamped = True
        now, replication = self._here("TIME", "INFO replication")
        good = fields(replication).get("min_slaves_good_slaves", "")
        least = self._release.settings.get("min-replicas-to-write", "0")
        if least == "0" or (re.fullmatch("[0-9]{1,4}", good) and int(good) >= int(least)):
            self._stamp_at(_seconds(now), "here")

    def _stamp_replica(self, host: str, port: int, offset: int) -> None:
        """A stamp is what the master's clock said when the master was as far as this replica is now."""
        if not self._settled():
            self._mark = None
            return
        if self._mark and offset >= self._mark[1]:
            self._stamp_at(self._mark[0], f"{host} {port}")
            self._mark, self.stamped = None, True
        master = self._release.members.node_at(host, str(port))
        if self._mark or not master:
            return
        # It may hang: this node is linked all the same.
        with suppress(Unanswered):
            match self._daemons.ask(master, "TIME", "ROLE"):
                case [now, ["master", int(written), *_]]:
                    self._mark = (_seconds(now), written)

    def _stamp_at(self, now: int, clock: str) -> None:
        if not now:
            return
        ticks = self._ticks.at(now, clock)
        if ticks.stamp is not None and ticks.stamp != self._ticks.stamp:
            try:
                self._stamp = write_stamp(self._data, self._stamp, ticks.stamp)
            except OSError:
                return
        self._ticks = ticks

    def _write_aof(self) -> None:
        """A node that goes on from its RDB gets a new AOF, and is asked to until that is begun."""
        if fields(self._here("INFO persistence")[0]).get("aof_enabled") == "0":
            self._here("CONFIG SET appendonly yes")

    def _settled(self) -> bool:
        """Whether the node has its own priority again, and its files hold what it holds."""
        own = not self._files.aof_is_behind()
        if not own:
            self._write_aof()
        if own and not self._own_priority:
            own = saved(fields(self._here("INFO persistence")[0]))
        if own != self._own_priority:
            priority = self._release.settings.get("replica-priority", "100")
            if not own and priority != "0":
                priority = str(UNSAVED_RANK)
            if self._here(f"CONFIG SET replica-priority {priority}") != ["OK"]:
                return False
            self._own_priority = own
            if own:
                forget_resumed(self._data)
        return own


def _seconds(reply: Reply) -> int:
    """The seconds of a reply to TIME; 0 where it is none."""
    match reply:
        case [str(seconds), str()] if re.fullmatch("[1-9][0-9]{8,9}", seconds):
            return int(seconds)
    return 0
