"""Passwords that are being changed, and who is still connected by one that is to go."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

# These log in anew on every host with what its release says, and lost() looks at them.
OWN_USERS = ("replication", "sentinel", "operator")

_ADDRESS = re.compile(r"([0-9a-fA-F.:\[\]]{1,64}):[0-9]{1,5}")
_AGE = re.compile("[0-9]{1,12}")

# The hashes of each user's passwords, the current one first.
Hashes = Mapping[str, Sequence[str]]


class Accepted(NamedTuple):
    """A password that this host's daemons accept besides those of their release, and since when, in s since 1970."""

    user: str
    hash: str
    since: int

    def __str__(self) -> str:
        """Its line in the file."""
        return f"{self.user} {self.hash} {self.since}"


class Client(NamedTuple):
    """A connection that a daemon has. age: in seconds. port: the daemon's own that it came to."""

    id: str
    address: str
    port: str
    user: str
    age: int


def lost(now: Hashes, wanted: Hashes) -> str:
    """A user whose password, as clients have it now, would be accepted no more at once; empty where there is none."""
    for user, hashes in now.items():
        if wanted.get(user) and hashes[0] not in wanted[user]:
            return user
    return ""


def accepting(now: Hashes, wanted: Hashes, accepted: Iterable[Accepted], moment: int) -> tuple[list[Accepted], Hashes]:
    """What is accepted besides the release's passwords until all hosts have the wanted ones, and what of it is new.

    A user who is new gets his first password with his rights.
    """
    since = {(each.user, each.hash): each.since for each in accepted}
    kept: list[Accepted] = []
    added: dict[str, list[str]] = {}
    for user, hashes in wanted.items():
        for each in hashes:
            begun = since.get((user, each))
            if now.get(user) and each not in now[user]:
                added.setdefault(user, []).append(each)
                begun = moment if begun is None else begun
            if begun is not None:
                kept.append(Accepted(user, each, begun))
    return kept, added


def leaving(now: Hashes, wanted: Hashes, accepted: Iterable[Accepted], moment: int) -> Iterator[tuple[str, int]]:
    """Each user who is to lose a password, or to go, and since when clients could have come by another one.

    Who logged in before the new password was accepted did so with the old one.
    """
    since = {(each.user, each.hash): each.since for each in accepted}
    for user, hashes in now.items():
        kept = wanted.get(user, ())
        if user in OWN_USERS:
            continue
        if not kept:
            yield user, moment
        elif any(each not in kept for each in hashes) and (user, kept[0]) in since:
            yield user, since[user, kept[0]]


def clients(told: str) -> list[Client]:
    """By a reply to CLIENT LIST; what has another form is left out."""
    found = []
    for line in told.split("\n"):
        words = dict(word.split("=", 1) for word in line.split() if "=" in word)
        address, port = _ADDRESS.fullmatch(words.get("addr", "")), words.get("laddr", "").rpartition(":")[2]
        age = words.get("age", "")
        if address and _AGE.fullmatch(age):
            found.append(Client(words.get("id", ""), address[1], port, words.get("user", ""), int(age)))
    return found


def connected_before(connected: Iterable[Client], user: str, seconds: int) -> str:
    """The addresses from which a user has connections that are older than so many seconds."""
    return " ".join(sorted({each.address for each in connected if each.user == user and each.age > seconds}))
