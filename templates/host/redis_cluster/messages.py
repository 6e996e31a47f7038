"""What the program says to people. It goes to stderr; what daemons say is in it, and may not steer a terminal."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from .paths import PROGRAMS

# Of what a daemon says in one message. CKQUORUM's longest answer has 150 characters.
LONGEST = 500


class Refused(Exception):
    """Ends a verb with a text for people: what was seen, what was expected, and the next command.

    host: this host's name in the group, where it is known.
    """

    def __init__(self, text: str, host: str = "") -> None:
        super().__init__(text)
        self.host = host


def plain(said: str) -> str:
    """What a daemon said as it may be printed: in one line, without control characters, not for ever."""
    text = said[:LONGEST]
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def say(text: str, host: str = "") -> None:
    """Prints a message of this host. Its lines are the program's own.

    host: its name in the group; default: the name that the system has.
    """
    # In nobody's PATH, and root's to ask: it runs as it is printed.
    text = text.replace("'redis-cluster ", f"'sudo {PROGRAMS}/redis-cluster ")
    lines = f"redis-cluster[{host or os.uname().nodename}]: {text}".split("\n")
    print("\n".join("".join(c for c in line if c.isprintable()) for line in lines), file=sys.stderr)


def mistake(verb: str, failure: Exception) -> str:
    """What is said of a failure that this program has no words for. A daemon's words may be in it."""
    from traceback import format_exception

    if isinstance(failure, OSError) and no_room(failure):
        return f"error: {verb}: {no_room(failure)}"
    return (
        f"error: {verb} ended with a mistake of this program: {''.join(format_exception(failure))}Expected that it "
        "goes on, or says why not. Look at the host, with 'redis-cluster gate' at the group, then run pulumi up again"
    )


def ended(_signal: int, _frame: object) -> NoReturn:
    """Ends this process in the middle, at a SIGTERM; what is to be let go on is."""
    raise SystemExit(143)


def no_room(failure: OSError) -> str:
    """What is said where a file system takes nothing more; empty where that is not why."""
    from errno import EDQUOT, ENOSPC, EROFS

    if failure.errno not in (ENOSPC, EDQUOT, EROFS):
        return ""
    # What fails in the middle of a write does not know its file.
    return (
        f"{failure.filename or 'a file'} could not be written: {failure.strerror}; expected room on every file system "
        "that is written to: /etc, /var, /run and /tmp. See 'df -h' and 'df -i' here, free some space, then run pulumi "
        "up again"
    )


@contextmanager
def told_when_ended(verb: str) -> Iterator[None]:
    """A SIGTERM ends the verb with a word about it."""
    signal.signal(signal.SIGTERM, ended)
    try:
        yield
    except SystemExit:
        say(
            f"error: {verb} was ended before it was done: it took too long, or somebody stopped it. Look what it "
            "waits for with 'redis-cluster gate' here, then run pulumi up again"
        )
        raise
