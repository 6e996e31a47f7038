"""The operator decides where the hosts may not: all disks lost, or all but one host gone for good."""

import sys
import time

from . import paths
from .acts import act
from .answers import heard_of
from .files import Files
from .messages import say
from .release import Release, current_release
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


def lead(said: str) -> None:
    """Tells what every member says and what this host holds; with the hash of that makes this node the master.

    What other nodes hold and this one does not is lost. said: the hash that was printed below it, or empty.
    """
    from .waits import start

    release = current_release(paths.MANAGED)
    members, daemons = release.members, release.daemons()
    if not _agreed(release, said):
        return
    act("lead", members.host)
    act("stop", "sentinel")
    act("stop", "node")
    start(daemons, "node")
    if members.has_sentinel:
        start(daemons, "sentinel")
    say("is the master now; the others follow when they are back", members.host)


def _agreed(here: Release, said: str) -> bool:
    """Whether the operator agrees to that; else prints it."""
    from hashlib import sha256

    members = here.members
    others = [node for node in members.nodes if node != members.node_here]
    heard = heard_of(here.daemons(), members.sentinels, others)
    files = Files(here.settings, paths.DATA)
    moment = time.localtime(files.as_of(read_stamp(paths.DATA)))
    mine = f"data as of {time.strftime('%Y-%m-%dT%H:%M:%S', moment)}" if files.hold_data() else "no data"
    here_too = f"this host: {mine}"
    wanted = sha256("\n".join([*heard.lines(why=False), here_too]).encode()).hexdigest()[:16]
    if said == wanted:
        return True
    told = "\n".join([*heard.lines(), here_too])
    sys.stdout.write(
        f"{told}\n\nTo make {members.host} the master all the same, losing what only others hold: "
        f"sudo {paths.PROGRAMS}/redis-cluster lead {wanted}\n"
    )
    return False
