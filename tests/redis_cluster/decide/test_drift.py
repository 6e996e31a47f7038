"""What was seen, compared with what was deployed."""

import re

import pytest
from redis_cluster.decide.drift import (
    Finding,
    SentinelSays,
    SentinelWanted,
    Unit,
    file_findings,
    node_findings,
    sentinel_findings,
    unit_findings,
    users_findings,
)
from redis_cluster.decide.migration import HELD

HASH = "#" + "a" * 64
# As components/hostDrift.ts takes a line.
LINE = re.compile("app-1 [ -~]{1,200}: wanted .{1,200}, seen .{1,200}")


@pytest.mark.parametrize(
    ("finding", "line"),
    [
        (Finding("redis.hz", "10", "33"), "app-1 redis.hz: wanted 10, seen 33"),
        (Finding("redis.save", "", "60 1"), 'app-1 redis.save: wanted "", seen 60 1'),
        # Never a password, whichever of the two it is.
        (Finding("redis.masterauth", "x", "y"), "app-1 redis.masterauth: wanted the deployed password, seen another"),
        (
            Finding("redis.tls-key-file-pass", "", "y"),
            "app-1 redis.tls-key-file-pass: wanted the deployed password, seen another",
        ),
        (
            Finding("sentinel.auth-pass", "x", "0"),
            "app-1 sentinel.auth-pass: wanted the deployed password, seen another",
        ),
        # A daemon's words steer nothing and end nowhere but in their own line.
        (Finding("redis.hz", "10", "\x1b[2J\x07\n!"), "app-1 redis.hz: wanted 10, seen  [2J  !"),
        (Finding("redis.hz", "10", "x" * 9999), "app-1 redis.hz: wanted 10, seen " + "x" * 200),
        (
            Finding("sentinel.monitor a\nb\x1f: wanted 1, seen $(id)", "no such master", "monitored"),
            "app-1 sentinel.monitor a?b?? wanted 1, seen ??id?: wanted no such master, seen monitored",
        ),
        (Finding("sentinel.monitor " + "x" * 999, "", "1"), None),
    ],
)
def test_a_line_has_a_closed_form(finding: Finding, line: str | None) -> None:
    """Which the provider checks too."""
    assert line is None or finding.line("app-1") == line
    assert LINE.fullmatch(finding.line("app-1"))


@pytest.mark.parametrize(
    ("path", "wanted", "seen", "found"),
    [
        ("/m/redis.conf", "a\nb\n", "a\nb\n", []),
        ("/m/redis.conf", None, None, []),
        ("/m/redis.conf", "a\n", None, [("a file", "none")]),
        ("/m/redis.conf", None, "a\n", [("none", "a file")]),
        ("/m/redis.conf", "hz 10\n", "hz 20\nx\n", [("hz 10", "hz 20;x")]),
        ("/m/redis.conf", "a\n", "a\nhz 20\n", [("no such line", "hz 20")]),
        ("/m/redis.conf", "a\nb\n", "b\na\n", [("b", "b")]),
        ("/m/redis.conf", "a\n", "a\nmasterauth secret\n", [("no such line", "masterauth ...")]),
        (
            "/m/x.service",
            "",
            "Environment=REDIS_PASSWORD=secret\n",
            [("no such line", "Environment=REDIS_PASSWORD=...")],
        ),
        ("/m/users.acl", "", "user x on >password +get\n", [("no such line", "user x on >...")]),
        ("/m/secrets", "a\n", "b\n", [("as deployed", "edited")]),
        ("/m/tls.key", "a\n", "b\n", [("as deployed", "edited")]),
    ],
)
def test_a_file(path: str, wanted: str | None, seen: str | None, found: list[tuple[str, str]]) -> None:
    """The lines in which it differs, without what may be a password."""
    assert [*file_findings(path, wanted, seen)] == [Finding(path, *each) for each in found]


UNIT = Unit("r.service", "/s/r.service", "[Service]\n", "[Service]\n", "active", "enabled", [], "a" * 16, "a" * 16)


@pytest.mark.parametrize(
    ("unit", "found"),
    [
        (UNIT, []),
        # One that is stopped runs no release.
        (UNIT._replace(active="inactive", runs=""), [("r.service", "active", "inactive")]),
        (UNIT._replace(active="", runs=""), [("r.service", "active", "")]),
        (UNIT._replace(enabled="disabled"), [("r.service", "enabled", "disabled")]),
        (UNIT._replace(text=None), [("/s/r.service", "a file", "none")]),
        (UNIT._replace(drop_ins=["/s/r.service.d/x.conf"]), [("/s/r.service.d/x.conf", "none", "a file")]),
        (UNIT._replace(runs=""), [("r.service", "release " + "a" * 16, "release unknown")]),
        (
            UNIT._replace(binary="replaced"),
            [("r.service", "the installed redis-server", "one that was replaced since; a restart is owed")],
        ),
        (UNIT._replace(active="inactive", binary="replaced"), [("r.service", "active", "inactive")]),
        (UNIT._replace(runs="b" * 16), [("r.service", "release " + "a" * 16, "release " + "b" * 16)]),
    ],
)
def test_a_unit(unit: Unit, found: list[tuple[str, str, str]]) -> None:
    """Runs, is started with the host, and is the release's."""
    assert [*unit_findings(unit)] == [Finding(*each) for each in found]


@pytest.mark.parametrize(
    ("wanted", "seen", "file", "found"),
    [
        ({"hz": "10"}, {"hz": "10"}, {}, []),
        ({"hz": "10"}, {"hz": "33"}, {}, [("redis.hz", "10", "33")]),
        # One of another version has other settings.
        ({"hz": "10", "new": "1"}, {"hz": "10", "old": "1"}, {}, []),
        # Sentinel's; other names; what a dry run is given.
        *[
            ({name: "a"}, {name: "b"}, {}, [])
            for name in ("replicaof", "slave-priority", "hash-max-ziplist-entries", "lua-time-limit", "unixsocket")
        ],
        ({"port": "0"}, {"port": "6389"}, {"port": "6389"}, []),
        ({"port": "0"}, {"port": "6389"}, {}, []),
        ({"port": "0"}, {"port": "6400"}, {"port": "6389"}, [("redis.port", "6389", "6400")]),
        ({"maxclients": "4064"}, {"maxclients": "10000"}, {"maxclients": "10000"}, []),
        ({"appendonly": "no"}, {"appendonly": "no"}, {"appendonly": "yes"}, [("redis.appendonly", "yes", "no")]),
        ({"tls-replication": "no"}, {"tls-replication": "yes"}, {"tls-replication": "yes"}, []),
        (
            {"tls-replication": "no"},
            {"tls-replication": "yes"},
            {"tls-replication": "no"},
            [("redis.tls-replication", "no", "yes")],
        ),
        ({"replica-priority": "100"}, {"replica-priority": "7"}, {}, [("redis.replica-priority", "100", "7")]),
    ],
)
def test_a_node(
    wanted: dict[str, str], seen: dict[str, str], file: dict[str, str], found: list[tuple[str, str, str]]
) -> None:
    """Beside what its binary makes of the release, and what the release itself has."""
    assert [*node_findings(wanted, seen, file.get, moves_to_tls=False)] == [Finding(*each) for each in found]


def test_a_node_that_follows_a_legacy_redis() -> None:
    """Logs in there as that wants it."""
    wanted, seen = {"masteruser": "replication", "hz": "10"}, {"masteruser": "", "hz": "11"}
    found = node_findings(wanted, seen, lambda *_: "", moves_to_tls=False, migrates=True)
    assert [*found] == [Finding("redis.hz", "10", "11")]


def test_a_node_that_moves_to_tls() -> None:
    """Has it set before its release says so."""
    assert [*node_findings({"tls-replication": "no"}, {"tls-replication": "yes"}, lambda *_: "no", True)] == []


@pytest.mark.parametrize(
    ("wanted", "seen", "found"),
    [
        ({"a": ["on", HASH, "+get"]}, {"a": ["on", HASH, "+get"]}, []),
        # Redis writes it out only after ACL SETUSER.
        ({"a": ["on"]}, {"a": ["on", "sanitize-payload"]}, []),
        ({}, {"a": ["on", HASH, "+@all"]}, [("redis.acl.a", "", "on (a password) +@all")]),
        ({"a": ["on"]}, {}, [("redis.acl.a", "on", "")]),
        ({"a": ["on", "+get"]}, {"a": ["on", "+set"]}, [("redis.acl.a", "+get", "+set")]),
        # A password in the place of another.
        ({"a": [HASH]}, {"a": ["#" + "b" * 64]}, [("redis.acl.a", "(a password)", "(a password)")]),
    ],
)
def test_users(wanted: dict[str, list[str]], seen: dict[str, list[str]], found: list[tuple[str, str, str]]) -> None:
    """The words in which their rules differ, and no hash."""
    assert [*users_findings("redis", wanted, seen)] == [Finding(*each) for each in found]


WANTED = SentinelWanted("2", [("down-after-milliseconds", "30000"), ("rename-x", "1")], "secret", "10.0.0.1")
SAYS = SentinelSays(
    {"quorum": "2", "down-after-milliseconds": "30000"},
    {
        "announce-ip": "10.0.0.1",
        "announce-port": "0",
        "resolve-hostnames": "no",
        "announce-hostnames": "no",
        "sentinel-user": "sentinel",
        "sentinel-pass": "secret",
    },
    {"auth-user": "sentinel", "auth-pass": "secret", "rename-x": "1"},
)


@pytest.mark.parametrize(
    ("says", "found"),
    [
        (SAYS, []),
        # Its master follows a legacy Redis; and it does not any more.
        (SAYS._replace(master={**SAYS.master, "down-after-milliseconds": HELD, "role-reported": "slave"}), []),
        (
            SAYS._replace(master={**SAYS.master, "down-after-milliseconds": HELD, "role-reported": "master"}),
            [("sentinel.down-after-milliseconds", "30000", HELD)],
        ),
        (SAYS._replace(master={**SAYS.master, "quorum": "1"}), [("sentinel.quorum", "2", "1")]),
        (SAYS._replace(master={"quorum": "2"}), [("sentinel.down-after-milliseconds", "30000", "0")]),
        (
            SAYS._replace(persisted={**SAYS.persisted, "auth-pass": "x"}),
            [("sentinel.auth-pass", "secret", "x")],
        ),
        (
            SAYS._replace(config={**SAYS.config, "announce-ip": "10.0.0.9"}),
            [("sentinel.announce-ip", "10.0.0.1", "10.0.0.9")],
        ),
        (SAYS._replace(config={**SAYS.config, "sentinel-pass": ""}), [("sentinel.sentinel-pass", "secret", "")]),
    ],
)
def test_a_sentinel(says: SentinelSays, found: list[tuple[str, str, str]]) -> None:
    """By what it tells, and what it writes."""
    assert [*sentinel_findings(WANTED, says)] == [Finding(*each) for each in found]
