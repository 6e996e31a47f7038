"""The legacy Redis that the group's data are copied from. It is only ever read from, and asked to hold writes."""

from contextlib import suppress

from .decide.migration import OUR_NAME, PAUSES_WRITES, Sizes, still_there
from .decide.replies import number, pairs, version
from .messages import Refused, plain
from .observe import ASK_TIMEOUT, CLIENTS_LIMIT, fields, text
from .resp import Connection, Ended, ErrorReply, Login, Reply, Unanswered

# It may be busy with a command of its clients' for so many seconds.
PATIENCE = 10


class Source:
    """One connection to it, made anew where it ends. Raises Refused where there is none to be had.

    login: no user and no password where it asks for none. host: of the group, who says what is refused.
    """

    def __init__(self, address: str, port: int, login: Login, host: str) -> None:
        self.address, self.port, self.login = address, port, login
        self.place = f"{address}:{port}"
        self._host = host
        self._connection: Connection | None = None
        self.info()

    def ask(self, *commands: str) -> list[Reply]:
        """The replies to commands in words. Raises Refused where there are none."""
        words = [command.split(" ") for command in commands]
        try:
            if self._connection:
                with suppress(Ended):
                    return self._connection.ask(words, PATIENCE)
            self._connection = self.connect()
            return self._connection.ask(words, PATIENCE)
        except Unanswered as error:
            self._connection = None
            raise Refused(
                f"the legacy Redis at {self.place} does not answer: {plain(str(error))}; expected that it lets in whom "
                "redis-cluster:migrateFrom names, with migratePassword, from this host. Look at it, then run pulumi up "
                "again",
                self._host,
            ) from None

    def connect(self) -> Connection:
        """A connection of the caller's own. Raises Unanswered."""
        connection = Connection(self.address, self.port, self.login, ASK_TIMEOUT, CLIENTS_LIMIT)
        connection.ask([["CLIENT", "SETNAME", OUR_NAME]], ASK_TIMEOUT)
        return connection

    def info(self) -> dict[str, str]:
        """The fields of its INFO. Raises Refused where it may not be read."""
        (reply,) = self.ask("INFO")
        return fields(self._fit(reply, "INFO"))

    def modules(self) -> list[str]:
        """The names of those that it has loaded."""
        return module_names(self.ask("MODULE LIST")[0])

    def sizes(self) -> Sizes:
        """Of its databases and memory, as far as it tells them."""
        told = {name: value for reply in self.ask("CONFIG GET databases") for name, value in pairs(reply).items()}
        return Sizes(number(told.get("databases")), 0)

    def errors(self) -> dict[str, str]:
        """What it says to each command of a migration that it does not carry out. None of them changes anything."""
        commands = ["CLIENT LIST", "REPLCONF capa eof", "SELECT 0", f"TYPE {OUR_NAME}", f"PTTL {OUR_NAME}"]
        for kind, (length, _) in _READS.items():
            commands += [f"{length} {OUR_NAME}", " ".join(_value(kind, OUR_NAME, 1))]
        if version(self.info().get("redis_version")) >= PAUSES_WRITES:
            commands.append("CLIENT PAUSE 1 WRITE")
        replies = zip(commands, self.ask(*commands), strict=True)
        named = {
            " ".join(command.split(" ")[: 2 if command.startswith("CLIENT") else 1]): reply
            for command, reply in replies
        }
        return {name: reply.text for name, reply in named.items() if isinstance(reply, ErrorReply)}

    def clients(self) -> list[str]:
        """Who is connected to it; see decide.migration.still_there."""
        (reply,) = self.ask("CLIENT LIST")
        return [plain(each) for each in still_there(str(self._fit(reply, "CLIENT LIST")))]

    def hold_writes(self, seconds: int) -> dict[str, str]:
        """Its clients' writes wait, unacknowledged, for so long or until they are let go on; its replication then.

        One that is older than CLIENT PAUSE WRITE has to have no clients instead. Raises Refused.
        """
        if version(self.info().get("redis_version")) < PAUSES_WRITES:
            there = self.clients()
            if there:
                raise Refused(
                    f"the legacy Redis at {self.place} cannot hold writes, which came with 6.2, and has clients: "
                    f"{'; '.join(there)}. Stop them, then run pulumi up again; nothing was changed",
                    self._host,
                )
            (info,) = self.ask("INFO replication")
        else:
            held, info = self.ask(f"CLIENT PAUSE {seconds * 1000} WRITE", "INFO replication")
            self._fit(held, "CLIENT PAUSE")
        return fields(self._fit(info, "INFO"))

    def let_go_on(self) -> None:
        """Its clients' writes, as far as it answers."""
        with suppress(Refused):
            self.ask("CLIENT UNPAUSE")

    def _fit(self, reply: Reply, command: str) -> Reply:
        if isinstance(reply, ErrorReply) or not isinstance(reply, str):
            raise Refused(
                f"the legacy Redis at {self.place} says '{plain(text(reply))}' to {command}; expected an answer. Look "
                "at the rights of that user, then run pulumi up again",
                self._host,
            )
        return reply


def module_names(reply: Reply) -> list[str]:
    """Those that a reply to MODULE LIST tells."""
    found = [pairs(each).get("name", "") for each in reply] if isinstance(reply, list) else []
    return [plain(name) for name in found]


def same_on(old: Connection, new: Connection, database: str, keys: int) -> tuple[int, list[str]]:
    """How many keys of a database were looked at, taken by chance, and those that are not the same on both.

    Compared are type, expiry and value; of a long value its length and its first elements. Raises Unanswered.
    """
    for connection in (old, new):
        connection.ask([["SELECT", database[2:]]], PATIENCE)
    # A replica is asked for them: where all keys of a database have expired while writes are held, a master never
    # ends to look for one, and serves nobody any more.
    names = {name for name in new.ask([["RANDOMKEY"]] * keys, PATIENCE) if isinstance(name, str)}
    # What is no text the client cannot ask for.
    names = {name for name in names if "\ufffd" not in name}
    return len(names), [name for name in sorted(names) if not _same(old, new, name)]


# Elements of a value that are compared, and their bytes, about: an answer takes room in the memory of who gives it. And
# how far two readings of one expiry may be apart, in ms.
ELEMENTS = 512
VALUE_BYTES = 1 << 20
EXPIRY_APART = 2000
# By type: what tells its length, and its value; of a hash or a set no part can be asked for.
_READS = {
    "string": ("STRLEN", "GETRANGE {key} 0 65535"),
    "list": ("LLEN", "LRANGE {key} 0 {last}"),
    "hash": ("HLEN", "HGETALL {key}"),
    "set": ("SCARD", "SMEMBERS {key}"),
    "zset": ("ZCARD", "ZRANGE {key} 0 {last} WITHSCORES"),
    "stream": ("XLEN", "XRANGE {key} - + COUNT {count}"),
}
_WHOLE = ("hash", "set")


def _value(kind: str, key: str, count: int) -> list[str]:
    """The command for so many elements of it, or for all."""
    return [word.format(key=key, last=count - 1, count=count) for word in _READS[kind][1].split(" ")]


def _same(old: Connection, new: Connection, key: str) -> bool:
    count = _elements(new, key)
    (left, *before), (right, *after) = (_seen(connection, key, count) for connection in (old, new))
    never = -1 in (left, right) and left != right
    return before == after and not never and abs(left - right) <= EXPIRY_APART


def _elements(connection: Connection, key: str) -> int:
    """How many elements of a value are compared: of large ones fewer, or none."""
    kind, used = connection.ask([["TYPE", key], ["MEMORY", "USAGE", key, "SAMPLES", str(ELEMENTS)]], PATIENCE)
    if text(kind) not in _READS or not isinstance(used, int):
        return 0
    (size,) = connection.ask([[_READS[text(kind)][0], key]], PATIENCE)
    return min(ELEMENTS, size * VALUE_BYTES // used) if isinstance(size, int) else 0


def _seen(connection: Connection, key: str, count: int) -> tuple[int, str, int, str]:
    """When it expires, in ms from now, or -1; its type, its length, and a digest of so many of its elements."""
    from hashlib import sha256

    told, left = connection.ask([["TYPE", key], ["PTTL", key]], PATIENCE)
    kind, size, value = text(told), -1, ""
    if kind in _READS:
        (length,) = connection.ask([[_READS[kind][0], key]], PATIENCE)
        size = length if isinstance(length, int) else -1
    if kind in _READS and count and (kind not in _WHOLE or size <= count):
        (found,) = connection.ask([_value(kind, key, count)], PATIENCE)
        value = repr(found)
        if isinstance(found, list) and kind == "set":
            value = repr(sorted(map(str, found)))
        elif isinstance(found, list) and kind == "hash":
            value = repr(sorted(pairs(found).items()))
    return left if isinstance(left, int) else -2, kind, size, sha256(value.encode()).hexdigest()
