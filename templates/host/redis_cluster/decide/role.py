"""With which role a node starts. Sentinel owns the roles: this finds out what it decided, by the six rules of
docs/architecture.md, and where it cannot, it does not guess.
"""

from typing import Literal, NamedTuple

from ..members import Member, Members
from ..paths import CLUSTER
from .answers import Heard, NodeAnswer, named, only_master


class Outdated(NamedTuple):
    """Of files that are older than what this node held when it ended.

    written: when they were last written, in seconds since 1970 by this host's clock. rank: by its stamp.
    """

    written: int
    rank: int


class Here(NamedTuple):
    """What this host has.

    holds: `data` that the node would load, other `files` that Redis wrote, or `nothing`. outdated: None where what it
    would load is what it last held. last: whom it followed by its last file, or `master`; None where there is none of
    ours, or it follows no member. bootstrap: the name of the bootstrap master of a first deployment that is going on,
    else empty. was_whole: whether the group has been whole with this host in it. lead: whether the operator makes this
    node lead.
    """

    holds: Literal["data", "files", "nothing"]
    outdated: Outdated | None = None
    last: Member | Literal["master"] | None = None
    bootstrap: str = ""
    was_whole: bool = False
    lead: bool = False


class Verdict(NamedTuple):
    """How the node joins the group.

    role: `fail-over`: the sentinels have to give the mastership to a node that has the data first, whom this one then
    follows; where they do not, it is undecided for the reason in `otherwise`. why: for people. master: whom a replica
    follows.
    """

    role: Literal["master", "replica", "undecided", "fail-over"]
    why: str
    master: Member | None = None
    otherwise: str = ""


def enough(members: Members, heard: Heard, here: Here) -> bool:
    """Whether what the others may still say does not matter.

    A majority of the sentinels names another member; or this one, which has its data, and all were heard.
    """
    said = named(members, heard.sentinels.values(), members.node_here)
    if said.master != members.node_here:
        return said.by_majority and not said.disagree
    all_heard = len(heard.sentinels) == len(members.sentinels)
    return said.by_majority and all_heard and here.holds == "data" and not here.outdated


def role(members: Members, heard: Heard, here: Here) -> Verdict:
    """How this host's node joins the group, by what was heard: all, or as much as is enough()."""
    me = members.node_here
    said = named(members, heard.sentinels.values(), me)
    if here.lead:
        return Verdict("master", "the operator made it lead")
    if said.by_majority and said.disagree:
        return Verdict("undecided", "the sentinels disagree")
    if said.by_majority and said.master == me:
        return _named_by_majority(members, heard, here)
    if said.by_majority:
        return Verdict("replica", "a majority of the sentinels names it", said.master)
    if any(answer.kind == "refused" for answer in heard.sentinels.values()):
        return Verdict("undecided", "a sentinel is there but refuses to tell the master")
    if here.holds != "data" and said.master not in (None, me):
        return Verdict("replica", "the sentinel with the highest epoch names it, and I have no data", said.master)
    return _alone(members, heard, here, said.disagree)


def undecided(reason: str, heard: Heard, here: Here) -> str:
    """The same for people: the reason, what was asked and answered, and what is here."""
    last = here.last.pair if isinstance(here.last, Member) else here.last or "none"
    data = "yes" if here.holds == "data" else "no"
    return f"undecided: {reason}. Asked: {'; '.join(heard.lines())}. Here: data {data}, last file {last}"


def _named_by_majority(members: Members, heard: Heard, here: Here) -> Verdict:
    """A majority of the sentinels names this node."""
    if here.holds == "data" and not here.outdated:
        return Verdict("master", "a majority of the sentinels names it")
    objection = _objection(members, heard, here, by_majority=True)
    newer = "newer data" if here.holds == "data" else "data"
    if not objection:
        return Verdict("master", f"the sentinels name it, and nobody else has {newer}")
    lack = "my files are older than what I held" if here.outdated else "my data are gone"
    otherwise = f"the sentinels name me but {lack}, and {objection}"
    if here.outdated and not any(_holds_newer(answer, here) for answer in heard.nodes.values()):
        return Verdict("undecided", otherwise)
    return Verdict("fail-over", f"{lack}; the sentinels have failed over to it", None, otherwise)


def _alone(members: Members, heard: Heard, here: Here, disagree: bool) -> Verdict:
    """Less than a majority of the sentinels names one member.

    Those few may have slept through a failover, so a node goes by what it was told last, and silence is no consent to
    its being master.
    """
    me = members.node_here
    marked = next((node for node in members.nodes if node.name == here.bootstrap), None)
    if isinstance(here.last, Member):
        return Verdict("replica", "no majority of the sentinels names a master; my last file says so", here.last)
    objection = _objection(members, heard, here, by_majority=False)
    if here.last == "master":
        if objection:
            return Verdict(
                "undecided",
                f"no majority of the sentinels names a master, and as master I would contradict a member: {objection}",
            )
        return Verdict(
            "master", "no majority of the sentinels names a master; my last file says so, and no member contradicts"
        )
    if marked == me and not objection:
        return Verdict("master", "marked as the bootstrap master, and no member contradicts")
    if marked and marked != me:
        return Verdict("replica", "marked as the bootstrap master", marked)
    if disagree:
        return Verdict("undecided", "the sentinels disagree")
    only = only_master(heard, 0)
    if here.holds != "data" and not here.was_whole and only:
        return Verdict("replica", "the group was never whole, and it is the one master", only)
    return Verdict("undecided", "no majority of the sentinels names a master and there is no last file")


def _objection(members: Members, heard: Heard, here: Here, by_majority: bool) -> str:
    """What speaks against this node's being master; nothing where that is nothing.

    A node that follows this one cannot be ahead of it; only an empty node has to fear what a follower holds.
    """
    me = members.node_here
    marked = here.bootstrap == members.host
    if not by_majority and any(answer.kind in ("names", "names-nobody") for answer in heard.sentinels.values()):
        for member in members.sentinels:
            answer = heard.sentinels.get(member)
            if answer is None or answer.kind == "silent":
                if not marked:
                    return f"the sentinel on {member.name} is unreachable"
            elif answer.kind != "names-nobody" and answer.master != me:
                return f"the sentinel on {member.name} names another master"
    for member in members.nodes:
        objection = "" if member == me else _against(member, heard.nodes.get(member), me, here, marked)
        if objection:
            return objection
    # That nobody else holds anything either is no reason: the data may be on disks that are not mounted.
    if here.holds == "nothing" and here.was_whole:
        return (
            f"/var/lib/{CLUSTER} has lost all its files; if no host has them any more, 'redis-cluster lead' makes "
            "one of them the master"
        )
    return ""


def _against(member: Member, answer: NodeAnswer | None, me: Member, here: Here, marked: bool) -> str:
    """What the answer of one other node says against this one's being master."""
    if answer is None or answer.kind == "silent":
        return "" if marked else f"{member.name} is unreachable"
    if answer.kind == "master":
        return f"{member.name} is master"
    if answer.kind == "refused":
        return f"{member.name} answers: {answer}"
    if answer.master != me:
        return f"{member.name} follows another master"
    if _holds_newer(answer, here):
        return f"{member.name} holds newer data"
    if answer.data and here.holds != "data":
        return f"{member.name} holds data"
    return ""


def _holds_newer(answer: NodeAnswer, here: Here) -> bool:
    """Whether a replica holds more than this node's outdated files.

    One that has been linked since it started holds all up to when its link went down; one that has not ranks by its
    stamp.
    """
    if not here.outdated or answer.kind != "replica" or not answer.data:
        return False
    if answer.linked_until is not None:
        return answer.linked_until > here.outdated.written
    return answer.rank is not None and answer.rank < here.outdated.rank
