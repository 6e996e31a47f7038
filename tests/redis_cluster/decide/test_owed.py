"""What is owed on a host."""

import pytest
from redis_cluster.decide.owed import Owed, Runs, owed

LIVE = {"maxmemory", "hz", "timeout", "down-after-milliseconds", "failover-timeout"}
CONF = "bind 10.0.0.1\nmaxmemory 1gb\nhz 10\n"
SENTINEL = "port 26379\nsentinel down-after-milliseconds m 5000\n"
SAME = Runs(True, True, True, CONF)
OTHER = Runs(False, True, True, CONF)


@pytest.mark.parametrize(
    ("runs", "staged", "expected"),
    [
        (None, CONF, "restart"),
        (SAME, CONF, "none"),
        # The unit, or the binary.
        (SAME._replace(same_program=False), CONF, "restart"),
        # Another member, another password: nothing of the file.
        (OTHER, CONF, "live"),
        (OTHER, CONF.replace("1gb", "2gb"), "live"),
        # The order is nothing to a running daemon.
        (OTHER, "hz 10\nbind 10.0.0.1\nmaxmemory 1gb\n", "live"),
        (OTHER, CONF.replace("hz 10\n", "\n# a comment\nhz 10\n"), "live"),
        (OTHER, CONF.replace("10.0.0.1", "10.0.0.2"), "restart"),
        # Redis cannot be told to forget a setting, and what comes anew may have to be there at the start.
        (OTHER, CONF.replace("hz 10\n", ""), "restart"),
        (OTHER, CONF + "timeout 5\n", "restart"),
        # A node takes another certificate while it runs.
        (OTHER._replace(same_certificate=False), CONF, "live"),
        (OTHER, "", "restart"),
    ],
)
def test_node(runs: Runs | None, staged: str, expected: Owed) -> None:
    """By what it was composed from."""
    assert owed("node", staged, LIVE, runs) == expected


@pytest.mark.parametrize(
    ("staged", "same_certificate", "expected"),
    [
        (SENTINEL.replace("5000", "6000"), True, "live"),
        (SENTINEL, False, "restart"),
        (SENTINEL + "sentinel failover-timeout m 1\n", True, "restart"),
        (SENTINEL + "sentinel down-after-milliseconds other 1\n", True, "live"),
    ],
)
def test_sentinel(staged: str, same_certificate: bool, expected: Owed) -> None:
    """It takes another certificate at its start alone."""
    assert owed("sentinel", staged, LIVE, Runs(False, True, same_certificate, SENTINEL)) == expected
