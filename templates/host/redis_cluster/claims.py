"""Claims of this host's components, and what goes with one; decide/claims.py has who may take it away."""

import os
import re
import time

from .acts import act
from .beside import BESIDE, remove
from .decide.claims import claim_of, claimed, taken
from .host import UNIT, text_at
from .incoming import incoming, refuse_other_owner
from .messages import Refused
from .paths import DATA, INITIALISED, PROGRAMS, UNITS


def claim(component: str, token: str, new: bool) -> None:
    """Says whose the component is, and stages its files, which come on standard input below lines of their own.

    Raises Refused where the host is another stack's, or cannot be prepared.
    """
    came = incoming()
    owner = came.one("owner")
    refuse_other_owner(owner, came.one("master-name"), came.one("renamed"))
    if component == "node":
        from .decide.package import wanted
        from .prepare import prepare

        prepare(came.lines, wanted(came.files.get("members", "")))
        act("prepare")
    act("stage")
    # The last: a claim whose making has failed is made again as a new one, and would be taken for a replacement's.
    act("claim", *claimed(claim_of(act("claimed")), token, new, int(time.time())).mark())


def unclaim(component: str, token: str, delete_data: bool, owner: str) -> None:
    """Takes the component away where that is the claim of it. Raises Refused where something of it goes on.

    owner: the stack, empty where an older version made the claim.
    """
    now = claim_of(act("claimed"))
    here = (text_at(f"{PROGRAMS}/owner") or "").split("\n")[0]
    left = taken(now, token, (owner, here), int(time.time()))
    if left:
        if left != now:
            act("claim", *left.mark())
        return
    if _forking() and not os.path.lexists(INITIALISED):
        # A legacy group that was never taken over stays as it is, and so does its directory.
        act("take-away", "managed")
    elif component == "sentinel":
        act("disarm-return")
        remove("sentinel", UNIT["sentinel"])
        act("take-away", "sentinel")
    else:
        _take_node(delete_data)
    if component == "node":
        act("take-away", "owner")
        # What an administrator installed, an administrator removes.
        if not os.path.isdir(f"{PROGRAMS}/units"):
            act("take-away", "programs")
    act("take-away", f"claim.{component}")


def _take_node(delete_data: bool) -> None:
    """The node, and all that no component is left for."""
    # With the data stays the role that they were written in.
    if not delete_data:
        from .last_files import retire

        retire()
    remove("node", UNIT["node"])
    users = re.findall("^/proc/([0-9]+)/cwd$", act("users-of-data").replace("; ", "\n"), re.MULTILINE)
    if users:
        # Systemd may not know of a daemon that somebody started by hand.
        raise Refused(
            f"process {users[0]} still works in {DATA}; expected nobody, so all stays. See 'ps -fp {users[0]}', have "
            "it end, then run the same again"
        )
    for name, (unit, *_) in reversed(BESIDE.items()):
        remove(name, unit)
    # A host without a node has none to keep.
    kept = not delete_data and _holds_files(DATA)
    act("take-away", "group")
    if not kept:
        act("take-away", "data")


def _forking() -> bool:
    """Whether a unit is as a legacy group's. Looser than host.legacy: what is taken for one stays."""
    return any("\nType=forking\n" in (text_at(f"{UNITS}/{unit}") or "") for unit in UNIT.values())


def _holds_files(directory: str) -> bool:
    try:
        return os.listdir(directory) != []
    except FileNotFoundError:
        return False
    except OSError:
        # Who may not look takes nothing away.
        return True
