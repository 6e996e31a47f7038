"""The files from which a node would start."""

import os
from pathlib import Path

import pytest
from redis_cluster.files import Files
from redis_cluster.settings import Settings
from redis_cluster.stamps import Stamp, read_stamp, write_stamp


def write(path: Path, content: str | bytes, at: float) -> Path:
    """A file of that content, as if written at that second."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (at, at))
    return path


def files_of(directory: Path, settings: str) -> Files:
    """The files that a node with those settings would load."""
    conf = write(directory / "conf" / "redis.conf", settings, 0)
    return Files(Settings(str(conf)), str(directory))


def rdb(begun: int) -> bytes:
    """The beginning of an RDB."""
    return b"REDIS0010\xfa\x05ctime\xc2" + begun.to_bytes(4, "little") + b"\xfa\x08used-mem"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("appendonly yes", "yes"),
        ("appendonly no\n  AppendOnly\t'yes'  ", "yes"),
        ('appendonly "yes"\r', "yes"),
        ("appendonlyx yes\n# appendonly yes", "no"),
    ],
)
def test_settings(tmp_path: Path, line: str, value: str) -> None:
    """As Redis reads them: in any case, with quotes, and the last line wins."""
    assert Settings(str(write(tmp_path / "conf", line, 0))).get("appendonly", "no") == value


def test_an_aof_is_written_when_the_last_of_its_files_is(tmp_path: Path) -> None:
    """And only those in the manifest count, also where that is no manifest."""
    files = files_of(tmp_path, "appendonly yes\nappendfilename my.aof\nappenddirname aof")
    assert files.written() is None
    manifest = "file my.1.rdb seq 1 type b\nfile my.1.incr seq 1 type i\nfile my.0.incr seq 1 type h\nfile\n$(id)\n"
    write(tmp_path / "aof" / "my.aof.manifest", manifest, 0)
    for name, at in {"my.1.rdb": 100, "my.1.incr": 300, "my.0.incr": 500, "temp-rewriteaof-1.aof": 700}.items():
        write(tmp_path / "aof" / name, "x", at)
    assert files.written() == 300
    assert not files.outdated(None)
    assert files.as_of(None) == 300
    write(tmp_path / "aof" / "temp-my.aof.incr", "", 0)
    assert files.outdated(None)
    files.settle(None, False)
    assert not files.outdated(None)


@pytest.mark.parametrize(
    ("begun", "written", "outdated"),
    [(1000, 1200, False), (999, 1200, True), (1000, 999, True)],
)
def test_an_rdb_is_outdated_if_it_was_begun_before_the_stamp(
    tmp_path: Path, begun: int, written: int, outdated: bool
) -> None:
    """What came in while it was being written is not in it."""
    files = files_of(tmp_path, "appendonly no")
    write(tmp_path / "dump.rdb", rdb(begun), written)
    write(tmp_path / "stamp.0", "1700000000\n", 1000)
    stamp = read_stamp(str(tmp_path))
    assert files.outdated(stamp) == outdated
    assert files.as_of(stamp) == 1700000000 + (written - 1000 if outdated else 0)


def test_an_rdb_that_is_settled_is_what_the_node_holds_from_then_on(tmp_path: Path) -> None:
    """Its stamp is lowered, and as old as the file."""
    files = files_of(tmp_path, "appendonly no")
    write(tmp_path / "dump.rdb", rdb(600), 600)
    write(tmp_path / "stamp.0", "1699999990\n", 990)
    write(tmp_path / "stamp.1", "1700000000\n", 1000)
    files.settle(read_stamp(str(tmp_path)), False)
    stamp = read_stamp(str(tmp_path))
    assert stamp == Stamp(1700000000 - 400, str(tmp_path), 0, 600_000_000_000)
    assert not files.outdated(stamp)
    assert not (tmp_path / "stamp.1").exists()


def test_no_file_at_all_where_a_stamp_was(tmp_path: Path) -> None:
    """That is outdated, too."""
    write(tmp_path / "stamp.0", "1700000000\n", 1000)
    assert files_of(tmp_path, "appendonly no").outdated(read_stamp(str(tmp_path)))


def test_two_files_take_turns(tmp_path: Path) -> None:
    """What is half-written, or is none, leaves the other."""
    data = str(tmp_path)
    assert read_stamp(data) is None
    first = write_stamp(data, None, 1700000000)
    second = write_stamp(data, first, 1700000001)
    assert [first.turn, second.turn] == [0, 1]
    assert read_stamp(data) == second
    for torn in ("", "17000\n", "9999999999\n", "x[$(id)]\n"):
        write(tmp_path / "stamp.1", torn, 0)
        assert read_stamp(data) == first
    os.unlink(tmp_path / "stamp.0")
    os.symlink(tmp_path / "stamp.1", tmp_path / "stamp.0")
    write(tmp_path / "stamp.1", "1700000001\n", 0)
    assert read_stamp(data) == second._replace(time_ns=0)
