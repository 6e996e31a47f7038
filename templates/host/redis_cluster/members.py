"""The two files by which a host knows its group: members and secrets. Both are of root's writing, parsed strictly."""

import os
import re
from typing import Literal, NamedTuple

from .decide.package import VERSION
from .messages import Refused

Daemon = Literal["node", "sentinel"]

# The settings of each, in a release.
CONF: dict[Daemon, str] = {"node": "redis.conf", "sentinel": "sentinel.conf"}

_WORD = "[A-Za-z0-9_][A-Za-z0-9._-]*"
_NUMBER = "[0-9]{1,9}"
_ADDRESS = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
_FORMS = {
    keyword: re.compile(form)
    for keyword, form in {
        "master-name": _WORD,
        "self": _WORD,
        "quorum": _NUMBER,
        "sentinel-return": _NUMBER,
        "limits": f"{_NUMBER} {_NUMBER}",
        "plain-ports": f"{_NUMBER} {_NUMBER}",
        "package": VERSION,
        "node": f"{_WORD} {_ADDRESS} {_NUMBER}",
        "sentinel": f"{_WORD} {_ADDRESS} {_NUMBER}",
        # Releases from before have one; nobody goes by it.
        "bootstrap-master": ".*",
    }.items()
}


class Member(NamedTuple):
    """A daemon of the group: its host's name, and where it is asked."""

    name: str
    address: str
    port: int

    @property
    def place(self) -> str:
        """ADDRESS:PORT, as sentinels name a master."""
        return f"{self.address}:{self.port}"

    @property
    def pair(self) -> str:
        """ADDRESS PORT, as Redis's files have it."""
        return f"{self.address} {self.port}"


class Members(NamedTuple):
    """What the members file says.

    host: this host's name. stall, pause: redis-cluster:limits, in seconds. tls: the directory of this host's
    certificate where daemons are asked by TLS, else empty. plain_node_port, plain_sentinel_port: those before that,
    else 0. sentinel_return: after how many seconds a sentinel that was stopped starts again by itself. package: the
    version of redis-server, empty where the stack leaves it to the host.
    """

    master_name: str
    quorum: int
    host: str
    stall: int
    pause: int
    tls: str
    nodes: tuple[Member, ...]
    sentinels: tuple[Member, ...]
    plain_node_port: int = 0
    sentinel_return: int = 0
    plain_sentinel_port: int = 0
    package: str = ""

    @property
    def here(self) -> dict[Daemon, Member]:
        """This host's daemons: a node, a sentinel, or both."""
        both: tuple[tuple[Daemon, tuple[Member, ...]], ...] = (("node", self.nodes), ("sentinel", self.sentinels))
        return {daemon: each for daemon, members in both for each in members if each.name == self.host}

    @property
    def node_here(self) -> Member:
        """This host's node. Raises Refused where it has none: what an operator wants of a node is wanted elsewhere."""
        node = self.here.get("node")
        if node is None:
            names = ", ".join(each.name for each in self.nodes)
            why = f"this host has a sentinel and no node; expected one of {names}. Run the same there"
            raise Refused(why, self.host)
        return node

    @property
    def sentinel_here(self) -> Member:
        """This host's sentinel; where it has none, has_sentinel tells."""
        return self.here["sentinel"]

    @property
    def has_node(self) -> bool:
        """Whether this host has a node."""
        return "node" in self.here

    @property
    def has_sentinel(self) -> bool:
        """Whether this host has a sentinel."""
        return "sentinel" in self.here

    def node_at(self, address: str, port: str) -> Member | None:
        """The node there; None where that is no member. A file or a sentinel from before TLS names its plain port."""
        return _at(self.nodes, self.plain_node_port, address, port)

    def sentinel_at(self, address: str, port: str) -> Member | None:
        """The same of a sentinel."""
        return _at(self.sentinels, self.plain_sentinel_port, address, port)


def _at(daemons: tuple[Member, ...], plain_port: int, address: str, port: str) -> Member | None:
    for daemon in daemons:
        if address == daemon.address and port in {str(daemon.port), str(plain_port or daemon.port)}:
            return daemon
    return None


def load_members(path: str) -> Members:
    """Reads the members file. Raises Refused where it is not as pulumi up writes it."""
    once: dict[str, list[str]] = {"limits": ["60", "10"]}
    daemons: dict[str, list[Member]] = {"node": [], "sentinel": []}
    for line in _lines(path, "members"):
        keyword, _, rest = line.strip().partition(" ")
        if not keyword or keyword.startswith("#"):
            continue
        if keyword not in _FORMS or not _FORMS[keyword].fullmatch(rest):
            raise Refused(f"{path}: unknown line '{line.strip()}'; run pulumi up again")
        if keyword in daemons:
            name, address, port = rest.split(" ")
            daemons[keyword].append(Member(name, address, int(port)))
        else:
            once[keyword] = rest.split(" ")
    needed = {"master-name", "quorum", "self", "sentinel-return"}
    if not needed <= once.keys() or not daemons["node"]:
        raise Refused(f"{path}: incomplete; run pulumi up again")
    return Members(
        once["master-name"][0],
        int(once["quorum"][0]),
        once["self"][0],
        int(once["limits"][0]),
        int(once["limits"][1]),
        os.path.dirname(path) if "plain-ports" in once else "",
        tuple(daemons["node"]),
        tuple(daemons["sentinel"]),
        int(once.get("plain-ports", ["0"])[0]),
        int(once["sentinel-return"][0]),
        int(once.get("plain-ports", ["0", "0"])[1]),
        once.get("package", [""])[0],
    )


def secret(path: str, name: str) -> str:
    """One password of the secrets file. Raises Refused where it is not there."""
    for line in _lines(path, "secrets"):
        keyword, _, value = line.strip().partition(" ")
        if keyword == name:
            return value.strip()
    raise Refused(f"{path}: no secret named {name}; run pulumi up again")


def hashes(path: str) -> dict[str, list[str]]:
    """The hashes of each user's passwords in the secrets file, the current one first. Raises Refused."""
    lines = [line.split() for line in _lines(path, "secrets")]
    return {words[1]: words[2:] for words in lines if len(words) > 2 and words[0] == "hash"}


def _lines(path: str, what: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().split("\n")
    except OSError:
        raise Refused(f"cannot read {path}; expected the {what} file that pulumi up writes") from None
