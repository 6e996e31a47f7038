"""Waiting for the group to be whole."""

from hashlib import sha256
from pathlib import Path

import pytest
from redis_cluster import gate as module
from redis_cluster.gate import Step, Waiting, gate, override_hash, whole
from redis_cluster.messages import Refused

MEMBERS = "master-name m\nquorum 1\nself console\nsentinel-return 15\nlimits 0 1\nnode console 127.0.0.1 1\n"


@pytest.fixture(name="files")
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """The members and the secrets of a host on which nobody answers."""
    monkeypatch.setattr(module, "GATE_PATIENCE", 0)
    (tmp_path / "members").write_text(MEMBERS)
    (tmp_path / "secrets").write_text("operator x\n")
    return str(tmp_path / "members"), str(tmp_path / "secrets")


def test_waits_for_what_moves() -> None:
    """And for nothing else: the same bytes twice are a standstill."""
    waiting = Waiting(0)
    assert waiting.stalled("")
    assert Waiting(1000).stalled("") is False
    assert waiting.stalled("a loads: 1 bytes") is True
    waiting = Waiting(1000)
    waiting._until = 0
    assert waiting.stalled("a loads: 1 bytes") is False
    waiting._until = 0
    assert waiting.stalled("a loads: 1 bytes") is True
    assert waiting.stalled("a loads: 2 bytes") is False
    assert waiting.moving == "a loads: 2 bytes"


def test_an_override_is_of_this_plan_and_these_faults(
    files: tuple[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A step tells it; who looks by hand is told none, since it would fit no run."""
    with pytest.raises(Refused) as by_hand:
        gate(*files, str(tmp_path))
    assert str(by_hand.value).endswith("then run pulumi up again.")
    with pytest.raises(Refused) as refused:
        gate(*files, str(tmp_path), Step("0123456789abcdef", ""))
    told = str(refused.value).split(" ")[-1]
    assert "\nconsole node 127.0.0.1:1: Connection refused; expected an answer\n" in str(refused.value)
    with pytest.raises(Refused):
        gate(*files, str(tmp_path), Step("another plan", told))
    assert "goes on in spite" not in capfd.readouterr().err
    gate(*files, str(tmp_path), Step("0123456789abcdef", told))
    assert "redis-cluster[console]: goes on in spite of what is wrong" in capfd.readouterr().err


def test_the_hash_is_the_one_that_the_host_program_makes() -> None:
    """Which has faults of its own that may be overridden."""
    assert override_hash("plan", "a\nb") == sha256(b"plan\na\nb").hexdigest()[:16]


def test_a_turn_that_is_not_over_says_which_limit_it_was(files: tuple[str, str]) -> None:
    """And what moved last."""
    with pytest.raises(
        Refused, match=r"not whole:\nconsole node [^\n]*\. Nothing moved for 0 s, .*limits\.stall; last"
    ):
        whole(*files, Step("", ""))


def test_what_those_that_have_left_do_not_say_is_no_fault(tmp_path: Path, files: tuple[str, str]) -> None:
    """Of their sentinels alone, and of no other host."""
    (tmp_path / "members").write_text(f"{MEMBERS}sentinel a 127.0.0.1 1\nsentinel ab 127.0.0.1 1\n")
    with pytest.raises(Refused) as refused:
        gate(*files, str(tmp_path), Step("0123456789abcdef", "", ("a",)))
    assert "\na sentinel" not in str(refused.value)
    assert "\nab sentinel 127.0.0.1:1: Connection refused" in str(refused.value)
    assert "\nconsole node 127.0.0.1:1: Connection refused" in str(refused.value)
    with pytest.raises(Refused, match="\nab sentinel") as refused:
        whole(*files, Step("", "", ("a",)))
    assert "\na sentinel" not in str(refused.value)
