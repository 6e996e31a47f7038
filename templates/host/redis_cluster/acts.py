"""What root does for a step: its acts, each a line of a closed form; see templates/host/root/verbs.py."""

import os

from .messages import Refused
from .paths import PROGRAMS

# The files that root's part has opened for this process.
_ASK, _ANSWER = 3, 4


class NotDone(Exception):
    """Root has not done it, and has said why."""


def act(*words: str) -> str:
    """Has root do that; what it came to, where that is a value. Raises NotDone."""
    answer = b""
    try:
        os.write(_ASK, f"{' '.join(words)}\n".encode())
    except OSError:
        raise Refused(
            f"'{words[0]}' is done by root; expected that instead of another user: sudo {PROGRAMS}/redis-cluster"
        ) from None
    while not answer.endswith(b"\n"):
        more = os.read(_ANSWER, 1)
        if not more:
            raise NotDone
        answer += more
    verdict, _, value = answer.decode("ascii").strip().partition(" ")
    if verdict != "ok":
        raise NotDone
    return value
