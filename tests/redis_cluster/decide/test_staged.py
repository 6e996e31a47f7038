"""What may not be changed in a group that runs."""

import pytest
from redis_cluster.decide.staged import changed_creation, changed_name

GROUP = {
    "members": {"master-name": "group"},
    "redis.conf": {"port": "6379", "tls-port": "", "appendonly": "yes", "databases": "16", "dbfilename": ""},
    "sentinel.conf": {"port": "26379"},
}


def changed(file: str, **values: str) -> dict[str, dict[str, str]]:
    """The group with other values."""
    return {**GROUP, file: {**GROUP[file], **{name.replace("_", "-"): value for name, value in values.items()}}}


@pytest.mark.parametrize(
    ("staged", "key"),
    [
        (GROUP, ""),
        (changed("members", master_name="other"), "masterName is other; expected group"),
        (changed("redis.conf", port="7000"), "nodePort is 7000; expected 6379"),
        (changed("sentinel.conf", port="7000"), "sentinelPort is 7000; expected 26379"),
        # Ports for TLS may come, and a plain one that goes stays among the members.
        (changed("redis.conf", tls_port="6380"), ""),
        ({**changed("redis.conf", port="0"), "members": {"master-name": "group", "plain-ports": "6379 26379"}}, ""),
        ({**GROUP, "members": {"master-name": "group", "plain-ports": "7000 26379"}}, "nodePort is 7000"),
    ],
)
def test_names(staged: dict[str, dict[str, str]], key: str) -> None:
    """By which members and clients find the group."""
    assert changed_name(GROUP, staged).startswith(f"redis-cluster:{key}" if key else "")
    assert bool(changed_name(GROUP, staged)) == bool(key)


def test_a_port_for_tls_is_set_back_by_its_path() -> None:
    """As pulumi config has it."""
    before, after = changed("redis.conf", tls_port="6380"), changed("redis.conf", tls_port="7000")
    assert "pulumi config set --path tls.nodePort 6380" in changed_name(before, after)


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({}, False),
        ({"appendonly": "no"}, True),
        ({"dbfilename": "other.rdb"}, True),
        ({"databases": "32"}, False),
        ({"databases": "8"}, True),
        ({"databases": "x[$(id)]"}, True),
        ({"databases": ""}, True),
    ],
)
def test_creation(values: dict[str, str], refused: bool) -> None:
    """Settings that the data were written with."""
    assert bool(changed_creation(GROUP, changed("redis.conf", **values))) == refused


def test_a_host_that_gets_a_node_has_written_nothing() -> None:
    """It had a sentinel alone: of no setting its data would be lost with."""
    before = {**GROUP, "redis.conf": dict.fromkeys(GROUP["redis.conf"], "")}
    assert changed_creation(before, GROUP) == changed_name(before, GROUP) == ""
