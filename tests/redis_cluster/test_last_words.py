"""Why a daemon ended, from the logs of Redis 7.0.15, and when it is tried again."""

import os
from pathlib import Path

import pytest
from redis_cluster import last_words
from redis_cluster.last_words import Told, pause_after, read_log

DATE = "27 Nov 2026 04:09:58.358"
STARTS = "".join(
    f"12:C {DATE} # {words}\n"
    for words in ("oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo", "Redis version=7.0.15", "Configuration loaded")
)
SERVES = f"12:M {DATE} * Ready to accept connections\n"
LOADS = f"12:M {DATE} # Server initialized\n12:M {DATE} # WARNING The TCP backlog\n12:M {DATE} * Loading RDB\n"
BAD = "Bad file format reading the append only file appendonly.aof.2.incr.aof: make a backup"
MANIFEST = f"12:M {DATE} # \n*** FATAL AOF MANIFEST FILE ERROR ***\n\n12:M {DATE} # Found an empty AOF manifest\n\n"


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (STARTS + LOADS + f"12:M {DATE} # {BAD}\n", Told(BAD, False, 1)),
        (
            STARTS + LOADS + MANIFEST,
            Told("*** FATAL AOF MANIFEST FILE ERROR ***; Found an empty AOF manifest", False, 1),
        ),
        ((STARTS + LOADS) * 3, Told("", False, 3)),
        (STARTS + SERVES + (STARTS + LOADS) * 2, Told("", False, 2)),
        (STARTS + SERVES + f"12:M {DATE} # Can't write\n", Told("Can't write", True, 0)),
        (STARTS.replace(":C", ":X") + f"12:X {DATE} # Sentinel ID is 1\n", Told("Sentinel ID is 1", True, 0)),
        # What is said before the start is another's.
        (f"12:M {DATE} # Old\n" + STARTS + f"12:M {DATE} # A\x1b[2J\n", Told("A [2J", False, 1)),
        (STARTS + f"12:M {DATE} # {'x' * 9000}\n", Told("x" * 450, False, 1)),
        ("", Told("", False, 0)),
    ],
)
def test_log(log: str, told: Told) -> None:
    """The last loud words since the last start."""
    assert read_log(log) == told


def test_pause() -> None:
    """Twice as long each time, and never longer than ten seconds."""
    assert [pause_after(times) for times in (0, 1, 2, 3)] == [0.2, 0.4, 0.8, 1.6]
    assert pause_after(6) == pause_after(10**9) == 10


@pytest.fixture
def pauses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Of a node whose log says that it could not load; what was waited."""
    waited = list[float]()
    monkeypatch.setattr(last_words, "LOGS", str(tmp_path))
    monkeypatch.setattr(last_words, "RUN", str(tmp_path))
    monkeypatch.setattr(last_words, "sleep", waited.append)
    monkeypatch.setenv("SERVICE_RESULT", "exit-code")
    monkeypatch.setenv("EXIT_CODE", "exited")
    (tmp_path / "node").mkdir()
    (tmp_path / "node/release").touch()
    (tmp_path / "redis-cluster.log").write_text(STARTS + LOADS + f"12:M {DATE} # {BAD}\n")
    return waited


def test_ended_by_itself(pauses: list[float], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It is said, and where."""
    last_words.last_words("node")
    assert f"redis-server ended: {BAD} ({tmp_path}/redis-cluster.log)" in capsys.readouterr().err
    assert pauses == [0.4]


@pytest.mark.parametrize("which", ["stopped", "not composed", "another start's log", "killed"])
def test_nothing_to_say(
    pauses: list[float], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """Of one that was stopped, or has not run; one that was killed starts again at once."""
    log = tmp_path / "redis-cluster.log"
    match which:
        case "stopped":
            monkeypatch.setenv("SERVICE_RESULT", "success")
        case "not composed":
            (tmp_path / "node/release").unlink()
        case "another start's log":
            os.utime(log, (1, 1))
        case _:
            monkeypatch.setenv("EXIT_CODE", "killed")
            log.write_text(STARTS + SERVES + f"12:M {DATE} # {BAD}\n")
    last_words.last_words("node")
    assert capsys.readouterr().err == ""
    assert pauses == ([0.2] if which == "another start's log" else [])
