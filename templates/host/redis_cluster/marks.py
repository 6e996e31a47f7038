"""Whether the data directory is the one that this node last ran with.

A volume that is not mounted or is mounted late, an old copy, a restored snapshot: Redis would start with what lies
there, and a sync would overwrite the rest. So each start puts a new mark into the data directory and beside the node's
file, and the next start compares.
"""

import os
import re
import time
from contextlib import suppress

from . import paths
from .acts import act
from .messages import Refused, plain, say
from .put import put
from .release import current_release
from .run import output_of
from .settings import read_file

# Two marks: this start's, and the one before it, should the other file not be written any more.
DATA_MARKS = "node-marks"
_MARK = re.compile("[0-9a-f-]{36}")

# How many files the operator is shown.
_SHOWN = 20


def other_directory() -> bool:
    """Whether it is another one.

    Before the group was whole with this host in it, and where no mark was ever made, there is nothing to compare.
    """
    own = _marks(_own())
    return os.path.exists(paths.INITIALISED) and bool(own) and own[0] not in _marks(_of_data())


def directory_here() -> str:
    """Which directory it is, and the mark that it has; the same in the unit's own view of the file systems."""
    stat, found = os.stat(paths.DATA), [*_marks(_of_data()), "none"]
    return f"device {stat.st_dev}, inode {stat.st_ino}, mark {found[0]}; expected the mark {_marks(_own())[0]}"


def refuse_other_directory(lead: bool, host: str) -> None:
    """Raises Refused, unless the operator lets the node lead or start with what is there."""
    if not other_directory() or lead or _trusted():
        return
    source = plain(output_of("df", "--output=source", paths.DATA).rpartition("\n")[2])
    raise Refused(
        f"{paths.DATA} is not the directory that this node last ran with: {directory_here()}, on {source}. A volume "
        "that is not mounted looks so, and so does an old copy of the data. Mount it: then the node starts by itself. "
        "Where the data are lost, or these are the ones to go on with: sudo "
        f"{paths.PROGRAMS}/redis-cluster trust-data",
        host,
    )


def mark_data(host: str) -> None:
    """Once the node's role is decided. Where there is no room for it, the mark from before goes on."""
    word = os.urandom(16).hex()
    mark = "-".join((word[:8], word[8:12], word[12:16], word[16:20], word[20:]))
    before = _marks(_own())
    try:
        put(_of_data(), "".join(f"{each}\n" for each in (mark, *before)))
        put(_own(), f"{mark}\n")
    except OSError:
        say(f"{paths.DATA} could not be marked as the directory of this node: the mark from before goes on", host)


def mark_unmarked(host: str) -> None:
    """The same for a node that a version without marks has started."""
    if not _marks(_own()):
        mark_data(host)


def trust_data(said: str) -> None:
    """Has the node start with what lies in the directory, where the operator agrees to just that; else prints it.

    The node counts as one that has lost its data until it has copied a master. said: the hash that was printed below
    it, or empty.
    """
    from hashlib import sha256

    host = current_release(paths.MANAGED).members.host
    if not other_directory():
        say(
            f"{paths.DATA} is the directory that this node last ran with, or it has not run yet; nothing to consent to",
            host,
        )
        return
    room = output_of("df", "--output=source,size,used", "-h", paths.DATA).rpartition("\n")[2]
    found = "\n".join([directory_here(), plain(room), *sorted(_files())[-_SHOWN:]])
    wanted = sha256(found.encode()).hexdigest()[:16]
    if said != wanted:
        consent = f"sudo {paths.PROGRAMS}/redis-cluster trust-data {wanted}"
        print(f"{found}\n\nTo have {host} go on with that, whatever it held before: {consent}")
        return
    act("trust", directory_here())
    act("restart --no-block", "node")
    say("the node starts with what is there", host)


def _files() -> list[str]:
    """When each file there was written, its size and its name."""
    found = []
    for directory in ("", *(each.name for each in os.scandir(paths.DATA) if each.is_dir(follow_symlinks=False))):
        with suppress(OSError):
            for entry in os.scandir(f"{paths.DATA}/{directory}"):
                if entry.is_file(follow_symlinks=False):
                    stat = entry.stat(follow_symlinks=False)
                    moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(stat.st_mtime))
                    name = os.path.join(directory, entry.name).encode(errors="replace").decode()
                    found.append(f"{moment} {stat.st_size} {plain(name)}")
    return found


def _own() -> str:
    return f"{paths.ETC}/node-mark"


def _of_data() -> str:
    return f"{paths.DATA}/{DATA_MARKS}"


def _trusted() -> bool:
    """The operator's consent, root's, while what it was given for is as it was."""
    try:
        with open(paths.TRUST) as file:
            return file.read().rstrip("\n") == directory_here()
    except OSError:
        return False


def _marks(path: str) -> list[str]:
    try:
        lines = read_file(path, 1000).decode(errors="replace").split("\n")[:2]
    except OSError:
        return []
    return [line for line in lines if _MARK.fullmatch(line)]
