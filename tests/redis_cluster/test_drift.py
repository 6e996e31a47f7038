"""What this host's daemons say, and what lies there, is compared or told; nothing else comes of it."""

from hashlib import sha256
from pathlib import Path

import pytest
from redis_cluster import drift, look, paths
from redis_cluster.decide.drift import Finding
from redis_cluster.look import Look
from redis_cluster.resp import ErrorReply, Reply, Unanswered

from .conftest import Said, Told

MEMBERS = "master-name m\nquorum 1\nself console\nsentinel-return 9\nnode console 127.0.0.1 1\n"
SETTINGS: list[Reply] = ["maxmemory", "0", "masterauth", "secret-of-node", "hz", "10"]


def test_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is compared with its sum; what is no line of sums is nothing."""
    monkeypatch.setattr(paths, "PROGRAMS", str(tmp_path))
    empty = sha256(b"").hexdigest()
    names = ("redis-cluster", "redis_cluster/decide/gate.py", "write-files")
    (tmp_path / "sums").write_text("".join(f"{empty}  {name}\n" for name in names) + f"x\n{empty}  a b\n")
    (tmp_path / "redis-cluster").touch()
    (tmp_path / "write-files").write_text("edited")
    found = [*drift._programs()]
    assert found == [Finding(f"{tmp_path}/{name}", "as deployed", "edited or missing") for name in names[1:]]


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
    return directory


def _says(monkeypatch: pytest.MonkeyPatch, said: Said) -> None:
    monkeypatch.setattr(look, "Daemons", lambda members, _: Told(said, members))


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
    _says(monkeypatch, {"CONFIG GET *": settings, "ACL LIST": []})
    assert Look(str(release), False, False).node() == [Finding("redis", "an answer", seen)]


def test_a_node_is_compared_with_its_release(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the very binary reads that."""
    _says(monkeypatch, {"CONFIG GET *": SETTINGS, "ACL LIST": ["user x on"]})
    made: list[Reply] = [["maxmemory", "104857600", "masterauth", "y", "hz", "10"], ["user default off"]]
    monkeypatch.setattr(look, "dry_run", lambda *_: made)
    assert Look(str(release), False, False).node() == [
        Finding("redis.masterauth", "y", "secret-of-node"),
        Finding("redis.maxmemory", "104857600", "0"),
        Finding("redis.acl.default", "off", ""),
        Finding("redis.acl.x", "", "on"),
    ]
