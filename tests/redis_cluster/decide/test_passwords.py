"""Passwords that are being changed, and who is still connected by one that is to go."""

import pytest
from redis_cluster.decide.passwords import (
    Accepted,
    Client,
    Hashes,
    accepting,
    clients,
    connected_before,
    leaving,
    lost,
)


@pytest.mark.parametrize(
    ("now", "wanted", "user"),
    [
        ({"a": ["1"]}, {"a": ["1"]}, ""),
        ({"a": ["1"]}, {"a": ["2", "1"]}, ""),
        ({"a": ["1"]}, {"a": ["2"]}, "a"),
        # The one before is nobody's any more.
        ({"a": ["2", "1"]}, {"a": ["2"]}, ""),
        ({"a": ["2", "1"]}, {"a": ["1"]}, "a"),
        # A user who goes loses none: clients by it are asked for.
        ({"a": ["1"]}, {}, ""),
        ({}, {"a": ["1"]}, ""),
    ],
)
def test_lost(now: Hashes, wanted: Hashes, user: str) -> None:
    """What clients have now has to be among what is wanted."""
    assert lost(now, wanted) == user


@pytest.mark.parametrize(
    ("now", "wanted", "accepted", "kept", "added"),
    [
        ({"a": ["1"]}, {"a": ["1"]}, [], [], {}),
        ({"a": ["1"]}, {"a": ["2", "1"]}, [], [("a", "2", 100)], {"a": ["2"]}),
        # It goes on since then, also once the release has it.
        ({"a": ["1"]}, {"a": ["2", "1"]}, [("a", "2", 50)], [("a", "2", 50)], {"a": ["2"]}),
        ({"a": ["2", "1"]}, {"a": ["2", "1"]}, [("a", "2", 50)], [("a", "2", 50)], {}),
        ({"a": ["2", "1"]}, {"a": ["2"]}, [("a", "2", 50), ("a", "1", 40)], [("a", "2", 50)], {}),
        # A user who is new, and one who goes.
        ({}, {"a": ["1"]}, [], [], {}),
        ({"a": ["1"]}, {}, [("a", "1", 40)], [], {}),
    ],
)
def test_accepting(
    now: Hashes, wanted: Hashes, accepted: list[tuple[str, str, int]], kept: list[tuple[str, str, int]], added: Hashes
) -> None:
    """Each new password of a user who was there, and since when."""
    found = accepting(now, wanted, [Accepted(*each) for each in accepted], 100)
    assert found == ([Accepted(*each) for each in kept], added)


@pytest.mark.parametrize(
    ("now", "wanted", "accepted", "found"),
    [
        ({"a": ["1"]}, {"a": ["1"]}, [], []),
        ({"a": ["2", "1"]}, {"a": ["2"]}, [("a", "2", 50)], [("a", 50)]),
        # Since when the new one is accepted nobody knows: by a version that did not note it.
        ({"a": ["2", "1"]}, {"a": ["2"]}, [], []),
        ({"a": ["1"]}, {}, [], [("a", 100)]),
        *[
            ({user: ["2", "1"]}, {user: ["2"]}, [(user, "2", 50)], [])
            for user in ("replication", "sentinel", "operator")
        ],
    ],
)
def test_leaving(
    now: Hashes, wanted: Hashes, accepted: list[tuple[str, str, int]], found: list[tuple[str, int]]
) -> None:
    """Who is to lose a password, and since when clients could have come by another one."""
    assert [*leaving(now, wanted, [Accepted(*each) for each in accepted], 100)] == found


LINE = "id=3 addr=10.0.0.9:5000 laddr=10.0.0.1:6389 fd=8 name= age=7 idle=0 flags=N db=0 cmd=get user=reports resp=2"


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (f"{LINE}\n", [Client("3", "10.0.0.9", "6389", "reports", 7)]),
        (LINE.replace("10.0.0.9:", "[::1]:"), [Client("3", "[::1]", "6389", "reports", 7)]),
        ("", []),
        # By a socket, and what is no list.
        (LINE.replace("10.0.0.9:5000", "/run/x:0"), []),
        (LINE.replace("age=7", "age=x[$(id)]"), []),
        (LINE.replace("addr=10.0.0.9", "addr=$(id)"), []),
        ("-ERR\nuser=a\n=\n" + "x" * 999, []),
    ],
)
def test_clients(told: str, found: list[Client]) -> None:
    """A line each; one of another form is nobody's."""
    assert clients(told) == found


def test_connected_before() -> None:
    """Those of that user alone, each address once."""
    connected = [
        Client("1", "10.0.0.9", "1", "a", 8),
        Client("2", "10.0.0.9", "1", "a", 9),
        Client("3", "10.0.0.8", "1", "a", 6),
        Client("4", "10.0.0.7", "1", "a", 5),
        Client("5", "10.0.0.6", "1", "b", 9),
    ]
    assert connected_before(connected, "a", 5) == "10.0.0.8 10.0.0.9"
    assert connected_before(connected, "c", 0) == ""
