"""What is said to people steers no terminal, whoever said it."""

import os
from collections import namedtuple

import pytest
from redis_cluster.messages import LONGEST, plain, say


def test_a_host_whose_name_is_shell_text_and_control_characters(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is in every message of one that does not know its name in the group."""
    monkeypatch.setattr(os, "uname", lambda: namedtuple("uname", "nodename")("$(id)\x1b[2J"))
    say("hello\x1b[2J\nthere")
    assert capfd.readouterr().err == "redis-cluster[$(id)[2J]: hello[2J\nthere\n"


def test_plain() -> None:
    """One line, and not for ever."""
    assert plain("a\x1b[2J\nb") == "a [2J b"
    assert len(plain("x" * 9999)) == LONGEST
