"""Waits for this host's daemons, for as long as what they wait for makes progress, and then the limit that struck."""

import os
import time

from .acts import act
from .decide.gate import moves
from .files import Files
from .gate import Waiting, stall
from .host import UNIT, running, state
from .messages import Refused, say
from .observe import Daemons, fields
from .paths import CURRENT, DATA
from .resp import Unanswered
from .settings import Settings


class Patience:
    """A wait in which nothing may stand still for redis-cluster:limits.stall.

    saves: whether a save counts for which no replica waits.
    """

    def __init__(self, daemons: Daemons, saves: bool = False) -> None:
        self._daemons, self._saves = daemons, saves
        self._limit = daemons.members.stall
        self._waiting = Waiting(self._limit)
        # Most waits are over before that.
        self._look = time.monotonic() + min(1, self._limit / 4)

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


def start(daemons: Daemons, daemon: str) -> None:
    """Starts this host's node or sentinel. Raises Refused where nothing moves before it serves."""
    since = str(int(time.time()))
    begin(daemon)
    patience = Patience(daemons)
    while not running(daemon):
        if patience.over():
            say(f"{UNIT[daemon]} said: {act('journal', daemon, since)}", daemons.members.host)
            raise patience.gave_up(f"{UNIT[daemon]} is {state(daemon)}; expected active")


def begin(daemon: str) -> None:
    """Has systemd start it, by the unit as it should be."""
    act("install", daemon)
    act("reset-failed", daemon)
    act("start --no-block", daemon)


def stop_sentinel(seconds: int) -> None:
    """By the unit that starts it again: the legacy one would take the runtime directory of both daemons along.

    A timer starts it again after so many seconds, should the run die.
    """
    act("install", "sentinel")
    act("arm-return", str(seconds))
    act("stop", "sentinel")


def unstoppable(daemons: Daemons) -> str:
    """Why this host's node may not be stopped now; empty where it may.

    A SIGTERM during the first AOF write after a full sync is lost, so it has to be over. Redis ends any other rewrite
    or save by itself when it is stopped: a data set that is always saved and rewritten is none to wait for.
    """
    try:
        told = fields(daemons.ask(daemons.members.node_here, "INFO persistence")[0]).get
    except Unanswered:
        return ""
    busy = [name for name in ("loading", "aof_rewrite_scheduled") if told(name) == "1"]
    unsaved = Files(Settings(f"{CURRENT}/redis.conf", missing=True), DATA).unsaved
    if told("aof_rewrite_in_progress") == "1" and os.path.exists(unsaved):
        busy.append("its first AOF after a full sync")
    return " ".join(busy)
