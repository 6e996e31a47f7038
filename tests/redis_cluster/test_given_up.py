"""A host that the group has given up keeps out of it."""

import time

import pytest
from redis_cluster.given_up import refuse_given_up
from redis_cluster.members import Member, Members
from redis_cluster.messages import Refused
from redis_cluster.observe import Daemons
from redis_cluster.resp import ErrorReply, Reply, Unanswered

NODES = [Member(name, f"10.0.0.{at}", 6389) for at, name in enumerate(("console", "app-1", "app-2"), 1)]
MEMBERS = Members("group", 2, "console", 60, 10, "", tuple(NODES), ())
USER: Reply = ["flags", ["off"], "passwords", [], "commands", "-@all"]


class Said(Daemons):
    """The two others, which reply or are silent; one of them takes its time where it is None."""

    def __init__(self, *replies: Reply | Unanswered | float) -> None:
        super().__init__(MEMBERS, "password")
        self._replies = dict(zip(NODES[1:], replies, strict=True))

    def ask(self, member: Member, *commands: str) -> list[Reply]:
        """The one reply, to the one question."""
        assert commands == ("ACL GETUSER gone.console",)
        reply = self._replies[member]
        if isinstance(reply, Unanswered):
            raise reply
        if isinstance(reply, float):
            time.sleep(reply)
            raise Unanswered("no answer")
        return [reply]


@pytest.mark.parametrize(
    "others", [(USER, USER), (USER, Unanswered("Connection refused")), (ErrorReply("NOPERM"), USER)]
)
def test_given_up(others: tuple[Reply | Unanswered, ...]) -> None:
    """All that tell say so."""
    with pytest.raises(Refused, match="console is in redis-cluster:gone; expected that it stays out"):
        refuse_given_up(Said(*others))


@pytest.mark.parametrize(
    "others",
    [
        (None, None),
        # One that lies keeps nobody out, where another one says otherwise.
        (USER, None),
        (Unanswered("Connection refused"), Unanswered("Connection refused")),
        (ErrorReply("NOAUTH"), "OK"),
    ],
)
def test_a_member(others: tuple[Reply | Unanswered, ...]) -> None:
    """Nobody tells, or not all that tell say so."""
    refuse_given_up(Said(*others))


def test_one_that_says_otherwise_is_enough() -> None:
    """Nobody waits for a silent one."""
    begin = time.monotonic()
    refuse_given_up(Said(30.0, None))
    assert time.monotonic() - begin < 5
