"""What root sees, and what this host's daemons say, comes in a closed form or not at all."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from redis_cluster import look, paths
from redis_cluster.decide.drift import Finding
from redis_cluster.drift import Facts, read_facts
from redis_cluster.live import refuse_evicting_maxmemory
from redis_cluster.look import Look
from redis_cluster.members import Member, Members
from redis_cluster.messages import Refused
from redis_cluster.observe import Daemons
from redis_cluster.resp import ErrorReply, Reply, Unanswered

MEMBERS = "master-name m\nquorum 1\nself console\nsentinel-return 9\nnode console 127.0.0.1 1\n"
SETTINGS: list[Reply] = ["maxmemory", "0", "masterauth", "secret-of-node", "hz", "10"]


def test_facts() -> None:
    """A unit's states may be empty."""
    assert read_facts(
        "unit redis-cluster.service active enabled\nunit redis-sentinel.service inactive \n"
        "drop-in redis-cluster.service /etc/x y.conf\nedited redis_cluster/decide/gate.py\nlead"
    ) == Facts(
        {"redis-cluster.service": ("active", "enabled"), "redis-sentinel.service": ("inactive", "")},
        [("redis-cluster.service", "/etc/x y.conf")],
        ["redis_cluster/decide/gate.py"],
        {"lead"},
    )


@pytest.mark.parametrize(
    "line",
    ["", "unit x active", "unit a.service $(id) enabled", "drop-in a.service x", "edited ../../etc", "leader", " lead"],
)
def test_other_facts(line: str) -> None:
    """Are refused."""
    with pytest.raises(Refused, match="root sees"):
        read_facts(f"{line}\nlead")


class Told(Daemons):
    """Daemons that say what a test says."""

    said: Mapping[str, Reply | Unanswered] = MappingProxyType({})

    def ask(self, member: Member, *commands: str) -> list[Reply]:
        """The replies to one question."""
        assert member.name == "console"
        return [self._reply(command) for command in commands]

    def _reply(self, command: str) -> Reply:
        reply = self.said.get(command, ErrorReply("ERR unknown"))
        if isinstance(reply, Unanswered):
            raise reply
        return reply


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The release that the daemons run."""
    directory = tmp_path / ("a" * 16)
    directory.mkdir()
    (directory / "members").write_text(MEMBERS)
    (directory / "secrets").write_text("operator x\nreplication y\nsentinel z\n")
    (directory / "redis.conf").write_text("maxmemory 100mb\nmaxmemory-policy allkeys-lru\n")
    (directory / "users.acl").write_text("user default off\n")
    monkeypatch.setattr(paths, "STAGED", str(directory))
    monkeypatch.setattr(look, "running_release", lambda _: str(directory))
    monkeypatch.setattr(look, "Daemons", Told)
    return directory


@pytest.mark.parametrize(
    ("settings", "seen"),
    [
        (["masterauth", "secret-of-node", "hz", "10"], "an answer of another kind"),
        ("masterauth secret-of-node", "an answer of another kind"),
        (ErrorReply("NOPERM no"), "NOPERM no"),
        (Unanswered("no answer within 2 s"), "no answer within 2 s"),
        ([["maxmemory", "0"]], "an answer of another kind"),
    ],
)
def test_no_answer(release: Path, monkeypatch: pytest.MonkeyPatch, settings: Reply | Unanswered, seen: str) -> None:
    """Is a finding, which tells none of the node's passwords."""
    monkeypatch.setattr(Told, "said", {"CONFIG GET *": settings, "ACL LIST": []})
    assert Look(str(release), False, False).node() == [Finding("redis", "an answer", seen)]


def test_a_node_is_compared_with_its_release(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the very binary reads that."""
    monkeypatch.setattr(Told, "said", {"CONFIG GET *": SETTINGS, "ACL LIST": ["user x on"]})
    made: list[Reply] = [["maxmemory", "104857600", "masterauth", "y", "hz", "10"], ["user default off"]]
    monkeypatch.setattr(look, "dry_run", lambda *_: made)
    assert Look(str(release), False, False).node() == [
        Finding("redis.masterauth", "y", "secret-of-node"),
        Finding("redis.maxmemory", "104857600", "0"),
        Finding("redis.acl.default", "off", ""),
        Finding("redis.acl.x", "", "on"),
    ]


@pytest.mark.parametrize(
    ("told", "conf", "refused"),
    [
        ("used_memory:104857601\r\n", "maxmemory 100mb\nmaxmemory-policy allkeys-lru\n", True),
        ("used_memory:104857600\r\n", "maxmemory 100mb\nmaxmemory-policy allkeys-lru\n", False),
        ("used_memory:104857601\r\n", "maxmemory 100mb\n", False),
        ("used_memory:104857601\r\n", "maxmemory-policy allkeys-lru\n", False),
        ("used_memory:PATH[$(id)]\r\n", "maxmemory 100mb\nmaxmemory-policy allkeys-lru\n", False),
        ("used_memory:" + "9" * 99 + "\r\n", "maxmemory 100mb\nmaxmemory-policy allkeys-lru\n", False),
        (ErrorReply("NOPERM"), "maxmemory 100mb\nmaxmemory-policy allkeys-lru\n", False),
        (Unanswered("silent"), "maxmemory 100mb\nmaxmemory-policy allkeys-lru\n", False),
    ],
)
def test_evicting_maxmemory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Reply | Unanswered, conf: str, refused: bool
) -> None:
    """Refused where keys would be thrown away at once; whether the node answers is the gate's."""
    (tmp_path / "redis.conf").write_text(conf)
    monkeypatch.setattr(Told, "said", {"INFO memory": told})
    here = Member("console", "127.0.0.1", 1)
    daemons = Told(Members("m", 1, "console", 60, 10, "", (here,), ()), "x")
    if refused:
        with pytest.raises(Refused, match="maxmemory is 104857600 bytes, below the 104857601 in use"):
            refuse_evicting_maxmemory(daemons, str(tmp_path))
    else:
        refuse_evicting_maxmemory(daemons, str(tmp_path))
