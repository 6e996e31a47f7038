"""What is said to people steers no terminal, whoever said it, and a full disk is no mistake of the program's."""

import errno
import os
from collections import namedtuple

import pytest
from redis_cluster.messages import LONGEST, mistake, plain, say


def test_a_host_whose_name_is_shell_text_and_control_characters(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is in every message of one that does not know its name in the group."""
    monkeypatch.setattr(os, "uname", lambda: namedtuple("uname", "nodename")("$(id)\x1b[2J"))
    say("hello\x1b[2J\nthere")
    assert capfd.readouterr().err == "redis-cluster[$(id)[2J]: hello[2J\nthere\n"


def test_a_command_of_ours_runs_as_it_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """It is in nobody's PATH, and root's to ask."""
    say("error: x; run 'redis-cluster gate' here")
    assert capfd.readouterr().err.endswith("run 'sudo /usr/local/lib/redis-cluster/redis-cluster gate' here\n")


def test_plain() -> None:
    """One line, and not for ever."""
    assert plain("a\x1b[2J\nb") == "a [2J b"
    assert len(plain("x" * 9999)) == LONGEST


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("path", [None, "/var/lib/redis-cluster/stamp"])
def test_a_disk_that_takes_nothing(number: int, path: str | None) -> None:
    """A write that fails does not know its file; neither is told by where it was in the program."""
    told = mistake("node-start", OSError(number, os.strerror(number), path))
    assert "Traceback" not in told
    assert "mistake" not in told
    seen = f"{path or 'a file'} could not be written: {os.strerror(number)}"
    assert told.startswith(f"error: node-start: {seen}; expected")
    assert told.endswith("then run pulumi up again")


def test_any_other_mistake_is_told_by_where_it_was() -> None:
    """Nobody could mend it otherwise."""
    assert "ValueError: x" in mistake("gate", ValueError("x"))
