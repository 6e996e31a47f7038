"""Which master this host's sentinel watches: at its start, and whether it has been made to watch another since."""

from typing import NamedTuple

from .answers import ask_node, ask_sentinel, heard_of
from .decide.answers import Heard
from .decide.identity import first_id, known
from .decide.watched import Own, Watched, enough, watched
from .members import Member
from .messages import Refused, say
from .observe import Daemons
from .release import Release


class Watches(NamedTuple):
    """What the sentinel starts with.

    begins: lines of its file by which one that did not watch a member before knows its own id, and the others.
    """

    master: Member
    epoch: int
    begins: list[str]


def watch(release: Release, own: Own, was_whole: bool, lead: bool) -> Watches:
    """Refused where it is undecided. own: what it watched by its last file."""
    members = release.members
    found, heard = _watched(release.daemons(), own, was_whole, lead)
    if found.master is None:
        raise Refused(
            f"{found.why}. Retried every time systemd starts this unit; look at the members named above", members.host
        )
    say(f"watches {found.master.pair}: {found.why}", members.host)
    begins = []
    if own.master is None:
        begins.append(f"sentinel myid {first_id(members, members.sentinel_here)}")
        others = known(members, heard, was_whole).items()
        begins += [f"sentinel known-sentinel {members.master_name} {each.pair} {told}" for each, told in others]
    return Watches(found.master, found.epoch, begins)


def other_master(daemons: Daemons, was_whole: bool, lead: bool) -> str:
    """`ADDRESS PORT` of the master that the running sentinel would watch, were it started now, and does not.

    Empty where it watches that, and where that is none or does not say that it is a master.
    """
    members = daemons.members
    answer = ask_sentinel(daemons, members.sentinel_here)
    found, _ = _watched(daemons, Own(answer.master, answer.epoch), was_whole, lead)
    if found.master and found.master != answer.master and ask_node(daemons, found.master).kind == "master":
        return found.master.pair
    return ""


def _watched(daemons: Daemons, own: Own, was_whole: bool, lead: bool) -> tuple[Watched, Heard]:
    members = daemons.members
    others = [sentinel for sentinel in members.sentinels if sentinel.name != members.host]
    heard = heard_of(daemons, others, members.nodes, lambda heard: enough(members, heard, own, lead))
    return watched(members, heard, own, was_whole, lead), heard
