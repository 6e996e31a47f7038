"""Why a daemon ended by itself, in the journal: Redis tells its log alone, and systemd sees but a status.

Called by the units once a daemon is gone. One that never served is started again later each time: loading what is
damaged takes as long as loading what is not.
"""

import os
import re
from contextlib import suppress
from time import sleep
from typing import NamedTuple

from .messages import plain, say
from .paths import LOGS, RUN

# Bytes at the end of a log. A start that fails writes about one KB.
_TAIL = 64 << 10
# Lines, and characters, that are told.
_LINES, _LONGEST = 4, 450
# Seconds until the next try, beside those of the unit, after the first failure; twice as many after each one more.
_FIRST, _LONGEST_PAUSE = 0.2, 10.0

_STARTS = re.compile(r"^\d+:\w .*Redis is starting", re.MULTILINE)
_SERVES = re.compile(r"^\d+:\w .*(?:eady to accept connections|Sentinel ID is)", re.MULTILINE)
# PID:ROLE DATE LEVEL; a line of several follows without it.
_PREFIX = re.compile(r"\d+:[\w-]+ (?:\(\d+\)|\d+ \w+ \d+ [\d:.]+) ([.*#-]) ")
_NO_REASON = re.compile(r"Redis version=|Configuration loaded|Server initialized|WARNING |$")


class Told(NamedTuple):
    """What a log says of the last start: why it ended, whether it served, and how many in a row have failed."""

    words: str
    served: bool
    failures: int


def read_log(text: str) -> Told:
    """What the end of a log tells."""
    starts = [found.start() for found in _STARTS.finditer(text)]
    served = [found.start() for found in _SERVES.finditer(text)]
    after = served[-1] if served else -1
    failures = sum(start > after for start in starts)
    told, loud = list[str](), False
    for line in text[starts[-1] if starts else 0 :].split("\n")[1:]:
        if prefix := _PREFIX.match(line):
            loud = prefix[1] == "#"
        words = line[prefix.end() if prefix else 0 :].strip()
        if loud and not _NO_REASON.match(words):
            told.append(words)
    return Told(plain("; ".join(told[-_LINES:])[-_LONGEST:]), bool(starts) and failures == 0, failures)


def pause_after(failures: int) -> float:
    """Seconds before the next try."""
    return min(_LONGEST_PAUSE, _FIRST * (1 << min(failures, 10)))


def last_words(daemon: str) -> None:
    """ExecStopPost of a unit: says them, and waits, unless it was stopped, or its file could not be composed."""
    result, ended = os.environ.get("SERVICE_RESULT", "success"), os.environ.get("EXIT_CODE", "")
    if result == "success":
        return
    path = f"{LOGS}/redis-{'cluster' if daemon == 'node' else daemon}.log"
    try:
        composed = os.stat(f"{RUN}/{daemon}/release").st_mtime_ns
    except OSError:
        return
    told = Told("", False, 0)
    with suppress(OSError), open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        # Of a file that it refuses Redis tells its stderr, which is the journal.
        if os.fstat(file.fileno()).st_mtime_ns >= composed:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            told = read_log(file.read().decode(errors="replace"))
    by_itself = ended == "exited"
    if told.words and (by_itself or not told.served):
        say(f"redis-server ended: {told.words} ({path})")
    if by_itself and not told.served:
        sleep(pause_after(told.failures))
