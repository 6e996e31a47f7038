"""Which node is saved, what is kept, and when a backup is what was saved."""

import pytest
from redis_cluster.decide.backup import busy, calls, differences, due, keys_of, lacking, out_of_sync, outdated

LINKED = {"role": "slave", "master_link_status": "up", "master_sync_in_progress": "0"}


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        (LINKED, ""),
        ({"role": "master"}, ""),
        (LINKED | {"master_link_status": "down"}, "it is a replica whose link to its master is down"),
        (LINKED | {"master_sync_in_progress": "1"}, "it is a replica that syncs"),
        ({}, "it is a replica whose link to its master is unknown"),
    ],
)
def test_which_node(info: dict[str, str], reason: str) -> None:
    """One that has what the group has."""
    assert out_of_sync(info) == reason


@pytest.mark.parametrize("field", ["loading", "rdb_bgsave_in_progress", "aof_rewrite_in_progress"])
def test_one_child(field: str) -> None:
    """Redis has one child at a time."""
    assert busy({field: "1"})
    assert not busy({field: "0"})


def test_keys() -> None:
    """Of databases alone."""
    info = {"db0": "keys=3,expires=1,avg_ttl=0", "db12": "keys=1,expires=0", "role": "master", "dbx": "keys=1"}
    assert keys_of(info) == {"db0": 3, "db12": 1}


def test_calls() -> None:
    """The verbs of the backup alone, whatever else somebody has staged."""
    program = "ExecStart=/usr/local/lib/redis-cluster/redis-cluster"
    ours = [f"{program} backup 3 alone", f"{program} prove-backup", f"{program} copy-backup 3"]
    planted = ["ExecStart=/bin/sh", f"{program} restore none", f"{program} backup 3 more", f"ExecStart=-{program}"]
    assert calls("\n".join([*ours, *planted])) == [["backup", "3", "alone"], ["prove-backup"], ["copy-backup", "3"]]
    assert calls("# The stack has no backup on this host.\n") == []


def test_room() -> None:
    """A twentieth stays free."""
    assert lacking(50, 100, 1000) == 0
    assert lacking(51, 100, 1000) == 1


def test_what_is_kept() -> None:
    """The newest; what has another name is nobody's to remove."""
    names = ["20260103T000000Z", "20260101T000000Z", "mine", ".part", "20260102T000000Z"]
    assert outdated(names, 2) == ["20260101T000000Z"]
    assert outdated(names, 3) == []


@pytest.mark.parametrize(
    ("proof", "again"),
    [
        ({}, True),
        ({"time": "20260101T000000Z", "problems": []}, True),
        ({"time": "20260102T000000Z", "problems": []}, False),
        # Until it is good or gone.
        ({"time": "20260109T000000Z", "problems": ["keys"]}, True),
    ],
)
def test_what_is_proven_again(proof: dict[str, object], again: bool) -> None:
    """What never was, long ago, or failed."""
    assert due(proof, "20260102T000000Z") == again


@pytest.mark.parametrize(
    ("seen", "proven", "found"),
    [
        ({}, {}, []),
        ({"digest": "b"}, {}, []),
        ({}, {"digest": "a", "problems": []}, []),
        ({"digest": "b"}, {"digest": "a", "problems": []}, ["digest: wanted a, seen b"]),
        # What failed is no measure.
        ({"digest": "b"}, {"digest": "a", "problems": ["keys"]}, []),
        ({"keys": {"db0": 2}}, {}, ["keys: wanted {'db0': 3}, seen {'db0': 2}"]),
        ({"sha256": "y"}, {}, ["sha256: wanted x, seen y"]),
    ],
)
def test_proof(seen: dict[str, object], proven: dict[str, object], found: list[str]) -> None:
    """By the manifest, and by the proof before."""
    manifest = {"sha256": "x", "keys": {"db0": 3}}
    assert differences(manifest, {"sha256": "x", "keys": {"db0": 3}, "digest": "a"} | seen, proven) == found
