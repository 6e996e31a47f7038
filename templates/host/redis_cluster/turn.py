"""Whose turn it is to restart, where several hosts take the same step at once: one at a time in the whole group.

Hosts reach each other by their daemons alone. So a step that wants its turn enters the master by a connection of a
certain name, and in the same transaction reads who has entered before; its turn has come when they are gone. The
connection ends with the process, whatever becomes of that, and nothing is written.
"""

import time

from .decide.turn import NAME, before
from .gate import GATE_PATIENCE, Waiting
from .observe import ASK_TIMEOUT, Daemons, fields
from .resp import Connection, Unanswered
from .waits import Patience

# Redis ends no idle connection that has subscribed to something.
_ENTER = (
    ["MULTI"],
    ["CLIENT", "SETNAME", NAME],
    ["CLIENT", "ID"],
    ["CLIENT", "LIST", "TYPE", "pubsub"],
    ["SUBSCRIBE", NAME],
    ["EXEC"],
)


class Turn:
    """This host's turn among the group's."""

    def __init__(self, daemons: Daemons) -> None:
        self._daemons = daemons
        # Of no use while there is no connection.
        self._master = daemons.members.nodes[0]
        self._connection: Connection | None = None
        self._id = ""
        self._before: list[str] = []

    def take(self) -> bool:
        """Waits for it; whether it had to. Where nobody is master there is no turn: the gate tells of that.

        Raises Refused where the host whose turn it is makes no progress.
        """
        seen, waited = "", False
        while ahead := self._ahead():
            waited = waited or ahead != _NOBODY
            if ahead != seen:
                seen, patience, masterless = ahead, Patience(self._daemons), Waiting(GATE_PATIENCE)
            elif ahead == _NOBODY and masterless.stalled(""):
                break
            elif patience.over():
                raise patience.gave_up(
                    f"this host waits for its turn to restart, which {ahead} has; expected that it comes to its end, "
                    "or that it is ended there"
                )
            # The further behind, the more seldom it asks.
            time.sleep(0.1 * max(0, len(self._before) - 1))
        return waited

    def leave(self) -> None:
        """The next one's turn begins."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def _ahead(self) -> str:
        """Whose turn it is, if not this host's."""
        if not self._connection and not self._enter():
            return _NOBODY
        try:
            listed, told = self._daemons.ask(
                self._master, f"CLIENT LIST ID {' '.join([self._id, *self._before])}", "INFO replication"
            )
        except Unanswered:
            self.leave()
            return _NOBODY
        there = {each.id: each.address for each in before(listed)} if isinstance(listed, str) else {}
        # Whom it demotes it also sends away: a turn is worth something at the master alone.
        if self._id not in there or fields(told).get("role") != "master":
            self.leave()
            return _NOBODY
        self._before = [each for each in self._before if each in there]
        return f"{there[self._before[0]]} by its connection {self._before[0]}" if self._before else ""

    def _enter(self) -> bool:
        """Whether there is a master, which now knows that this host waits."""
        masters = [node for node in self._daemons.nodes() if node.info.get("role") == "master"]
        if not masters:
            return False
        # Of two, that which the others follow.
        self._master = max(masters, key=lambda node: node.info.get("connected_slaves", "").zfill(9)).member
        try:
            self._connection = self._daemons.connect(self._master)
            *_, done = self._connection.ask(_ENTER, ASK_TIMEOUT)
        except Unanswered:
            self.leave()
            return False
        match done:
            case [_, int(own), str(listed), *_]:
                self._id = str(own)
                self._before = [each.id for each in before(listed)]
                return True
        self.leave()
        return False


# Nobody's, as far as this host can tell.
_NOBODY = "nobody"
