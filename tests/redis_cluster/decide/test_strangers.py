"""What a sentinel watches or remembers that is no member's."""

import pytest
from redis_cluster.decide.answers import Heard, SentinelAnswer
from redis_cluster.decide.strangers import (
    Known,
    Knows,
    all_watch_one_member,
    epoch_of,
    knows,
    knows_members,
    strangers,
)
from redis_cluster.members import Member, Members
from redis_cluster.resp import ErrorReply, Reply

NODES = [Member(name, f"10.0.0.{at}", 6389) for at, name in enumerate(("console", "app-1", "app-2"), 1)]
SENTINELS = [node._replace(port=26389) for node in NODES]
MEMBERS = Members("group", 2, "app-1", 60, 10, "", tuple(NODES), tuple(SENTINELS))
CONSOLE, APP_1, APP_2 = NODES


def known(place: Member | str, *flags: str) -> Known:
    """A daemon that is known at a member's place, or at another ADDRESS PORT."""
    address, port = (place if isinstance(place, str) else place.pair).split(" ")
    return Known(address, port, flags)


MASTER = known(CONSOLE, "master")
OTHERS = (
    known(APP_1, "slave"),
    known(APP_2, "slave"),
    known(SENTINELS[0], "sentinel"),
    known(SENTINELS[2], "sentinel"),
)
GONE, THERE = known("10.0.0.9 6389", "s_down", "slave"), known("10.0.0.9 26389", "sentinel")


@pytest.mark.parametrize(
    ("replies", "wanted"),
    [
        ([], "nobody"),
        ([ErrorReply("ERR No such master with that name")] * 3, "nobody"),
        ([["ip", "10.0.0.1", "port", "6389", "flags", "master"], [], []], "10.0.0.1 6389 master"),
        (
            [
                ["ip", "10.0.0.1", "port", "6389", "flags", "master"],
                [["name", "x", "ip", "10.0.0.9", "port", "1", "flags", "s_down,slave"], ["ip"], "x", 3],
                [["ip", "10.0.0.3", "port", "26389", "flags", "sentinel"]],
            ],
            "10.0.0.1 6389 master; 10.0.0.9 1 s_down,slave; 10.0.0.3 26389 sentinel",
        ),
        # What has no such form is none: a name, a flag that is a text, a word that is a list.
        ([["ip", "db.example", "port", "6389", "flags", "master"]], "nobody"),
        ([["ip", "10.0.0.1", "port", "6389", "flags", "$(id)"]], "nobody"),
        ([[["ip"], "10.0.0.1", "port", ["6389"], "flags", "master"]], "nobody"),
    ],
)
def test_knows(replies: list[Reply], wanted: str) -> None:
    """Addresses, ports and flags, whatever else it says."""
    assert str(knows(replies)) == wanted


@pytest.mark.parametrize(
    ("remembers", "also_there", "found"),
    [
        (OTHERS, False, []),
        ((*OTHERS, GONE, THERE), False, [GONE]),
        ((*OTHERS, GONE, THERE), True, [GONE, THERE]),
        # Its own place is no other's; a plain port from before TLS is another place.
        ((known(SENTINELS[1], "sentinel", "disconnected"),), False, [known(SENTINELS[1], "sentinel", "disconnected")]),
        ((known("10.0.0.2 6379", "slave", "s_down"),), False, [known("10.0.0.2 6379", "slave", "s_down")]),
    ],
)
def test_strangers(remembers: tuple[Known, ...], also_there: bool, found: list[Known]) -> None:
    """What is no member's and is not there; in a legacy group what is there, too."""
    assert strangers(MEMBERS, SENTINELS[1], Knows(MASTER, remembers), also_there) == found


@pytest.mark.parametrize(
    ("third", "whole"),
    [
        (Knows(MASTER, OTHERS), True),
        (Knows(MASTER, ()), True),
        (Knows(MASTER, (GONE,)), False),
        (Knows(None, ()), False),
        (Knows(known(APP_1, "master"), ()), False),
        (Knows(known("10.0.0.9 1", "master"), ()), False),
    ],
)
def test_all_watch_one_member(third: Knows, whole: bool) -> None:
    """And none remembers strangers."""
    said = {SENTINELS[0]: Knows(MASTER, OTHERS), SENTINELS[1]: Knows(MASTER, ()), SENTINELS[2]: third}
    assert all_watch_one_member(MEMBERS, said, False) == whole
    strange = Knows(known("10.0.0.9 1", "master"), ())
    assert not all_watch_one_member(MEMBERS, dict.fromkeys(SENTINELS, strange), False)


@pytest.mark.parametrize(
    ("answers", "epoch"),
    [
        ([(CONSOLE, 4), (CONSOLE, 5), (APP_2, 5)], 5),
        ([(CONSOLE, 4), (CONSOLE, 5), (APP_2, 6)], None),
        ([(CONSOLE, 4), (CONSOLE, 5), None], 5),
        ([None, None, None], 0),
        ([(APP_2, 1), None, None], None),
        ([(CONSOLE, 4), (CONSOLE, 5)], None),
    ],
)
def test_epoch_of(answers: list[tuple[Member, int] | None], epoch: int | None) -> None:
    """Of the console's node: the newest, where none has a newer one for another, and all were heard."""
    heard = Heard({}, {})
    for sentinel, said in zip(SENTINELS, answers, strict=False):
        names = SentinelAnswer(sentinel, "names", "", *said) if said else SentinelAnswer(sentinel, "names-nobody")
        heard.add(names)
    assert epoch_of(MEMBERS, heard, CONSOLE) == epoch
    heard.add(SentinelAnswer(SENTINELS[0], "refused"))
    assert epoch_of(MEMBERS, heard, CONSOLE) is None


def test_knows_members() -> None:
    """Each node, and each other sentinel that watches the master, by a link."""
    watching = set(SENTINELS)
    assert knows_members(MEMBERS, SENTINELS[1], Knows(MASTER, OTHERS), watching)
    assert not knows_members(MEMBERS, SENTINELS[1], Knows(MASTER, OTHERS[1:]), watching)
    assert not knows_members(MEMBERS, SENTINELS[1], Knows(None, OTHERS), watching)
    assert not knows_members(MEMBERS, SENTINELS[1], Knows(MASTER, OTHERS[:3]), watching)
    assert knows_members(MEMBERS, SENTINELS[1], Knows(MASTER, OTHERS[:3]), watching - {SENTINELS[2]})
    down = (*OTHERS[:3], known(SENTINELS[2], "s_down", "sentinel"))
    assert not knows_members(MEMBERS, SENTINELS[1], Knows(MASTER, down), watching)
