"""What running daemons take, by what they say."""

import re
from hashlib import sha256
from pathlib import Path

import pytest
from redis_cluster import live, paths
from redis_cluster.gate import Step
from redis_cluster.live import drop_connections, node_takes, refuse_evicting_maxmemory, sentinel_takes
from redis_cluster.messages import Refused
from redis_cluster.resp import ErrorReply, Reply, Unanswered

from .conftest import Said, Told

STEP = Step("", "")
START = "hz 10\n"
TAKEN = ["maxmemory", "limit", "notify", "hidden", "min-replicas-to-write", "port", "tls-port", "oom-score-adj-values"]
TAKEN += ["notify-keyspace-events", "latency-tracking-info-percentiles", "shutdown-on-sigterm"]


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The one that runs and the one that it is to take."""
    both = tmp_path / "was", tmp_path / "new"
    for directory in both:
        directory.mkdir()
        (directory / "redis.conf").write_text(f"port 6389\n{START}maxmemory 1gb\n")
        (directory / "sentinel.conf").write_text(f"{START}sentinel down-after-milliseconds m 5000\n")
        (directory / "live").write_text("".join(map("node {}\n".format, TAKEN)) + "sentinel down-after-milliseconds\n")
        (directory / "secrets").write_text(f"operator o\nreplication r\nsentinel s\nhash a {'1' * 64}\n")
        (directory / "users.acl").write_text("user a on #a +get\n")
        (directory / "sentinel-users.acl").write_text("user a on #a +get\n")
    monkeypatch.setattr(live, "running_release", lambda _: str(both[0]))
    monkeypatch.setattr(paths, "STAGED", str(both[1]))
    monkeypatch.setattr(paths, "ACCEPTED", str(tmp_path / "accepted"))
    return both


def _takes(monkeypatch: pytest.MonkeyPatch, told: Told, new: Path, daemon: str = "node") -> list[str]:
    monkeypatch.setattr(live, "staged_daemons", lambda: told)
    return [*(node_takes(str(new), STEP) if daemon == "node" else sentinel_takes(str(new)))]


def _settings(*values: list[Reply]) -> Said:
    """A node that says these to CONFIG GET *, one after the other."""
    told = iter(values)
    return {"CONFIG GET *": lambda: next(told), "INFO memory": "used_memory:1\r\n"}


def test_nothing(releases: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Asks nobody where nothing differs."""
    told = Told({})
    assert _takes(monkeypatch, told, releases[1]) == []
    assert told.asked == []


def test_settings(releases: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once; quotes are the file's."""
    (releases[1] / "redis.conf").write_text(f'port 6389\n{START}maxmemory 2gb\nlimit a 1\nlimit b 2\nnotify "Kx"\n')
    set_all = "CONFIG SET maxmemory 2gb limit a 1 b 2 notify Kx"
    before, after = ["maxmemory", "1073741824"], ["maxmemory", "2147483648", "limit", "a 1 b 2", "notify", "xK"]
    told = Told({**_settings([*before], [*after]), set_all: "OK"})
    assert _takes(monkeypatch, told, releases[1]) == ["set at run time: maxmemory limit notify"]
    assert told.asked == ["CONFIG GET *", set_all, "CONFIG GET *"]


def test_unlisted(releases: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """What this version of Redis takes, and does not list."""
    (releases[1] / "redis.conf").write_text(f"port 6389\n{START}hidden yes\n")
    told = Told({**_settings(["other", "1"], ["other", "1"]), "CONFIG SET hidden yes": "OK"})
    assert _takes(monkeypatch, told, releases[1]) == ["set at run time: hidden"]


@pytest.mark.parametrize(
    ("name", "wanted", "seen"),
    [
        ("notify-keyspace-events", "KEA", "AKE"),
        ("latency-tracking-info-percentiles", "50.0 99.90", "50 99.9"),
        ("shutdown-on-sigterm", "now nosave", "nosave now"),
        ("oom-score-adj-values", "00 200 800", "0 200 800"),
        ("maxmemory", "0100", "100"),
        ("maxmemory", "100b", "100"),
    ],
)
def test_another_spelling(
    releases: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, name: str, wanted: str, seen: str
) -> None:
    """What is the same to Redis is no change that was not taken; the very binary tells what is."""
    (releases[1] / "redis.conf").write_text(f"port 6389\n{START}{name} {wanted}\n")
    for each in releases:
        with (each / "secrets").open("a") as file:
            file.write(f"hash operator {sha256(b'o').hexdigest()}\n")
        (each / "users.acl").write_text("user operator on #operator ~* &* +@all\n")
    told = Told({**_settings([name, seen], [name, seen]), f"CONFIG SET {name} {wanted}": "OK"})
    assert _takes(monkeypatch, told, releases[1]) == [f"set at run time: {name}"]
    other = Told({**_settings([name, "1"], [name, "1"]), f"CONFIG SET {name} {wanted}": "OK"})
    with pytest.raises(Refused, match=f"{name} is '1' after CONFIG SET"):
        _takes(monkeypatch, other, releases[1])


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ({"CONFIG GET *": Unanswered("no answer within 2 s")}, "the node says 'no answer within 2 s' to a question of"),
        ({"CONFIG GET *": ErrorReply("NOPERM\x1b no")}, "the node says 'NOPERM  no' to a question of this step"),
        (
            {"CONFIG GET *": [], "CONFIG SET maxmemory 2gb": ErrorReply("ERR x")},
            "CONFIG SET was refused: ERR x. Nothing",
        ),
        ({"CONFIG GET *": [], "CONFIG SET maxmemory 2gb": Unanswered("silent")}, "CONFIG SET was refused: silent"),
        # It says OK and has what it had.
        (
            {"CONFIG GET *": ["maxmemory", "1"], "CONFIG SET maxmemory 2gb": "OK"},
            "redis-cluster:redis.maxmemory is '1' after CONFIG SET; expected '2gb'; run pulumi up again",
        ),
    ],
)
def test_refused(releases: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, said: Said, refusal: str) -> None:
    """What it was told, and what to do."""
    (releases[1] / "redis.conf").write_text(f"port 6389\n{START}maxmemory 2gb\n")
    with pytest.raises(Refused, match=re.escape(refusal)):
        _takes(monkeypatch, Told(said), releases[1])


@pytest.mark.parametrize(("now", "waits"), [("0", True), ("1", False), ("2", False), ("x[$(id)]", False), ("", False)])
def test_more_replicas_to_write(
    releases: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, now: str, waits: bool
) -> None:
    """Waits until those that have just joined are linked."""
    name = "min-replicas-to-write"
    (releases[1] / "redis.conf").write_text(f"port 6389\n{START}maxmemory 1gb\n{name} 1\n")
    waited: list[Step] = []
    monkeypatch.setattr(live, "_wait_whole", waited.append)
    said: Said = {**_settings([], [name, "1"]), f"CONFIG GET {name}": [name, now], f"CONFIG SET {name} 1": "OK"}
    assert _takes(monkeypatch, Told(said), releases[1]) == [f"set at run time: {name}"]
    assert bool(waited) is waits


def test_users(releases: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """And the password that the node itself logs in with."""
    (releases[1] / "users.acl").write_text("user a on #a +set\n")
    (releases[1] / "secrets").write_text(f"operator o\nreplication new\nhash a {'2' * 64}\n")
    made = f"#{'2' * 64}"
    said: Said = {
        "ACL USERS": ["a", "gone"],
        f"ACL SETUSER a reset on {made} +set": "OK",
        "ACL DELUSER gone": 1,
        "ACL LIST": [f"user a on {made} +set"],
        "CONFIG SET masterauth new": "OK",
    }
    told = Told(said)
    assert _takes(monkeypatch, told, releases[1]) == ["changed users"]
    assert told.asked == [*said]
    with pytest.raises(
        Refused, match=r"10\.0\.0\.1:6389 has other users or passwords after ACL SETUSER than users.acl"
    ):
        _takes(monkeypatch, Told({**said, "ACL LIST": [f"user a on #{'1' * 64}"]}), releases[1])
    with pytest.raises(Refused, match="refused a change of its users: ERR no; run 'redis-cluster gate' here"):
        _takes(monkeypatch, Told({**said, "ACL DELUSER gone": ErrorReply("ERR no")}), releases[1])
    with pytest.raises(Refused, match="does not tell its users: silent"):
        _takes(monkeypatch, Told({**said, "ACL USERS": Unanswered("silent")}), releases[1])


def test_a_sentinel(releases: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """What differs, and the quorum in any case."""
    said: Said = {"SENTINEL SET m quorum 1": "OK", "SENTINEL SET m down-after-milliseconds 9000": "OK"}
    told = Told(said)
    assert _takes(monkeypatch, told, releases[1], "sentinel") == []
    assert told.asked == ["SENTINEL SET m quorum 1"]
    (releases[1] / "sentinel.conf").write_text(f"{START}sentinel down-after-milliseconds m 9000\n")
    assert _takes(monkeypatch, Told(said), releases[1], "sentinel") == ["set at run time: down-after-milliseconds"]
    with pytest.raises(Refused, match="SENTINEL SET quorum was refused: ERR unknown; correct redis-cluster:quorum"):
        _takes(monkeypatch, Told({"SENTINEL SET m down-after-milliseconds 9000": "OK"}), releases[1], "sentinel")
    with pytest.raises(Refused, match=r"correct redis-cluster:sentinel\.down-after-milliseconds, then run"):
        _takes(monkeypatch, Told({}), releases[1], "sentinel")


def test_connections_to_a_port_that_closes() -> None:
    """Of that port alone; and a port that is no number is nobody's."""
    line = "id={} addr=10.0.0.9:5 laddr=10.0.0.1:{} age=1 user=x\n"
    told = Told({"CLIENT LIST": line.format(3, 6389) + line.format(4, 6390) + line.format(5, 6389)})
    drop_connections(told, "6389")
    drop_connections(told, "z/z/;e touch /tmp/x #")
    assert told.asked == ["CLIENT LIST", "CLIENT KILL ID 3", "CLIENT KILL ID 5", "INFO", "CLIENT LIST"]


EVICTS = "maxmemory 100mb\nmaxmemory-policy allkeys-lru\n"


@pytest.mark.parametrize(
    ("told", "conf", "refused"),
    [
        ("used_memory:104857601\r\n", EVICTS, "maxmemory is 104857600 bytes, below the 104857601 in use"),
        ("used_memory:104857600\r\n", EVICTS, ""),
        ("used_memory:104857601\r\n", "maxmemory 100mb\n", ""),
        ("used_memory:104857601\r\n", "maxmemory-policy allkeys-lru\n", ""),
        (Unanswered("silent"), "maxmemory 100mb\n", ""),
        (Unanswered("silent"), "maxmemory 0\nmaxmemory-policy allkeys-lru\n", ""),
        # Who does not tell may be above it.
        ("used_memory:PATH[$(id)]\r\n", EVICTS, "not known: it tells none"),
        ("used_memory:" + "9" * 99 + "\r\n", EVICTS, "not known: it tells none"),
        (ErrorReply("BUSY a script"), EVICTS, "not known: BUSY a script"),
        (Unanswered("no answer"), EVICTS, "not known: no answer"),
    ],
)
def test_evicting_maxmemory(tmp_path: Path, told: Reply | Unanswered, conf: str, refused: str) -> None:
    """Refused where keys would be thrown away at once."""
    (tmp_path / "redis.conf").write_text(conf)
    daemons = Told({"INFO memory": told})
    if refused:
        with pytest.raises(Refused, match=refused):
            refuse_evicting_maxmemory(daemons, str(tmp_path))
    else:
        refuse_evicting_maxmemory(daemons, str(tmp_path))
