"""What somebody changed by hand: what is seen on a host, compared with what was deployed.

What Sentinel owns (roles, epochs, the members it knows, a replica's rank) is never drift.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..messages import plain
from .migration import HELD, LENT
from .settings import plain_value

# Characters of each part of a finding. The provider, hostDrift.ts, takes none that is longer.
TOLD = 200

# Sentinel's; another name of a setting; what is fixed at the start and differs in a dry run.
_NEVER = re.compile(".*slave.*|.*ziplist.*|replicaof|lua-time-limit|unixsocket|logfile|pidfile|daemonize|supervised")
# What a dry run is given another value of.
_AS_WRITTEN = ("port", "tls-port", "dir", "save", "appendonly", "maxclients")
_PASSWORD = re.compile(".*(pass|auth)")
_SECRET_WORDS = re.compile("((?:pass|auth|secret)[^ =]*[ =]|^user .* >).*", re.IGNORECASE)
_SECRET_FILES = ("secrets", "tls.key", "backup.env", "backup.key")


class Finding(NamedTuple):
    """A difference. The values are as they were read: only line() is fit for eyes."""

    setting: str
    wanted: str
    seen: str

    @property
    def name(self) -> str:
        """The setting, without anything but a few characters: part of it may be a daemon's word."""
        return re.sub("[^A-Za-z0-9_./@|* ,-]", "?", self.setting[:TOLD])

    def line(self, host: str) -> str:
        """HOST SETTING: wanted ..., seen ...; never a password, and nothing that steers a terminal."""
        if _PASSWORD.fullmatch(self.setting):
            wanted, seen = "the deployed password", "another"
        else:
            wanted, seen = (plain(value)[:TOLD] or '""' for value in (self.wanted, self.seen))
        return f"{host} {self.name}: wanted {wanted}, seen {seen}"


class Unit(NamedTuple):
    """A unit of this host.

    wanted, text: of its file, None where there is none. active, enabled: as systemctl says. drop_ins: files by which
    somebody changes it. release, runs: the names of the release that counts and of the one that its daemon was composed
    from; empty where it is not known, or it is no daemon's. binary: `replaced` where that daemon runs a program whose
    file was replaced since.
    """

    name: str
    path: str
    wanted: str | None
    text: str | None
    active: str
    enabled: str
    drop_ins: Sequence[str]
    release: str = ""
    runs: str = ""
    binary: str = "same"


class SentinelSays(NamedTuple):
    """What was set in a sentinel.

    master: the fields of SENTINEL MASTER. config: of SENTINEL CONFIG GET. persisted: what SENTINEL MASTER does not
    tell, from the file that Sentinel writes: all but the defaults.
    """

    master: Mapping[str, str]
    config: Mapping[str, str]
    persisted: Mapping[str, str]


class SentinelWanted(NamedTuple):
    """What it was deployed with. options: name and value of each setting of its master."""

    quorum: str
    options: Sequence[tuple[str, str]]
    password: str
    address: str


def differs(setting: str, wanted: str, seen: str) -> Iterator[Finding]:
    """A finding where the two differ."""
    if wanted != seen:
        yield Finding(setting, wanted, seen)


def file_findings(path: str, wanted: str | None, seen: str | None) -> Iterator[Finding]:
    """What differs in a file, of which None is not there."""
    if wanted == seen:
        return
    if wanted is None or seen is None:
        yield Finding(path, *("none" if text is None else "a file" for text in (wanted, seen)))
    elif path.rpartition("/")[2] in _SECRET_FILES:
        yield Finding(path, "as deployed", "edited")
    else:
        yield Finding(path, *_different_lines(wanted, seen))


def _different_lines(wanted: str, seen: str) -> tuple[str, str]:
    """The lines in which they differ, each as one. Whoever edited a file may have put a password into it."""
    from difflib import SequenceMatcher

    before, after = wanted.split("\n"), seen.split("\n")
    only: tuple[list[str], list[str]] = ([], [])
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            only[0].extend(before[i:j])
            only[1].extend(after[k:m])
    left, right = (";".join(_SECRET_WORDS.sub(r"\1...", line) for line in lines if line) for lines in only)
    return left or "no such line", right or "no such line"


def unit_findings(unit: Unit) -> Iterator[Finding]:
    """What differs in a unit; of one with a release, in its daemon too. A disabled one would be gone after a boot."""
    yield from differs(unit.name, "active", unit.active)
    yield from differs(unit.name, "enabled", unit.enabled)
    yield from file_findings(unit.path, unit.wanted, unit.text)
    for path in unit.drop_ins:
        yield Finding(path, "none", "a file")
    if unit.active == "active" and unit.release:
        yield from differs(unit.name, f"release {unit.release}", f"release {unit.runs or 'unknown'}")
        if unit.binary == "replaced":
            yield Finding(unit.name, "the installed redis-server", "one that was replaced since; a restart is owed")


def node_findings(
    wanted: Mapping[str, str],
    seen: Mapping[str, str],
    written: Callable[[str, str], str],
    moves_to_tls: bool,
    migrates: bool = False,
) -> Iterator[Finding]:
    """What was set in the running node.

    wanted: what the very binary makes of its release, as Redis writes many a value in its own way. written: the value
    of a directive in the release's file, or else the second argument. moves_to_tls: a group that moves to TLS sets
    tls-replication on all nodes before each adopts its release. migrates: whether it follows a legacy Redis.
    """
    for name in sorted(wanted.keys() & seen.keys()):
        if _NEVER.fullmatch(name) or (name == "tls-replication" and moves_to_tls) or (migrates and name in LENT):
            continue
        should, now = wanted[name], seen[name]
        if name == "tls-replication":
            should = written(name, now)
        elif name in _AS_WRITTEN:
            should, now = plain_value(written(name, now)), plain_value(now)
        yield from differs(f"redis.{name}", should, now)


def users_findings(
    daemon: str, wanted: Mapping[str, Sequence[str]], seen: Mapping[str, Sequence[str]]
) -> Iterator[Finding]:
    """Of each user the words in which two replies to ACL LIST differ.

    Hashes of passwords are not told. The default that Redis writes out only after ACL SETUSER does not count.
    """
    for user in sorted(wanted.keys() | seen.keys()):
        lacks = _words_without(wanted.get(user, ()), seen.get(user, ()))
        has = _words_without(seen.get(user, ()), wanted.get(user, ()))
        if lacks or has:
            yield Finding(f"{daemon}.acl.{user}", _told(lacks), _told(has))


def _words_without(rules: Sequence[str], others: Sequence[str]) -> list[str]:
    return [word for word in rules if word != "sanitize-payload" and word not in others]


def _told(words: Sequence[str]) -> str:
    return " ".join("(a password)" if word.startswith("#") else word for word in words)


def sentinel_findings(wanted: SentinelWanted, seen: SentinelSays) -> Iterator[Finding]:
    """What was set in the running sentinel."""
    yield from differs("sentinel.quorum", wanted.quorum, seen.master.get("quorum", ""))
    for option, value in wanted.options:
        now = seen.master.get(option, seen.persisted.get(option, "0"))
        # While its master follows a legacy Redis.
        if option == "down-after-milliseconds" and now == HELD and seen.master.get("role-reported") == "slave":
            continue
        yield from differs(f"sentinel.{option}", value, now)
    for option, value in (("auth-user", "sentinel"), ("auth-pass", wanted.password)):
        yield from differs(f"sentinel.{option}", value, seen.persisted.get(option, "0"))
    for option, value in {
        "announce-ip": wanted.address,
        "announce-port": "0",
        "resolve-hostnames": "no",
        "announce-hostnames": "no",
        "sentinel-user": "sentinel",
        "sentinel-pass": wanted.password,
    }.items():
        yield from differs(f"sentinel.{option}", value, seen.config.get(option, ""))
