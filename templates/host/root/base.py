#!/usr/bin/python3 -IS
"""Root's part of the host program, and all of it that runs as root; the files in templates/host/root as one.

What daemons say is never here, nor is a decision. A process of user redis directs each verb, and asks for acts: lines
of a closed form, of which each checks by itself what makes it safe. An intruder who has become redis can with all of
ACTS do no more than stop and start our own units, and choose among releases that root has made of what is staged.
"""

import os
import pwd
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from glob import glob
from io import FileIO
from subprocess import DEVNULL, PIPE, STDOUT, Popen
from threading import Thread

# Tests put a whole host below another root.
ROOT = os.environ.get("REDIS_CLUSTER_ROOT", "")
# Each group of a host has a program of its own, and by where that lies all that is the group's is named: redis_cluster/
# paths.py does the same. One whose checksum is in sudoers is begun by the file that sudo has open, as /dev/fd/NUMBER.
FILE = os.path.realpath(__file__) if __file__.startswith("/dev/fd/") else os.path.abspath(__file__)
PLACE = os.path.basename(os.path.dirname(FILE))
INSTANCE = PLACE.removeprefix("redis-cluster") if re.fullmatch("redis-cluster-[a-z][a-z0-9]{0,15}", PLACE) else ""
CLUSTER, SENTINEL = f"redis-cluster{INSTANCE}", f"redis-sentinel{INSTANCE}"
TABLE = CLUSTER.replace("-", "_")
UNIT = {"node": f"{CLUSTER}.service", "sentinel": f"{SENTINEL}.service", "timer": f"{CLUSTER}-backup.timer"}
UNIT |= {name: f"{CLUSTER}-{name}.service" for name in ("firewall", "kernel", "backup")}
RETURN, STAMP = f"{SENTINEL}-return", f"{CLUSTER}-stamp"
ETC = f"{ROOT}/etc/{CLUSTER}"
DATA = f"{ROOT}/var/lib/{CLUSTER}"
LOGS = f"{ROOT}/var/log/{CLUSTER}"
RUN = f"{ROOT}/run/{CLUSTER}"
# Root's, in a directory of redis's, which may read it.
MANAGED = f"{ETC}/managed"
STAGED, RELEASES, CURRENT = (f"{MANAGED}/{name}" for name in ("staged", "releases", "current"))
PROGRAMS = f"{ROOT}/usr/local/lib/{CLUSTER}"
GATE = f"'sudo {PROGRAMS}/redis-cluster gate'"
UNITS = f"{ROOT}/etc/systemd/system"
# What other programs of the host go by, where they are there; by the name among ours.
OF_OTHERS = {"logrotate": f"{ROOT}/etc/logrotate.d/{CLUSTER}"}
OF_OTHERS |= {"needrestart": f"{ROOT}/etc/needrestart/conf.d/{CLUSTER}.conf"}
IS_ROOT = os.geteuid() == 0
# The directory of the units' ExecStart comes first: what tries a release is the binary that will read it.
ENVIRONMENT = {
    **{name: os.environ[name] for name in ("REDIS_CLUSTER_ROOT", "TMPDIR") if ROOT and name in os.environ},
    "PATH": f"{ROOT}/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
    "DEBIAN_FRONTEND": "noninteractive",
    # Who restarts daemons, and when, is the stack's to say.
    "NEEDRESTART_SUSPEND": "1",
}
os.environ["PATH"] = ENVIRONMENT["PATH"]


class Refused(Exception):
    """Why root does not do something. Of an act what was seen: what to do about it, the director says."""


def clean(text: str) -> str:
    """In one line: what other programs said in it may not steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in text.replace("\n", "; "))


def run(*words: str) -> tuple[int, str]:
    """The status of a program, and what it printed, which is for people."""
    try:
        ended = subprocess.run(words, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=ENVIRONMENT)
    except OSError as error:
        return 127, f"{words[0]}: {error.strerror}"
    return ended.returncode, ended.stdout.decode(errors="replace").strip()


def read(path: str) -> bytes:
    """A file of root's, or nothing."""
    with suppress(OSError), open(path, "rb") as file:
        return file.read()
    return b""


def write(path: str, text: str | bytes, mode: int = 0o644, redis: bool = True) -> None:
    """The file becomes that, whole or not at all. redis: whether it is of the group redis. Raises OSError of the path.

    What fails in the middle of a write does not know its file.
    """
    part = f"{os.path.dirname(path)}/.placed"
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
            own(part, "root", mode, redis)
            file.flush()
            os.fsync(file.fileno())
        os.rename(part, path)
    except OSError as error:
        error.filename = path
        raise


def own(path: str, user: str, mode: int, redis: bool = True) -> None:
    """Gives it to root or redis, and to the group redis. In tests all stays whose it is, where that is not root."""
    if IS_ROOT and redis:
        os.chown(path, pwd.getpwnam(user).pw_uid, pwd.getpwnam("redis").pw_gid)
    os.chmod(path, mode)


def directory(path: str, user: str, mode: int) -> None:
    """There is such a directory from now on."""
    os.makedirs(path, exist_ok=True)
    own(path, user, mode)


def remove(*paths: str) -> None:
    """Takes files, links and whole directories away, none of which has to be there. A mount point is emptied."""
    status, said = run("rm", "-rf", "--", *paths)
    left = [path for path in paths if os.path.lexists(path) and not (os.path.isdir(path) and not os.listdir(path))]
    if status and left:
        raise Refused(f"{' and '.join(left)} could not be taken away: {said[-500:]}")


def root_owns(path: str) -> bool:
    """Whether it is a directory of root's own, not one that redis has put in its place."""
    with suppress(OSError):
        found = os.lstat(path)
        return found.st_mode >> 12 == 0o04 and found.st_uid in (0, os.geteuid() if ROOT else 0)
    return False


def led(path: str) -> str:
    """Where it is, or an administrator's link leads. Raises Refused where redis could have it lead elsewhere."""
    if not os.path.islink(path):
        return path
    found, told = os.path.realpath(path), os.path.join(os.path.dirname(path), os.readlink(path))
    if found != os.path.normpath(told) or not all(
        root_owns(found[: at.start()] or "/") for at in re.finditer("/", found)
    ):
        raise Refused(f"{path} leads to {found}; expected a directory whose parents are all root's alone")
    return found


def refuse_planted() -> None:
    """Nobody goes by files that redis has put in the place of root's."""
    if not root_owns(ETC) or not root_owns(MANAGED):
        raise Refused(
            f"{MANAGED} is not there, or not root's; expected the directory that pulumi up makes. Look who has changed "
            "it, then run pulumi refresh and pulumi up"
        )


def lock(path: str = f"{RUN}.lock", patience: float = 120) -> None:
    """Holds the lock until this process ends: by default, that of which one run at a time has hold.

    patience: for so many seconds somebody else may have it, and is told of then. Raises Refused.
    """
    from fcntl import LOCK_EX, LOCK_NB, flock

    file, deadline = os.open(path, os.O_RDWR | os.O_CREAT, 0o600), time.monotonic() + patience
    while True:
        with suppress(BlockingIOError):
            flock(file, LOCK_EX | LOCK_NB)
            break
        if time.monotonic() >= deadline:
            raise Refused(
                f"another run ({os.read(file, 200).decode(errors='replace')}) has held {path} for {patience} s; "
                "expected its end. Wait for it, then run the same again"
            )
        time.sleep(0.1)
    if patience:
        os.ftruncate(file, 0)
        os.write(file, f"process {os.getpid()}: {' '.join(sys.argv[1:])}".encode())
