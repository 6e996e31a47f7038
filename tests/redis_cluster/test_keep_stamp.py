"""What the loop beside a node stamps, and when the node has its own rank again."""

from collections.abc import Callable
from pathlib import Path

import pytest
from redis_cluster.decide.stamp import UNSAVED_RANK
from redis_cluster.keep_stamp import Stamping, keep_stamp
from redis_cluster.members import Member
from redis_cluster.observe import Daemons
from redis_cluster.release import Release
from redis_cluster.resp import Ended, ErrorReply, Reply, Unanswered
from redis_cluster.resume import Mark, read_mark, write_mark
from redis_cluster.stamps import read_stamp

MEMBERS = """master-name group
quorum 2
self app-1
sentinel-return 15
node console 10.0.0.1 6389
node app-1 10.0.0.2 6389
node app-2 10.0.0.3 6389
"""
CONF = "appendonly yes\nreplica-priority 7\nmin-replicas-to-write 1\n"
SAVED = "loading:0\r\naof_rewrite_scheduled:0\r\naof_last_bgrewrite_status:ok\r\n"


class Group:
    """The daemons of a group by their names, as a test says: their ROLE, and what the clock tells."""

    def __init__(self) -> None:
        self.role: dict[str, Reply] = {
            "console": ["master", 500, []],
            "app-1": ["slave", "10.0.0.1", 6389, "connected", 0],
        }
        self.clock: dict[str, int] = {"console": 1_700_000_000, "app-1": 1_800_000_000}
        self.persistence = SAVED
        self.good = 2
        self.asked: list[str] = []
        # Those that have started anew since they were asked last.
        self.restarted: set[str] = set()

    def ask(self, member: Member, *commands: str) -> list[Reply]:
        """The replies to one question."""
        if member.name not in self.role:
            raise Unanswered("no answer within 2 s")
        self.asked += [f"{member.name}: {command}" for command in commands]
        return [self._reply(member.name, command) for command in commands]

    def _reply(self, name: str, command: str) -> Reply:
        match command:
            case "ROLE":
                return self.role[name]
            case "TIME":
                return [str(self.clock[name]), "5"]
            case "INFO persistence":
                return self.persistence
            case "INFO replication":
                return f"role:master\r\nmin_slaves_good_slaves:{self.good}\r\n"
        known = ("CONFIG SET replica-priority ", "CONFIG SET appendonly yes")
        return "OK" if command.startswith(known) else ErrorReply("ERR")

    def follows(self, name: str, offset: int, state: str = "connected") -> None:
        """Of the node here."""
        at = {"console": "10.0.0.1", "app-2": "10.0.0.3"}.get(name, name)
        self.role["app-1"] = ["slave", at, 6389, state, offset]

    def priorities(self) -> list[str]:
        """Those that the node here was told."""
        return [each.rsplit(" ", 1)[1] for each in self.asked if "replica-priority" in each]


@pytest.fixture(name="group")
def _group(monkeypatch: pytest.MonkeyPatch) -> Group:
    group = Group()

    class Told(Daemons):
        def ask(self, member: Member, *commands: str) -> list[Reply]:
            group.restarted.discard(member.name)
            return group.ask(member, *commands)

        def ask_once(self, member: Member, *commands: str) -> list[Reply]:
            if member.name in group.restarted:
                raise Ended("ended the connection")
            return group.ask(member, *commands)

    monkeypatch.setattr(Release, "daemons", lambda release: Told(release.members, "password"))
    return group


@pytest.fixture(name="begin")
def _begin(tmp_path: Path) -> Callable[[str], Stamping]:
    """A host with one release; what looks at its node."""

    def begin(conf: str = CONF) -> Stamping:
        release = tmp_path / "releases" / "one"
        release.mkdir(parents=True, exist_ok=True)
        (release / "members").write_text(MEMBERS)
        (release / "users.acl").write_text("user default off\n")
        (release / "secrets").write_text("replication a\nsentinel b\noperator c\n")
        (release / "redis.conf").write_text(conf)
        if not (tmp_path / "current").is_symlink():
            (tmp_path / "current").symlink_to(release)
        (tmp_path / "appendonlydir").mkdir(exist_ok=True)
        return Stamping(str(tmp_path), str(tmp_path))

    return begin


def stamp_of(directory: Path) -> int | None:
    """The stamp that is written."""
    stamp = read_stamp(str(directory))
    return stamp and stamp.moment


def test_a_replica_stamps_the_time_of_its_master_when_that_was_as_far(
    group: Group, begin: Callable[[], Stamping], tmp_path: Path
) -> None:
    """Not its own time, and not before it has what was written then."""
    stamping = begin()
    for offset, stamp in ((400, None), (499, None), (500, 1_700_000_000)):
        group.follows("console", offset)
        assert stamping.look()
        assert stamp_of(tmp_path) == stamp
        assert stamping.stamped == (stamp is not None)
    group.clock["console"], group.role["console"] = 1_700_000_009, ["master", 600, []]
    group.follows("console", 550)
    assert stamping.look()
    # Asked at 500: of what the master said then.
    assert stamp_of(tmp_path) == 1_700_000_000
    assert group.priorities() == ["7"]


def test_one_that_went_on_from_its_rdb_gets_an_aof_and_its_rank_after_that(
    group: Group, begin: Callable[[], Stamping], tmp_path: Path
) -> None:
    """It is asked to until it has begun one; stamps tell what files hold, so there are none meanwhile."""
    stamping = begin()
    write_mark(str(tmp_path), Mark("resumed", "a.1.base.rdb", "1-1"))
    manifest = tmp_path / "appendonlydir/appendonly.aof.manifest"
    manifest.write_text("file a.1.base.rdb seq 1 type b\n")
    group.follows("console", 600)
    for enabled, asked in ((0, 1), (0, 2), (1, 2)):
        group.persistence = f"aof_enabled:{enabled}\r\n{SAVED}"
        assert stamping.look()
        assert sum(each.endswith("CONFIG SET appendonly yes") for each in group.asked) == asked
        assert group.priorities() == [str(UNSAVED_RANK)]
        assert (read_mark(str(tmp_path)) is None, stamp_of(tmp_path)) == (False, None)
    manifest.write_text("file a.2.base.rdb seq 2 type b\n")
    for _ in range(2):
        assert stamping.look()
    assert group.priorities() == [str(UNSAVED_RANK), "7"]
    assert (read_mark(str(tmp_path)), stamp_of(tmp_path)) == (None, 1_700_000_000)


@pytest.mark.parametrize("master", ["10.9.9.9", "console"])
def test_a_replica_of_a_stranger_or_of_one_that_says_it_is_no_master_stamps_nothing(
    group: Group, begin: Callable[[], Stamping], tmp_path: Path, master: str
) -> None:
    """There is no clock to go by."""
    group.role["console"] = ["slave", "10.0.0.3", 6389, "connected", 1]
    group.follows(master, 900)
    stamping = begin()
    for _ in range(3):
        assert stamping.look()
    assert stamp_of(tmp_path) is None


def test_one_whose_master_hangs_is_linked_all_the_same(group: Group, begin: Callable[[], Stamping]) -> None:
    """It has its own rank."""
    del group.role["console"]
    assert begin().look()
    assert group.priorities() == ["7"]


@pytest.mark.parametrize(("good", "conf", "stamped"), [(1, CONF, True), (0, CONF, False), (0, "appendonly yes", True)])
def test_a_master_stamps_while_it_reaches_as_many_replicas_as_a_write_needs(
    group: Group, begin: Callable[[str], Stamping], tmp_path: Path, good: int, conf: str, stamped: bool
) -> None:
    """By its own clock."""
    group.role["app-1"], group.good = ["master", 900, []], good
    begin(conf).look()
    assert stamp_of(tmp_path) == (1_800_000_000 if stamped else None)


def test_until_its_aof_is_written_a_replica_ranks_behind(
    group: Group, begin: Callable[[], Stamping], tmp_path: Path
) -> None:
    """And is not stamped; its own rank is told once, and again after its link was down."""
    unsaved = tmp_path / "appendonlydir" / "temp-appendonly.aof.incr"
    stamping = begin()
    unsaved.write_text("")
    group.follows("console", 900)
    for _ in range(2):
        stamping.look()
    unsaved.unlink()
    group.persistence = "aof_last_bgrewrite_status:err"
    stamping.look()
    assert stamp_of(tmp_path) is None
    group.persistence = SAVED
    for _ in range(2):
        stamping.look()
    assert group.priorities() == [str(UNSAVED_RANK), "7"]
    assert stamp_of(tmp_path)
    group.follows("console", 900, "connect")
    stamping.look()
    assert not stamping.stamped
    group.follows("console", 900)
    stamping.look()
    assert group.priorities() == [str(UNSAVED_RANK), "7", "7"]


def test_one_that_is_never_to_be_promoted_is_not_told_a_rank(
    group: Group, begin: Callable[[str], Stamping], tmp_path: Path
) -> None:
    """Nor stamped before its AOF is written."""
    stamping = begin("appendonly yes\nreplica-priority 0\n")
    (tmp_path / "appendonlydir" / "temp-appendonly.aof.incr").write_text("")
    group.follows("console", 900)
    stamping.look()
    stamping.look()
    assert group.priorities() == ["0"]
    assert stamp_of(tmp_path) is None


def test_begins_anew_with_another_master_or_release(
    group: Group, begin: Callable[[], Stamping], tmp_path: Path
) -> None:
    """Whose members may be others."""
    stamping = begin()
    group.follows("console", 900)
    assert stamping.look()
    group.follows("app-2", 900)
    assert not stamping.look()
    assert (stamping := begin()).look()
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to(tmp_path / "releases")
    assert not stamping.look()


def test_a_node_that_has_started_anew_between_two_looks_is_given_its_own_rank_again(
    group: Group, begin: Callable[[], Stamping]
) -> None:
    """It knows nothing of what the last one was told."""
    stamping = begin()
    assert stamping.look()
    group.restarted.add("app-1")
    with pytest.raises(Ended):
        stamping.look()
    assert group.priorities() == ["7"]


def test_a_node_that_is_down_is_looked_for_again(
    group: Group, begin: Callable[[], Stamping], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the directory of its unit is gone; and by one process alone."""
    begin()
    run = tmp_path / "run"
    run.mkdir()
    node = group.role.pop("app-1")
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        keep_stamp(str(tmp_path), str(tmp_path), str(run))
        if len(slept) == 3:
            group.role["app-1"] = node
        if len(slept) == 9:
            (run / "stamping").unlink()
            run.rmdir()

    monkeypatch.setattr("time.sleep", sleep)
    keep_stamp(str(tmp_path), str(tmp_path), str(run))
    assert set(slept) == {0.2}
    assert group.priorities() == ["7"]
