"""What sentinels watch or remember that is no member's."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ..members import Member, Members
from ..resp import Reply
from .answers import Heard, SentinelAnswer
from .replies import pairs

_ADDRESS, _PORT, _FLAGS = re.compile("[0-9.]+"), re.compile("[0-9]+"), re.compile("[a-z_,]+")


class Known(NamedTuple):
    """A daemon that a sentinel knows."""

    address: str
    port: str
    flags: tuple[str, ...]

    @property
    def pair(self) -> str:
        """ADDRESS PORT."""
        return f"{self.address} {self.port}"

    @property
    def there(self) -> bool:
        """Whether the sentinel has a link to it."""
        return not {"s_down", "disconnected"} & set(self.flags)


class Knows(NamedTuple):
    """What a sentinel knows. master: None where it watches nobody, or nobody who can be told by an address."""

    master: Known | None
    others: tuple[Known, ...]

    def __str__(self) -> str:
        """The same for people."""
        all_of_them = [*([self.master] if self.master else []), *self.others]
        return "; ".join(f"{known.pair} {','.join(known.flags)}" for known in all_of_them) or "nobody"


def knows(replies: Sequence[Reply]) -> Knows:
    """By its replies to SENTINEL MASTER, REPLICAS and SENTINELS."""
    master, *lists = replies or [None]
    others = [known for each in lists if isinstance(each, list) for known in map(_known, each) if known]
    return Knows(_known(master), tuple(others))


def strangers(members: Members, sentinel: Member, known: Knows, also_there: bool) -> list[Known]:
    """The replicas and sentinels that it remembers and that are no member's.

    also_there: whether those count that are there. They would be known again at once; a member's other address, as the
    legacy sentinel may have it, is there.
    """
    ours = {node.pair for node in members.nodes} | {each.pair for each in members.sentinels if each != sentinel}
    return [each for each in known.others if each.pair not in ours and (also_there or not each.there)]


def all_watch_one_member(members: Members, known: dict[Member, Knows], also_there: bool) -> bool:
    """Whether all sentinels watch the same member and none remembers strangers."""
    watched = {each.master.pair if each.master else "" for each in known.values()}
    return (
        len(watched) == 1
        and watched <= {node.pair for node in members.nodes}
        and not any(strangers(members, sentinel, each, also_there) for sentinel, each in known.items())
    )


def epoch_of(members: Members, heard: Heard, master: Member) -> int | None:
    """The epoch that the sentinels have for this master, 0 where none names it.

    None unless all were heard, and none has a newer one for another.
    """
    answers = [heard.sentinels.get(sentinel, SentinelAnswer(sentinel, "silent")) for sentinel in members.sentinels]
    if any(answer.kind not in ("names", "names-nobody") for answer in answers):
        return None
    highest = max((answer.epoch for answer in answers if answer.master == master), default=0)
    another = max((answer.epoch for answer in answers if answer.master != master), default=0)
    return highest if another <= highest else None


def knows_members(members: Members, sentinel: Member, known: Knows, watching: set[Member]) -> bool:
    """Whether it has a link to each node, and to each other sentinel that watches the master."""
    everyone = [*([known.master] if known.master else []), *known.others]
    linked = {each.pair for each in everyone if each.there}
    wanted = {node.pair for node in members.nodes} | {each.pair for each in watching if each != sentinel}
    return wanted <= linked


def _known(reply: Reply) -> Known | None:
    if not isinstance(reply, list):
        return None
    told = pairs(reply)
    address, port, flags = told.get("ip", ""), told.get("port", ""), told.get("flags", "")
    if _ADDRESS.fullmatch(address) and _PORT.fullmatch(port) and _FLAGS.fullmatch(flags):
        return Known(address, port, tuple(flags.split(",")))
    return None
