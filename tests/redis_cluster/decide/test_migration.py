"""What stands in the way of a move from the legacy Redis, what differs, and who is still there."""

import pytest
from redis_cluster.decide.migration import (
    OUR_NAME,
    Sizes,
    count_differences,
    hindrances,
    progress,
    still_there,
    was_promoted,
    write_calls,
)
from redis_cluster.decide.replies import follows, is_linked

OLD = {
    "redis_version": "6.0.16",
    "redis_mode": "standalone",
    "role": "master",
    "loading": "0",
    "used_memory": "1000",
    "db2": "keys=1,expires=0,avg_ttl=0",
}
NODE = ("app-1", {"redis_version": "7.0.15"}, Sizes(16, 0))


@pytest.mark.parametrize(
    ("old", "databases", "modules", "node", "found"),
    [
        ({}, 16, [], NODE, []),
        ({"redis_version": "5.0.14"}, 16, [], NODE, []),
        ({"redis_version": "7.0.99"}, 16, [], NODE, []),
        ({"redis_version": "7.2.0"}, 16, [], NODE, ["it is Redis 7.2.0, the node on app-1 7.0.15"]),
        ({"redis_version": "10.0.0"}, 16, [], NODE, ["it is Redis 10.0.0, the node on app-1 7.0.15"]),
        ({"redis_mode": "cluster"}, 16, [], NODE, ["it runs in mode 'cluster'; expected standalone"]),
        ({"role": "slave"}, 16, [], NODE, ["its role is 'slave'; expected a master"]),
        ({"loading": "1"}, 16, [], NODE, ["it loads its data"]),
        ({}, 16, ["search"], NODE, ["it has the modules search, the node on app-1 has not; expected none"]),
        # As Redis 8.0 has it on both sides.
        ({}, 16, ["vectorset"], (*NODE[:2], Sizes(16, 0, ["vectorset"])), []),
        ({}, 17, [], NODE, ["it has 17 databases, the node on app-1 16; expected as many"]),
        # One that does not tell counts by what it has.
        ({}, None, [], (*NODE[:2], Sizes(3, 0)), []),
        ({}, None, [], (*NODE[:2], Sizes(2, 0)), ["it has 3 databases, the node on app-1 2"]),
        ({}, 16, [], (*NODE[:2], Sizes(16, 1000)), []),
        ({}, 16, [], (*NODE[:2], Sizes(16, 999)), ["its data take 1000 bytes, and redis.maxmemory on app-1 is 999"]),
        ({"used_memory": ""}, 16, [], NODE, ["its data take an unknown number of bytes"]),
    ],
)
def test_hindrances(
    old: dict[str, str],
    databases: int | None,
    modules: list[str],
    node: tuple[str, dict[str, str], Sizes],
    found: list[str],
) -> None:
    """Each is told, and what is expected."""
    seen = [*hindrances({**OLD, **old}, Sizes(databases, 0), modules, {}, [node])]
    assert [told[: len(want)] for told, want in zip(seen, found, strict=True)] == found


@pytest.mark.parametrize(
    ("errors", "found"),
    [
        (
            {"CLIENT LIST": "ERR unknown command 'CLIENT'"},
            ["it refuses CLIENT LIST with 'ERR unknown command 'CLIENT''"],
        ),
        ({"TYPE": "NOPERM", "PTTL": "NOPERM too"}, ["it refuses TYPE, PTTL with 'NOPERM'"]),
        # An old one has no streams.
        ({"XLEN": "ERR unknown command 'XLEN'"}, []),
        ({"REPLCONF": "ERR Unrecognized REPLCONF option: capa"}, []),
    ],
)
def test_commands_refused(errors: dict[str, str], found: list[str]) -> None:
    """Told before anything is begun."""
    seen = [*hindrances(OLD, Sizes(16, 0), [], errors, [NODE])]
    assert [told[: len(want)] for told, want in zip(seen, found, strict=True)] == found


REPLICA = {
    "role": "slave",
    "master_host": "10.0.0.1",
    "master_port": "6379",
    "master_link_status": "up",
    "master_sync_in_progress": "0",
    "loading": "0",
}


def test_following() -> None:
    """Linked or not, that daemon and no other."""
    assert follows(REPLICA, "10.0.0.1:6379")
    assert not follows(REPLICA, "10.0.0.1:6380")
    assert not follows({**REPLICA, "role": "master"}, "10.0.0.1:6379")
    assert is_linked(REPLICA)
    for lacks in (
        {"master_link_status": "down"},
        {"master_sync_in_progress": "1"},
        {"loading": "1"},
        {"role": "master"},
    ):
        assert not is_linked({**REPLICA, **lacks})


def test_progress() -> None:
    """Of the save, of the copy, of the load."""
    copying = {"master_sync_in_progress": "1", "master_sync_read_bytes": "0"}
    saving = {"rdb_bgsave_in_progress": "1", "current_save_keys_processed": "7"}
    assert progress(copying, saving) == "the old one saves for it: 7 keys"
    assert progress(copying, {"rdb_bgsave_in_progress": "1", "rdb_current_bgsave_time_sec": "3"}).endswith(": 3 s")
    part = {**copying, "master_sync_read_bytes": "10", "master_sync_left_bytes": "90"}
    assert progress(part, {}) == "copies: 10 bytes read, 90 left"
    assert progress({"loading": "1", "loading_loaded_bytes": "5"}, {}) == "loads the copy: 5 bytes"
    assert progress({}, {}) == ""


@pytest.mark.parametrize(
    ("info", "was"),
    [
        ({}, True),
        ({"role": "slave"}, False),
        ({"master_replid2": "other"}, False),
        # It had not all of it.
        ({"second_repl_offset": "100"}, False),
        ({"second_repl_offset": "-1"}, False),
    ],
)
def test_promoted(info: dict[str, str], was: bool) -> None:
    """By the stream that it followed, and how far."""
    made = {"role": "master", "master_replid2": "stream", "second_repl_offset": "101", **info}
    assert was_promoted(made, "stream", 100) is was


def test_counts() -> None:
    """By database, those included that one of them has not."""
    one, other = {"db0": "keys=2,expires=0", "db1": "keys=1"}, {"db0": "keys=2,expires=2", "db3": "keys=4"}
    assert count_differences(one, one) == []
    assert count_differences(one, other) == ["db1: 1 keys there, 0 here", "db3: 0 keys there, 4 here"]


def test_writes() -> None:
    """Of the named commands."""
    info = {"cmdstat_set": "calls=2,usec=1", "cmdstat_get": "calls=9,usec=1", "cmdstat_xgroup|create": "calls=3,usec=1"}
    assert write_calls(["set", "xgroup|create", "del"], info) == 5


def test_clients() -> None:
    """Neither replicas nor this program's own."""
    told = "\n".join(
        [
            "id=1 addr=10.0.0.9:1000 name=shop flags=N db=0",
            "id=2 addr=10.0.0.9:1001 name=shop flags=P db=0",
            "id=3 addr=10.0.0.8:1000 name= flags=N db=0",
            "id=4 addr=10.0.0.11:1000 name= flags=S db=0",
            f"id=5 addr=10.0.0.11:1001 name={OUR_NAME} flags=N db=0",
            "id=6 addr=/run/redis.sock:0 name=cron flags=U db=0",
            "",
        ]
    )
    assert still_there(told) == [
        "10.0.0.8 (no name), 1 connection",
        "10.0.0.9 shop, 2 connections",
        "a Unix socket cron, 1 connection",
    ]
