"""The operator decides where the hosts may not: all disks lost, or all but one host gone for good."""

import sys
import time

from . import paths
from .answers import hear
from .decide.answers import nobody_heard
from .files import Files
from .release import open_release
from .stamps import read_stamp


def operator_lets_lead(host: str) -> bool:
    """Whether the operator makes this host's node lead, at this moment."""
    from fcntl import LOCK_NB, LOCK_SH, flock

    try:
        with open(paths.LEAD) as file:
            if file.readline().strip() == host:
                flock(file, LOCK_SH | LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def agreed(release: str, data: str, said: str) -> bool:
    """Whether the operator agrees to what every member says and what this host holds; else prints that.

    said: the hash that was printed below it, or empty.
    """
    from hashlib import sha256

    here = open_release(release)
    members, heard = here.members, nobody_heard()
    others = [node for node in members.nodes if node != members.node_here]
    for answer in hear(here.daemons(), members.sentinels, others):
        heard.add(answer)
    files = Files(here.settings, data)
    moment = time.localtime(files.as_of(read_stamp(data)))
    mine = f"data as of {time.strftime('%Y-%m-%dT%H:%M:%S', moment)}" if files.hold_data() else "no data"
    text = "\n".join([*heard.lines(), f"this host: {mine}"])
    wanted = sha256(text.encode()).hexdigest()[:16]
    if said == wanted:
        return True
    sys.stdout.write(
        f"{text}\n\nTo make {members.host} the master all the same, losing what only others hold: "
        f"redis-cluster lead {wanted}\n"
    )
    return False
