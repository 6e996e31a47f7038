"""What the file tells that a daemon of this host last ran with: Redis writes it, so it is taken apart and never run."""

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from ..members import Member, Members
from .identity import is_id
from .migration import HELD
from .replies import number

# The node's master by its last file: a member, or the node itself. None where there is no telling.
Last = Member | Literal["master"] | None

_OURS = re.compile("^# composed from release ", re.MULTILINE)
_REPLICAOF = re.compile(r"^replicaof\s+([0-9.]+)\s+([0-9]+)\s*$")


def last_role(members: Members, text: str) -> Last:
    """Whom the node followed by that file; None also where that is no other member, or the file is none of ours."""
    if not _OURS.search(text):
        return None
    lines = [line for line in text.split("\n") if re.match(r"replicaof\s", line)]
    if not lines:
        return "master"
    told = _REPLICAOF.match(lines[-1])
    master = members.node_at(told[1], told[2]) if told else None
    return master if master != members.node_here else None


class LastSentinel(NamedTuple):
    """What a sentinel keeps. master: the member that it watched, None where that is none, and then all is empty.

    epoch: the config-epoch. kept: the lines for its next file: its id, the other epochs, the other sentinels,
    and that its master follows a legacy Redis.
    """

    master: Member | None = None
    epoch: int = 0
    kept: tuple[str, ...] = ()


def last_sentinel(members: Members, text: str) -> LastSentinel:
    """Everything else in the file is dropped."""
    name, master, epoch, kept = members.master_name, None, 0, list[str]()
    for line in _sentinel_lines(text):
        match line:
            case ["monitor", whose, address, port, _]:
                # Two masters in one file were not written by this program.
                if whose != name or master:
                    return LastSentinel()
                master = members.node_at(address, port)
                if not master:
                    return LastSentinel()
            case ["myid", told] if is_id(told):
                kept.append(f"sentinel myid {told}")
            case ["current-epoch", told] if number(told) is not None:
                kept.append(f"sentinel current-epoch {told}")
            case ["config-epoch", _, told] if (found := number(told)) is not None:
                epoch = found
            case ["down-after-milliseconds", whose, told] if (whose, told) == (name, HELD):
                # It is taken back when its master follows no more: a start meanwhile would have it fail over.
                kept.append(f"sentinel down-after-milliseconds {name} {HELD}")
            case ["leader-epoch", _, told] if number(told) is not None:
                kept.append(f"sentinel leader-epoch {name} {told}")
            case ["known-sentinel", _, address, port, told] if is_id(told):
                other = members.sentinel_at(address, port)
                if other and other.name != members.host:
                    kept.append(f"sentinel known-sentinel {name} {other.pair} {told}")
    return LastSentinel(master, epoch, tuple(kept)) if master else LastSentinel()


def _sentinel_lines(text: str) -> Iterable[list[str]]:
    lines = (line.split() for line in text.split("\n"))
    return (words[1:] for words in lines if words[:1] == ["sentinel"])
