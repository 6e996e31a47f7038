#!/usr/bin/python3 -IS
"""Root's part of the host program, and all of it that runs as root; the files in templates/host/root as one.

What daemons say is never here. A verb is directed by a process of user redis, which asks for acts: lines of a closed
form, of which each checks by itself what makes it safe. An intruder who has become redis can with all of ACTS do no
more than stop and start our own units, and choose among releases that root has made of what is staged.
"""

import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence

# Tests put a whole host below another root.
ROOT = os.environ.get("REDIS_CLUSTER_ROOT", "")
# Each group of a host has a program of its own, and by where that lies all that is the group's is named: redis_cluster/
# paths.py does the same. One whose checksum is in sudoers is begun by the file that sudo has open, as /dev/fd/NUMBER.
FILE = os.path.realpath(__file__) if __file__.startswith("/dev/fd/") else os.path.abspath(__file__)
PLACE = os.path.basename(os.path.dirname(FILE))
INSTANCE = PLACE.removeprefix("redis-cluster") if re.fullmatch("redis-cluster-[a-z][a-z0-9]{0,15}", PLACE) else ""
CLUSTER, SENTINEL = f"redis-cluster{INSTANCE}", f"redis-sentinel{INSTANCE}"
TABLE = CLUSTER.replace("-", "_")
UNIT = {"node": f"{CLUSTER}.service", "sentinel": f"{SENTINEL}.service"}
FIREWALL, KERNEL = f"{CLUSTER}-firewall.service", f"{CLUSTER}-kernel.service"
BACKUP, TIMER = f"{CLUSTER}-backup.service", f"{CLUSTER}-backup.timer"
RETURN, STAMP = f"{SENTINEL}-return", f"{CLUSTER}-stamp"
ETC = f"{ROOT}/etc/{CLUSTER}"
DATA = f"{ROOT}/var/lib/{CLUSTER}"
LOGS = f"{ROOT}/var/log/{CLUSTER}"
RUN = f"{ROOT}/run/{CLUSTER}"
# Root's, in a directory of redis's, which may read it.
MANAGED = f"{ETC}/managed"
STAGED, RELEASES, CURRENT = (f"{MANAGED}/{name}" for name in ("staged", "releases", "current"))
PROGRAMS = f"{ROOT}/usr/local/lib/{CLUSTER}"
UNITS = f"{ROOT}/etc/systemd/system"
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
    """Ends a verb with a text for people: what was seen, what was expected, and the next command."""


def say(text: str) -> None:
    """Prints a message of this host; what other programs said in it may not steer a terminal."""
    # Ours is in nobody's PATH: it runs as it is printed.
    text = text.replace("'redis-cluster ", f"'sudo {PROGRAMS}/redis-cluster ")
    clean = "".join(c for c in text if c.isprintable() or c == "\n")
    print(f"redis-cluster[{os.uname().nodename}]: {clean}", file=sys.stderr, flush=True)


def words_of(failure: Exception) -> str:
    """What is said of it. The system's own word for a file names no next command."""
    if not isinstance(failure, OSError):
        return str(failure)
    from errno import EDQUOT, ENOSPC, EROFS

    if failure.errno not in (ENOSPC, EDQUOT, EROFS):
        return f"{failure}; expected that it works. Look at this host, then run pulumi up again"
    return (
        f"{failure.filename or 'a file'} could not be written: {failure.strerror}; expected room for it. See 'df -h' "
        "and 'df -i' here, free some space, then run pulumi up again"
    )


def begin(words: list[str] | tuple[str, ...], files: Mapping[int, int], apart: bool = False) -> int:
    """The process of a program. files: ours, by the numbers that they have there. apart: in a session of its own."""
    actions = [(os.POSIX_SPAWN_DUP2, ours, theirs) for theirs, ours in files.items()]
    mended = [signal.SIGPIPE]
    return os.posix_spawnp(words[0], words, ENVIRONMENT, file_actions=actions, setsid=apart, setsigdef=mended)


def run(*words: str) -> tuple[int, str]:
    """The status of a program, and what it printed, which is for people."""
    reading, writing = os.pipe()
    nothing = os.open("/dev/null", os.O_RDONLY)
    with open(reading, "rb") as printed:
        try:
            child = begin(words, {0: nothing, 1: writing, 2: writing})
        except OSError as error:
            return 127, f"{words[0]}: {error.strerror}"
        finally:
            os.close(nothing)
            os.close(writing)
        try:
            said = printed.read().decode(errors="replace").strip()
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said
        except BaseException:
            os.kill(child, signal.SIGTERM)
            raise


def as_redis() -> list[str]:
    """Before a command that ends when this process does; as redis, or as nobody where there is no redis yet."""
    from pwd import getpwnam

    user, group = "redis", "redis"
    try:
        getpwnam(user)
    except KeyError:
        user, group = "nobody", "nogroup"
    words = [f"--reuid={user}", f"--regid={group}", "--init-groups"] if IS_ROOT else []
    return ["setpriv", *words, "--no-new-privs", "--pdeathsig=KILL"]


def read(path: str) -> bytes:
    """A file of root's, or nothing."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
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
        raise OSError(error.errno, error.strerror, path) from None


def own(path: str, user: str, mode: int, redis: bool = True) -> None:
    """Gives it to root or redis, and to the group redis. In tests all stays whose it is, where that is not root."""
    if IS_ROOT and redis:
        from pwd import getpwnam

        os.chown(path, getpwnam(user).pw_uid, getpwnam("redis").pw_gid)
    os.chmod(path, mode)


def directory(path: str, user: str, mode: int) -> None:
    """There is such a directory from now on."""
    os.makedirs(path, exist_ok=True)
    own(path, user, mode)


def remove(*paths: str) -> None:
    """Takes files, links and whole directories away, none of which has to be there. A mount point is emptied.

    Raises Refused where something stays.
    """
    status, said = run("rm", "-rf", "--", *paths)
    left = [path for path in paths if os.path.lexists(path) and not (os.path.isdir(path) and not os.listdir(path))]
    if status and left:
        raise Refused(
            f"{' and '.join(left)} could not be taken away: {said[-500:]}. Take away what holds it, then run the same "
            "command again"
        )


def root_owns(path: str) -> bool:
    """Whether it is a directory of root's own, not one that redis has put in its place."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return found.st_mode >> 12 == 0o04 and found.st_uid in (0, os.geteuid() if ROOT else 0)


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
        try:
            flock(file, LOCK_EX | LOCK_NB)
            if patience:
                os.ftruncate(file, 0)
                os.write(file, f"process {os.getpid()}: {' '.join(sys.argv[1:])}".encode())
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.read(file, 200).decode(errors="replace")
                raise Refused(
                    f"another run ({holder}) has held {path} for {patience} s; expected its end. Wait for it, then run "
                    "the same again"
                ) from None
        time.sleep(0.1)
