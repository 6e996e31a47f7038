"""What a handover decides from what everybody said: who takes over, whose vote counts, and what sentinels are at."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..members import Member, Members
from ..observe import Node, Sentinel
from ..resp import Reply
from .identity import is_id
from .replies import follows, is_linked, number, pairs, version
from .stamp import UNSAVED_RANK


class View(NamedTuple):
    """What a sentinel takes for the group's state.

    master: ADDRESS:PORT that it tells clients. epoch: of the configuration that it goes by. failing_over: whether it
    leads a failover of its own.
    """

    master: str
    epoch: int
    failing_over: bool


class Vote(NamedTuple):
    """For whom a sentinel has voted, and in which epoch."""

    leader: str
    epoch: int


def is_majority(members: Members, count: int) -> bool:
    """Whether so many are one of the configured sentinels, not of those that answer."""
    return 2 * count > len(members.sentinels)


def view(address: Reply, master: Reply) -> View | None:
    """From the replies to SENTINEL GET-MASTER-ADDR-BY-NAME and SENTINEL MASTER; None where they tell nothing.

    The first already tells the promoted replica while a failover is still going on; the second has the epoch.
    """
    match address, master:
        case [str(ip), str(port)], list(words):
            told = pairs(words)
            epoch, flags = number(told.get("config-epoch")), told.get("flags", "").split(",")
            if epoch is not None:
                return View(f"{ip}:{port}", epoch, "failover_in_progress" in flags)
    return None


def newer_masters(members: Members, views: Iterable[View], place: str) -> list[Member]:
    """The members that a sentinel names by a newer configuration than that by which others name `place`."""
    seen = list(views)
    epoch = max((each.epoch for each in seen if each.master == place and not each.failing_over), default=0)
    named = {each.master for each in seen if each.epoch > epoch}
    return [each for each in members.nodes if each.place in named and each.place != place]


def next_epoch(views: Iterable[View]) -> int:
    """The first epoch that no configuration has had."""
    return 1 + max((each.epoch for each in views), default=0)


def vote(reply: Reply) -> Vote | None:
    """From the reply to SENTINEL IS-MASTER-DOWN-BY-ADDR."""
    match reply:
        case [int(), str(leader), int(epoch)]:
            return Vote(leader, epoch)
    return None


def elected(members: Members, votes: Iterable[Vote | None], candidate: str, epoch: int) -> bool:
    """Whether a majority of the configured sentinels have voted so: then nobody else can lead in that epoch."""
    return is_majority(members, sum(1 for each in votes if each == Vote(candidate, epoch)))


def candidate(sentinels: Sequence[Sentinel], target: Member) -> str:
    """The id in whose name votes are asked: of the sentinel beside the target, or of another that answers.

    It is a real one's, which may lead a failover at once should this handover die.
    """
    ids = {each.member.name: each.id for each in sentinels if is_id(each.id)}
    return ids.get(target.name) or next(iter(ids.values()), "")


def speaker(members: Members, known: Reply) -> str:
    """In whose name a sentinel is told: ADDRESS,PORT,ID of another, just as it knows it; else it would list one more.

    known: its reply to SENTINEL SENTINELS. Empty where it knows no other member.
    """
    places = {each.place for each in members.sentinels}
    for words in known if isinstance(known, list) else []:
        told = pairs(words)
        ip, port, name = told.get("ip", ""), told.get("port", ""), told.get("runid", "")
        if f"{ip}:{port}" in places and is_id(name):
            return f"{ip},{port},{name}"
    return ""


def linked(master: Member, info: Mapping[str, str], members: Members) -> list[Member]:
    """The members that the master has as replicas, online.

    info: the master's.
    """
    online = [value for name, value in info.items() if re.fullmatch("slave[0-9]+", name) and ",state=online," in value]
    places = [re.match("ip=([0-9.]+),port=([0-9]+),", value) for value in online]
    found = {f"{place[1]}:{place[2]}" for place in places if place}
    return [each for each in members.nodes if each.place in found and each != master]


def written(replicas: Iterable[Node]) -> set[Member]:
    """Those that have all their data in files: a full sync's are written by an AOF rewrite.

    Until that is done a node would start from what it had before the sync. Seen without a rewrite once is enough. One
    that went on from its RDB has no AOF before it begins to write one, and ranks by its stamp until that is done.
    """
    return {
        each.member
        for each in replicas
        if each.info.get("aof_rewrite_in_progress") == "0"
        and each.info.get("aof_rewrite_scheduled") == "0"
        and each.info.get("master_sync_in_progress") == "0"
        and (number(each.info.get("slave_priority")) or 0) < UNSAVED_RANK
    }


def heirs(replicas: Iterable[Node], master: Member) -> list[Member]:
    """The replicas that may take over, the best first: the lowest priority, as Sentinel has it, then the furthest on.

    Before that the oldest version: a replica cannot copy a master of a newer one, and an upgraded master's does not
    have to. Not one with priority 0, which is never a master.
    """
    found = []
    for each in replicas:
        told = each.info.get
        priority, offset = number(told("slave_priority")), number(told("slave_repl_offset"))
        if follows(each.info, master.place) and is_linked(each.info) and priority and offset is not None:
            found.append((version(told("redis_version")), priority, -offset, each.member))
    return [member for *_, member in sorted(found)]
