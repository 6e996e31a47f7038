"""The two files of a node's stamp. They take turns: one is whole if the host loses power while the other is written."""

import os
import re
from contextlib import suppress
from typing import NamedTuple

from . import paths
from .decide.stamp import HIGHEST
from .settings import read_file

_FORM = re.compile(b"[1-9][0-9]{8,9}")


class Stamp(NamedTuple):
    """The stamp that a node has: in which of the two files, and when that was written, by this host's clock."""

    moment: int
    data: str
    turn: int
    time_ns: int

    @property
    def written(self) -> int:
        """When it was written, in whole seconds."""
        return self.time_ns // 1_000_000_000

    def lowered(self, moment: int, time_ns: int) -> "Stamp":
        """The one that is put in its place, lower, and as if written at that time."""
        part = f"{self.data}/stamp.part"
        with open(part, "w") as file:
            file.write(f"{moment}\n")
        os.utime(part, ns=(time_ns, time_ns))
        for turn in (0, 1):
            with suppress(FileNotFoundError):
                os.unlink(_path(self.data, turn))
        os.rename(part, _path(self.data, 0))
        return Stamp(moment, self.data, 0, time_ns)


def read_stamp(data: str) -> Stamp | None:
    """The stamp of the node with that data directory; None where it has none yet."""
    found = []
    for turn in (0, 1):
        path = _path(data, turn)
        with suppress(OSError):
            text = read_file(path).strip()
            if _FORM.fullmatch(text) and int(text) < HIGHEST:
                found.append(Stamp(int(text), data, turn, os.stat(path).st_mtime_ns))
    return max(found, key=lambda stamp: stamp.moment, default=None)


def write_stamp(data: str, before: Stamp | None, moment: int) -> Stamp:
    """Writes the next stamp of a node, in the other file. Raises OSError."""
    turn = 1 if before and before.turn == 0 else 0
    path = _path(data, turn)
    with open(path, "w") as file:
        file.write(f"{moment}\n")
    return Stamp(moment, data, turn, os.stat(path).st_mtime_ns)


def stamping() -> bool:
    """Whether somebody stamps for the node that runs here; also where there is no telling, as for a legacy one."""
    from fcntl import LOCK_EX, LOCK_NB, flock

    try:
        with open(os.open(f"{paths.RUN}/node/stamping", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "rb") as lock:
            flock(lock, LOCK_EX | LOCK_NB)
    except OSError:
        return True
    return False


def _path(data: str, turn: int) -> str:
    return f"{data}/stamp.{turn}"
