"""The files that this host's daemons last ran with, as they tell whose role was whose."""

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


def _text(path: str) -> str:
    try:
        return read_file(path).decode(errors="replace")
    except OSError:
        return ""
