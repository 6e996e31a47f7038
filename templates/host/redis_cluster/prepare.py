"""Whether a host may be prepared for anything of ours; refuses without changing anything."""

import os
import re
import sys
from glob import glob

from .acts import act
from .host import LEAST_FREE, UNIT, legacy_unit, refuse_less_free
from .messages import Refused
from .package import install_missing
from .paths import DATA, ETC, LOGS, MANAGED, PROGRAMS, ROOT, UNITS
from .programs import deployed_sums, sum_of
from .run import output_of

# The port of each daemon, by what tells of it on standard input, and its key.
_PORTS = {
    "node-port": ("node", "nodePort"),
    "sentinel-port": ("sentinel", "sentinelPort"),
    "node-tls-port": ("node", "tls.nodePort"),
    "sentinel-tls-port": ("sentinel", "tls.sentinelPort"),
}
_RELEASES = ("current", "staged")
_OWN_UNIT = "# Managed by Pulumi: redis-cluster"
_OLDEST_REDIS = 7
_DEBIAN = ("12", "13")


def prepare(lines: list[str], wanted: str = "") -> None:
    """Raises Refused where the host is not what this program runs on, or what it needs is somebody else's.

    lines: `NAME-port PORT` of each daemon; `firewall`, `restic` where there is such; `adopt` where the legacy group
    may be taken over. wanted: the version of redis-server; an installed one stays until this host's turn. Default: any.
    """
    told = dict(line.partition(" ")[::2] for line in lines)
    _refuse_other_systems()
    refuse_foreign_units(adopt="adopt" in told)
    for keyword, (daemon, key) in _PORTS.items():
        if keyword in told:
            _refuse_port_of_others(told[keyword], key)
            _refuse_taken_port(told[keyword], UNIT[daemon], key)
    for path in (ETC, DATA, LOGS):
        # Before the first installation they are still to be made.
        refuse_less_free("", path if os.path.isdir(path) else os.path.dirname(path), LEAST_FREE)
    also = {"firewall": "nftables", "restic": "restic"}
    install_missing(["redis-server", *(name for word, name in also.items() if word in told)], wanted)
    version = re.search(r" v=(([0-9]+)[0-9.]*)", output_of("redis-server", "--version"))
    if not version or int(version[2]) < _OLDEST_REDIS:
        raise Refused(
            f"redis-server is {version[1] if version else 'of no version'}; expected 7.0 or newer. Upgrade the "
            "package, then run pulumi up again"
        )


def check_programs() -> None:
    """Raises Refused unless an administrator installed the programs that stdin stands for: `program SHA256 sums`."""
    lines = sys.stdin.buffer.read().decode(errors="replace").split("\n")
    for words in (line.split() for line in lines if line.startswith("program ")):
        if len(words) != 3 or words[2] != "sums":
            raise Refused(f"unknown program '{words[-1][:80]}'")
        _refuse_other_version(words[2], words[1])
    for name, wanted in deployed_sums().items():
        _refuse_other_version(name, wanted)
    if not os.path.isdir(f"{PROGRAMS}/units"):
        raise Refused(
            f"{PROGRAMS} was not installed by an administrator; expected that where redis-cluster:ssh.helper is true. "
            "See 'Without full sudo' in docs/operations.md. Nothing was changed"
        )


def _refuse_other_version(name: str, wanted: str) -> None:
    if sum_of(name) != wanted:
        raise Refused(
            f"{PROGRAMS}/{name}, which an administrator installed here, is of another version; expected the one with "
            f"the sha256 {wanted}. Have an administrator install this one, as 'npm run host-helper' writes it, then "
            "run pulumi up again. Nothing was changed"
        )


def _refuse_other_systems() -> None:
    lines = _read(f"{ROOT}/etc/os-release").decode(errors="replace").replace('"', "").split("\n")
    system = dict(line.partition("=")[::2] for line in lines)
    name, version = system.get("ID", ""), system.get("VERSION_ID", "")
    if name != "debian" or version not in _DEBIAN:
        raise Refused(
            f"this is '{name} {version}'; expected {' or '.join(f'Debian {one}' for one in _DEBIAN)}, the only systems "
            "this program has been run on. Nothing was changed"
        )


def refuse_foreign_units(adopt: bool) -> None:
    """Unless they are this program's. adopt: the legacy ones may be taken over. Raises Refused."""
    for daemon, unit in UNIT.items():
        if legacy_unit(daemon):
            if not adopt:
                raise Refused(
                    f"{UNITS}/{unit} is of a legacy group, which Ansible deployed. To take that over, set the password "
                    "of its clients: pulumi config set --secret adoptPassword, and run pulumi up again. Nothing was "
                    "changed"
                )
            continue
        for place in ("etc", "usr/lib", "lib"):
            file = f"{ROOT}/{place}/systemd/system/{unit}"
            if os.path.exists(file) and not _read(file).startswith(_OWN_UNIT.encode()):
                raise Refused(
                    f"{file} belongs to somebody else; expected no {unit}, or one of this program's. Move what it runs "
                    "elsewhere, remove it, and run pulumi up again. Nothing was changed"
                )


def _refuse_port_of_others(port: str, key: str) -> None:
    """Another group's daemon may be down, or not started yet."""
    for managed in sorted({*glob(f"{ROOT}/etc/redis-cluster*/managed")} - {MANAGED}):
        for file in (f"{managed}/{release}/{name}.conf" for release in _RELEASES for name in ("redis", "sentinel")):
            ports = re.findall(r"^(?:tls-)?port (\d+)$", _read(file).decode(errors="replace"), re.MULTILINE)
            if port in ports:
                raise Refused(
                    f"port {port} is that of another group on this host, by {file}; expected one of this group's own. "
                    f"Change redis-cluster:{key}. Nothing was changed"
                )


def _refuse_taken_port(port: str, unit: str, key: str) -> None:
    """Unless the unit's own daemon has it."""
    if not output_of("ss", "-Hltn", f"sport = :{port}"):
        return
    found = re.search(r'users:\(\("([A-Za-z0-9_.:-]{1,15})",pid=([0-9]+)', act("listener", port))
    name, process = found.groups() if found else ("", "")
    if process and process == output_of("systemctl", "show", "-p", "MainPID", "--value", unit):
        return
    who = f"{name} (pid {process})" if process else "an unknown process"
    raise Refused(
        f"port {port} is taken by {who}; expected it free for {unit}. Stop that process or change redis-cluster:{key}. "
        "Nothing was changed"
    )


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
