"""What a daemon's file has of its release: all but the role, which each start decides anew."""

import re
from collections.abc import Iterable

from . import paths
from .decide.passwords import Accepted
from .members import hashes, load_members, secret
from .messages import Refused
from .release import tls_of

# Redis replays an AOF as the user `default`, who is off and whom nobody can log in as, and leaves out every command of
# a transaction, a script or a function that this user has no right to. A release may be from before that was known.
REPLAYING_USER = "user default off resetpass ~* &* +@all"

_ACCEPTED = re.compile("([A-Za-z0-9_][A-Za-z0-9._-]*) ([0-9a-f]{64}) ([0-9]{1,12})")


def accepted() -> list[Accepted]:
    """Those passwords; none where no password is being changed."""
    try:
        with open(paths.ACCEPTED, encoding="ascii", errors="replace") as file:
            found = [_ACCEPTED.fullmatch(line.rstrip("\n")) for line in file]
    except OSError:
        return []
    return [Accepted(line[1], line[2], int(line[3])) for line in found if line]


def node_text(directory: str) -> str:
    """The node's file without its role, from the release in the directory. Raises Refused."""
    password = secret(f"{directory}/secrets", "replication")
    return _joined(
        _content(directory, "redis.conf"),
        "",
        "masteruser replication",
        f"masterauth {password}",
        *tls_lines(directory),
        *users_lines(directory, "users.acl"),
    )


def sentinel_text(directory: str, address: str, port: str) -> str:
    """The sentinel's file, watching that master and knowing nobody, from the release there. Raises Refused."""
    members = load_members(f"{directory}/members")
    name, password = members.master_name, secret(f"{directory}/secrets", "sentinel")
    return _joined(
        f"sentinel monitor {name} {address} {port} {members.quorum}",
        _content(directory, "sentinel.conf"),
        "",
        f"sentinel auth-user {name} sentinel",
        f"sentinel auth-pass {name} {password}",
        "sentinel sentinel-user sentinel",
        f"sentinel sentinel-pass {password}",
        *tls_lines(directory),
        *users_lines(directory, "sentinel-users.acl"),
    )


def tls_lines(directory: str) -> list[str]:
    """Where a daemon finds the certificate of the release."""
    if tls_of(directory) == "off":
        return []
    files = {"cert": "crt", "key": "key", "ca-cert": "ca"}
    return [f"tls-{name}-file {directory}/tls.{file}" for name, file in files.items()]


def users_lines(directory: str, file: str) -> list[str]:
    """The "user" lines of users.acl or sentinel-users.acl there, with the hashes of their passwords. Raises Refused."""
    known, also = hashes(f"{directory}/secrets"), accepted()

    def words(word: str) -> Iterable[str]:
        if not word.startswith("#"):
            return [word]
        user = word[1:]
        if user not in known:
            raise Refused(f"{directory}/secrets: no password for the user {user}; run pulumi up again")
        more = [each.hash for each in also if each.user == user]
        return (f"#{each}" for each in dict.fromkeys([*known[user], *more]))

    lines = []
    for line in _content(directory, file).split("\n"):
        if file == "users.acl" and line.startswith("user default off"):
            line = REPLAYING_USER
        if line.startswith("user "):
            lines.append(" ".join(each for word in line.split(" ") for each in words(word)))
    return lines


def _content(directory: str, file: str) -> str:
    try:
        with open(f"{directory}/{file}", encoding="utf-8", errors="replace") as text:
            return text.read().rstrip("\n")
    except OSError:
        raise Refused(f"cannot read {directory}/{file}; expected the release that pulumi up makes") from None


def _joined(*parts: str) -> str:
    return "\n".join(parts) + "\n"
