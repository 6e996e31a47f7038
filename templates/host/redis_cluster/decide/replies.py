"""What daemons tell in words, as numbers and as values by their names."""

import re

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
