"""What a planned restart goes by: the RDB of the last stop, and a mark of what that and the AOF hold."""

import os
from pathlib import Path

import pytest
from redis_cluster import leave as module
from redis_cluster.files import Files
from redis_cluster.resp import Ended, ErrorReply
from redis_cluster.resume import Mark, forget_resumed, holds_all, identity, read_mark, write_mark
from redis_cluster.settings import Settings

from .conftest import Said, Told

ID = "0123456789abcdef0123456789abcdef01234567"


def offset(value: int) -> bytes:
    """As Redis writes a number that is a text: short where that can be."""
    for kind, size in ((b"\xc0", 1), (b"\xc1", 2), (b"\xc2", 4)):
        if -(1 << 8 * size - 1) <= value < 1 << 8 * size - 1:
            return kind + value.to_bytes(size, "little", signed=True)
    text = str(value).encode()
    return bytes([len(text)]) + text


def rdb(value: bytes, name: str = ID) -> bytes:
    """The beginning of one."""
    fields = b"\xfa\x05ctime\xc2\x0a\x0a\x0a\x0a\xfa\x07repl-id\x28" + name.encode()
    return b"REDIS0010" + fields + b"\xfa\x0brepl-offset" + value + b"\xfa\x08aof-base\xc0\x00"


@pytest.mark.parametrize("had", [0, 10, 127, 128, 2570, 40_000, 168_430_090, 1 << 31, 1 << 40])
def test_an_rdb_that_was_saved_last_has_as_much_as_the_node(tmp_path: Path, had: int) -> None:
    """Whatever the number; one byte less is not enough, nor is the offset of another history."""
    told = {"master_replid": ID, "master_repl_offset": str(had)}
    path = tmp_path / "dump.rdb"
    assert not holds_all(str(path), told)
    for value, name, all_of_it in ((had, ID, True), (had + 1, ID, True), (had - 1, ID, False), (had, "f" * 40, False)):
        path.write_bytes(rdb(offset(value), name))
        assert holds_all(str(path), told) == all_of_it


@pytest.mark.parametrize(
    "start", [b"", b"REDIS0010", rdb(b""), rdb(b"\xc3\x01\x02"), rdb(offset(9)).replace(b"-id", b"-is")]
)
def test_one_that_does_not_tell_is_none(tmp_path: Path, start: bytes) -> None:
    """An RDB of a node that never replicated, or none at all."""
    (tmp_path / "dump.rdb").write_bytes(start)
    assert not holds_all(str(tmp_path / "dump.rdb"), {"master_replid": ID, "master_repl_offset": "5"})
    (tmp_path / "dump.rdb").write_bytes(rdb(offset(9)))
    assert not holds_all(str(tmp_path / "dump.rdb"), {"master_replid": ID})


def node(directory: Path, base: str = "a.1.base.rdb", conf: str = "appendonly yes\n") -> Files:
    """A node's files: an RDB, and an AOF with that base."""
    (directory / "appendonlydir").mkdir(exist_ok=True)
    (directory / "conf").write_text(conf)
    (directory / "appendonlydir/appendonly.aof.manifest").write_text(f"file {base} seq 1 type b\n" if base else "")
    if not (directory / "dump.rdb").exists():
        (directory / "dump.rdb").write_bytes(rdb(offset(9)))
    return Files(Settings(str(directory / "conf")), str(directory))


def saved(directory: Path) -> Mark:
    """The mark of its stop."""
    mark = Mark("saved", "a.1.base.rdb", identity(str(directory / "dump.rdb")))
    write_mark(str(directory), mark)
    return mark


def test_a_stop_a_start_and_a_new_aof(tmp_path: Path) -> None:
    """The AOF is behind from the start on, also over crashes, until it has a base of its own."""
    files, mark = node(tmp_path), saved(tmp_path)
    assert files.may_resume()
    assert not files.outdated(None)
    for _ in range(2):
        files.settle(None, True)
        assert read_mark(str(tmp_path)) == mark._replace(state="resumed")
        assert files.may_resume()
        assert files.outdated(None)
    # What Redis saves or syncs meanwhile is newer.
    (tmp_path / "dump.rdb").write_bytes(rdb(offset(99)))
    assert files.may_resume()
    # The process may die before the mark goes.
    files = node(tmp_path, "a.2.base.rdb")
    assert not files.outdated(None)
    assert not files.may_resume()
    forget_resumed(str(tmp_path))
    assert read_mark(str(tmp_path)) is None


def test_a_start_from_the_aof_forgets_the_stop(tmp_path: Path) -> None:
    """As a master it holds what its AOF has, and goes on with that."""
    files, mark = node(tmp_path), saved(tmp_path)
    forget_resumed(str(tmp_path))
    assert read_mark(str(tmp_path)) == mark
    files.settle(None, False)
    assert read_mark(str(tmp_path)) is None
    assert not files.may_resume()


def test_where_it_may_not_go_on(tmp_path: Path) -> None:
    """Another RDB than the one of the stop; none; another AOF; a node without one."""
    files = node(tmp_path)
    assert not files.may_resume()
    saved(tmp_path)
    assert not node(tmp_path, "a.2.base.rdb").may_resume()
    assert not node(tmp_path, conf="appendonly no\n").may_resume()
    os.utime(tmp_path / "dump.rdb", (1, 1))
    assert not files.may_resume()
    saved(tmp_path)
    files.settle(None, True)
    (tmp_path / "dump.rdb").unlink()
    assert not files.may_resume()
    assert files.outdated(None)
    for torn in ("", "saved", "resumed a.1.base.rdb 1-2", "resumed $(id) 1-2\n"):
        (tmp_path / "resume").write_text(torn)
        assert read_mark(str(tmp_path)) is None


INFO = {
    "role": "slave",
    "loading": "0",
    "master_sync_in_progress": "0",
    "aof_enabled": "1",
    "used_memory_dataset": "1000",
    "master_replid": ID,
    "master_repl_offset": "9",
}
DEAD = 4_000_000


@pytest.mark.parametrize(
    ("changed", "reply", "marked"),
    [
        ({}, Ended("ends the connection"), True),
        # It was killed in its save: what lies there is from before.
        ({"master_repl_offset": "10"}, Ended("ends the connection"), False),
        ({"role": "master"}, None, False),
        ({"master_sync_in_progress": "1"}, None, False),
        ({"aof_enabled": "0"}, None, False),
        ({"used_memory_dataset": str(1 << 56)}, None, False),
        ({}, ErrorReply("ERR Errors trying to SHUTDOWN. Check logs."), False),
    ],
)
def test_what_a_stop_leaves(
    changed: dict[str, str], reply: Ended | ErrorReply | None, marked: bool, tmp_path: Path
) -> None:
    """A mark only where the RDB has all; and a master is not told to save."""
    files = node(tmp_path)
    info = "".join(f"{name}:{value}\r\n" for name, value in {**INFO, **changed}.items())
    said: Said = {"INFO": info} if reply is None else {"INFO": info, "SHUTDOWN SAVE": reply}
    told = Told(said)
    module._save_to_resume(told, DEAD, files)
    assert (read_mark(str(tmp_path)) is not None) == marked
    assert ("SHUTDOWN SAVE" in told.asked) == (reply is not None)


def test_a_stop_while_the_aof_is_behind_leaves_it_so(tmp_path: Path) -> None:
    """What it would be marked as is not so."""
    files, mark = node(tmp_path), saved(tmp_path)
    files.settle(None, True)
    module._save_to_resume(Told({"INFO": "".join(f"{name}:{value}\r\n" for name, value in INFO.items())}), DEAD, files)
    assert read_mark(str(tmp_path)) == mark._replace(state="resumed")
