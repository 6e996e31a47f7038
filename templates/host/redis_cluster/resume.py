"""A planned restart of a replica without a full resync.

Redis keeps in an RDB how far its replication was, and in no AOF. So a replica that is stopped on purpose saves last,
starts from that RDB without an AOF, goes on where it was, and then writes a new AOF. Until that is written its AOF is
the one from before the stop, which a mark in the data directory tells.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Literal, NamedTuple

from .put import put
from .settings import read_file

_FORM = re.compile(r"(saved|resumed) ([\w.-]+) ([0-9]+-[0-9]+)\n")
# An RDB begins with fields: the length of a name, the name, and a text or a number of one, two or four bytes.
_ID = re.compile(rb"\x07repl-id\x28([0-9a-f]{40})")
_OFFSET = re.compile(rb"\x0brepl-offset(?:\xc0(.)|\xc1(..)|\xc2(....)|[\x00-\x3f]([0-9]{1,19}))", re.DOTALL)
_FIELDS = 512


class Mark(NamedTuple):
    """What is known of the files of a node that was stopped on purpose.

    state: `saved`, its RDB and its AOF hold the same; `resumed`, it was started from the RDB, and its AOF is behind for
    as long as that has the same base. base: the name of the AOF's base. rdb: of which RDB that is said.
    """

    state: Literal["saved", "resumed"]
    base: str
    rdb: str


def read_mark(data: str) -> Mark | None:
    """The mark of the node with that data directory; None where there is none."""
    try:
        told = _FORM.fullmatch(read_file(f"{data}/resume", 1000).decode(errors="replace"))
    except OSError:
        return None
    return Mark("saved" if told[1] == "saved" else "resumed", told[2], told[3]) if told else None


def write_mark(data: str, mark: Mark) -> None:
    """Also where the host loses power at once. Raises OSError."""
    put(f"{data}/resume", f"{' '.join(mark)}\n")


def forget_mark(data: str) -> None:
    """What the node loads is what it holds."""
    with suppress(FileNotFoundError):
        os.unlink(f"{data}/resume")


def forget_resumed(data: str) -> None:
    """Its AOF holds what it holds; a mark of a stop that has come since stays."""
    mark = read_mark(data)
    if mark and mark.state == "resumed":
        forget_mark(data)


def identity(rdb: str) -> str:
    """By which an RDB is told from one that takes its place; empty where there is none."""
    try:
        stat = os.stat(rdb)
    except OSError:
        return ""
    return f"{stat.st_mtime_ns}-{stat.st_size}"


def holds_all(rdb: str, before: Mapping[str, str]) -> bool:
    """Whether an RDB holds all that a node had got from its master.

    before: the fields of its INFO replication from before its last save.
    """
    try:
        start = read_file(rdb, _FIELDS)
    except OSError:
        return False
    name, offset = _ID.search(start), _OFFSET.search(start)
    had = before.get("master_repl_offset", "")
    if not name or not offset or not re.fullmatch("[0-9]{1,19}", had):
        return False
    told = next((int.from_bytes(each, "little", signed=True) for each in offset.groups()[:3] if each is not None), None)
    return name[1].decode() == before.get("master_replid") and (int(offset[4]) if told is None else told) >= int(had)
