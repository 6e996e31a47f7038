"""The files from which a node would start, and whether they are what it last held."""

import os
import re
from contextlib import suppress

from .decide.stamp import as_of
from .settings import Settings, read_file
from .stamps import Stamp

# An RDB begins with fields, of which one is the time at which it was begun: "ctime", and a number of four bytes.
_BEGUN = re.compile(rb"ctime\xc2(.{4})", re.DOTALL)
_RDB_FIELDS = 256


class Files:
    """What Redis, started with these settings, would load.

    data: the data directory, where the settings name no other.
    """

    def __init__(self, settings: Settings, data: str) -> None:
        directory = settings.get("dir", data)
        self.append_only = settings.get("appendonly", "no") == "yes"
        self._rdb = f"{directory}/{settings.get('dbfilename', 'dump.rdb')}"
        self._aof_directory = f"{directory}/{settings.get('appenddirname', 'appendonlydir')}"
        self._aof = settings.get("appendfilename", "appendonly.aof")
        # What Redis writes after a full sync until the base of a new AOF is written. A process that dies meanwhile
        # leaves it, and an AOF from before that sync, which the next start would load.
        self.unsaved = f"{self._aof_directory}/temp-{self._aof}.incr"

    def written(self) -> int | None:
        """When they were last written, in seconds by this host's clock; None where there are none."""
        times = []
        for path in self._loaded():
            with suppress(OSError):
                times.append(int(os.stat(path).st_mtime))
        return max(times, default=None)

    def outdated(self, stamp: Stamp | None) -> bool:
        """Whether they are older than what this node held when it ended."""
        if self.append_only:
            return os.path.lexists(self.unsaved)
        return stamp is not None and not self._saved_since(stamp)

    def as_of(self, stamp: Stamp | None) -> int:
        """The moment up to which they hold everything, in seconds since 1970; 0 where there are none."""
        outdated_rdb = not self.append_only and self.outdated(stamp)
        return as_of(stamp and stamp.moment, stamp.written if stamp else 0, self.written(), outdated_rdb)

    def settle(self, stamp: Stamp | None) -> None:
        """From the start that follows on this node holds what it loads, and no more."""
        if not self.outdated(stamp):
            return
        if self.append_only:
            os.unlink(self.unsaved)
        elif stamp:
            time_ns = stamp.time_ns
            with suppress(OSError):
                time_ns = os.stat(self._rdb).st_mtime_ns
            stamp.lowered(self.as_of(stamp), time_ns)

    def _loaded(self) -> list[str]:
        if not self.append_only:
            return [self._rdb]
        try:
            lines = read_file(f"{self._aof_directory}/{self._aof}.manifest").decode(errors="replace").split("\n")
        except OSError:
            return []
        words = [line.split() for line in lines]
        # file NAME seq NUMBER type b|i
        return [f"{self._aof_directory}/{each[1]}" for each in words if len(each) > 5 and each[5] in ("b", "i")]

    def _saved_since(self, stamp: Stamp) -> bool:
        """Whether the RDB was begun after the stamp. What came in while it was being written is not in it."""
        try:
            if stamp.time_ns > os.stat(self._rdb).st_mtime_ns:
                return False
            begun = _BEGUN.search(read_file(self._rdb, _RDB_FIELDS))
        except OSError:
            return False
        return begun is not None and int.from_bytes(begun[1], "little") >= stamp.written
