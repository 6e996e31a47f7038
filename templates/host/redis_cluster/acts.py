"""What root does for a step: its acts, each a line of a closed form; see templates/host/root/verbs.py."""

import os

# The files that root's part has opened for this process.
_ASK, _ANSWER = 3, 4


class NotDone(Exception):
    """Root has not done it, and has said why."""


def act(*words: str) -> str:
    """Has root do that; what it came to, where that is a value. Raises NotDone."""
    os.write(_ASK, f"{' '.join(words)}\n".encode())
    answer = b""
    while not answer.endswith(b"\n"):
        more = os.read(_ANSWER, 1)
        if not more:
            raise NotDone
        answer += more
    verdict, _, value = answer.decode("ascii").strip().partition(" ")
    if verdict != "ok":
        raise NotDone
    return value
