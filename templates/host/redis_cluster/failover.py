"""A failover that is forced: the sentinels give the mastership to a node that has the data."""

import time

from .answers import ask_sentinel
from .decide.answers import Heard, told
from .decide.replies import pairs
from .members import Member
from .observe import Daemons, text
from .resp import Unanswered

# A forced failover takes Sentinel one to two seconds; this many are waited for one.
FAILOVER_WAIT = 10


def fail_over_first(daemons: Daemons, heard: Heard) -> Member | None:
    """The member that the sentinels name after it; None where they do not, which is then among what was heard.

    One sentinel leads, the one that does already if any: two of them at once would only outbid each other's epochs.
    """
    leader = _leader(daemons, heard)
    deadline = time.monotonic() + FAILOVER_WAIT
    while leader and time.monotonic() < deadline:
        master = ask_sentinel(daemons, leader).master
        if master not in (None, daemons.members.node_here):
            return master
        time.sleep(0.1)
    return None


def _leader(daemons: Daemons, heard: Heard) -> Member | None:
    naming = [member for member, answer in heard.sentinels.items() if answer.kind == "names"]
    in_order = [member for member in daemons.members.sentinels if member in naming]
    leading = [member for member in in_order if _leads(daemons, member)]
    if leading:
        return leading[-1]
    for member in in_order:
        try:
            (reply,) = daemons.ask(member, f"SENTINEL FAILOVER {daemons.members.master_name}")
            said = text(reply)
        except Unanswered as error:
            said = str(error)
        answer = heard.sentinels[member]
        heard.add(answer._replace(told=f"me, and says to SENTINEL FAILOVER: {told(said)}"))
        if said.startswith("OK") or "INPROG" in said:
            return member
    return None


def _leads(daemons: Daemons, member: Member) -> bool:
    try:
        (reply,) = daemons.ask(member, f"SENTINEL MASTER {daemons.members.master_name}")
    except Unanswered:
        return False
    return "failover_in_progress" in pairs(reply).get("flags", "").split(",")
