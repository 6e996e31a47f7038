"""What Redis asks of the kernel is set where it is not so, told where it may not be, and goes back."""

from pathlib import Path

import pytest
from redis_cluster import kernel, paths
from redis_cluster.decide.drift import Finding
from redis_cluster.messages import Refused

ALWAYS, MADVISE, NEVER = "[always] madvise never", "always [madvise] never", "always madvise [never]"


class Kernel:
    """Settings in files; THP tells the word in force among those that there are."""

    def __init__(self, directory: Path) -> None:
        self.release, self.record = directory / "current", directory / "record"
        self.release.mkdir()
        self.files = {name: directory / name for name in kernel.FILES}
        self.say(overcommit="0", backlog="128", huge=ALWAYS)

    def say(self, overcommit: str = "", backlog: str = "", huge: str = "") -> None:
        """Somebody sets those of them."""
        for name, value in zip(self.files, (overcommit, backlog, huge), strict=True):
            if value:
                self.files[name].write_text(f"{value}\n")

    def seen(self) -> list[str]:
        """The values, in that order."""
        return [kernel.seen(name) for name in self.files]


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """A kernel with nothing as Redis asks for it."""
    found = Kernel(tmp_path)
    monkeypatch.setattr(kernel, "FILES", {name: str(path) for name, path in found.files.items()})
    monkeypatch.setattr(kernel, "RECORD", str(found.record))
    monkeypatch.setattr(paths, "CURRENT", str(found.release))
    return found


def test_set_and_restored(there: Kernel) -> None:
    """What was there before comes back; drift has nothing to say meanwhile."""
    assert [each.line("h") for each in kernel.findings(str(there.release))] == [
        "h kernel vm.overcommit_memory: wanted 1, seen 0",
        "h kernel net.core.somaxconn: wanted at least 511, seen 128",
        "h kernel transparent_hugepage: wanted madvise, seen always",
    ]
    kernel.kernel("set")
    assert there.seen() == ["1", "511", "madvise"]
    assert there.record.stat().st_mode & 0o777 == 0o644
    assert [*kernel.findings(str(there.release))] == []
    kernel.kernel("restore")
    assert there.seen() == ["0", "128", "always"]


def test_enough_is_left(there: Kernel) -> None:
    """A longer queue, and no huge pages at all, are somebody's choice; a change of it by hand is found."""
    there.say("1", "4096", NEVER)
    kernel.kernel("set")
    assert there.seen() == ["1", "4096", "never"]
    there.say(backlog="100")
    assert [*kernel.findings(str(there.release))] == [Finding("kernel net.core.somaxconn", "at least 511", "100")]
    there.say(backlog="4096")
    kernel.kernel("restore")
    assert there.seen() == ["1", "4096", "never"]


def test_set_by_hand(there: Kernel) -> None:
    """It is found and set again, and then what was there at first comes back; what is still somebody's own stays."""
    kernel.kernel("set")
    there.say(overcommit="2")
    assert [*kernel.findings(str(there.release))] == [Finding("kernel vm.overcommit_memory", "1", "2")]
    kernel.kernel("set")
    assert there.seen()[0] == "1"
    there.say(huge=NEVER)
    kernel.kernel("restore")
    assert there.seen() == ["0", "128", "never"]


def test_a_longer_backlog(there: Kernel) -> None:
    """Of node and sentinel the longer one."""
    kernel.kernel("set")
    (there.release / "redis.conf").write_text("tcp-backlog 1000\n")
    (there.release / "sentinel.conf").write_text("tcp-backlog 700\n")
    assert [*kernel.findings(str(there.release))] == [Finding("kernel net.core.somaxconn", "at least 1000", "511")]
    kernel.kernel("set")
    assert there.seen()[1] == "1000"
    kernel.kernel("restore")
    assert there.seen()[1] == "128"


def test_may_not_be_set(there: Kernel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A container's are told, and are no difference that every run would try to mend, whatever they are."""
    # Whoever runs the tests may write all files.
    monkeypatch.setattr(kernel, "_write", lambda *_: None)
    there.files["transparent_hugepage"].unlink()
    kernel.kernel("set")
    said = capsys.readouterr().err
    assert "vm.overcommit_memory is 0, not 1; net.core.somaxconn is 128, not 511." in said
    assert "huge" not in said
    assert [*kernel.findings(str(there.release))] == []
    there.say(overcommit="2")
    assert [*kernel.findings(str(there.release))] == []
    assert kernel.refused()[0] == "vm.overcommit_memory is 2, not 1"


def test_read_only(there: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is as Redis asks for, and may not be set here, is nobody's to mend later."""
    there.say("1", "511", MADVISE)
    monkeypatch.setattr("os.access", lambda *_: False)
    kernel.kernel("set")
    there.say(overcommit="0")
    assert [*kernel.findings(str(there.release))] == []
    assert kernel.refused() == ["vm.overcommit_memory is 0, not 1"]


def test_without_its_unit(there: Kernel) -> None:
    """There is nothing to restore, and what is wrong is found."""
    kernel.kernel("restore")
    assert there.seen() == ["0", "128", "always"]
    assert kernel.recorded() == {}


def test_another_word() -> None:
    """Is refused."""
    with pytest.raises(Refused, match="expected set or restore"):
        kernel.kernel("take")


class Groups:
    """Two groups of one machine, each with a record and a backlog of its own."""

    def __init__(self, machine: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
        self.machine, self.monkeypatch = machine, monkeypatch
        monkeypatch.setattr(kernel, "RECORDS", str(machine.record.parent / "redis-cluster*-kernel" / "record"))

    def does(self, group: str, what: str, backlog: int = 511) -> list[str]:
        """The unit of one of them starts or stops, as systemd has it, with its directory; what there is then."""
        directory = self.machine.record.parent / f"redis-cluster{group}-kernel"
        directory.mkdir(exist_ok=True)
        self.monkeypatch.setattr(kernel, "RECORD", str(directory / "record"))
        (self.machine.release / "redis.conf").write_text(f"tcp-backlog {backlog}\n")
        kernel.kernel(what)
        if what == "restore":
            (directory / "record").unlink()
            directory.rmdir()
        return self.machine.seen()


@pytest.fixture
def groups(there: Kernel, monkeypatch: pytest.MonkeyPatch) -> Groups:
    """On a kernel with nothing as Redis asks for it."""
    return Groups(there, monkeypatch)


@pytest.mark.parametrize(("first", "second"), [("", "-cache"), ("-cache", "")])
def test_several_groups(groups: Groups, first: str, second: str) -> None:
    """Whichever goes first takes nothing from the other; the last brings back what was there before both."""
    groups.does("", "set")
    assert groups.does("-cache", "set") == ["1", "511", "madvise"]
    assert groups.does(first, "restore") == ["1", "511", "madvise"]
    assert groups.does(second, "restore") == ["0", "128", "always"]


@pytest.mark.parametrize("backlog", [2048, 300])
def test_several_backlogs(groups: Groups, backlog: int) -> None:
    """While both are there the longer one is in force."""
    groups.does("", "set")
    assert groups.does("-cache", "set", backlog)[1] == str(max(backlog, 511))
    assert groups.does("-cache", "restore")[1] == "511"
    assert groups.does("", "restore")[1] == "128"


def test_the_longer_backlog_stays(groups: Groups) -> None:
    """Where the group goes that asked for less, and was there first."""
    groups.does("", "set")
    groups.does("-cache", "set", 2048)
    assert groups.does("", "restore")[1] == "2048"
    assert groups.does("-cache", "restore")[1] == "128"


def test_set_at_the_same_time(groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    """As at a boot: whoever sees what the other has set sees what was there before."""
    once = kernel._write

    def meanwhile(name: str, value: str) -> None:
        once(name, value)
        monkeypatch.setattr(kernel, "_write", once)
        record = kernel.RECORD
        groups.does("-cache", "set")
        monkeypatch.setattr(kernel, "RECORD", record)

    monkeypatch.setattr(kernel, "_write", meanwhile)
    groups.does("", "set")
    assert groups.does("", "restore") == ["1", "511", "madvise"]
    assert groups.does("-cache", "restore") == ["0", "128", "always"]
