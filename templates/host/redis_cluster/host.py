"""This host's units, and the room on its disks. Looked at as redis; it is root who changes them."""

import os

from .messages import Refused
from .paths import DATA, ETC, PROGRAMS, ROOT, STAGED, UNITS

UNIT = {"node": "redis-cluster.service", "sentinel": "redis-sentinel.service"}
LOGS = f"{ROOT}/var/log/redis-cluster"

# The file systems that are written to need this much room, in MiB: a release, and the first files of an empty node (a
# fresh data directory takes under 1 MiB).
LEAST_FREE = 16


def output(*words: str) -> str:
    """What a program of the system prints; nothing where it cannot be run."""
    reading, writing = os.pipe()
    quiet = (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)
    closed = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), *((os.POSIX_SPAWN_CLOSE, file) for file in (3, 4))]
    try:
        child = os.posix_spawnp(
            words[0], words, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1), quiet, *closed]
        )
    except OSError:
        os.close(reading)
        return ""
    finally:
        os.close(writing)
    with open(reading, "rb") as file:
        said = file.read()
    os.waitpid(child, 0)
    return said.decode(errors="replace").strip()


def state(daemon: str) -> str:
    """What systemd calls the unit: `active`, and what not."""
    return output("systemctl", "is-active", UNIT[daemon])


def running(daemon: str) -> bool:
    """Whether it is up."""
    return state(daemon) == "active"


def unit_installed(daemon: str) -> bool:
    """Whether the staged unit, and nothing beside it, is what systemd goes by.

    Where an administrator installed the program, root starts the units that came with it, and no others.
    """
    unit, own = UNIT[daemon], f"{PROGRAMS}/units"
    if not _same(f"{own if os.path.isdir(own) else STAGED}/{unit}", f"{UNITS}/{unit}"):
        return False
    # Wherever systemd would look for them, also those that it has not read yet.
    beside = [f"{ROOT}{path}/{unit}.d" for path in output("systemctl", "show", "-p", "UnitPath", "--value").split()]
    return not any(name.endswith(".conf") for path in beside if os.path.isdir(path) for name in os.listdir(path))


def _same(one: str, other: str) -> bool:
    try:
        with open(one, "rb") as first, open(other, "rb") as second:
            return first.read() == second.read()
    except OSError:
        return False


def refuse_full_disk(host: str) -> None:
    """Unless there is room on every file system that is written to."""
    for path in (ETC, DATA, LOGS):
        refuse_less_free(host, path, LEAST_FREE)


def refuse_less_free(host: str, path: str, wanted: int, reason: str = "") -> None:
    """Unless so many MiB are free on the file system of that directory, which is what the reason names."""
    found = os.statvfs(path)
    free = found.f_bavail * found.f_frsize >> 20
    if free < wanted:
        raise Refused(
            f"{path} has {free} MiB free; expected at least {wanted}{reason and ', ' + reason}. Free some space, then "
            "run pulumi up again",
            host,
        )
