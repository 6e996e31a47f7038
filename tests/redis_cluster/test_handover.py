"""What a handover decides: whose vote counts, what a sentinel is at, and who takes over."""

import pytest
from redis_cluster.decide.handover import (
    View,
    Vote,
    candidate,
    elected,
    heirs,
    linked,
    newer_masters,
    next_epoch,
    speaker,
    view,
    vote,
    written,
)
from redis_cluster.decide.stamp import UNSAVED_RANK
from redis_cluster.members import Member, Members
from redis_cluster.observe import Node, Sentinel
from redis_cluster.resp import ErrorReply, Reply

A, B, C = (Member(name, f"10.0.0.{number}", 6389) for number, name in enumerate("abc", 1))
SENTINELS = tuple(Member(each.name, each.address, 26389) for each in (A, B, C))
MEMBERS = Members("group", 2, "a", 60, 10, "", (A, B, C), SENTINELS)
ID, OTHER = "a" * 40, "b" * 40
GOOD = {
    "role": "slave",
    "master_host": A.address,
    "master_port": "6389",
    "master_link_status": "up",
    "master_sync_in_progress": "0",
    "loading": "0",
    "slave_priority": "100",
    "slave_repl_offset": "7",
    "aof_rewrite_in_progress": "0",
    "aof_rewrite_scheduled": "0",
}


def _master(**fields: str) -> Reply:
    return [word for pair in fields.items() for word in pair]


@pytest.mark.parametrize(
    ("address", "master", "seen"),
    [
        ([A.address, "6389"], ["config-epoch", "3", "flags", "master"], View(A.place, 3, False)),
        ([A.address, "6389"], ["flags", "master,failover_in_progress", "config-epoch", "0"], View(A.place, 0, True)),
        ([A.address, "6389"], ["flags", "master", "config-epoch", "03"], None),
        ([A.address, "6389"], ["flags", "master", "config-epoch", "3\n4"], None),
        ([A.address, "6389"], ["flags", "master", "config-epoch", "٣"], None),
        ([A.address, "6389"], ["flags", "master", "config-epoch", "1" * 19], None),
        ([A.address, "6389"], ["flags", 4, "config-epoch", "3"], View(A.place, 3, False)),
        ([A.address, "6389"], ["flags"], None),
        ([A.address, "6389"], ErrorReply("ERR No such master with that name"), None),
        ([A.address], ["config-epoch", "3", "flags", "master"], None),
        (None, ["config-epoch", "3", "flags", "master"], None),
    ],
)
def test_view(address: Reply, master: Reply, seen: View | None) -> None:
    """What it tells clients, by which configuration, and whether it fails over; or nothing."""
    assert view(address, master) == seen


@pytest.mark.parametrize(
    ("votes", "won"),
    [
        ([Vote(ID, 5), Vote(ID, 5), None], True),
        ([Vote(ID, 5), Vote(ID, 5)], True),
        ([Vote(ID, 5), Vote(OTHER, 5), Vote(ID, 4)], False),
        ([Vote(ID, 5)], False),
        ([Vote(ID, 6), Vote(ID, 6), Vote(ID, 6)], False),
        ([Vote(OTHER, 5), Vote(OTHER, 5), Vote(ID, 5)], False),
        ([], False),
    ],
)
def test_elected(votes: list[Vote | None], won: bool) -> None:
    """A majority of the configured sentinels, in this epoch and this name."""
    assert elected(MEMBERS, votes, ID, 5) is won


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ([0, ID, 5], Vote(ID, 5)),
        ([0, "*", 0], Vote("*", 0)),
        ([0, ID], None),
        ([0, 5, ID], None),
        (ErrorReply("NOPERM"), None),
        ("OK", None),
    ],
)
def test_vote(reply: Reply, said: Vote | None) -> None:
    """Three elements of their kinds, or no vote."""
    assert vote(reply) == said


def test_next_epoch() -> None:
    """One more than that of any configuration."""
    assert next_epoch([View(A.place, 3, False), View(B.place, 7, True)]) == 8
    assert next_epoch([]) == 1


@pytest.mark.parametrize(
    ("views", "masters"),
    [
        ([View(A.place, 3, False), View(A.place, 3, False)], []),
        ([View(A.place, 3, False), View(B.place, 4, False)], [B]),
        ([View(A.place, 3, False), View(B.place, 4, True)], [B]),
        # One that has slept, or a leader that has not promoted anybody yet.
        ([View(A.place, 3, False), View(B.place, 2, False)], []),
        ([View(A.place, 3, False), View(B.place, 3, False)], []),
        ([View(A.place, 3, True), View(A.place, 4, False)], []),
        ([View(A.place, 3, False), View("203.0.113.9:6389", 9, False)], []),
    ],
)
def test_newer_masters(views: list[View], masters: list[Member]) -> None:
    """Members alone, and by a newer configuration alone."""
    assert newer_masters(MEMBERS, views, A.place) == masters


def test_candidate() -> None:
    """The sentinel beside the target, else any whose id is one."""
    a, b, c = (Sentinel(each, id=id_) for each, id_ in zip(SENTINELS, ("x", ID, OTHER), strict=True))
    assert candidate([a, b, c], B) == ID
    assert candidate([a, c], B) == OTHER
    assert candidate([a], B) == ""


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ([_master(ip=B.address, port="26389", runid=ID)], f"{B.address},26389,{ID}"),
        (
            [_master(ip="203.0.113.9", port="26389", runid=OTHER), _master(ip=C.address, port="26389", runid=ID)],
            f"{C.address},26389,{ID}",
        ),
        ([_master(ip=B.address, port="26389", runid="?")], ""),
        ([_master(ip=B.address, port="6389", runid=ID)], ""),
        (["ip", B.address], ""),
        ([], ""),
        (ErrorReply("ERR"), ""),
    ],
)
def test_speaker(known: Reply, said: str) -> None:
    """Another member, just as that sentinel knows it."""
    assert speaker(MEMBERS, known) == said


def test_linked() -> None:
    """Members that the master has online, and no stranger."""
    info = {
        "slave0": f"ip={C.address},port=6389,state=online,offset=1,lag=0",
        "slave1": f"ip={B.address},port=6389,state=wait_bgsave,offset=0,lag=0",
        "slave2": "ip=203.0.113.9,port=6389,state=online,offset=1,lag=0",
        "slave3": "state=online",
        "slaves": f"ip={B.address},port=6389,state=online,offset=1,lag=0",
    }
    assert linked(A, info, MEMBERS) == [C]


@pytest.mark.parametrize(
    ("b", "c", "order"),
    [
        ({}, {}, [B, C]),
        ({"slave_repl_offset": "6"}, {}, [C, B]),
        ({}, {"slave_priority": "10", "slave_repl_offset": "6"}, [C, B]),
        ({"redis_version": "8.0.2"}, {"redis_version": "7.0.15", "slave_priority": "200"}, [C, B]),
        ({"redis_version": "10.0.1"}, {"redis_version": "8.0.2", "slave_repl_offset": "6"}, [C, B]),
        # Of patch levels each copies the other.
        ({"redis_version": "7.0.15"}, {"redis_version": "7.0.11", "slave_priority": "200"}, [B, C]),
        ({"slave_priority": "0"}, {}, [C]),
        ({"slave_priority": "0"}, {"slave_priority": "0"}, []),
        ({"slave_priority": "x"}, {"slave_repl_offset": ""}, []),
        ({"master_link_status": "down"}, {"master_sync_in_progress": "1"}, []),
        ({"role": "master"}, {"master_host": B.address}, []),
        ({"loading": "1"}, {"master_port": "6390"}, []),
    ],
)
def test_heirs(b: dict[str, str], c: dict[str, str], order: list[Member]) -> None:
    """Those that follow the master whole: the oldest version, then by priority, then by how far they are."""
    assert heirs([Node(B, info={**GOOD, **b}), Node(C, info={**GOOD, **c})], A) == order
    assert heirs([Node(B, silence="no answer")], A) == []


def test_written() -> None:
    """Not while an AOF is written or owed, which may be the first one after a full sync, or after a planned restart."""
    busy = ({"aof_rewrite_in_progress": "1"}, {"aof_rewrite_scheduled": "1"}, {"master_sync_in_progress": "1"})
    for each in (*busy, {"slave_priority": str(UNSAVED_RANK)}):
        assert written([Node(B, info={**GOOD, **each}), Node(C, info=GOOD)]) == {C}
    assert written([Node(B, silence="no answer")]) == set()
