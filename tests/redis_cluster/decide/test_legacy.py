"""Of what Ansible deployed, what is taken over and what is not."""

import pytest
from redis_cluster.decide.legacy import PRESET, Legacy, not_taken_over
from redis_cluster.members import Member, Members

A, B = (Member(name, f"10.0.0.{at}", 6389) for at, name in enumerate("ab", 1))
SENTINELS = (A._replace(port=26389), B._replace(port=26389))
MEMBERS = Members("m", 2, "a", 60, 10, "", (A, B), SENTINELS)
WANTED = {**PRESET, "dir": "/data", "appendonly": "yes"}
MONITOR = "monitor m 10.0.0.2 6389 2"
ID = "c" * 40


def _why(
    port: str = "6389",
    settings: dict[str, str] | None = None,
    sentinel_port: str = "26389",
    sentinel: tuple[str, ...] = (MONITOR,),
    members: Members = MEMBERS,
) -> str:
    lines = [line.split() for line in sentinel]
    return not_taken_over(members, Legacy(port, {**WANTED, **(settings or {})}, sentinel_port, lines), WANTED)


def test_of_this_group() -> None:
    """The address of the host alone is the legacy deployment's own, and fewer databases are no loss."""
    known = ("known-replica m 10.0.0.1 6389", "known-replica m 127.0.0.1 6389", f"known-sentinel m 10.0.0.1 26389 {ID}")
    assert (
        _why(settings={"databases": "8"}, sentinel=(MONITOR, *known, f"myid {ID}", "deny-scripts-reconfig yes")) == ""
    )


def test_of_another_group() -> None:
    """Or with data that this configuration would not load."""
    assert _why(port="7000") == "its node listens on port 7000; expected redis-cluster:nodePort, 6389"
    assert "sentinel listens on port 27000" in _why(sentinel_port="27000")
    assert 'hosts["a"].sentinel to be not false' in _why(members=MEMBERS._replace(sentinels=SENTINELS[1:]))
    assert "watches 'm other'; expected m alone" in _why(sentinel=(MONITOR, "monitor other 10.0.0.1 6389 2"))
    assert "watches ''" in _why(sentinel=())


@pytest.mark.parametrize(
    ("name", "was", "said"),
    [
        ("dir", "/srv", "its node has dir /srv; expected /data, or Redis would start without the data"),
        ("appendfilename", "other.aof", ". Set redis-cluster:redis.appendfilename to other.aof"),
        ("appendonly", "no", ". Set redis-cluster:redis.appendonly to no"),
        ("databases", "32", "databases 32; expected 16"),
        ("databases", "PATH[$(id)]", "its node has databases PATH[$(id)]"),
        ("databases", "", "its node has databases ;"),
    ],
)
def test_settings(name: str, was: str, said: str) -> None:
    """By which Redis finds the data."""
    assert said in _why(settings={name: was})


@pytest.mark.parametrize(
    "line", ["known-replica m 10.9.9.9 6389", f"known-sentinel m 10.9.9.9 6389 {ID}", "known-slave m 10.9.9.9 6389"]
)
def test_strangers(line: str) -> None:
    """Members that are none."""
    why = _why(sentinel=(MONITOR, line))
    assert "its sentinel knows 10.9.9.9:6389; expected members" in why
    assert "redis-cli -p 26389 SENTINEL RESET m" in why
