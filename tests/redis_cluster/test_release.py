"""Releases of hosts that have a node, a sentinel, or both."""

from pathlib import Path

import pytest
from redis_cluster.messages import Refused
from redis_cluster.release import current_release, tls_of

MEMBERS = """\
master-name m
quorum 1
self {}
sentinel-return 15
node a 10.0.0.1 1
sentinel a 10.0.0.1 2
sentinel b 10.0.0.2 2
"""
SECRETS = "replication x\nsentinel x\noperator x\n"


def released(directory: Path, host: str, *files: str) -> str:
    """The directory of a host's releases, of which the current one has these files."""
    release = directory / "current"
    release.mkdir()
    (release / "members").write_text(MEMBERS.format(host))
    (release / "secrets").write_text(SECRETS)
    for file in files:
        (release / file).write_text("port 0\ntls-port 7\n")
    for file in ("tls.ca", "tls.crt", "tls.key"):
        (release / file).write_text("x\n")
    return str(directory)


def test_one_without_a_node_is_complete_without_its_files(tmp_path: Path) -> None:
    """Its settings are those of the sentinel."""
    release = current_release(released(tmp_path, "b", "sentinel.conf", "sentinel-users.acl"))
    assert release.settings.get("tls-port", "") == "7"
    assert tls_of(release.directory) == "required"


@pytest.mark.parametrize(("host", "lacks"), [("a", "redis.conf"), ("a", "users.acl"), ("b", "sentinel.conf")])
def test_one_that_lacks_a_file_of_its_daemons_is_none(tmp_path: Path, host: str, lacks: str) -> None:
    """Of a node, and of a sentinel alone."""
    files = {"redis.conf", "users.acl", "sentinel.conf", "sentinel-users.acl"} - {lacks}
    with pytest.raises(Refused, match="is a complete release"):
        current_release(released(tmp_path, host, *files))


def test_where_there_is_no_release(tmp_path: Path) -> None:
    """There is no telling, or it may be missing."""
    with pytest.raises(FileNotFoundError):
        tls_of(str(tmp_path))
    assert tls_of(str(tmp_path), missing=True) == "off"
