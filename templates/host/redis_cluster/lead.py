"""The operator decides where the hosts may not: all disks lost, or all but one host gone for good."""

import sys
import time

from .answers import hear
from .decide.answers import nobody_heard
from .files import Files
from .release import open_release
from .stamps import read_stamp


def agreed(release: str, data: str, holds: str, said: str) -> bool:
    """Whether the operator agrees to what every member says and what this host holds; else prints that.

    holds: whether the node would load any data, `yes` or `no`. said: the hash that was printed below it, or empty.
    """
    from hashlib import sha256

    here = open_release(release)
    members, heard = here.members, nobody_heard()
    others = [node for node in members.nodes if node != members.node_here]
    for answer in hear(here.daemons(), members.sentinels, others):
        heard.add(answer)
    moment = time.localtime(Files(here.settings, data).as_of(read_stamp(data)))
    mine = f"data as of {time.strftime('%Y-%m-%dT%H:%M:%S', moment)}" if holds == "yes" else "no data"
    text = "\n".join([*heard.lines(), f"this host: {mine}"])
    wanted = sha256(text.encode()).hexdigest()[:16]
    if said == wanted:
        return True
    sys.stdout.write(
        f"{text}\n\nTo make {members.host} the master all the same, losing what only others hold: "
        f"redis-cluster lead {wanted}\n"
    )
    return False
