"""What a process of this host has forked of itself."""

import os
import signal
from contextlib import suppress


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
