"""Daemons that say what a test says."""

from collections.abc import Callable, Mapping, Sequence

import pytest
from redis_cluster.decide.passwords import Client, clients
from redis_cluster.members import Member, Members
from redis_cluster.observe import Daemons
from redis_cluster.resp import ErrorReply, Reply, Unanswered

NODE, SENTINEL = Member("console", "10.0.0.1", 6389), Member("console", "10.0.0.1", 26389)
MEMBERS = Members("m", 1, "console", 60, 10, "", (NODE,), (SENTINEL,))

# The reply to each command, in a list one after the other; what is not among them is an error.
Said = Mapping[str, Reply | Unanswered | Callable[[], Reply]]


class Told(Daemons):
    """Asks nobody; asked: what they were asked."""

    def __init__(self, said: Said, members: Members = MEMBERS) -> None:
        super().__init__(members, "password")
        self.said, self.asked = said, list[str]()

    def tell(self, member: Member, *words: Sequence[str]) -> list[Reply]:
        """The replies to one question."""
        return [self._reply(member, " ".join(each)) for each in words]

    def ask_once(self, member: Member, *commands: str) -> list[Reply]:
        """The same."""
        return self.ask(member, *commands)

    def clients(self, member: Member) -> list[Client]:
        """By what is said to CLIENT LIST."""
        reply = self._reply(member, "CLIENT LIST")
        return clients(reply if isinstance(reply, str) else "")

    def _reply(self, member: Member, command: str) -> Reply:
        self.asked.append(command)
        reply = self.said.get(f"{member.name} {command}", self.said.get(command, ErrorReply("ERR unknown")))
        if isinstance(reply, Unanswered):
            raise reply
        return reply() if callable(reply) else reply


@pytest.fixture
def told() -> type[Told]:
    """The class of such daemons."""
    return Told
