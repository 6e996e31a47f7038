"""How everybody is asked."""

import threading
import time
from collections.abc import Iterator
from functools import partial
from socket import create_server, socket

import pytest
from redis_cluster.members import Member, Members
from redis_cluster.observe import Daemons, at_once, fields
from redis_cluster.resp import Ended

MEMBERS = Members("m", 1, "console", 60, 10, "", (), ())


@pytest.fixture(name="listener")
def _listener() -> Iterator[socket]:
    """A port of this machine."""
    with create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_a_connection_that_was_ended_meanwhile_is_made_anew(listener: socket) -> None:
    """A daemon that has started again is no silent one; who has to know of it is told."""

    def serve() -> None:
        for _ in range(3):
            one, _ = listener.accept()
            with one:
                for reply in (b"+OK\r\n", b"+PONG\r\n"):
                    one.recv(1000)
                    one.sendall(reply)

    threading.Thread(target=serve, daemon=True).start()
    daemons = Daemons(MEMBERS, "password")
    member = Member("console", "127.0.0.1", listener.getsockname()[1])
    assert [daemons.ask(member, "PING"), daemons.ask(member, "PING")] == [["PONG"], ["PONG"]]
    with pytest.raises(Ended):
        daemons.ask_once(member, "PING")
    assert daemons.ask_once(member, "PING") == ["PONG"]


def test_everybody_at_the_same_time() -> None:
    """In the order in which they were named."""
    begun = time.monotonic()

    def answer(number: int) -> int:
        time.sleep(0.3 - number / 1000)
        return number

    assert at_once([partial(answer, number) for number in range(60)]) == list(range(60))
    assert time.monotonic() - begun < 1


def test_fields_of_info() -> None:
    """Of those that come twice the first; lines of another form are none."""
    assert fields("# Server\r\na:1\r\nb\r\n\r\na:2\nc:d:e\r\n") == {"a": "1", "c": "d:e"}
