"""The ids by which sentinels know each other from their first start on, instead of by hellos after two seconds."""

import re

from ..members import Member, Members
from .answers import Heard


def is_id(told: str) -> bool:
    """Whether it has the form of a sentinel's id."""
    return bool(re.fullmatch("[0-9a-f]{40}", told, re.ASCII))


def first_id(members: Members, sentinel: Member) -> str:
    """The id with which a member's sentinel begins that has no file of its own: every member can tell it.

    No other sentinel has it: at most one of a group of that name can be at that place.
    """
    from hashlib import sha1

    words = f"{members.master_name} {sentinel.name} {sentinel.address} {sentinel.port}"
    return sha1(words.encode(), usedforsecurity=False).hexdigest()


def known(members: Members, heard: Heard, was_whole: bool) -> dict[Member, str]:
    """The other sentinels with their ids, for one that begins: as they say, and of a new group also those not heard.

    Of an older group a silent one may have any id, and a wrong one would be a sentinel more.

    was_whole: whether the group has been whole with this host in it.
    """
    ids = {member: answer.id for member, answer in heard.sentinels.items() if is_id(answer.id)}
    if not was_whole and all(told == first_id(members, member) for member, told in ids.items()):
        ids = {member: first_id(members, member) for member in members.sentinels}
    return {member: told for member, told in ids.items() if member.name != members.host}
