"""What somebody changed by hand on this host: files, services, and what was set in the running daemons."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from . import paths
from .decide.drift import Finding, Unit, differs, file_findings, unit_findings
from .look import Look
from .messages import Refused
from .observe import at_once
from .release import current_release, release_hash, running_release

NODE, SENTINEL, FIREWALL = "redis-cluster.service", "redis-sentinel.service", "redis-cluster-firewall.service"

# A line of what root sees.
_FACT = re.compile(
    r"unit (?P<unit>[a-z-]+\.service) (?P<active>[a-z-]*) (?P<enabled>[a-z-]*)"
    r"|drop-in (?P<changed>[a-z-]+\.service) (?P<path>/.{1,300})"
    r"|edited (?P<program>[a-z_/-]+(?:\.py)?)"
    r"|(?P<flag>firewall|lead|legacy)"
)


class Facts(NamedTuple):
    """What root sees.

    states: of each unit by its name, what `systemctl is-active` and `is-enabled` say. drop_ins: the unit and the path
    of each. edited: programs that are not as deployed. flags: `firewall`, its rules are in force; `lead` and `legacy`
    as look.Look has them.
    """

    states: dict[str, tuple[str, str]]
    drop_ins: list[tuple[str, str]]
    edited: list[str]
    flags: set[str]


def read_facts(text: str) -> Facts:
    """By lines `unit NAME ACTIVE ENABLED`, `drop-in NAME PATH`, `edited PROGRAM` and flags. Raises Refused."""
    facts = Facts({}, [], [], set())
    for line in text.split("\n"):
        fact = _FACT.fullmatch(line)
        if not fact:
            raise Refused(f"root sees '{line[:80]}'; expected a unit, a drop-in, a program or a flag")
        if fact["unit"]:
            facts.states[fact["unit"]] = (fact["active"], fact["enabled"])
        elif fact["changed"]:
            facts.drop_ins.append((fact["changed"], fact["path"]))
        elif fact["program"]:
            facts.edited.append(fact["program"])
        else:
            facts.flags.add(fact["flag"])
    return facts


def drift(seen_by_root: str) -> Iterator[str]:
    """A line for each difference; see read_facts and Finding.line. Raises Refused."""
    facts = read_facts(seen_by_root)
    release = current_release(paths.MANAGED)
    members = release.members
    look = Look(release.directory, "lead" in facts.flags, "legacy" in facts.flags)
    runs = {unit for unit, (active, _) in facts.states.items() if active == "active"}
    asked = [look.node if NODE in runs else list[Finding]]
    if members.has_sentinel and SENTINEL in runs:
        asked.append(look.sentinel)
    in_node, *in_sentinel = at_once(asked)
    found = [Finding(f"{paths.PROGRAMS}/{name}", "as deployed", "edited or missing") for name in facts.edited]
    found += _files(release.directory)
    found += unit_findings(_unit(facts, release.directory, NODE, "node"))
    if NODE in runs and not stamping():
        found.append(Finding(f"{NODE}, its stamps", "once a second", "none"))
    found += [*_firewall(facts, release.directory), *in_node]
    if members.has_sentinel:
        found += unit_findings(_unit(facts, release.directory, SENTINEL, "sentinel"))
    for findings in [found, *in_sentinel]:
        for each in findings:
            yield each.line(members.host)


def stamping() -> bool:
    """Whether somebody stamps for the node that runs here."""
    try:
        with open(os.open(f"{paths.RUN}/node/stamping", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _files(release: str) -> Iterator[Finding]:
    """What is staged is the current release in every file, and the name of a release is the hash of its files."""
    name, wanted, edited = os.path.basename(release), release, paths.STAGED
    if release != os.path.realpath(paths.CURRENT):
        yield Finding(paths.CURRENT, "a complete release", f"{name} in its place")
    if _hash(release) != name:
        edited = release
        if _hash(paths.STAGED) == name:
            wanted = paths.STAGED
        else:
            yield Finding(release, "files of that hash", "edited")
    names = {each for directory in (wanted, edited) for each in _names(directory)}
    for each in sorted(names):
        yield from file_findings(f"{edited}/{each}", _text(f"{wanted}/{each}"), _text(f"{edited}/{each}"))


def _hash(directory: str) -> str:
    try:
        return release_hash(directory)
    except OSError:
        return ""


def _names(directory: str) -> list[str]:
    with suppress(OSError), os.scandir(directory) as entries:
        return [each.name for each in entries if each.is_file() and not each.name.startswith(".")]
    return []


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"({error.strerror})"


def _unit_file(release: str, unit: str) -> str:
    """Where an administrator installed the program, root starts the units that came with it, and no others."""
    directory = f"{paths.PROGRAMS}/units"
    return f"{directory if os.path.isdir(directory) else release}/{unit}"


def _unit(facts: Facts, release: str, unit: str, daemon: str) -> Unit:
    path = f"{paths.UNITS}/{unit}"
    active, enabled = facts.states.get(unit, ("", ""))
    drop_ins = [path for changed, path in facts.drop_ins if changed == unit]
    names = (os.path.basename(directory) for directory in (release, running_release(daemon)))
    return Unit(unit, path, _text(_unit_file(release, unit)), _text(path), active, enabled, drop_ins, *names)


def _firewall(facts: Facts, release: str) -> Iterator[Finding]:
    rules = _text(f"{release}/firewall.nft") or ""
    if not re.search("^table", rules, re.MULTILINE):
        return
    path = f"{paths.UNITS}/{FIREWALL}"
    yield from differs(FIREWALL, "active", facts.states.get(FIREWALL, ("", ""))[0])
    yield from file_findings(path, _text(_unit_file(release, FIREWALL)), _text(path))
    yield from differs("firewall rules", "in force", "in force" if "firewall" in facts.flags else "none")
