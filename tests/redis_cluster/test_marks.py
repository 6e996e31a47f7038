"""Which directory a node last ran with."""

import os
import re
from pathlib import Path

import pytest
from redis_cluster import marks, paths
from redis_cluster.marks import (
    directory_here,
    mark_data,
    mark_unmarked,
    other_directory,
    refuse_other_directory,
    trust_data,
)
from redis_cluster.messages import Refused
from redis_cluster.release import Release
from redis_cluster.settings import Settings

from .conftest import MEMBERS


@pytest.fixture(autouse=True)
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host of a group that was whole."""
    for name in ("etc", "data"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(paths, name.upper(), str(tmp_path / name))
    (tmp_path / "initialised").touch()
    monkeypatch.setattr(paths, "INITIALISED", str(tmp_path / "initialised"))
    monkeypatch.setattr(paths, "TRUST", str(tmp_path / "trust"))
    return tmp_path


def _exchange(host: Path) -> None:
    (host / "data").rename(host / "volume")
    (host / "data").mkdir()


def test_another_directory(host: Path) -> None:
    """Is refused until it is the old one again, or the operator has one's way."""
    assert not other_directory()
    mark_data("a")
    mark_data("a")
    assert not other_directory()
    _exchange(host)
    assert other_directory()
    with pytest.raises(
        Refused, match=r"not the directory that this node last ran with: device \d+, inode \d+, mark none;"
    ):
        refuse_other_directory(False, "a")
    refuse_other_directory(True, "a")
    (host / "trust").write_text(f"{directory_here()}\n")
    refuse_other_directory(False, "a")
    (host / "data/node-marks").write_text(f"{'0' * 36}\n")
    with pytest.raises(Refused, match=f"mark {'0' * 36}; expected the mark"):
        refuse_other_directory(False, "a")
    (host / "initialised").unlink()
    assert not other_directory()


@pytest.mark.parametrize("file", ["node-marks", "node-mark"])
def test_a_start_that_dies(host: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    """Before it has written one of the two locks nobody out; the host may lose power then."""
    mark_data("a")
    replace = os.replace

    def dies(part: str, path: str) -> None:
        if path.endswith(f"/{file}"):
            raise KeyboardInterrupt
        replace(part, path)

    monkeypatch.setattr(os, "replace", dies)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            mark_data("a")
        assert not other_directory()
    monkeypatch.undo()
    for name in ("etc", "data"):
        monkeypatch.setattr(paths, name.upper(), str(host / name))
    monkeypatch.setattr(paths, "INITIALISED", str(host / "initialised"))
    mark_data("a")
    assert not other_directory()
    _exchange(host)
    assert other_directory()


def test_no_room(host: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The mark from before goes on."""
    mark_data("a")
    (host / "etc/node-mark.part").mkdir()
    for _ in range(3):
        mark_data("a")
        assert "the mark from before goes on" in capfd.readouterr().err
        assert not other_directory()


def test_what_lies_in_their_place(host: Path) -> None:
    """A link leads nowhere, and what has another form is no mark."""
    (host / "etc/node-mark").symlink_to(host / "secret")
    (host / "secret").write_text(f"{'0' * 36}\n")
    assert not other_directory()
    mark_data("a")
    assert (host / "secret").read_text() == f"{'0' * 36}\n"
    (host / "etc/node-mark").write_text("$(id)\n")
    assert not other_directory()


def test_one_that_has_no_mark_yet(host: Path) -> None:
    """Is given one, once."""
    mark_unmarked("a")
    mark = (host / "etc/node-mark").read_text()
    mark_unmarked("a")
    assert (host / "etc/node-mark").read_text() == mark


def test_consent(host: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Is for what lies there now, as it was shown."""
    asked: list[str] = []
    monkeypatch.setattr(marks, "act", lambda *words: asked.append(words[0]))
    monkeypatch.setattr(marks, "current_release", lambda _: Release("", MEMBERS, Settings("/nowhere", missing=True)))
    mark_data("a")
    trust_data("")
    assert "nothing to consent to" in capfd.readouterr().err
    _exchange(host)
    (host / "data/sub").mkdir()
    (host / "data/sub/x\x1b[2J").write_text("12345")
    trust_data("0123456789abcdef")
    shown = capfd.readouterr().out
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d 5 sub/x \[2J$", shown, re.MULTILINE)
    said = shown.strip()[-16:]
    assert asked == []
    trust_data(said)
    assert asked == ["trust", "restart --no-block"]
    (host / "data/more").write_text("")
    trust_data(said)
    assert asked == ["trust", "restart --no-block"]
