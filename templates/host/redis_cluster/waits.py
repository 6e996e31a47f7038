"""Waits of a step, which go on for as long as what they wait for makes progress, and then say which limit struck."""

import time

from .decide.gate import moves
from .gate import Waiting, stall
from .messages import Refused
from .observe import Daemons


class Patience:
    """A wait in which nothing may stand still for redis-cluster:limits.stall.

    saves: whether a save counts for which no replica waits.
    """

    def __init__(self, daemons: Daemons, saves: bool = False) -> None:
        self._daemons, self._saves = daemons, saves
        self._limit = daemons.members.stall
        self._waiting = Waiting(self._limit)
        self._look = 0.0

    def over(self) -> bool:
        """Whether nothing has moved for so long. Takes a breath first, and looks at the group now and then."""
        time.sleep(0.1)
        seen, now = "", time.monotonic()
        if now >= self._look:
            seen = moves(self._daemons.nodes(), self._saves)
            self._look = now + 1 + self._limit // 10
        return self._waiting.stalled(seen)

    def gave_up(self, what: str) -> Refused:
        """The end of it, in words."""
        return stall(self._daemons.members, what, self._limit, moves(self._daemons.nodes(), self._saves))
