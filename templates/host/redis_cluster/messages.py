"""What the program says to people. It goes to stderr; what daemons say is in it, and may not steer a terminal."""

import os
import sys

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
    lines = f"redis-cluster[{host or os.uname().nodename}]: {text}".split("\n")
    print("\n".join("".join(c for c in line if c.isprintable()) for line in lines), file=sys.stderr)
