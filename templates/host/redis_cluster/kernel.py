"""What Redis asks of the kernel: set by a unit of its own, seen by drift, and as it was before when that unit stops.

The unit runs this alone as root, without a capability, where it can write kernel settings and its record, no more.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from glob import glob
from typing import NamedTuple

from . import paths
from .decide.drift import Finding
from .messages import Refused, say
from .settings import Settings

RECORD = f"{paths.ROOT}/run/{paths.CLUSTER}-kernel/record"
RECORDS = f"{paths.ROOT}/run/redis-cluster*-kernel/record"

OVERCOMMIT, BACKLOG, HUGE_PAGES = "vm.overcommit_memory", "net.core.somaxconn", "transparent_hugepage"
FILES = {
    OVERCOMMIT: f"{paths.ROOT}/proc/sys/vm/overcommit_memory",
    BACKLOG: f"{paths.ROOT}/proc/sys/net/core/somaxconn",
    HUGE_PAGES: f"{paths.ROOT}/sys/kernel/mm/transparent_hugepage/enabled",
}


class Set(NamedTuple):
    """A setting as the unit found it and as it left it. here: `yes` where this host may set it, else `no`."""

    before: str
    after: str
    here: str


def kernel(what: str) -> None:
    """Verb kernel set|restore, of the unit. Raises Refused for another word, OSError where there is no such unit."""
    if what == "set":
        _set()
    elif what == "restore":
        _restore()
    else:
        raise Refused(f"kernel '{what}'; expected set or restore, as {paths.CLUSTER}-kernel.service calls it")


def seen(name: str) -> str:
    """The value of a setting; empty where the kernel has none of that name."""
    with suppress(OSError), open(FILES[name], encoding="utf-8") as file:
        text = file.read().strip()
        # Of several words the one in force is in brackets.
        return found[1] if (found := re.search(r"\[(\w+)\]", text)) else text
    return ""


def wanted(release: str) -> dict[str, str]:
    """By the name of each setting what Redis asks for, with the backlogs of this release's daemons."""
    files = [Settings(f"{release}/{name}", missing=True) for name in ("redis.conf", "sentinel.conf")]
    return {
        # Else a fork for a save may be refused while half of the memory is free.
        OVERCOMMIT: "1",
        BACKLOG: str(max(int(file.get("tcp-backlog", "511")) for file in files)),
        # A page of 2 MB is copied for each byte that is written during a save.
        HUGE_PAGES: "madvise",
    }


def is_enough(name: str, asked: str, value: str) -> bool:
    """Whether that value will do: what is more than enough, or is not there, is left as it is."""
    if value == "" or value == asked:
        return True
    if name == BACKLOG:
        return value.isdecimal() and int(value) >= int(asked)
    return name == HUGE_PAGES and value == "never"


def recorded(path: str = "") -> dict[str, Set]:
    """What the unit found and left; nothing where it does not run. path: of another group's record."""
    with suppress(OSError), open(path or RECORD, encoding="utf-8") as file:
        return {words[0]: Set(*words[1:]) for line in file if len(words := line.split()) == 4}
    return {}


def _beside() -> list[dict[str, Set]]:
    """The records of the other groups of this host, whose units run: the kernel is the whole machine's."""
    return [recorded(path) for path in sorted(glob(RECORDS)) if path != RECORD]


def refused() -> list[str]:
    """What nobody may set on this host, a container say, each with what is seen and what Redis asks for."""
    asked = wanted(paths.CURRENT)
    return [
        f"{name} is {now}, not {asked[name]}"
        for name, each in recorded().items()
        if each.here == "no" and not is_enough(name, asked[name], now := seen(name))
    ]


def findings(release: str) -> Iterator[Finding]:
    """What was set by hand since, or is not set any more; not what was refused."""
    known = recorded()
    for name, asked in wanted(release).items():
        now = seen(name)
        mine = name not in known or known[name].here == "yes"
        if mine and not is_enough(name, asked, now):
            yield Finding(f"kernel {name}", {BACKLOG: f"at least {asked}"}.get(name, asked), now)


def _set() -> None:
    known, asked, now = recorded(), wanted(paths.CURRENT), {name: seen(name) for name in FILES}
    # Read last: whoever has set something has written down before what it was.
    others = _beside()
    before = {name: _first([known, *others], name, value) for name, value in now.items()}
    then = {name: value if is_enough(name, asked[name], value) else asked[name] for name, value in now.items()}
    _record({name: Set(before[name], then[name], "no") for name in FILES})
    for name, value in then.items():
        if value != now[name]:
            _write(name, value)
    after = {name: seen(name) for name in FILES}
    mine = {name: os.access(FILES[name], os.W_OK) and is_enough(name, asked[name], after[name]) for name in FILES}
    _record({name: Set(before[name], after[name], "yes" if mine[name] else "no") for name in FILES})
    if left := refused():
        say(
            f"may not set what Redis asks of the kernel: {'; '.join(left)}. Where this host is a container, set it on "
            "the machine under it"
        )


def _restore() -> None:
    """What somebody else has changed meanwhile stays, and what another group of this host has set."""
    others = _beside()
    for name, each in recorded().items():
        needed = [other[name].after for other in others if name in other]
        back = max(needed, key=_rank) if needed else each.before
        if name in FILES and back != each.after == seen(name):
            _write(name, back)


def _rank(value: str) -> int:
    """The longest of several queues; words are all the same."""
    return int(value) if value.isdecimal() else 0


def _first(records: list[dict[str, Set]], name: str, now: str) -> str:
    """What was there before any group of this host. A value that none has set is somebody else's."""
    mine, *others = records
    if name in mine:
        return mine[name].before
    return next((each[name].before for each in others if name in each and each[name].after == now), now)


def _record(settings: dict[str, Set]) -> None:
    with open(RECORD, "w", encoding="utf-8") as file:
        file.writelines(f"{name} {' '.join(each)}\n" for name, each in settings.items() if each.before)
    os.chmod(RECORD, 0o644)


def _write(name: str, value: str) -> None:
    """Whether it is so then shows when it is read."""
    with suppress(OSError), open(FILES[name], "w", encoding="utf-8") as file:
        file.write(value)
