"""Changes that a running group does not survive."""

from pathlib import Path

import pytest
from redis_cluster import paths
from redis_cluster.messages import Refused
from redis_cluster.refusals import refuse_change

MEMBERS = "master-name m\nquorum 1\nself a\nsentinel-return 9\nnode a 10.0.0.1 1\n"
MODES = {"off": "port 1\n", "both": "port 1\ntls-port 2\n", "required": "port 0\ntls-port 2\n"}
BLOCK = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


@pytest.fixture
def managed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Current and staged, which are the same."""
    for name in ("current", "staged"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(paths, name.upper(), str(tmp_path / name))
        (tmp_path / name / "redis.conf").write_text(MODES["off"])
        (tmp_path / name / "secrets").write_text(f"hash reports {'1' * 64}\n")
    (tmp_path / "staged/members").write_text(MEMBERS)
    monkeypatch.setattr(paths, "INITIALISED", str(tmp_path / "initialised"))
    (tmp_path / "initialised").touch()
    return tmp_path


def _refusal() -> str:
    try:
        refuse_change()
    except Refused as refusal:
        return f"{refusal}" if refusal.host == "a" else f"of {refusal.host}"
    return ""


@pytest.mark.parametrize(
    ("was", "now", "refusal"),
    [
        ("off", "off", ""),
        ("off", "both", ""),
        ("both", "off", ""),
        ("both", "required", ""),
        ("off", "required", "redis-cluster:tls.mode is required; expected both first"),
        ("required", "both", "redis-cluster:tls.mode is both; expected required"),
        ("required", "off", "redis-cluster:tls.mode is off; expected required"),
    ],
)
def test_modes(managed: Path, was: str, now: str, refusal: str) -> None:
    """Step by step, and not back."""
    (managed / "current/redis.conf").write_text(MODES[was])
    (managed / "staged/redis.conf").write_text(MODES[now])
    assert _refusal().startswith(refusal)
    assert bool(_refusal()) is bool(refusal)
    (managed / "current/redis.conf").unlink()
    assert _refusal() == ""


@pytest.mark.parametrize(
    ("was", "now", "refused"),
    [
        (["a"], ["a"], False),
        (["a"], ["b"], True),
        (["a"], ["b", "a"], False),
        (["a", "b"], ["b"], False),
        (["a"], [], False),
    ],
)
def test_authorities(managed: Path, was: list[str], now: list[str], refused: bool) -> None:
    """One has to go on."""
    (managed / "current/tls.ca").write_text("".join(map(BLOCK.format, was)))
    (managed / "staged/tls.ca").write_text("".join(map(BLOCK.format, now)).replace("\n", "\r\n"))
    assert ("is another than the one that this group trusts" in _refusal()) is refused


def test_a_password_that_would_be_lost(managed: Path) -> None:
    """By its key, and without being told."""
    (managed / "staged/secrets").write_text(f"hash reports {'2' * 64}\n")
    assert "pulumi config set --secret reportsPreviousPassword" in _refusal()
    assert "1111" not in _refusal()
    assert "2222" not in _refusal()
    (managed / "initialised").unlink()
    assert _refusal() == ""
