"""The stamp: the moment up to which the files of a node are known to hold everything.

In seconds since 1970 by the clock of its master, and never lower than before. After an outage of all hosts it tells
whose files are the newest. The times of the files do not: clocks differ, and Redis also writes files that hold nothing
new.
"""

from collections.abc import Mapping
from typing import NamedTuple

# What Sentinel takes for the best rank is the lowest number above 0. A node ranks by its stamp until it is linked, and
# here, above any rank by a stamp until the end of 2037, while it is linked and only its memory is up to date.
UNSAVED_RANK = 10_000_000

# What a replica got in these last seconds may not be in its stamp yet.
STAMP_DELAY = 5

# A replica-priority is a signed number of 32 bits, and so is a time until 2038.
HIGHEST = 2_147_483_647


def as_of(stamp: int | None, stamped: int, written: int | None, outdated_rdb: bool) -> int:
    """The moment up to which files hold everything; by their own time where this node has no stamp yet.

    stamped, written: when the stamp and the files were written, in seconds by this host's clock. outdated_rdb: whether
    the files are an RDB from before the stamp.
    """
    if stamp is None:
        return written or 0
    if outdated_rdb and written is not None:
        return stamp - stamped + written
    return stamp


def rank(moment: int) -> int:
    """The replica-priority of a node that starts from files as of that moment: the newest have the lowest."""
    return min(max(HIGHEST - moment, UNSAVED_RANK + 1), HIGHEST)


class Ticks(NamedTuple):
    """How the stamps of a node go on from the one that it has.

    stamp: the one it has, None before the first. clock: whose clock told it. ahead: by how many seconds the stamps are
    ahead of that clock: after a failover to a master whose clock is behind they go on from where they were.
    """

    stamp: int | None
    clock: str = ""
    ahead: int = 0

    def at(self, now: int, clock: str) -> "Ticks":
        """After a clock has told the time. Its stamp is the same where that is nothing new."""
        ahead = self.ahead if clock == self.clock else 0
        if self.stamp is not None and now + ahead + 2 < self.stamp:
            ahead = self.stamp + 1 - now
        stamp = now + ahead
        if self.stamp is not None and stamp <= self.stamp:
            stamp = self.stamp
        return Ticks(stamp, clock, ahead)


def saved(persistence: Mapping[str, str]) -> bool:
    """Whether a node's files hold what it holds, where no file of a full sync is beside its AOF.

    A rewrite that failed is begun again, and there is no such file in between.

    persistence: the fields of its INFO persistence.
    """
    told = persistence.get
    return not (
        told("loading") == "1" or told("aof_rewrite_scheduled") == "1" or told("aof_last_bgrewrite_status") == "err"
    )
