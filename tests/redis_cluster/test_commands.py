"""The verbs as root's part and the units call them: a status, and words for people."""

import os
from pathlib import Path

import pytest
from redis_cluster import commands, gate
from redis_cluster.acts import NotDone
from redis_cluster.commands import main
from redis_cluster.messages import Refused
from redis_cluster.observe import at_once
from redis_cluster.put import put


def _raises(error: BaseException) -> None:
    raise error


def test_a_refusal_is_explained(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """In the host's name, and on stderr alone."""
    monkeypatch.setattr(gate, "look", lambda: _raises(Refused("no\nnot yet", "app-1")))
    assert main(["gate"]) == 1
    assert capfd.readouterr() == ("", "redis-cluster[app-1]: error: no\nnot yet\n")


def test_what_root_has_refused_is_told_once(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """By root, where its part has ended; else by who asked for it."""
    monkeypatch.setattr(gate, "look", lambda: _raises(NotDone()))
    assert main(["gate"]) == 1
    assert capfd.readouterr() == ("", "")
    monkeypatch.setattr(gate, "look", lambda: _raises(NotDone("x. Run pulumi up again")))
    assert main(["gate"]) == 1
    assert capfd.readouterr().err.endswith(": error: x. Run pulumi up again\n")


def test_a_mistake_of_ours_is_told_and_steers_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also where it comes from a thread: a daemon's words may be in it."""
    monkeypatch.setattr(gate, "look", lambda: at_once([lambda: _raises(KeyError("x\x1b[2J"))]))
    assert main(["gate"]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert "error: gate ended with a mistake of this program" in err
    assert "KeyError" in err
    assert "then run pulumi up again" in err
    assert err.replace("\n", "").isprintable()


def test_one_that_is_ended_says_so(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """With what to do."""
    monkeypatch.setattr(gate, "look", lambda: os.kill(os.getpid(), 15))
    with pytest.raises(SystemExit):
        main(["gate"])
    assert "error: gate was ended before it was done: it took too long" in capfd.readouterr().err


@pytest.mark.parametrize("words", [["no-verb"], ["gate", "more"], ["lead", "one", "more"], []])
def test_an_unknown_verb(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Is no traceback."""
    assert main(words) == 1
    err = capfd.readouterr().err
    assert "verb" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("verb", ["compose-node", "compose-sentinel", "restore-priority", "keep-stamp", "leave"])
def test_what_units_call_is_not_done_as_root(
    verb: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It would follow the links that redis left."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(commands, "ROOT", "")
    assert main([verb]) == 1
    assert "as the user redis; expected that instead of root" in capfd.readouterr().err


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that dies before the rename leaves the old one, and the next is whole."""
    path = tmp_path / "conf"
    path.write_text("old")
    with monkeypatch.context() as dying:
        dying.setattr(os, "fsync", lambda _: _raises(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            put(str(path), "new")
    assert path.read_text() == "old"
    put(str(path), "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root has no capabilities")
def test_the_kernels_unit_has_no_capabilities(capfd: pytest.CaptureFixture[str]) -> None:
    """By sudo it would run with all of root's."""
    assert main(["kernel", "set"]) == 1
    assert "this is done by a unit, without capabilities" in capfd.readouterr().err
