"""The functions that are still bash, called by a step."""

import os
import signal

from .acts import NotDone
from .messages import Refused
from .paths import PROGRAMS


def bash(*functions: str) -> list[str]:
    """Calls them in this order, with what is staged at hand; what they did. Raises NotDone where they said why not."""
    reading, writing = os.pipe()
    words = [
        "setpriv",
        "--pdeathsig=KILL",
        "/bin/bash",
        f"{PROGRAMS}/redis-cluster.sh",
        "part",
    ]
    child = os.posix_spawnp(
        words[0],
        [*words, *functions],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1), (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)],
        setsigdef=[signal.SIGPIPE],
    )
    os.close(writing)
    with open(reading, "rb") as file:
        said = file.read(1 << 16).decode(errors="replace")
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status < 0:
        raise Refused(f"{functions[0]} was ended by signal {-status}; expected that it goes on. Run pulumi up again")
    if status:
        raise NotDone
    return said.split("\n") if said else []
