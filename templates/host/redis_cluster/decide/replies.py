"""What daemons tell in words, as numbers and as values by their names."""

import re
from collections.abc import Mapping

from ..resp import Reply

_NUMBER = re.compile("0|[1-9][0-9]{0,17}", re.ASCII)
_PLACE = re.compile("[0-9.]{7,15}:[0-9]{1,5}", re.ASCII)


def number(told: str | None) -> int | None:
    """An epoch, an offset or a priority; None when it is no number."""
    return int(told) if told and _NUMBER.fullmatch(told) else None


def version(told: str | None) -> tuple[int, ...]:
    """The part of a server's version that its data go by, 7.0 of 7.0.15; that of one that tells none is the oldest."""
    parts = [number(part) for part in (told or "").split(".")[:2]]
    return tuple(part for part in parts if part is not None)


def pairs(reply: Reply) -> dict[str, str]:
    """What follows each name in a reply of names and values; empty where it is none."""
    words = [word if isinstance(word, str) else "" for word in reply] if isinstance(reply, list) else []
    return dict(zip(words[::2], words[1::2], strict=False))


def place(reply: Reply) -> str:
    """ADDRESS:PORT of a daemon that a sentinel lists; empty where it tells none."""
    told = pairs(reply)
    found = f"{told.get('ip', '')}:{told.get('port', '')}"
    return found if _PLACE.fullmatch(found) else ""


def follows(info: Mapping[str, str], place: str) -> bool:
    """Whether a node with this INFO replicates the daemon at ADDRESS:PORT, linked or not."""
    return info.get("role") == "slave" and f"{info.get('master_host')}:{info.get('master_port')}" == place


def is_linked(info: Mapping[str, str]) -> bool:
    """Whether a node with this INFO is a replica that has all of a first copy, and is told every write."""
    wanted = {"role": "slave", "master_link_status": "up", "master_sync_in_progress": "0", "loading": "0"}
    return wanted.items() <= info.items()
