"""Which master this host's sentinel watches: at its start, and whether it has been made to watch another since."""

import re
from collections.abc import Iterator

from .answers import ask_node, ask_sentinel, hear
from .decide.answers import Heard, nobody_heard
from .decide.identity import first_id, known
from .decide.watched import Own, Watched, enough, watched
from .messages import Refused, say
from .observe import Daemons, group_of


def watch(release: str, last: str, epoch: str, was_whole: bool, lead: bool) -> Iterator[str]:
    """What the sentinel starts with, a line each. Refused where it is undecided.

    First the `ADDRESS PORT EPOCH` of the master. Where it did not watch a member before, also `myid ID`, and
    `known-sentinel ADDRESS PORT ID` of the others.

    release: the directory of the release. last, epoch: the ADDRESS PORT that it watched by its last file, if any.
    """
    daemons = group_of(f"{release}/members", f"{release}/secrets")
    master = daemons.members.node_at(*last.split(" ")) if re.fullmatch("[0-9.]+ [0-9]+", last) else None
    found, heard = _watched(daemons, Own(master, int(epoch) if master else 0), was_whole, lead)
    if found.master is None:
        raise Refused(
            f"{found.why}. Retried every time systemd starts this unit; look at the members named above",
            daemons.members.host,
        )
    say(f"watches {found.master.pair}: {found.why}", daemons.members.host)
    yield f"{found.master.pair} {found.epoch}"
    if master:
        return
    members = daemons.members
    yield from (f"myid {first_id(members, each)}" for each in members.sentinels if each.name == members.host)
    yield from (f"known-sentinel {each.pair} {told}" for each, told in known(members, heard, was_whole).items())


def other_master(members_file: str, secrets_file: str, was_whole: bool, lead: bool) -> str:
    """`ADDRESS PORT` of the master that the running sentinel would watch, were it started now, and does not.

    Empty where it watches that, and where that is none or does not say that it is a master.
    """
    daemons = group_of(members_file, secrets_file)
    members = daemons.members
    here = next(sentinel for sentinel in members.sentinels if sentinel.name == members.host)
    answer = ask_sentinel(daemons, here)
    found, _ = _watched(daemons, Own(answer.master, answer.epoch), was_whole, lead)
    if found.master and found.master != answer.master and ask_node(daemons, found.master).kind == "master":
        return found.master.pair
    return ""


def _watched(daemons: Daemons, own: Own, was_whole: bool, lead: bool) -> tuple[Watched, Heard]:
    members, heard = daemons.members, nobody_heard()
    others = [sentinel for sentinel in members.sentinels if sentinel.name != members.host]
    for answer in hear(daemons, others, members.nodes):
        heard.add(answer)
        if enough(members, heard, own, lead):
            break
    return watched(members, heard, own, was_whole, lead), heard
