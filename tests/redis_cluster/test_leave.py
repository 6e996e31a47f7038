"""What a stop of the node waits for."""

from pathlib import Path
from socket import AF_UNIX, SOCK_DGRAM, socket

import pytest
from redis_cluster import leave as module
from redis_cluster import waits
from redis_cluster.resp import ErrorReply, Reply, Unanswered
from redis_cluster.waits import unstoppable

from .conftest import MEMBERS, Said, Told


@pytest.mark.parametrize(
    ("how", "save", "saves"),
    [
        ("default", "", False),
        ("default", "3600 1", True),
        ("nosave", "3600 1", False),
        ("nosave force", "3600 1", False),
        ("save", "", True),
        ("now save", "", True),
        ("now", "3600 1", True),
    ],
)
def test_whether_redis_saves(how: str, save: str, saves: bool) -> None:
    """As its own settings say."""
    said: Said = {"CONFIG GET shutdown-on-sigterm": ["shutdown-on-sigterm", how], "CONFIG GET save": ["save", save]}
    assert module._saves_at_stop(Told(said)) is saves


@pytest.mark.parametrize("said", [Unanswered("silent"), ErrorReply("NOPERM"), "text", ["save"]])
def test_one_that_does_not_tell_is_not_waited_for(said: Reply | Unanswered) -> None:
    """Systemd stops it."""
    assert module._saves_at_stop(Told({"CONFIG GET shutdown-on-sigterm": said, "CONFIG GET save": said})) is False
    assert unstoppable(Told({"INFO persistence": said})) == ""


@pytest.mark.parametrize(
    ("info", "unsaved", "busy"),
    [
        ("loading:0\r\naof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0\r\n", True, ""),
        ("loading:1\r\n", False, "loading"),
        ("aof_rewrite_scheduled:1\r\n", False, "aof_rewrite_scheduled"),
        ("aof_rewrite_in_progress:1\r\n", False, ""),
        ("aof_rewrite_in_progress:1\r\n", True, "its first AOF after a full sync"),
    ],
)
def test_what_may_not_be_stopped(
    info: str, unsaved: bool, busy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A SIGTERM would be lost. Any other rewrite Redis ends by itself."""
    monkeypatch.setattr(waits, "CURRENT", str(tmp_path))
    monkeypatch.setattr(waits, "DATA", str(tmp_path))
    (tmp_path / "redis.conf").write_text("appendonly yes\n")
    (tmp_path / "appendonlydir").mkdir()
    if unsaved:
        (tmp_path / "appendonlydir/temp-appendonly.aof.incr").touch()
    assert unstoppable(Told({"INFO persistence": info})) == busy


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_asked_for_more_time(abstract: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For so long as nothing may stand still."""
    monkeypatch.setattr(module, "_BREATH", 0)
    address = f"@{tmp_path}" if abstract else str(tmp_path / "notify")
    with socket(AF_UNIX, SOCK_DGRAM) as systemd:
        systemd.bind(address.replace("@", "\0"))
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        module._ask_for_time(Told({}, MEMBERS))
        assert systemd.recv(100) == b"EXTEND_TIMEOUT_USEC=60000000"
    # Nobody is there any more.
    module._ask_for_time(Told({}, MEMBERS))
