"""The stamp: how it goes on, and how files rank by it."""

import pytest
from redis_cluster.decide.stamp import HIGHEST, UNSAVED_RANK, Ticks, as_of, rank, saved


@pytest.mark.parametrize(
    ("told", "stamps"),
    [
        # The same clock, second by second, and twice in one.
        ([("a", 100), ("a", 101), ("a", 101), ("a", 103)], [100, 101, 101, 103]),
        # After a failover to a master whose clock is behind the stamps go on from where they were.
        ([("a", 100), ("b", 40), ("b", 41), ("b", 50)], [100, 101, 102, 111]),
        # A clock that is two seconds behind is waited for.
        ([("a", 100), ("b", 98), ("b", 99), ("b", 101)], [100, 100, 100, 101]),
        # And back to the first one, which is ahead.
        ([("a", 100), ("b", 40), ("a", 105)], [100, 101, 105]),
        # A clock that was set back.
        ([("a", 100), ("a", 40), ("a", 41)], [100, 101, 102]),
    ],
)
def test_ticks(told: list[tuple[str, int]], stamps: list[int]) -> None:
    """A stamp never goes back."""
    ticks, seen = Ticks(None), []
    for clock, now in told:
        ticks = ticks.at(now, clock)
        seen.append(ticks.stamp)
    assert seen == stamps


@pytest.mark.parametrize(
    ("stamp", "written", "outdated_rdb", "moment"),
    [
        (None, None, False, 0),
        (None, 700, False, 700),
        (900, 700, False, 900),
        # An RDB from 200 seconds before the stamp was written, by this host's clock.
        (900, 300, True, 700),
        (900, None, True, 900),
    ],
)
def test_as_of(stamp: int | None, written: int | None, outdated_rdb: bool, moment: int) -> None:
    """By the stamp, which was written at 500; by the files' own time where there is none."""
    assert as_of(stamp, 500, written, outdated_rdb) == moment


def test_rank() -> None:
    """The newest files have the lowest, above that of a node whose files are not written yet, and below all others."""
    assert rank(1_800_000_000) < rank(1_799_999_999)
    assert rank(HIGHEST) == UNSAVED_RANK + 1
    assert rank(0) == rank(-5) == HIGHEST


@pytest.mark.parametrize(
    ("persistence", "whole"),
    [
        ({"loading": "0", "aof_rewrite_scheduled": "0", "aof_last_bgrewrite_status": "ok"}, True),
        ({"loading": "1"}, False),
        ({"aof_rewrite_scheduled": "1"}, False),
        ({"aof_last_bgrewrite_status": "err"}, False),
    ],
)
def test_saved(persistence: dict[str, str], whole: bool) -> None:
    """Not while it loads, nor before its AOF is written."""
    assert saved(persistence) == whole
