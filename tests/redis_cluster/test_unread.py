"""What lies there and would not be loaded."""

import os
from pathlib import Path

import pytest
from redis_cluster.decide.last_file import Last
from redis_cluster.files import held, holds_files
from redis_cluster.members import Member
from redis_cluster.messages import Refused
from redis_cluster.settings import Settings
from redis_cluster.unread import refuse_unread, unread

RDB, AOF = b"REDIS0010" + b"x" * 5000, b"*2\r\n$6\r\nSELECT\r\n"
MANIFEST = b"file appendonly.aof.1.incr.aof seq 1 type i\n"
NODE = Member("a", "10.0.0.1", 6389)
YES, NO = "appendonly yes\n", "appendonly no\n"


def _lay(directory: Path, files: dict[str, bytes]) -> None:
    """One after the other: what is newer is so by its ctime."""
    before = 0
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        while os.stat(path).st_ctime_ns <= before:
            os.utime(path)
        before = os.stat(path).st_ctime_ns


def _settings(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "conf").write_text(text)
    return Settings(str(tmp_path / "conf"))


WHOLE = {"appendonlydir/appendonly.aof.1.incr.aof": AOF, "appendonlydir/appendonly.aof.manifest": MANIFEST}
EMPTY = {"appendonlydir/appendonly.aof.1.incr.aof": b"", "appendonlydir/appendonly.aof.manifest": MANIFEST}


@pytest.mark.parametrize(
    ("files", "settings", "last", "found"),
    [
        ({}, YES, None, []),
        ({"dump.rdb": RDB}, YES, None, ["dump.rdb"]),
        ({"backup": RDB}, YES, None, ["backup"]),
        ({"dump.rdb": b"REDIS0010"}, YES, None, []),
        ({"notes": b"text", "temp-12.rdb": RDB, ".convert/dump.rdb": RDB}, YES, None, []),
        ({"dump.rdb": RDB, **WHOLE}, YES, None, []),
        ({"dump.rdb": RDB, **EMPTY}, YES, None, []),
        ({**EMPTY, "dump.rdb": RDB}, YES, None, ["dump.rdb"]),
        ({**EMPTY, "dump.rdb": RDB}, YES, "master", ["dump.rdb"]),
        # What a replica got in a full sync.
        ({**EMPTY, "dump.rdb": RDB}, YES, NODE, []),
        ({**EMPTY, "dump.rdb": RDB, "appendonlydir/temp-appendonly.aof.incr": b""}, YES, None, []),
        ({"appendonly.aof": AOF}, YES, None, []),
        ({"old.aof": AOF}, YES, None, ["old.aof"]),
        ({"old.aof": b"#TS:1\r\n*1\r\n"}, YES, None, ["old.aof"]),
        ({"old.aof": b"*0\r\n"}, YES, None, []),
        ({"appendonlydir/appendonly.aof.1.incr.aof": AOF}, YES, None, ["appendonlydir/appendonly.aof.1.incr.aof"]),
        (WHOLE, NO, None, ["appendonlydir/appendonly.aof.manifest"]),
        (WHOLE, NO, "master", ["appendonlydir/appendonly.aof.manifest"]),
        (EMPTY, NO, None, []),
        ({"dump.rdb": RDB, **WHOLE}, NO, None, ["appendonlydir/appendonly.aof.manifest"]),
        ({"dump.rdb": RDB, **WHOLE}, NO, "master", []),
        ({**WHOLE, "dump.rdb": RDB}, NO, None, []),
        ({"a\nb\x1b": RDB}, YES, None, ["a?b?"]),
    ],
)
def test_unread(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, bytes],
    settings: str,
    last: Last,
    found: list[str],
) -> None:
    """What holds keys and is newer than what would be loaded, if that is anything."""
    monkeypatch.setattr("redis_cluster.files.output_of", lambda *_: "[info] 0 keys read")
    data = tmp_path / "data"
    data.mkdir()
    _lay(data, files)
    assert unread(_settings(tmp_path, settings), str(data), last) == found


def test_a_refusal(tmp_path: Path) -> None:
    """Names ten, and what to do."""
    (tmp_path / "data").mkdir()
    _lay(tmp_path / "data", {f"{at:02}.rdb": RDB for at in range(12)})
    with pytest.raises(
        Refused, match=r"appendonly yes, would not load: 00\.rdb .* 09\.rdb; expected none .*convert NAME"
    ):
        refuse_unread(_settings(tmp_path, YES), str(tmp_path / "data"), None, "a")


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("echo '[info] 0 keys read'", []),
        ("echo '[info] 10 keys read'", ["dump.rdb"]),
        # What it cannot read to the end holds whatever it holds.
        ("echo '[info] 0 keys read'; exit 1", ["dump.rdb"]),
    ],
)
def test_a_small_rdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, found: list[str]) -> None:
    """Is read by Redis's own program."""
    (tmp_path / "redis-check-rdb").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "redis-check-rdb").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/dump.rdb").write_bytes(b"REDIS0010")
    assert unread(_settings(tmp_path, YES), str(tmp_path / "data"), None) == found


def test_pipes_and_links(tmp_path: Path) -> None:
    """Hang nobody, and are nobody's data."""
    data = tmp_path / "data"
    (data / "appendonlydir").mkdir(parents=True)
    (tmp_path / "secret.rdb").write_bytes(RDB)
    os.mkfifo(data / "dump.rdb")
    os.mkfifo(data / "appendonlydir/appendonly.aof.manifest")
    (data / "link.rdb").symlink_to(tmp_path / "secret.rdb")
    for text in (YES, NO):
        assert unread(_settings(tmp_path, text), str(data), None) == []
        assert held(_settings(tmp_path, text), str(data), False) == "nothing"


@pytest.mark.parametrize(
    ("files", "other", "what"),
    [
        ({}, False, "nothing"),
        ({"retired-master": b"x", "node-marks": b"x", "stamp.0": b"x", "empty": b""}, False, "nothing"),
        ({"stamp.part": b"x"}, False, "files"),
        ({"a/b/c": b"x"}, False, "files"),
        (WHOLE, False, "data"),
        (EMPTY, False, "files"),
        # What the operator trusts is not what the node last held.
        (WHOLE, True, "files"),
    ],
)
def test_held(tmp_path: Path, files: dict[str, bytes], other: bool, what: str) -> None:
    """What a node has that starts with them."""
    data = tmp_path / "data"
    data.mkdir()
    for name, content in files.items():
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(content)
    assert held(_settings(tmp_path, YES), str(data), other) == what
    assert holds_files(str(data)) is (what != "nothing")
