"""The ids with which a sentinel begins, its own and those of the others."""

import pytest
from redis_cluster.decide.answers import SentinelAnswer, nobody_heard
from redis_cluster.decide.identity import first_id, is_id, known
from redis_cluster.members import Member, Members

SENTINELS = tuple(Member(name, f"10.0.0.{at}", 26389) for at, name in enumerate(("console", "app-1", "app-2"), 1))
CONSOLE, _, APP_2 = SENTINELS
NODES = tuple(sentinel._replace(port=6389) for sentinel in SENTINELS)
MEMBERS = Members("group", 2, "app-1", 60, 10, "", NODES, SENTINELS)
OF_CONSOLE, OF_APP_2 = first_id(MEMBERS, CONSOLE), first_id(MEMBERS, APP_2)
OLD = "a" * 40


def test_first_ids_differ() -> None:
    """By host, by place and by the name of the group."""
    ids = {first_id(MEMBERS, each) for each in SENTINELS}
    ids |= {first_id(MEMBERS._replace(master_name="other"), each) for each in SENTINELS}
    ids |= {first_id(MEMBERS, CONSOLE._replace(port=26390))}
    assert len(ids) == 7
    assert all(map(is_id, ids))


@pytest.mark.parametrize(
    ("console", "app_2", "whole", "ids"),
    [
        # A new group, whether its others run already or not.
        (None, None, False, [OF_CONSOLE, OF_APP_2]),
        (OF_CONSOLE, None, False, [OF_CONSOLE, OF_APP_2]),
        (OF_CONSOLE, OF_APP_2, False, [OF_CONSOLE, OF_APP_2]),
        # An empty machine in an older group, whose sentinels made their ids themselves.
        (OLD, None, False, [OLD]),
        (OLD, OF_APP_2, False, [OLD, OF_APP_2]),
        # A sentinel that lost its file: a silent one may have been there before ids were made so.
        (None, None, True, []),
        (OF_CONSOLE, None, True, [OF_CONSOLE]),
        # What is no id is none.
        ("../x", None, True, []),
        ("", OLD, True, [OLD]),
    ],
)
def test_known(console: str | None, app_2: str | None, whole: bool, ids: list[str]) -> None:
    """Of those that were heard, and of a new group of all."""
    heard = nobody_heard()
    for member, told in ((CONSOLE, console), (APP_2, app_2)):
        kind = SentinelAnswer(member, "silent")
        heard.add(kind if told is None else SentinelAnswer(member, "names", "", NODES[0], 0, told))
    assert list(known(MEMBERS, heard, whole).values()) == ids
