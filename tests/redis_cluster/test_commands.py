"""The verbs as the host program calls them: a status, and words for people."""

import pytest
from redis_cluster import gate
from redis_cluster.commands import EXPLAINED, main
from redis_cluster.messages import Refused
from redis_cluster.observe import at_once


def _raises(error: Exception) -> None:
    raise error


def test_a_refusal_is_explained(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """In the host's name, and on stderr alone: stdout is the host program's."""
    monkeypatch.setattr(gate, "moving", lambda *_: _raises(Refused("no\nnot yet", "app-1")))
    assert main(["moves", "members", "secrets", ""]) == EXPLAINED
    assert capfd.readouterr() == ("", "redis-cluster[app-1]: error: no\nnot yet\n")


def test_a_mistake_of_ours_is_told_and_steers_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also where it comes from a thread: a daemon's words may be in it."""
    monkeypatch.setattr(gate, "moving", lambda *_: at_once([lambda: _raises(KeyError("x\x1b[2J"))]))
    assert main(["moves", "members", "secrets", ""]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert "KeyError" in err
    assert err.replace("\n", "").isprintable()


def test_an_unknown_verb(capfd: pytest.CaptureFixture[str]) -> None:
    """Is no traceback."""
    assert main(["no-verb"]) == EXPLAINED
    assert "unknown verb" in capfd.readouterr().err
