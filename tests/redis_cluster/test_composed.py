"""What daemons' files have of their release."""

from pathlib import Path

import pytest
from redis_cluster import paths
from redis_cluster.composed import accepted, node_text, sentinel_text, users_lines
from redis_cluster.decide.passwords import Accepted
from redis_cluster.messages import Refused

A, B, C = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One whose files a test changes."""
    monkeypatch.setattr(paths, "ACCEPTED", str(tmp_path / "accepted"))
    for name, text in {
        "members": "master-name m\nquorum 2\nself a\nsentinel-return 9\nnode a 10.0.0.1 1\nsentinel a 10.0.0.1 2\n",
        "secrets": f"replication r\nsentinel s\noperator o\nhash reports {A} {B}\nhash x {A}\n",
        "redis.conf": "hz 10\n",
        "sentinel.conf": "sentinel down-after-milliseconds m 9\n",
        "users.acl": "# by hand\nuser default off\nuser reports on #reports ~a#b +get\n",
        "sentinel-users.acl": "user default off\nuser reports on #reports +@all\n",
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_node(release: Path) -> None:
    """Redis replays an AOF as the user default, so that one may do all."""
    assert node_text(str(release)) == (
        "hz 10\n\nmasteruser replication\nmasterauth r\nuser default off resetpass ~* &* +@all\n"
        f"user reports on #{A} #{B} ~a#b +get\n"
    )


def test_a_sentinel(release: Path) -> None:
    """Watches the one master, and knows nobody."""
    assert sentinel_text(str(release), "10.0.0.9", "6389") == (
        "sentinel monitor m 10.0.0.9 6389 2\nsentinel down-after-milliseconds m 9\n\n"
        "sentinel auth-user m sentinel\nsentinel auth-pass m s\n"
        "sentinel sentinel-user sentinel\nsentinel sentinel-pass s\n"
        f"user default off\nuser reports on #{A} #{B} +@all\n"
    )


def test_tls(release: Path) -> None:
    """The certificate is the release's own."""
    (release / "redis.conf").write_text("port 0\ntls-port 6390\n")
    files = f"tls-cert-file {release}/tls.crt\ntls-key-file {release}/tls.key\ntls-ca-cert-file {release}/tls.ca\n"
    assert files in node_text(str(release))
    assert files in sentinel_text(str(release), "10.0.0.9", "6390")


def test_passwords_that_are_being_changed(release: Path) -> None:
    """Are accepted too, once."""
    (release / "accepted").write_text(f"reports {C} 5\nreports {A} 5\nother {B} 5\nreports x 5\nreports {B} x\n")
    assert accepted() == [Accepted("reports", C, 5), Accepted("reports", A, 5), Accepted("other", B, 5)]
    assert users_lines(str(release), "users.acl")[1] == f"user reports on #{A} #{B} #{C} ~a#b +get"


def test_a_user_without_a_password(release: Path) -> None:
    """Is no user that may be made."""
    (release / "secrets").write_text("replication r\n")
    with pytest.raises(Refused, match="no password for the user reports; run pulumi up again"):
        users_lines(str(release), "users.acl")


def test_no_release(release: Path) -> None:
    """Is told with the file that is missing."""
    (release / "redis.conf").unlink()
    with pytest.raises(Refused, match=r"cannot read .*/redis\.conf"):
        node_text(str(release))
