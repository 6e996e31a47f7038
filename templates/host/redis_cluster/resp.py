"""A client of Redis's protocol, RESP2, for daemons that may lie: bounded in bytes, in depth and in time."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Optional

if TYPE_CHECKING:
    from ssl import SSLContext

# Bytes of one reply. The longest that is asked for is INFO of a master, 6 kB and 90 bytes for each replica, and
# CONFIG GET *, 12 kB; a daemon that lies may go on for ever.
REPLY_LIMIT = 1 << 20
# Bytes of all replies to the commands that are asked at once, in limits of one. Every daemon is asked at the same time:
# those of 30 hosts that all lie take 120 MiB.
SUM_FACTOR = 2
# What a daemon says before it hangs up, and by TLS does not say.
FULL = "ERR max number of clients reached"
WAY_ON = "a restart of its service there ends them; then set redis-cluster:redis.timeout, or raise redis.maxclients"
# Arrays in arrays. EXEC of SENTINEL REPLICAS has three.
DEPTH_LIMIT = 7


class Unanswered(Exception):
    """Why there is no answer: nobody there, too late, too much, or no RESP2."""


class Denied(Unanswered):
    """The daemon is there, and lets nobody in as this user."""


class Ended(Unanswered):
    """The daemon, or its host, has ended the connection."""


class ErrorReply(NamedTuple):
    """A reply by which a daemon refuses a command."""

    text: str


Reply = str | int | None | ErrorReply | list["Reply"]


class Login(NamedTuple):
    """As whom daemons are asked; no user, or neither, at a legacy one that has none. tls: None: in plain text."""

    user: str
    password: str
    tls: Optional["SSLContext"] = None


class Connection:
    """One connection to a daemon, logged in. It asks nothing by itself and is of no use after Unanswered.

    address: IPv4, or the path of a Unix socket, for which there is no port and no TLS.
    seconds: until it has to be logged in. limit: bytes of a reply.
    """

    def __init__(self, address: str, port: int, login: Login, seconds: float, limit: int = REPLY_LIMIT) -> None:
        # It takes longest of all imports, and most steps ask nobody.
        import socket

        self._limit = limit
        self._buffer = bytearray()
        self._deadline = time.monotonic() + seconds
        self._seconds = seconds
        local = address.startswith("/")
        self._socket = socket.socket(socket.AF_UNIX if local else socket.AF_INET)
        try:
            self._socket.settimeout(seconds)
            self._socket.connect(address if local else (address, port))
            if not local:
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if login.tls and not local:
                self._socket.settimeout(self._left())
                # Its certificate has to be for this address, as the check at the end of a run has it.
                self._socket = login.tls.wrap_socket(self._socket, server_hostname=address)
            # Redis before 6 knows no user.
            greeting = ["AUTH", *filter(None, [login.user, login.password])] if login.password else ["PING"]
            (reply,) = self.ask([greeting], self._left())
        except (OSError, Unanswered) as error:
            self.close()
            raise self._unanswered(error, login.tls is not None) from None
        if reply != ("OK" if login.password else "PONG"):
            self.close()
            said = reply.text if isinstance(reply, ErrorReply) else "AUTH is not answered with OK"
            raise Denied(f"{said}: {WAY_ON}" if said == FULL else said)

    def ask(self, commands: Sequence[Sequence[str]], seconds: float) -> list[Reply]:
        """The replies to commands that are sent at once. Raises Unanswered where they take longer than seconds."""
        self._deadline = time.monotonic() + seconds
        self._seconds = seconds
        self._received = 0
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(b"".join(map(_encoded, commands)))
            replies = []
            for _ in commands:
                self._begun = self._at = 0
                replies.append(self._reply(0))
                del self._buffer[: self._at]
            return replies
        except OSError as error:
            raise self._unanswered(error) from None

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()

    def _reply(self, depth: int) -> Reply:
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode(errors="replace")
        if kind == b"-":
            return ErrorReply(rest.decode(errors="replace"))
        number = _number(rest)
        if number is None or kind not in b":$*" or not kind:
            raise Unanswered("answers in no RESP2")
        if kind == b":":
            return number
        if number == -1:
            return None
        if number < 0:
            raise Unanswered("answers in no RESP2")
        if kind == b"$":
            return self._bulk(number)
        if depth == DEPTH_LIMIT:
            raise Unanswered(f"answers with more than {DEPTH_LIMIT} arrays in each other")
        items: list[Reply] = []
        for _ in range(number):
            # What has come already may be long, too.
            self._left()
            items.append(self._reply(depth + 1))
        return items

    def _bulk(self, length: int) -> str:
        end = self._at + length
        if length > self._limit:
            raise Unanswered(f"answers with more than {self._limit} bytes")
        while len(self._buffer) < end + 2:
            self._more()
        if self._buffer[end : end + 2] != b"\r\n":
            raise Unanswered("answers in no RESP2")
        text = self._buffer[self._at : end].decode(errors="replace")
        self._at = end + 2
        return text

    def _line(self) -> bytes:
        searched = self._at
        while (end := self._buffer.find(b"\r\n", searched)) < 0:
            searched = max(self._at, len(self._buffer) - 1)
            self._more()
        line = bytes(self._buffer[self._at : end])
        self._at = end + 2
        return line

    def _more(self) -> None:
        if len(self._buffer) > self._limit:
            raise Unanswered(f"answers with more than {self._limit} bytes")
        self._socket.settimeout(self._left())
        chunk = self._socket.recv(1 << 16)
        if not chunk:
            raise Ended("ends the connection")
        self._received += len(chunk)
        if self._received > SUM_FACTOR * self._limit:
            raise Unanswered(f"answers with more than {SUM_FACTOR * self._limit} bytes in all")
        self._buffer += chunk

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _unanswered(self, error: Exception, greets_by_tls: bool = False) -> Unanswered:
        # The end of a TLS handshake half-way is an OSError of ssl's own.
        if greets_by_tls and (isinstance(error, ConnectionResetError | Ended) or "EOF" in str(error)):
            return Ended(f"ends the connection, as a daemon does by TLS at its maxclients: {WAY_ON}")
        if isinstance(error, Unanswered):
            return error
        if isinstance(error, TimeoutError):
            return Unanswered(f"no answer within {self._seconds:.3g} s")
        kind = Ended if isinstance(error, ConnectionError) else Unanswered
        return kind(getattr(error, "strerror", None) or str(error))


def _encoded(command: Sequence[str]) -> bytes:
    words = [word.encode() for word in command]
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


def _number(digits: bytes) -> int | None:
    unsigned = digits[1:] if digits[:1] == b"-" else digits
    # isdigit of bytes is true of ASCII's alone. Redis's numbers have 64 bits.
    return int(digits) if unsigned.isdigit() and len(unsigned) < 20 else None
