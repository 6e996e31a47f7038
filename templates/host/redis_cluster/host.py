"""This host's units, and the room on its disks. Looked at as redis; it is root who changes them."""

import os
import re

from .acts import NotDone, act
from .messages import Refused
from .paths import CLUSTER, DATA, ETC, LOGS, PROGRAMS, SENTINEL, UNITS
from .run import output_of

UNIT = {"node": f"{CLUSTER}.service", "sentinel": f"{SENTINEL}.service"}
FIREWALL, KERNEL = f"{CLUSTER}-firewall.service", f"{CLUSTER}-kernel.service"
BACKUP, TIMER = f"{CLUSTER}-backup.service", f"{CLUSTER}-backup.timer"

# The file systems that are written to need this much room, in MiB: a release, and the first files of an empty node (a
# fresh data directory takes under 1 MiB).
LEAST_FREE = 16


def state(daemon: str) -> str:
    """What systemd calls the unit: `active`, and what not. Root asks, since there may be no bus for anybody else."""
    return word_of("is-active", daemon)


def word_of(question: str, name: str) -> str:
    """What systemctl says of a unit, which root knows by that name, in a word; or `unknown`."""
    said = act(question, name)
    return said if re.fullmatch("[a-z-]{1,20}", said) else "unknown"


def binary(daemon: str) -> str:
    """A package upgrade replaces the file that the running daemon was started from: `replaced`, else `same`."""
    try:
        return "replaced" if act("executable", daemon).endswith(" (deleted)") else "same"
    except NotDone:
        return "same"


def legacy() -> bool:
    """Whether a daemon of this host is still a legacy one, as Ansible deployed it."""
    return any(map(legacy_unit, UNIT))


def legacy_unit(daemon: str) -> bool:
    """Whether its unit is the legacy one: by what it starts, how, and as whom."""
    unit = UNIT[daemon]
    conf = re.escape(unit.removesuffix(".service"))
    start = rf"ExecStart=/usr/bin/redis-server /etc/redis-cluster/{conf}\.conf( --sentinel)?"
    lines = (text_at(f"{UNITS}/{unit}") or "").split("\n")
    return {"Type=forking", "User=redis"} <= {*lines} and any(re.fullmatch(start, line) for line in lines)


def unit_text(release: str, unit: str) -> str | None:
    """Where an administrator installed the program, root starts the units that came with it, and no others.

    When the timer does, is the release's to say: root/units.py does the same.
    """
    staged, directory = text_at(f"{release}/{unit}"), f"{PROGRAMS}/units"
    when = re.search("^OnCalendar=[A-Za-z0-9*][A-Za-z0-9 *:,./~-]{0,99}$", staged or "", re.MULTILINE)
    if not os.path.isdir(directory):
        return staged
    text = text_at(f"{directory}/{unit}")
    return re.sub("^OnCalendar=.*", when[0], text, flags=re.MULTILINE) if when and text else text


def text_at(path: str) -> str | None:
    """What is in a file of root's, or why it cannot be read; nothing where it is not there."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"({error.strerror})"


def asks(release: str, file: str) -> bool:
    """Whether a file of that release asks for anything: where the stack does not, it has comments alone."""
    return re.search(r"^(table|\[)", text_at(f"{release}/{file}") or "", re.MULTILINE) is not None


def installed(daemon: str, release: str) -> bool:
    """Whether the unit of that release, and nothing beside it, is what systemd goes by."""
    texts = unit_text(release, UNIT[daemon]), text_at(f"{UNITS}/{UNIT[daemon]}")
    return len({text or "" for text in texts}) == 1 and not act("drop-ins", daemon)


def running(daemon: str) -> bool:
    """Whether it is up."""
    return state(daemon) == "active"


def refuse_full_disk(host: str) -> None:
    """Unless there is room on every file system that is written to."""
    for path in (ETC, DATA, LOGS):
        refuse_less_free(host, path, LEAST_FREE)


def refuse_less_free(host: str, path: str, wanted: int, reason: str = "") -> None:
    """Unless so many MiB are free on the file system of that directory, which is what the reason names."""
    told = output_of("df", "--output=avail", "-m", path).split("\n")[-1].strip()
    if not told.isdecimal():
        raise Refused(
            f"'df -m {path}' tells no room; expected a number of MiB. See that it works here, then run pulumi up again",
            host,
        )
    free = int(told)
    if free < wanted:
        raise Refused(
            f"{path} has {free} MiB free; expected at least {wanted}{reason and ', ' + reason}. Free some space, then "
            "run pulumi up again",
            host,
        )
