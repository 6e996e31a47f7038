"""The files that this host's daemons last ran with, as they tell whose role was whose."""

import os
import re
from contextlib import suppress

from . import paths
from .decide.last_file import Last, LastSentinel, last_role, last_sentinel
from .members import Members
from .settings import read_file


def node_last(members: Members) -> Last:
    """Whom the node followed last."""
    return last_role(members, _text(f"{paths.ETC}/redis-cluster.conf"))


def sentinel_last(members: Members) -> LastSentinel:
    """What the sentinel keeps."""
    return last_sentinel(members, _text(f"{paths.ETC}/redis-sentinel.conf"))


def retire() -> None:
    """With the data stays the role that they were written in: a later deployment asks whose are the newest."""
    path, mark = f"{paths.ETC}/redis-cluster.conf", f"{paths.DATA}/retired-master"
    with suppress(OSError):
        if re.search("^replicaof ", read_file(path).decode(errors="replace"), re.MULTILINE):
            os.unlink(mark)
        else:
            os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o640))


def _text(path: str) -> str:
    try:
        return read_file(path).decode(errors="replace")
    except OSError:
        return ""
