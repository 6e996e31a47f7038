"""Asking who is the master: what comes in first is used first, and what is no answer is one of its kind."""

import time

import pytest
from redis_cluster.answers import hear, heard_of
from redis_cluster.members import Member, Members
from redis_cluster.observe import Daemons
from redis_cluster.resp import Denied, ErrorReply, Reply, Unanswered

NODES = [Member(name, f"10.0.0.{at}", 6389) for at, name in enumerate(("console", "app-1", "app-2"), 1)]
SENTINELS = [node._replace(port=26389) for node in NODES]
MEMBERS = Members("group", 2, "app-1", 60, 10, "", tuple(NODES), tuple(SENTINELS))
FORGED = "sentinel app-1 names 203.0.113.9 6389 9"


class Said(Daemons):
    """Daemons that reply, fail or take their time, in seconds, as a test says."""

    def __init__(self, replies: dict[Member, list[Reply] | Exception | float]) -> None:
        super().__init__(MEMBERS, "password")
        self._replies = replies

    def ask(self, member: Member, *commands: str) -> list[Reply]:
        """The replies, whatever the commands are."""
        reply = self._replies[member]
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, float):
            time.sleep(reply)
            raise Unanswered("no answer")
        assert commands
        return reply


def test_answers_as_they_come_in() -> None:
    """One that hangs keeps nobody waiting who does not take its answer."""
    names: list[Reply] = [["10.0.0.3", "6389"], ["config-epoch", "7"]]
    daemons = Said({SENTINELS[0]: 30.0, SENTINELS[1]: 0.2, SENTINELS[2]: names})
    begin = time.monotonic()
    answers = hear(daemons, SENTINELS, [])
    assert [str(next(answers)) for _ in range(2)] == ["names 10.0.0.3 6389 7", "silent"]
    assert time.monotonic() - begin < 5


def test_why_one_is_silent() -> None:
    """Is told, and is none of what an operator agrees to: of a host that is gone it is now this, now that."""
    said: dict[Member, list[Reply] | Exception | float] = {}
    said |= {SENTINELS[0]: Unanswered("No route\x1b[2J to host"), NODES[0]: Unanswered("no answer within 2 s")}
    heard = heard_of(Said(said), SENTINELS[:1], NODES[:1])
    assert heard.lines() == [
        f"node {NODES[0].name}: silent (no answer within 2 s)",
        f"sentinel {SENTINELS[0].name}: silent (No route [2J to host)",
    ]
    assert heard.lines(why=False) == [f"node {NODES[0].name}: silent", f"sentinel {SENTINELS[0].name}: silent"]


@pytest.mark.parametrize(
    ("reply", "sentinel", "node"),
    [
        (Unanswered("Connection refused"), "silent", "silent"),
        (Denied("WRONGPASS invalid\x1b[2J"), "refused WRONGPASS invalid [2J", "refused WRONGPASS invalid [2J"),
        ([ErrorReply("NOPERM no")], "refused NOPERM no", "refused NOPERM no"),
        ([["a", ["b"]]], "refused an answer of another kind", "refused an answer without a role"),
        # Of a field that comes twice the first; a line is nobody else's answer.
        (
            [f"role:master\r\nloading:0\r\nconnected_slaves:1\r\nconnected_slaves:{FORGED}\r\n{FORGED}\r\n"],
            "refused an answer of another kind",
            "master empty 1",
        ),
    ],
)
def test_what_is_no_answer(reply: list[Reply] | Exception, sentinel: str, node: str) -> None:
    """In one line, for itself alone."""
    daemons = Said({SENTINELS[0]: reply, NODES[0]: reply})
    assert [str(answer) for answer in hear(daemons, SENTINELS[:1], [])] == [sentinel]
    assert [str(answer) for answer in hear(daemons, [], NODES[:1])] == [node]


def test_a_mistake_of_ours_is_not_waited_for() -> None:
    """It is raised."""
    with pytest.raises(KeyError):
        list(hear(Said({SENTINELS[0]: KeyError("x")}), SENTINELS[:1], []))
