"""How this host's node joins the group: hears the others, decides, has the sentinels fail over where that is due."""

from typing import Literal, NamedTuple

from .answers import heard_of
from .decide.answers import Heard, nobody_heard
from .decide.last_file import Last
from .decide.role import Here, Outdated, Verdict, enough, role, undecided
from .decide.stamp import STAMP_DELAY, rank
from .failover import fail_over_first
from .files import Files, held
from .marks import other_directory, refuse_other_directory
from .members import Member
from .messages import Refused, say
from .observe import Daemons
from .paths import DATA
from .release import Release
from .stamps import read_stamp
from .unread import refuse_unread


class Replica(NamedTuple):
    """A start as replica.

    rank: the replica-priority until it is linked. After an outage of all hosts offsets tell nothing, and Sentinel would
    promote a replica that was down before it. So a replica that starts from disk ranks by its stamp, the newest first,
    until it has linked to a master; an empty one is never promoted.

    resumes: whether it goes on from the RDB of its last stop, without an AOF; see resume.py.
    """

    master: Member
    rank: int
    resumes: bool


def join(release: Release, last: Last, bootstrap: str, was_whole: bool, lead: bool) -> Replica | Literal["master"]:
    """As what the node starts. Refused where it is undecided.

    So is a start over data that are not this node's own, or that it would not load.

    last, bootstrap, was_whole, lead: as decide.role.Here has them.
    """
    members, daemons, settings = release.members, release.daemons(), release.settings
    refuse_other_directory(lead, members.host)
    refuse_unread(settings, DATA, last, members.host)
    files, stamp = Files(settings, DATA), read_stamp(DATA)
    files.remove_unfinished()
    here = Here(held(settings, DATA, other_directory()), None, last, bootstrap, was_whole, lead)
    if here.holds == "data" and files.outdated(stamp):
        here = here._replace(outdated=Outdated(files.written() or 0, rank(files.as_of(stamp))))
    heard = nobody_heard() if here.lead else _heard(daemons, here)
    verdict = role(members, heard, here)
    if verdict.role == "fail-over":
        master = fail_over_first(daemons, heard)
        verdict = verdict._replace(role="replica", master=master) if master else Verdict("undecided", verdict.otherwise)
    if verdict.role == "master":
        say(f"starts as master: {verdict.why}", members.host)
        return "master"
    if verdict.master is None:
        raise Refused(
            f"{undecided(verdict.why, heard, here)}. Retried every time systemd starts this unit; look at the members "
            "named above",
            members.host,
        )
    # A master that is to follow another was failed over when it was away. It ranks behind every replica that was linked
    # up to then: since then they may have got more than their stamps tell.
    if here.last == "master" and stamp:
        stamp = stamp.lowered(stamp.moment - STAMP_DELAY, stamp.time_ns)
    promotable = here.holds == "data" and settings.get("replica-priority", "100") != "0"
    say(f"starts as replica of {verdict.master.pair}: {verdict.why}", members.host)
    return Replica(verdict.master, rank(files.as_of(stamp)) if promotable else 0, files.may_resume())


def _heard(daemons: Daemons, here: Here) -> Heard:
    members = daemons.members
    others = [node for node in members.nodes if node != members.node_here]
    return heard_of(daemons, members.sentinels, others, lambda heard: enough(members, heard, here))
