"""What root does for a verb: its acts, each a line of a closed form; see templates/host/root/verbs.py."""

import os
import re

from .messages import Refused, no_room
from .paths import CLUSTER, PROGRAMS, SENTINEL

# The files that root's part has opened for this process: root/verbs.py has the same.
ASK, ANSWER = 14, 15

# What is to be done about what root has seen, by the first word of the act. Default: run pulumi up again.
_NEXT = {
    "stage": "; expected files as this version of the program writes them. Run pulumi up again",
    "remove": "; expected it stopped, so its files and its data stay. Look at 'sudo journalctl -u "
    f"{CLUSTER} -u {SENTINEL}', have it end, then run the same again",
    "take-away": ". Take away what holds it, then run the same command again",
}


class NotDone(Exception):
    """Root has not done it: what it saw, and the next command. Empty where root's part has ended, and has said why."""


def act(*words: str) -> str:
    """Has root do that; what it came to, where that is a value. Raises NotDone."""
    answer = b""
    try:
        os.write(ASK, f"{' '.join(words)}\n".encode())
    except OSError:
        raise Refused(
            f"'{words[0]}' is done by root; expected that instead of another user: sudo {PROGRAMS}/redis-cluster"
        ) from None
    while not answer.endswith(b"\n"):
        more = os.read(ANSWER, 1)
        if not more:
            raise NotDone
        answer += more
    verdict, _, value = answer.decode(errors="replace").strip().partition(" ")
    if verdict != "ok":
        raise NotDone(_told(words[0], value))
    return value


def _told(what: str, seen: str) -> str:
    """What root has seen when it did not do that, and what to do about it."""
    system = re.fullmatch(r"\[Errno ([0-9]{1,3})\] ([^:]*)(?:: '(.*)')?", seen)
    if not system:
        return f"{seen}{_NEXT.get(what, '. Run pulumi up again')}"
    failure = OSError(int(system[1]), system[2], system[3])
    return no_room(failure) or f"{seen}; expected that it works. Look at this host, then run pulumi up again"
