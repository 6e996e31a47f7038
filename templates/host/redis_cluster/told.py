"""What a step is told on standard input, and what it tells at its end."""

import os
import re
import sys
from typing import NamedTuple

from .messages import Refused, plain

_FORMS = {
    "plan": re.compile("# plan ([0-9a-f]{16})"),
    "override": re.compile("# override ([0-9a-f]{16})"),
    "left": re.compile("# left ([A-Za-z0-9._ -]{1,4000})"),
    "bootstrap": re.compile("bootstrap ([A-Za-z0-9._-]{1,64})"),
}
_NOTHING = re.compile("(# after [0-9a-f-]{8,36})?")


class Told(NamedTuple):
    """The hash of what the run carries out, that of the faults with which it may go on, and the first master's name.

    left: the hosts that have left the group in this run, with a space between them.
    """

    plan: str = ""
    override: str = ""
    bootstrap: str = ""
    left: str = ""


def told(text: str) -> Told:
    """Hosts have said part of it, so every line has to be of one of these forms, and whole. Raises Refused."""
    values: dict[str, str] = {}
    for line in text.removesuffix("\n").split("\n"):
        found = [(name, match[1]) for name, form in _FORMS.items() if (match := form.fullmatch(line))]
        if found and found[0][0] not in values:
            values.update(found)
        elif not _NOTHING.fullmatch(line):
            raise Refused(
                f"this step was told '{plain(line[:80])}'; expected ids, a bootstrap master, a plan and an override, "
                "each a line of its own. Run pulumi up again with the program that is installed here. Nothing was "
                "changed"
            )
    return Told(**values)


def read_told() -> Told:
    """All of it: a provider that still has something to send takes an early end for a failure."""
    return told(sys.stdin.buffer.read().decode(errors="replace"))


def last_word(done: list[str]) -> str:
    """What the run's output shows of a step, another one each time: the next step runs on it."""
    words = "; ".join(done) or "nothing owed"
    return f"{''.join(c for c in words if c.isprintable())} [{os.urandom(4).hex()}]"
