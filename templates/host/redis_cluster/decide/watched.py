"""Which master a sentinel watches when it starts."""

from typing import NamedTuple

from ..members import Member, Members
from .answers import Heard, named, only_master


class Own(NamedTuple):
    """What this host's sentinel watched last, by its file. master: None where that was no member."""

    master: Member | None = None
    epoch: int = 0


class Watched(NamedTuple):
    """The master to watch, and the config-epoch to go with it. master: None where it is undecided. why: for people."""

    master: Member | None
    epoch: int
    why: str


def enough(members: Members, heard: Heard, own: Own, lead: bool) -> bool:
    """Whether what the others may still say does not matter."""
    said = named(members, heard.sentinels.values(), own.master)
    if said.by_majority and said.master != own.master and not said.disagree and not lead:
        return True
    others = [member for member in members.sentinels if member.name != members.host]
    return len(heard.sentinels) == len(others) and (lead or said.by_majority or own.master is not None)


def watched(members: Members, heard: Heard, own: Own, was_whole: bool, lead: bool) -> Watched:
    """The master that this host's sentinel is to watch, by what was heard: all, or as much as is enough().

    was_whole: whether the group has been whole with this host in it. lead: whether the operator makes this host's node
    lead.
    """
    if lead:
        # The other sentinels take the master over from the one that has the highest epoch.
        highest = max([own.epoch, *(answer.epoch for answer in heard.sentinels.values())])
        return Watched(members.node_here, highest + 1, "the operator made this node lead")
    said = named(members, heard.sentinels.values(), own.master)
    if said.by_majority and said.master and (own.master is None or said.epoch >= own.epoch):
        return Watched(said.master, said.epoch, "a majority of the other sentinels names it")
    if own.master:
        return Watched(own.master, own.epoch, "my last file says so")
    master = only_master(heard, 1)
    if master:
        return Watched(master, 0, "it is the one master that has replicas")
    master = only_master(heard, 0)
    if master and not was_whole:
        return Watched(master, 0, "the group was never whole, and it is the one master")
    return Watched(
        None,
        0,
        "undecided: no majority of the other sentinels names a master, and no node alone is one. Asked: "
        + "; ".join(heard.lines()),
    )
