"""The files from which a node would start, and whether they are what it last held."""

import os
import re
from contextlib import suppress
from typing import Literal

from .decide.stamp import as_of
from .resume import forget_mark, identity, read_mark, write_mark
from .run import output_of
from .settings import Settings, read_file
from .stamps import Stamp

# An RDB begins with fields, of which one is the time at which it was begun: "ctime", and a number of four bytes.
_BEGUN = re.compile(rb"ctime\xc2(.{4})", re.DOTALL)
_RDB_FIELDS = 256
# An RDB without a key has about 90 bytes, so one of so many need not be read.
_SURELY_KEYS = 4096
_UNFINISHED = re.compile(r"temp-[0-9]+(\.[0-9]+)?\.rdb|temp-rewriteaof-(bg-)?[0-9]+\.aof")
# What is no data of Redis's.
_OURS = re.compile("retired-master|node-marks|stamp\\..|resume")


class Files:
    """What Redis, started with these settings, would load.

    data: the data directory, where the settings name no other.
    """

    def __init__(self, settings: Settings, data: str) -> None:
        self.directory = settings.get("dir", data)
        self.append_only = settings.get("appendonly", "no") == "yes"
        self.rdb = f"{self.directory}/{settings.get('dbfilename', 'dump.rdb')}"
        self._aof_directory = f"{self.directory}/{settings.get('appenddirname', 'appendonlydir')}"
        self._aof = settings.get("appendfilename", "appendonly.aof")
        self.manifest = f"{self._aof_directory}/{self._aof}.manifest"
        # What Redis writes after a full sync until the base of a new AOF is written. A process that dies meanwhile
        # leaves it, and an AOF from before that sync, which the next start would load.
        self.unsaved = f"{self._aof_directory}/temp-{self._aof}.incr"

    def hold_data(self) -> bool:
        """Whether Redis would load at least one key or write from them.

        What counts is what would be loaded, not what lies there: `appendonly yes` over an RDB starts empty.
        """
        if not self.append_only:
            return has_keys(self.rdb)
        if os.path.isfile(self.manifest):
            return manifest_holds(self.manifest)
        # Redis takes over the single AOF file of its versions before 7.
        return size_of(f"{self.directory}/{self._aof}") > 0

    def remove_unfinished(self) -> None:
        """Removes what a killed save, sync or rewrite has left.

        Not the AOF beside one that was being written: it tells that the other is old.
        """
        with os.scandir(self.directory) as entries:
            for entry in entries:
                if (
                    _UNFINISHED.fullmatch(entry.name)
                    and entry.path != self.rdb
                    and entry.is_file(follow_symlinks=False)
                ):
                    os.unlink(entry.path)

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
            return self.aof_is_behind()
        return stamp is not None and not self._saved_since(stamp)

    def aof_is_behind(self) -> bool:
        """Whether the AOF is from before what this node got in its memory or its RDB since."""
        mark = read_mark(self.directory)
        return os.path.lexists(self.unsaved) or (mark is not None and mark[:2] == ("resumed", self.base))

    @property
    def base(self) -> str:
        """The name of the AOF's base: each AOF that is written has one of its own. Empty where there is none."""
        return next((os.path.basename(path) for path, kind in _named(self.manifest) if kind == "b"), "")

    def may_resume(self) -> bool:
        """Whether a replica that starts may go on from its RDB. What Redis has put in its place since is newer."""
        mark, rdb = read_mark(self.directory), identity(self.rdb)
        if not self.append_only or not mark or mark.base != self.base:
            return False
        return rdb != "" if mark.state == "resumed" else rdb == mark.rdb

    def as_of(self, stamp: Stamp | None) -> int:
        """The moment up to which they hold everything, in seconds since 1970; 0 where there are none."""
        outdated_rdb = not self.append_only and self.outdated(stamp)
        return as_of(stamp and stamp.moment, stamp.written if stamp else 0, self.written(), outdated_rdb)

    def settle(self, stamp: Stamp | None, resumes: bool) -> None:
        """From the start that follows on this node holds what it loads, and no more.

        resumes: whether that is its RDB alone, which then is ahead of its AOF.
        """
        outdated, mark = self.outdated(stamp), read_mark(self.directory)
        if resumes and mark:
            write_mark(self.directory, mark._replace(state="resumed"))
        else:
            forget_mark(self.directory)
        if self.append_only:
            with suppress(FileNotFoundError):
                os.unlink(self.unsaved)
        elif outdated and stamp:
            time_ns = stamp.time_ns
            with suppress(OSError):
                time_ns = os.stat(self.rdb).st_mtime_ns
            stamp.lowered(self.as_of(stamp), time_ns)

    def _loaded(self) -> list[str]:
        if not self.append_only:
            return [self.rdb]
        return [path for path, _ in _named(self.manifest)]

    def _saved_since(self, stamp: Stamp) -> bool:
        """Whether the RDB was begun after the stamp. What came in while it was being written is not in it."""
        try:
            if stamp.time_ns > os.stat(self.rdb).st_mtime_ns:
                return False
            begun = _BEGUN.search(read_file(self.rdb, _RDB_FIELDS))
        except OSError:
            return False
        return begun is not None and int.from_bytes(begun[1], "little") >= stamp.written


def has_keys(rdb: str) -> bool:
    """Whether the file holds a key. Every start with AOF leaves a base file, also an empty one."""
    size = size_of(rdb)
    return size > 0 and (size >= _SURELY_KEYS or " 0 keys read" not in output_of("redis-check-rdb", rdb))


def manifest_holds(manifest: str) -> bool:
    """Whether a file that it names holds a key or write."""
    return any(
        has_keys(path) if kind == "b" and path.endswith(".rdb") else size_of(path) > 0
        for path, kind in _named(manifest)
    )


def held(settings: Settings, data: str, other_directory: bool) -> Literal["data", "files", "nothing"]:
    """`data` that a node with these settings would load, other `files` that Redis wrote, or `nothing`.

    other_directory: what an operator lets the node start on in the place of its own data is not what it last held.
    """
    if not other_directory and Files(settings, data).hold_data():
        return "data"
    return "files" if holds_files(data) else "nothing"


def holds_files(data: str) -> bool:
    """Whether there is anything in the data directory that Redis wrote, under whatever name."""
    for directory, _, names in os.walk(data):
        for name in names:
            path = f"{directory}/{name}"
            if not _OURS.fullmatch(name) and not os.path.islink(path) and os.path.isfile(path) and size_of(path) > 0:
                return True
    return False


def _named(manifest: str) -> list[tuple[str, str]]:
    """The files of an AOF by its manifest, each with its kind: `b`, the base, or `i`, what came after it."""
    try:
        lines = read_file(manifest).decode(errors="replace").split("\n")
    except OSError:
        return []
    words = [line.split() for line in lines]
    # file NAME seq NUMBER type b|i
    return [(f"{os.path.dirname(manifest)}/{each[1]}", each[5]) for each in words if len(each) > 5 and each[5] in "bi"]


def size_of(path: str) -> int:
    """Its bytes; none where it is not there."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
