"""This host's units, and the room on its disks. Looked at as redis; it is root who changes them."""

from .acts import act
from .messages import Refused
from .paths import DATA, ETC, LOGS
from .run import output_of

UNIT = {"node": "redis-cluster.service", "sentinel": "redis-sentinel.service"}

# The file systems that are written to need this much room, in MiB: a release, and the first files of an empty node (a
# fresh data directory takes under 1 MiB).
LEAST_FREE = 16


def state(daemon: str) -> str:
    """What systemd calls the unit: `active`, and what not. Root asks, since there may be no bus for anybody else."""
    return act("state", daemon)


def legacy() -> bool:
    """Whether a daemon of this host is still the old Ansible role's."""
    return any(act("legacy", daemon) == "yes" for daemon in UNIT)


def running(daemon: str) -> bool:
    """Whether it is up."""
    return state(daemon) == "active"


def refuse_full_disk(host: str) -> None:
    """Unless there is room on every file system that is written to."""
    for path in (ETC, DATA, LOGS):
        refuse_less_free(host, path, LEAST_FREE)


def refuse_less_free(host: str, path: str, wanted: int, reason: str = "") -> None:
    """Unless so many MiB are free on the file system of that directory, which is what the reason names."""
    free = int(output_of("df", "--output=avail", "-m", path).split("\n")[-1])
    if free < wanted:
        raise Refused(
            f"{path} has {free} MiB free; expected at least {wanted}{reason and ', ' + reason}. Free some space, then "
            "run pulumi up again",
            host,
        )
