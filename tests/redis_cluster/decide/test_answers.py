"""What daemons say of the master, be it a lie, is a typed answer; and what the sentinels come to together."""

import pytest
from redis_cluster.decide.answers import (
    Heard,
    NodeAnswer,
    SentinelAnswer,
    named,
    node_answer,
    only_master,
    sentinel_answer,
)
from redis_cluster.members import Member, Members
from redis_cluster.resp import ErrorReply, Reply

NODES = [Member(name, f"10.0.0.{at}", 6390) for at, name in enumerate(("console", "app-1", "app-2"), 1)]
CONSOLE, APP_1, APP_2 = NODES
SENTINELS = [member._replace(port=26390) for member in NODES]
MEMBERS = Members("group", 2, "app-1", 60, 10, "", tuple(NODES), tuple(SENTINELS), plain_node_port=6389)


def master(epoch: str) -> Reply:
    """A reply to SENTINEL MASTER."""
    return ["name", "group", "config-epoch", epoch]


@pytest.mark.parametrize(
    ("replies", "answer"),
    [
        ([["10.0.0.3", "6390"], master("7")], "names 10.0.0.3 6390 7"),
        # From before TLS.
        ([["10.0.0.3", "6389"], master("0")], "names 10.0.0.3 6390 0"),
        ([["203.0.113.9", "6390"], master("7")], "names-nobody of this group: 203.0.113.9 6390"),
        ([["127.0.0.1", "6390"], master("7")], "names-nobody of this group: 127.0.0.1 6390"),
        ([["10.0.0.3", "0"], master("7")], "names-nobody of this group: 10.0.0.3 0"),
        ([["10.0.0.3\n6390\nnames", "6390"], master("7")], "names-nobody of this group: 10.0.0.3 6390 names 6390"),
        ([None, ErrorReply("ERR No such master with that name")], "names-nobody"),
        ([["10.0.0.3", "a[$(id)]"], master("7")], "refused an answer of another kind"),
        ([["10.0.0.3", "²"], master("7")], "refused an answer of another kind"),
        ([["10.0.0.3", "6390"], master("7a")], "refused an answer of another kind"),
        ([["10.0.0.3", "6390"], master("9" * 30)], "refused an answer of another kind"),
        ([["10.0.0.3", "6390"], master("08")], "refused an answer of another kind"),
        ([["10.0.0.3", "6390"], []], "refused an answer of another kind"),
        ([["10.0.0.3", "6390"], [[], "config-epoch", "config-epoch", ["7"]]], "refused an answer of another kind"),
        ([["10.0.0.3", "6390"], "7"], "refused an answer of another kind"),
        ([[], master("7")], "refused an answer of another kind"),
        ([3, None], "refused an answer of another kind"),
        ([ErrorReply("ERR \x1b[2J\x07 no"), ErrorReply("ERR")], "refused ERR  [2J  no"),
        ([ErrorReply("NOPERM " + "x" * 900), None], "refused NOPERM " + "x" * 113),
    ],
)
def test_sentinel_answer(replies: list[Reply], answer: str) -> None:
    """A member and a number, or no witness; in one line."""
    assert str(sentinel_answer(MEMBERS, SENTINELS[2], replies)) == answer


REPLICA = {"role": "slave", "loading": "0", "master_host": "10.0.0.1", "master_port": "6390"}


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"role": "master", "loading": "0", "connected_slaves": "2"}, "master empty 2"),
        ({"role": "master", "loading": "0", "db0": "keys=1,expires=0", "connected_slaves": "2"}, "master data 2"),
        ({"role": "master", "loading": "1", "connected_slaves": "2"}, "master data 2"),
        ({"role": "master", "loading": "0", "connected_slaves": "x[$(id)]"}, "master empty ?"),
        ({"role": "master", "loading": "0", "connected_slaves": "1" * 100000}, "master empty ?"),
        (REPLICA, "replica 10.0.0.1 6390 empty"),
        ({**REPLICA, "master_port": "6389"}, "replica 10.0.0.1 6390 empty"),
        ({**REPLICA, "master_host": "db\x1b.example"}, "replica db .example 6390 empty"),
        ({}, "refused an answer without a role"),
    ],
)
def test_node_answer(fields: dict[str, str], answer: str) -> None:
    """A role and what it holds, or no witness."""
    assert str(node_answer(MEMBERS, CONSOLE, fields, 0)) == answer


@pytest.mark.parametrize(
    ("fields", "linked_until", "rank"),
    [
        ({"master_link_status": "up", "slave_priority": "100"}, 5000, 100),
        ({"master_link_status": "down", "master_link_down_since_seconds": "60", "slave_priority": "7"}, 4940, 7),
        ({"master_link_status": "down", "master_link_down_since_seconds": "-1", "slave_priority": "0"}, None, None),
        ({"master_link_down_since_seconds": "$(id)", "slave_priority": "x"}, None, None),
    ],
)
def test_how_far_a_replica_is(fields: dict[str, str], linked_until: int | None, rank: int | None) -> None:
    """Until when it was linked, by this host's clock, and its rank."""
    answer = node_answer(MEMBERS, CONSOLE, {**REPLICA, **fields}, 5000)
    assert (answer.linked_until, answer.rank) == (linked_until, rank)


@pytest.mark.parametrize(
    ("names", "me", "whom", "by_majority", "disagree"),
    [
        ([], APP_1, None, False, False),
        ([(APP_2, 7)], APP_1, APP_2, False, False),
        ([(APP_2, 7), (CONSOLE, 6)], APP_1, APP_2, False, False),
        ([(APP_2, 7), (CONSOLE, 7)], APP_1, None, False, True),
        ([(APP_2, 7), (CONSOLE, 8), (APP_2, 5)], APP_1, APP_2, True, False),
        ([(APP_2, 7), (CONSOLE, 8), (APP_2, 5)], APP_2, None, True, True),
        ([(APP_2, 7), (CONSOLE, 8), (APP_2, 5)], None, APP_2, True, False),
    ],
)
def test_named(
    names: list[tuple[Member, int]], me: Member | None, whom: Member | None, by_majority: bool, disagree: bool
) -> None:
    """By a majority of the configured ones, else by the highest epoch."""
    answers = [
        SentinelAnswer(at, "names", "", whom, epoch) for at, (whom, epoch) in zip(SENTINELS, names, strict=False)
    ]
    said = named(MEMBERS, answers, me)
    assert (said.master, said.by_majority, said.disagree) == (whom, by_majority, disagree)
    if whom:
        assert said.epoch == 7


@pytest.mark.parametrize(
    ("replicas", "at_least", "whom"),
    [
        ([2, None, None], 2, CONSOLE),
        ([1, None, None], 2, None),
        ([2, 0, None], 1, CONSOLE),
        ([2, 2, None], 1, None),
    ],
)
def test_only_master(replicas: list[int | None], at_least: int, whom: Member | None) -> None:
    """The one with enough replicas; of two, none."""
    answers = {
        node: NodeAnswer(node, "replica" if count is None else "master", replicas=count)
        for node, count in zip(NODES, replicas, strict=True)
    }
    assert only_master(Heard({}, answers), at_least) == whom
