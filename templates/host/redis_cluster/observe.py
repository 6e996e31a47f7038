"""Asks every daemon of the group at the same time, and holds what everybody said."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from .decide.passwords import Client, clients
from .decide.replies import pairs, place
from .members import Member, Members, load_members, secret
from .messages import Refused
from .resp import REPLY_LIMIT, Connection, Ended, ErrorReply, Login, Reply, Unanswered

if TYPE_CHECKING:
    from ssl import SSLContext

# A daemon that does not answer a question within this many seconds counts as unreachable.
ASK_TIMEOUT = 2

# Bytes of a list of connections. That of a full node has 20 MB.
CLIENTS_LIMIT = 64 << 20

# What Sentinel's user does on a node in a failover: without any one of these there is none, and CKQUORUM says OK.
FAILOVER_RIGHTS = (
    "MULTI",
    "EXEC",
    "SLAVEOF NO ONE",
    "PING",
    "SUBSCRIBE __sentinel__:hello",
    "PUBLISH __sentinel__:hello x",
    "INFO",
    "CONFIG REWRITE",
    "CLIENT KILL TYPE normal",
)

# A write of each kind, on any key: Redis replays them as the user default. How ACL LIST tells rights differs among
# its versions.
REPLAYED_WRITES = (
    "SET k v",
    "DEL k",
    "INCR k",
    "PEXPIREAT k 1",
    "LPUSH k v",
    "SPOP k 1",
    "HSET k f v",
    "ZADD k 1 m",
    "XADD k * f v",
    "FLUSHALL",
    "FLUSHDB",
    "SWAPDB 0 1",
    "RESTORE k 0 v",
    "SORT k STORE k",
    "FUNCTION LOAD code",
    "PUBLISH c m",
)


class Clock(NamedTuple):
    """A daemon's time, and this host's before the question and after the answer; microseconds since 1970."""

    told: int
    before: int
    after: int


class Node(NamedTuple):
    """What one node said.

    silence: why it said nothing, else empty. info: the fields of INFO. refusals: what it says instead of OK to CONFIG
    REWRITE and to the rights of a failover. replays: whether its user default may do all writes. clock: None where it
    tells no time.
    """

    member: Member
    silence: str = ""
    info: Mapping[str, str] = {}
    refusals: Sequence[str] = ()
    replays: bool = True
    clock: Clock | None = None


class Sentinel(NamedTuple):
    """What one sentinel said.

    silence: why it said nothing, else empty. master: the fields of SENTINEL MASTER. replicas: those that it knows, as
    ADDRESS:PORT. flush: what it says to SENTINEL FLUSHCONFIG.
    """

    member: Member
    silence: str = ""
    master: Mapping[str, str] = {}
    replicas: frozenset[str] = frozenset()
    tilt: str = ""
    ckquorum: str = ""
    id: str = ""
    flush: str = "OK"


class Group(NamedTuple):
    """What everybody said, in the order of the members file.

    thorough: whether it was asked too what would let a failover or a restart fail. by_tls: whether by TLS.
    """

    nodes: tuple[Node, ...]
    sentinels: tuple[Sentinel, ...]
    thorough: bool
    by_tls: bool = False


T = TypeVar("T")


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """What the functions return, each in a thread of its own. Raises what one of them raised."""
    results: dict[int, T] = {}
    failures: list[Exception] = []

    def run(index: int) -> None:
        try:
            results[index] = calls[index]()
        except Exception as failure:
            failures.append(failure)

    from threading import Thread

    threads = [Thread(target=run, args=(index,), daemon=True) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return [results[index] for index in range(len(calls))]


class Daemons:
    """The group's daemons, each on a connection that goes on from look to look.

    password: of the user. expired: whether this host's own daemons have a certificate that has ended; then no
    other is asked, and theirs is not looked at. Raises Refused where this host has no certificate though the daemons
    take TLS. user: as whom they are asked.
    """

    def __init__(self, members: Members, password: str, expired: bool = False, user: str = "operator") -> None:
        self.members = members
        self._login = Login(user, password, _tls_context(members.tls, expired))
        self._connections: dict[Member, Connection] = {}

    def ask(self, member: Member, *commands: str) -> list[Reply]:
        """The replies to commands in words, which may be asked twice. Raises Unanswered."""
        return self.tell(member, *(command.split(" ") for command in commands))

    def tell(self, member: Member, *words: Sequence[str]) -> list[Reply]:
        """The same for commands whose words may have spaces in them."""
        # The daemon may have started anew since, or have ended its clients' connections in a handover. One that is
        # silent is not asked twice.
        if member in self._connections:
            with suppress(Ended):
                return self._asked(member, words)
        return self._asked(member, words)

    def ask_once(self, member: Member, *commands: str) -> list[Reply]:
        """The same. Raises Ended where the daemon has ended its connection, as one that starts anew does."""
        return self._asked(member, [command.split(" ") for command in commands])

    def connect(self, member: Member, limit: int = REPLY_LIMIT) -> Connection:
        """A connection of the caller's own. limit: bytes of a reply. Raises Unanswered."""
        return Connection(member.address, member.port, self._login, ASK_TIMEOUT, limit)

    def clients(self, member: Member) -> list[Client]:
        """The connections that a daemon has. Raises Unanswered."""
        connection = Connection(member.address, member.port, self._login, ASK_TIMEOUT, CLIENTS_LIMIT)
        try:
            (reply,) = connection.ask([["CLIENT", "LIST"]], ASK_TIMEOUT)
        finally:
            connection.close()
        if not isinstance(reply, str):
            raise Unanswered(text(reply))
        return clients(reply)

    def _asked(self, member: Member, commands: Sequence[Sequence[str]]) -> list[Reply]:
        connection = self._connections.pop(member, None)
        if not connection:
            connection = self.connect(member)
        try:
            replies = connection.ask(commands, ASK_TIMEOUT)
        except Unanswered:
            connection.close()
            raise
        self._connections[member] = connection
        return replies

    def look(self, thorough: bool) -> Group:
        """What everybody says.

        thorough: also what would let a failover or a restart fail, for which all daemons write their files.
        """
        calls: list[Callable[[], Node | Sentinel]] = []
        calls += [partial(self._node, member, thorough) for member in self.members.nodes]
        calls += [partial(self._sentinel, member, thorough) for member in self.members.sentinels]
        said = at_once(calls)
        return Group(
            tuple(each for each in said if isinstance(each, Node)),
            tuple(each for each in said if isinstance(each, Sentinel)),
            thorough,
            self.members.tls != "",
        )

    def nodes(self) -> list[Node]:
        """What the nodes alone say of themselves."""
        return at_once([partial(self._node, member, False) for member in self.members.nodes])

    def look_again(self, nodes: Sequence[Node]) -> list[Node]:
        """The same nodes with what they say of their replication now."""

        def again(node: Node) -> Node:
            try:
                (reply,) = self.ask(node.member, "INFO replication")
            except Unanswered as error:
                return Node(node.member, silence=str(error))
            return node._replace(info={**node.info, **fields(reply)})

        return at_once([partial(again, node) for node in nodes])

    def _node(self, member: Member, thorough: bool) -> Node:
        refusals: list[str] = []
        replays, clock = True, None
        try:
            if thorough:
                clock = self._clock(member)
            commands = ["INFO"]
            if thorough:
                commands += ["CONFIG REWRITE"]
                commands += [f"ACL DRYRUN sentinel {right}" for right in FAILOVER_RIGHTS]
                commands += [f"ACL DRYRUN default {write}" for write in REPLAYED_WRITES]
            told, *more = self.ask(member, *commands)
        except Unanswered as error:
            return Node(member, silence=str(error), refusals=(str(error),) if thorough else ())
        if thorough:
            rights = 1 + len(FAILOVER_RIGHTS)
            refusals = [text(reply) for reply in more[:rights] if reply != "OK"]
            replays = all(reply == "OK" for reply in more[rights:])
        if not isinstance(told, str):
            return Node(member, text(told), {}, refusals, replays, clock)
        return Node(member, "", fields(told), refusals, replays, clock)

    def _clock(self, member: Member) -> Clock | None:
        before = time.time_ns() // 1000
        (reply,) = self.ask(member, "TIME")
        after = time.time_ns() // 1000
        match reply:
            case [str(seconds), str(micros)] if re.fullmatch("[0-9]{9,10} [0-9]{1,6}", f"{seconds} {micros}"):
                return Clock(int(seconds) * 1000000 + int(micros), before, after)
        return None

    def _sentinel(self, member: Member, thorough: bool) -> Sentinel:
        name = self.members.master_name
        commands = [f"SENTINEL MASTER {name}", f"SENTINEL REPLICAS {name}", "INFO sentinel"]
        commands += [f"SENTINEL CKQUORUM {name}", "SENTINEL MYID"]
        if thorough:
            commands += ["SENTINEL FLUSHCONFIG"]
        try:
            master, replicas, info, ckquorum, myid, *flush = self.ask(member, *commands)
        except Unanswered as error:
            return Sentinel(member, silence=str(error), flush=str(error) if thorough else "OK")
        flushed = text(flush[0]) if flush else "OK"
        if not isinstance(master, list):
            return Sentinel(member, silence=text(master), flush=flushed)
        return Sentinel(
            member,
            "",
            pairs(master),
            frozenset(map(place, replicas if isinstance(replicas, list) else [])),
            fields(info).get("sentinel_tilt", ""),
            text(ckquorum),
            myid if isinstance(myid, str) else "",
            flushed,
        )


def group_of(members_file: str, secrets_file: str) -> Daemons:
    """The group of those files, asked with the operator's password in them. Raises Refused."""
    return Daemons(load_members(members_file), secret(secrets_file, "operator"))


def text(reply: Reply) -> str:
    """A reply of one line in words, whether it is an error or not."""
    if isinstance(reply, ErrorReply):
        return reply.text
    return reply if isinstance(reply, str) else "an answer of another kind"


def fields(reply: Reply) -> dict[str, str]:
    """The fields of an INFO reply; of those that come twice the first."""
    found: dict[str, str] = {}
    for line in text(reply).split("\n"):
        name, colon, value = line.rstrip("\r").partition(":")
        if colon:
            found.setdefault(name, value)
    return found


def _tls_context(directory: str, expired: bool) -> "SSLContext | None":
    if not directory:
        return None
    from ssl import CERT_NONE, PROTOCOL_TLS_CLIENT, SSLContext

    context = SSLContext(PROTOCOL_TLS_CLIENT)
    if expired:
        context.check_hostname = False
        context.verify_mode = CERT_NONE
    try:
        context.load_verify_locations(f"{directory}/tls.ca")
        context.load_cert_chain(f"{directory}/tls.crt", f"{directory}/tls.key")
    except OSError as error:
        raise Refused(
            f"{directory}/tls.ca, tls.crt and tls.key: {error}; expected the certificate that pulumi up writes; "
            "run pulumi up again"
        ) from None
    return context
