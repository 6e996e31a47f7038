"""The client of daemons that may lie: whatever comes, it is a typed reply or Unanswered, soon."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from redis_cluster.resp import DEPTH_LIMIT, REPLY_LIMIT, SUM_FACTOR, Connection, ErrorReply, Login, Reply, Unanswered

SUM_LIMIT = SUM_FACTOR * REPLY_LIMIT

LOGIN = Login("operator", "password")
Server = Callable[[Callable[[socket.socket], None]], Connection]


@pytest.fixture(name="daemon")
def _daemon() -> Iterator[Server]:
    """A daemon that lets in, and then does with the first question what the test says; a connection to it."""
    listener = socket.create_server(("127.0.0.1", 0))
    accepted: list[socket.socket] = []
    connections: list[Connection] = []

    def begin(answer: Callable[[socket.socket], None]) -> Connection:
        def serve() -> None:
            one, _ = listener.accept()
            accepted.append(one)
            one.recv(1 << 16)
            one.sendall(b"+OK\r\n")
            one.recv(1 << 16)
            # The client may have had enough.
            with suppress(OSError):
                answer(one)

        threading.Thread(target=serve, daemon=True).start()
        connections.append(Connection("127.0.0.1", listener.getsockname()[1], LOGIN, 2))
        return connections[0]

    yield begin
    for end in [*(each.close for each in connections), *(each.close for each in accepted), listener.close]:
        end()


def _sends(data: bytes) -> Callable[[socket.socket], None]:
    return lambda one: one.sendall(data)


@pytest.mark.parametrize(
    ("sent", "reply"),
    [
        (b"+OK\r\n", "OK"),
        (b"-ERR no\r\n", ErrorReply("ERR no")),
        (b":-12\r\n", -12),
        (b"$-1\r\n", None),
        (b"*-1\r\n", None),
        (b"$0\r\n\r\n", ""),
        (b"$4\r\na\r\nb\r\n", "a\r\nb"),
        (b"*0\r\n", []),
        (b"*3\r\n$1\r\na\r\n*1\r\n:1\r\n-ERR\r\n", ["a", [1], ErrorReply("ERR")]),
        (b"+\xff\r\n", "\ufffd"),
        (b"$%d\r\n%s\r\n" % (REPLY_LIMIT, b"x" * REPLY_LIMIT), "x" * REPLY_LIMIT),
        (b"*1\r\n" * DEPTH_LIMIT + b":1\r\n", [[[[[[[1]]]]]]]),
    ],
)
def test_replies_are_values(daemon: Server, sent: bytes, reply: Reply) -> None:
    """Each kind of reply has a type of its own."""
    assert daemon(_sends(sent)).ask([("PING",)], 2) == [reply]


def test_many_replies_come_in_order(daemon: Server) -> None:
    """Also where they are sent in pieces."""

    def trickle(one: socket.socket) -> None:
        for byte in b"+a\r\n$2\r\nbc\r\n:3\r\n":
            one.sendall(bytes([byte]))

    assert daemon(trickle).ask([("A",), ("B",), ("C",)], 2) == ["a", "bc", 3]


def _for_ever(head: bytes) -> Callable[[socket.socket], None]:
    def send(one: socket.socket) -> None:
        one.sendall(head)
        while True:
            one.sendall(b"x" * 65536)

    return send


def _slowly(head: bytes) -> Callable[[socket.socket], None]:
    def send(one: socket.socket) -> None:
        one.sendall(head)
        while True:
            one.sendall(b"x")
            time.sleep(0.05)

    return send


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (_sends(b""), "no answer within 0.5 s"),
        (_sends(b"+OK"), "no answer within 0.5 s"),
        (_sends(b"$10\r\nhalf"), "no answer within 0.5 s"),
        (_sends(b"*2\r\n+OK\r\n"), "no answer within 0.5 s"),
        (lambda one: one.close(), "ends the connection"),
        (_sends(b"HTTP/1.1 200 OK\r\n"), "no RESP2"),
        (_sends(b"\r\n"), "no RESP2"),
        (_sends(b"%1\r\n+a\r\n+b\r\n"), "no RESP2"),
        (_sends(b":12a\r\n"), "no RESP2"),
        (_sends(b":" + b"9" * 5000 + b"\r\n"), "no RESP2"),
        (_sends(b"$-2\r\n"), "no RESP2"),
        (_sends(b"*-2\r\n"), "no RESP2"),
        (_sends(b"$1\r\nab\r\n"), "no RESP2"),
        (_sends(b"$1073741824\r\n"), f"more than {REPLY_LIMIT} bytes"),
        (_for_ever(b"+"), f"more than {REPLY_LIMIT} bytes"),
        (_for_ever(b"*9\r\n$65530\r\n"), "no RESP2"),
        (_sends(b"*1\r\n" * 100000), "arrays in each other"),
        (_sends(b"*9999999999\r\n" + b"+\r\n" * (SUM_LIMIT // 3)), f"more than {REPLY_LIMIT} bytes|no answer within"),
        (_slowly(b"$1000000\r\n"), "no answer within 0.5 s"),
    ],
)
def test_a_liar_ends_in_unanswered(daemon: Server, answer: Callable[[socket.socket], None], why: str) -> None:
    """In time, whether it goes on for ever, sends half a reply, or no protocol at all."""
    connection = daemon(answer)
    begun = time.monotonic()
    with pytest.raises(Unanswered, match=why):
        connection.ask([("PING",)], 0.5)
    assert time.monotonic() - begun < 1


def test_all_replies_together_are_bounded(daemon: Server) -> None:
    """Each of them is short enough."""
    one = b"$1000000\r\n%s\r\n" % (b"x" * 1000000)
    with pytest.raises(Unanswered, match=f"more than {SUM_LIMIT} bytes in all"):
        daemon(_sends(one * 3)).ask([("A",)] * 3, 2)


def test_nobody_there() -> None:
    """A port on which nobody listens, and a socket that is none."""
    with pytest.raises(Unanswered, match="Connection refused"):
        Connection("127.0.0.1", 1, LOGIN, 1)
    with pytest.raises(Unanswered, match="No such file"):
        Connection("/nowhere/socket", 0, LOGIN, 1)


def test_who_does_not_let_in_is_told() -> None:
    """And nothing is asked of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            one, _ = listener.accept()
            with one:
                one.recv(1 << 16)
                one.sendall(b"-WRONGPASS invalid username-password pair\r\n")

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(Unanswered, match="WRONGPASS invalid"):
            Connection("127.0.0.1", listener.getsockname()[1], LOGIN, 2)


@pytest.mark.parametrize(
    ("sent", "tls", "said"),
    [
        (
            b"-ERR max number of clients reached\r\n",
            False,
            "ERR max number of clients reached: a restart of its service",
        ),
        (b"-NOAUTH\r\n", False, "NOAUTH"),
        # By TLS Redis says nothing: it has no handshake yet.
        (b"", True, "ends the connection, as a daemon does by TLS at its maxclients: a restart of its service"),
        (b"", False, "ends the connection"),
    ],
)
def test_a_daemon_that_has_no_room(sent: bytes, tls: bool, said: str) -> None:
    """Says so and hangs up, before it was asked anything."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        one, _ = listener.accept()
        one.sendall(sent)
        one.shutdown(socket.SHUT_WR)
        one.recv(1 << 16)
        one.close()

    threading.Thread(target=serve, daemon=True).start()
    login = LOGIN._replace(tls=ssl.create_default_context() if tls else None)
    with pytest.raises(Unanswered) as refused:
        Connection("127.0.0.1", listener.getsockname()[1], login, 2)
    listener.close()
    assert str(refused.value).startswith(said)
