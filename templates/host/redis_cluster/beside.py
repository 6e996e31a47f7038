"""What stands beside the daemons where the stack has it: their firewall, the kernel's settings, and what saves."""

import os
import time

from .acts import act
from .host import BACKUP, FIREWALL, KERNEL, TIMER, asks, text_at, unit_text
from .messages import Refused
from .paths import CURRENT, UNITS

# By the name that root has for it: the unit, the file by which a release has it or not, and the setting.
BESIDE = {
    "firewall": (FIREWALL, "firewall.nft", "firewall"),
    "kernel": (KERNEL, KERNEL, "kernelSettings"),
    "backup": (BACKUP, BACKUP, "backup"),
    "timer": (TIMER, TIMER, "backup"),
}


def remove(name: str, unit: str) -> None:
    """Has root stop that unit, and take its file away, where there is one. name: what root knows it by."""
    if os.path.lexists(f"{UNITS}/{unit}"):
        act("remove", name)


def switch(name: str) -> None:
    """The next start of either daemon is composed from that release, and what stands beside them goes by it now."""
    if os.path.basename(os.path.realpath(CURRENT)) != name:
        act("switch", name)
        apply_beside()


def apply_beside() -> None:
    """All of it is as the current release says. Raises Refused."""
    for name, (unit, file, key) in BESIDE.items():
        if not asks(CURRENT, file):
            remove(name, unit)
            continue
        same = unit_text(CURRENT, unit) == text_at(f"{UNITS}/{unit}")
        act("install", name)
        since = str(int(time.time()))
        # What saves is started by its timer alone.
        if name != "backup" and act("reload-or-restart" if same else "restart", name):
            raise Refused(
                f"{unit} was refused: {act('journal', name, since)}. Look at {CURRENT}/{file} and redis-cluster:{key}, "
                "then run pulumi up again"
            )
