"""The gate's conditions, against the cases that the check at the end of a run is held against too."""

import json
import time
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
from redis_cluster.decide.gate import Certificate, Condition, late_replicas, moves, other_versions, problems, strangers
from redis_cluster.members import Member, Members
from redis_cluster.observe import Clock, Daemons, Group, Node, Sentinel
from redis_cluster.resp import ErrorReply, Reply, Unanswered

TABLE = json.loads((Path(__file__).parents[2] / "gate" / "cases.json").read_text())
HOSTS: dict[str, str] = TABLE["members"]
MEMBERS = Members(
    TABLE["masterName"],
    TABLE["quorum"],
    "console",
    60,
    10,
    "",
    tuple(Member(name, address, 6389) for name, address in HOSTS.items()),
    tuple(Member(name, address, 26389) for name, address in HOSTS.items()),
)


class Said(Daemons):
    """Daemons that reply as a case says."""

    def __init__(self, but: dict[str, Any]) -> None:
        super().__init__(MEMBERS, "password")
        self._but = but

    def ask(self, member: Member, *commands: str) -> list[Reply]:
        """What the whole group's daemon replies, but for the case."""
        kind = "node" if member.port == 6389 else "sentinel"
        but = self._but.get(f"{member.name} {kind}", {})
        if but is None:
            raise Unanswered("Connection refused")
        if kind == "node":
            kind = "master" if member.name == "console" else "replica"
        replies = [self._reply(TABLE["whole"][kind], but, command) for command in commands]
        return [reply.replace("HOST", member.name) if isinstance(reply, str) else reply for reply in replies]

    def _reply(self, whole: dict[str, Any], but: dict[str, Any], command: str) -> Reply:
        key = next(key for key in sorted({**whole, **but}, reverse=True) if command.startswith(key))
        reply = but[key] if key in but else whole[key]
        if key == "TIME":
            return [str(int(time.time()) + reply), "500000"]
        if isinstance(reply, str):
            return reply
        if "error" in reply:
            return ErrorReply(reply["error"])
        told = {name: value for name, value in {**whole[key], **reply}.items() if value is not None}
        if key == "SENTINEL REPLICAS":
            places = [(*place.split(":"), flags) for place, flags in told.items()]
            return [["ip", address, "port", port, "flags", flags] for address, port, flags in places]
        if key == "SENTINEL MASTER":
            return [word for pair in told.items() for word in pair]
        return "# Section\r\n" + "".join(f"{name}:{value}\r\n" for name, value in told.items())


def failing(but: dict[str, Any], thorough: bool) -> list[str]:
    """Host and condition of each problem."""
    group = Said(but).look(thorough)
    certificate = Certificate(but.get("certificate", ""), "20240101000000")
    found = problems(group, MEMBERS.host, certificate, but.get("replaced", ()))
    return sorted(f"{problem.text.split()[0].rstrip(':')} {problem.condition}" for problem in found)


def expected(case: dict[str, Any], when: str) -> list[str]:
    """Those that are judged then."""
    fails = case["fails"] if isinstance(case["fails"], list) else case["fails"]["gate"]
    return sorted(each for each in fails if when in TABLE["conditions"][each.split()[1]])


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["name"])
def test_before_a_daemon_is_stopped(case: dict[str, Any]) -> None:
    """All conditions of the gate."""
    assert failing(case["but"], thorough=True) == expected(case, "gate")


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["name"])
def test_before_the_next_turn(case: dict[str, Any]) -> None:
    """Those alone for which no daemon has to write a file."""
    assert failing(case["but"], thorough=False) == expected(case, "turn")


def test_the_conditions_are_those_of_the_cases() -> None:
    """None that the table does not know, and each in some case."""
    assert set(get_args(Condition)) == {name for name, when in TABLE["conditions"].items() if "gate" in when}
    fails = [each for case in TABLE["cases"] for each in expected(case, "gate")]
    assert {each.split()[1] for each in fails} == set(get_args(Condition))


NODE = Member("app-1", "10.77.0.12", 6389)


@pytest.mark.parametrize(
    ("info", "saves", "moving"),
    [
        ({}, False, ""),
        ({}, True, "app-1 saves:  keys"),
        ({"loading": "1", "loading_loaded_bytes": "7"}, False, "app-1 loads: 7 bytes"),
        ({"master_sync_in_progress": "1", "master_sync_read_bytes": "8"}, False, "app-1 syncs: 8 bytes"),
        (
            {"slave0": "ip=1,state=wait_bgsave,offset=0", "current_save_keys_processed": "9"},
            False,
            "app-1 saves: 9 keys",
        ),
        ({"slave0": "ip=1,state=send_bulk,offset=0", "current_save_keys_processed": "9"}, False, "app-1 saves: 9 keys"),
        ({"slave0": "ip=1,state=online,offset=0", "current_save_keys_processed": "9"}, False, ""),
        ({"loading": "1", "loading_loaded_bytes": "\x1b[2J\n7"}, False, "app-1 loads:  [2J 7 bytes"),
    ],
)
def test_what_moves(info: dict[str, str], saves: bool, moving: str) -> None:
    """A load, a sync, and a save that a replica waits for."""
    assert moves([Node(NODE, info=info)], saves) == moving


def test_who_says_nothing_does_not_move() -> None:
    """Not even where every save counts."""
    assert moves([Node(NODE, silence="no answer")], saves=True) == ""


@pytest.mark.parametrize(
    "told", ["", "-1", "5e6", "05", "\u0665", "1" * 19, " 1", "1\n"], ids=lambda told: f"offset {told!r}"
)
def test_what_is_no_offset(told: str) -> None:
    """And so nobody who tells it has what the master had written."""
    master = Member("console", "10.77.0.11", 6389)
    sentinel = Sentinel(Member("console", "10.77.0.11", 26389), master={"ip": "10.77.0.11", "port": "6389"})
    replica = Node(NODE, info={"master_link_status": "up", "slave_repl_offset": told})
    group = Group((Node(master, info={"master_repl_offset": "0"}), replica), (sentinel,), thorough=False)
    assert late_replicas(group) == [replica]


def test_what_the_question_took_is_no_difference() -> None:
    """A slow answer tells a time between before and after."""
    clock = partial(Clock, before=1_000_000_000, after=1_005_000_000)
    for told, off in ((998_000_000, False), (1_007_000_000, False), (997_999_999, True), (1_007_000_001, True)):
        found = problems(Group((Node(NODE, info={}, clock=clock(told)),), (), thorough=True), "console")
        assert any(problem.condition == "node-clock" for problem in found) == off


def test_what_daemons_say_steers_no_terminal() -> None:
    """Nor does it make lines of its own, or go on for ever."""
    evil = "x\x1b[2J\nconsole node: all is well\u202e" + "x" * 10000
    sentinel = Sentinel(Member("console", "10.77.0.11", 26389), silence=evil, flush=evil)
    group = Group((Node(NODE, silence=evil, refusals=(evil,)),), (sentinel,), thorough=True)
    for problem in problems(group, "console"):
        assert problem.text.isprintable()
        assert len(problem.text) < 700


def test_who_replicates_and_is_no_member() -> None:
    """As the sentinels and the master tell it; a member's other port is a member's."""
    listed = {"10.9.9.9:6379": "slave", "10.77.0.13:6390": "slave", "evil:1": "slave"}
    connected = {"slave2": "ip=10.9.9.8,port=7000,state=online,offset=5,lag=0", "slave3": "ip=x,port=1,state=online"}
    group = Said({"app-1 sentinel": {"SENTINEL REPLICAS": listed}, "console node": {"INFO": connected}}).look(False)
    assert strangers(group) == ["10.9.9.8:7000", "10.9.9.9:6379"]
    assert strangers(Said({}).look(False)) == []


def test_other_versions() -> None:
    """Told where nodes differ, by name; nobody else's silence makes a difference."""
    newer = {"app-1 node": {"INFO": {"redis_version": "8.0.2"}}, "app-2 node": {"INFO": {"redis_version": "7.0.15"}}}
    told = other_versions(Said(newer).look(False))
    assert "app-1 8.0.2" in told
    assert "app-2 7.0.15" in told
    assert other_versions(Said({}).look(False)) == ""
    newer["app-1 node"]["INFO"]["redis_version"] = "7.0.11"
    newer["console node"] = newer["app-2 node"]
    assert other_versions(Said(newer).look(False)) == ""


@pytest.mark.parametrize(("own", "added"), [("7.0.15", True), ("8.0.1", False), ("8.0.2", False), ("10.0.0", False)])
def test_an_older_replica_without_a_link(own: str, added: bool) -> None:
    """Is told that it cannot have one."""
    down = {"master_link_status": "down", "redis_version": own}
    group = Said({"console node": {"INFO": {"redis_version": "8.0.2"}}, "app-1 node": {"INFO": down}}).look(False)
    (found,) = problems(group, "console")
    assert found.condition == "replica-link"
    assert (f"Its Redis {own} is older than its master's 8.0.2, and cannot copy it" in found.text) is added
