"""What a process of this host has forked of itself."""

import os
import signal
from collections.abc import Mapping
from contextlib import suppress

from .decide.replies import number, version


def let_clients_go(info: Mapping[str, str]) -> bool:
    """After the node here has ended connections. Whether a save of its was ended, too. info: what it tells of itself.

    Before 7.2 Redis only closes them, and whoever was at the other end does not hear of it while a child that saves
    holds them too: minutes, with much to save.
    """
    return version(info.get("redis_version")) < (7, 2) and end_children(number(info.get("process_id")) or 0)


def end_children(process: int) -> bool:
    """Ends a Redis's children that save, by the signal that Redis has for that: no error comes of it, and what they had
    to write is written again when it is due. Whether there were any.

    What else it has begun goes by another name.
    """
    name, _ = _stat(str(process))
    found = [each for each in os.listdir("/proc") if each.isdecimal() and name and _stat(each) == (name, process)]
    for each in found:
        with suppress(ProcessLookupError):
            os.kill(int(each), signal.SIGUSR1)
    return found != []


def _stat(process: str) -> tuple[str, int]:
    """The name of a process, and its parent; none of one that has ended."""
    with suppress(OSError), open(f"/proc/{process}/stat", errors="replace") as file:
        _, _, told = file.read().partition("(")
        name, _, rest = told.rpartition(") ")
        return name, int(rest.split(" ")[1])
    return "", 0
