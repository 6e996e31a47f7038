"""A file is read by the very binary, which leaves nothing behind."""

import os
import time
from pathlib import Path

import pytest
from redis_cluster import dry_run as module
from redis_cluster.dry_run import NotAccepted, complaint, dry_run
from redis_cluster.resp import Login

LOGIN = Login("operator", "x")
CONF = "user operator on >x ~* &* +@all\nhz 20\n"


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a dry run is made."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    return tmp_path


def _binary(scratch: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    (scratch / "redis-server").write_text(f"#!/bin/sh\n{script}\n")
    (scratch / "redis-server").chmod(0o755)
    monkeypatch.setenv("PATH", f"{scratch}:{os.environ['PATH']}")


def test_accepted(scratch: Path) -> None:
    """It answers, and is gone."""
    assert dry_run("node", CONF, LOGIN, ["CONFIG GET hz", "PING"]) == [["hz", "20"], "PONG"]
    assert list((scratch / "tmp").iterdir()) == []


def test_a_sentinel(scratch: Path) -> None:
    """It says which master it watches before it answers."""
    conf = "user operator on >x ~* &* +@all\nsentinel monitor m 127.0.0.1 1 1\n"
    assert dry_run("sentinel", conf, LOGIN, ["PING"]) == ["PONG"]
    assert list((scratch / "tmp").iterdir()) == []


def test_refused(scratch: Path) -> None:
    """With the reason, and nothing left behind."""
    with pytest.raises(NotAccepted, match="no-such-setting"):
        dry_run("node", CONF + "no-such-setting 1\n", LOGIN, ["PING"])
    assert list((scratch / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("script", "seconds", "said"),
    [
        ("exec sleep 60", 1, "not a word within 1 seconds"),
        ("yes talk", 1, "talk"),
        # A line of the file that is repeated is none of the log.
        ("echo '>>> 1:M Ready to accept'; exit 1", 5, "Ready to accept"),
        ("echo '1:M 01 Jan 2026 00:00:00.000 * Ready to accept'; exec sleep 60", 1, "No such file"),
    ],
)
def test_a_binary_that_does_not_serve(
    scratch: Path, monkeypatch: pytest.MonkeyPatch, script: str, seconds: int, said: str
) -> None:
    """Is given up, and ended."""
    _binary(scratch, monkeypatch, f"echo $$ >{scratch}/pid\n{script}")
    monkeypatch.setattr(module, "VALIDATE_LIMIT", seconds)
    begun = time.monotonic()
    with pytest.raises(NotAccepted, match=said):
        dry_run("node", CONF, LOGIN, ["PING"])
    assert time.monotonic() - begun < 20
    with pytest.raises(ProcessLookupError):
        os.kill(int((scratch / "pid").read_text()), 0)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("*** FATAL\nReading line 3\n>>> 'user x #" + "a" * 64 + "'\n", "*** FATAL\nReading line 3\n>>> 'user x #...'"),
        (
            "1:C 01 Jan 2026 00:00:00.000 # WARNING memory\n1:M 01 Jan 2026 00:00:00.000 # Failed to load\n",
            "Failed to load",
        ),
    ],
)
def test_complaint(said: str, reason: str) -> None:
    """The reason alone, without hashes of passwords."""
    assert complaint(said) == reason
