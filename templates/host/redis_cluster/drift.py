"""What somebody changed by hand on this host: files, services, and what was set in the running daemons."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress

from . import paths
from .acts import act
from .decide.drift import Finding, Unit, differs, file_findings, unit_findings
from .host import BACKUP, FIREWALL, KERNEL, TIMER, UNIT, asks, binary, legacy, text_at, unit_text, word_of
from .lead import operator_lets_lead
from .look import Look
from .observe import at_once
from .package import installed, pending
from .release import current_release, files_in, release_hash, running_release
from .stamps import stamping

# What other programs of the host go by, where they are there; by the name among ours, below /etc.
_OF_OTHERS = {
    "logrotate": f"logrotate.d/{paths.CLUSTER}",
    "needrestart": f"needrestart/conf.d/{paths.CLUSTER}.conf",
}


def drift() -> Iterator[str]:
    """A line for each difference; see Finding.line. Raises Refused."""
    release = current_release(paths.MANAGED)
    members, directory = release.members, release.directory
    look = Look(directory, operator_lets_lead(members.host), legacy())
    units = {daemon: _daemon(directory, daemon) for daemon in members.here}
    looks: dict[str, Callable[[], list[Finding]]] = {"node": look.node, "sentinel": look.sentinel}
    asked = {daemon: looks[daemon] for daemon, unit in units.items() if unit.active == "active"}
    answers = dict(zip(asked, at_once([*asked.values()]), strict=True))
    found = [*_programs(), *_package(members.package), *_files(directory)]
    if "node" in units:
        found += unit_findings(units["node"])
    if "node" in asked and not stamping():
        found.append(Finding(f"{UNIT['node']}, its stamps", "once a second", "none"))
    found += [*_firewall(directory), *_kernel(directory), *_backup(directory), *answers.get("node", [])]
    if "sentinel" in units:
        found += [*unit_findings(units["sentinel"]), *answers.get("sentinel", [])]
    for each in found:
        yield each.line(members.host)


def _programs() -> Iterator[Finding]:
    from .programs import deployed_sums, sum_of

    for name, deployed in deployed_sums().items():
        if sum_of(name) != deployed:
            yield Finding(f"{paths.PROGRAMS}/{name}", "as deployed", "edited or missing")
    for name, place in _OF_OTHERS.items():
        path = f"{paths.ROOT}/etc/{place}"
        if os.path.isdir(os.path.dirname(path)):
            wanted = text_at(f"{paths.PROGRAMS}/{name}")
            ours = wanted and wanted.replace("/redis-cluster/", f"/{paths.CLUSTER}/")
            yield from file_findings(path, ours, text_at(path))


def _package(version: str) -> Iterator[Finding]:
    if pending(version):
        yield Finding("package redis-server", version, " and ".join(installed()))


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
        yield from file_findings(f"{edited}/{each}", text_at(f"{wanted}/{each}"), text_at(f"{edited}/{each}"))


def _hash(directory: str) -> str:
    try:
        return release_hash(directory)
    except OSError:
        return ""


def _names(directory: str) -> list[str]:
    with suppress(OSError):
        return [name for name in files_in(directory) if os.path.isfile(f"{directory}/{name}")]
    return []


def _unit(release: str, name: str, unit: str) -> Unit:
    """name: what root knows it by."""
    path = f"{paths.UNITS}/{unit}"
    wanted, active, enabled = unit_text(release, unit), word_of("is-active", name), word_of("is-enabled", name)
    return Unit(unit, path, wanted, text_at(path), active, enabled, act("drop-ins", name).split())


def _daemon(release: str, daemon: str) -> Unit:
    runs, program = os.path.basename(running_release(daemon)), binary(daemon)
    return _unit(release, daemon, UNIT[daemon])._replace(release=os.path.basename(release), runs=runs, binary=program)


def _firewall(release: str) -> Iterator[Finding]:
    if not asks(release, "firewall.nft"):
        return
    yield from unit_findings(_unit(release, "firewall", FIREWALL))
    yield from differs("firewall rules", "in force", act("rules"))


def _kernel(release: str) -> Iterator[Finding]:
    if not asks(release, KERNEL):
        return
    from .kernel import findings

    unit = _unit(release, "kernel", KERNEL)
    yield from unit_findings(unit)
    # What may be set here only that unit knows.
    if unit.active == "active":
        yield from findings(release)


def _backup(release: str) -> Iterator[Finding]:
    if not asks(release, TIMER):
        return
    yield from unit_findings(_unit(release, "timer", TIMER))
    path = f"{paths.UNITS}/{BACKUP}"
    yield from file_findings(path, unit_text(release, BACKUP), text_at(path))
