"""Who is connected to a port that closes, and who is linked by the one that stays."""

import pytest
from redis_cluster.decide.passwords import Client
from redis_cluster.decide.tls_change import clients_there, closing_ports, online_at


@pytest.mark.parametrize(
    ("now", "wanted", "ports"),
    [
        ({"port": "6389"}, {"port": "6389", "tls-port": "6390"}, []),
        ({"port": "6389", "tls-port": "6390"}, {"port": "0", "tls-port": "6390"}, ["6389"]),
        ({"port": "6389", "tls-port": "6390"}, {"port": "6389"}, ["6390"]),
        ({"port": "0", "tls-port": "6390"}, {"port": "0", "tls-port": "6391"}, ["6390"]),
        ({}, {}, []),
        # What is no port may be a program.
        ({"port": "z/z/;e touch /tmp/x #"}, {"port": "0"}, []),
    ],
)
def test_closing_ports(now: dict[str, str], wanted: dict[str, str], ports: list[str]) -> None:
    """Those that are open now, and then are not."""
    assert [*closing_ports(now.get, wanted.get)] == ports


@pytest.mark.parametrize(
    ("connected", "left"),
    [
        ([], ""),
        ([Client("1", "10.0.0.9", "6390", "app", 1)], ""),
        ([Client("1", "10.0.0.9", "6389", "operator", 1), Client("2", "10.0.0.9", "6389", "sentinel", 1)], ""),
        (
            [Client(str(i), f"10.0.0.{9 - i % 2}", "6389", "app", 1) for i in range(4)],
            "clients are connected to port 6389, which is to close: app 10.0.0.8,app 10.0.0.9",
        ),
        (
            [Client("1", "10.0.0.9", "6389", "a\x1b[2J", 1)],
            "clients are connected to port 6389, which is to close: a [2J 10.0.0.9",
        ),
    ],
)
def test_clients_there(connected: list[Client], left: str) -> None:
    """But for the group's own."""
    assert clients_there("6389", connected) == left


@pytest.mark.parametrize(
    ("told", "count"),
    [
        ({}, 0),
        ({"slave0": "ip=10.0.0.2,port=6390,state=online,offset=1,lag=0"}, 1),
        ({"slave0": "ip=10.0.0.2,port=6390,state=online", "slave1": "ip=10.0.0.3,port=6389,state=online,lag=0"}, 1),
        ({"slave0": "ip=10.0.0.2,port=6390,state=wait_bgsave,offset=1,lag=0"}, 0),
        ({"slaves": "ip=10.0.0.2,port=6390,state=online"}, 0),
        ({"slave0": "port=6390,state=online"}, 0),
    ],
)
def test_online_at(told: dict[str, str], count: int) -> None:
    """By a master's list of them."""
    assert online_at(6390, told) == count
