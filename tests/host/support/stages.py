"""Has a handover of the tests die or wait at one of its stages; imported by the copy of the program that tests run.

The file `stage` beside the package says which: "kill STAGE", or "wait STAGE", which makes `reached`,
with the process's id, and waits for `go`.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from . import handover, sentinels

_beside = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
_one_told = threading.Lock()


def _reached(stage: str) -> None:
    path = f"{_beside}/stage"
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as file:
        action, wanted = file.read().split()
    if wanted != stage:
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    os.unlink(path)
    with open(f"{_beside}/reached", "w", encoding="utf-8") as file:
        file.write(str(os.getpid()))
    while not os.path.exists(f"{_beside}/go"):
        time.sleep(0.001)


def _wrap(owner: Any, name: str, stage: str) -> None:
    original: Callable[..., Any] = getattr(owner, name)

    def wrapped(*arguments: Any) -> Any:
        result = original(*arguments)
        _reached(stage)
        return result

    setattr(owner, name, wrapped)


def _wrap_telling() -> None:
    original = sentinels.Sentinels.tell

    def wrapped(*arguments: Any) -> Any:
        # Strictly one is told before the stage is reached.
        with _one_told:
            result = original(*arguments)
            _reached("one-told")
        return result

    sentinels.Sentinels.tell = wrapped  # type: ignore[method-assign]


_wrap(handover.Handover, "__init__", "looked")
_wrap(sentinels.Sentinels, "elect", "voted")
_wrap(handover.Handover, "catch_up", "paused")
_wrap(handover.Handover, "promote", "promoted")
_wrap(handover.Handover, "demote", "demoted")
_wrap_telling()
_wrap(handover.Handover, "tell", "told")
