"""Has the very binary that a daemon is started with read a file, away from the live data, ports and members."""

import os
import re
import select
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .members import Daemon
from .messages import plain
from .resp import Connection, Login, Reply, Unanswered
from .run import APART

# A file is read in a few hundredths of a second; more than this many seconds is a refusal.
VALIDATE_LIMIT = 10
# Characters of a log; a module may go on talking.
LOG_LIMIT = 100_000

# What each says once it has read its file, on a line of its log: Redis repeats a line of the file that it does not
# understand, but not as one of those.
_READY = {
    "node": re.compile(r"^[0-9]+:[A-Z] .*eady to accept", re.MULTILINE),
    "sentinel": re.compile(r"^[0-9]+:[A-Z] .*\+monitor master", re.MULTILINE),
}
_ARGUMENTS: dict[Daemon, list[str]] = {
    "node": ["--appendonly", "no", "--save", "", "--replicaof", "no", "one"],
    "sentinel": ["--sentinel"],
}
_LOG_LINE = r"^[0-9]+:[A-Z] [0-9]{2} [A-Z][a-z]{2} [0-9:. ]+ [#*.-] "
_TALK = re.compile(
    _LOG_LINE + "(WARNING|oO0|Redis version|Configuration loaded|monotonic|Running mode|Server init)", re.MULTILINE
)


class NotAccepted(Exception):
    """What the binary said about the file, with the reason for which it gave up."""


def dry_run(daemon: Daemon, text: str, login: Login | None = None, questions: Sequence[str] = ()) -> list[Reply]:
    """The answers of a daemon on that file, on a socket of its own and no port. Raises NotAccepted.

    login: where it is asked anything.
    """
    with scratch() as place:
        conf, path = f"{place}/conf", f"{place}/socket"
        with open(conf, "x") as file:
            file.write(text)
        # Without a port for it Redis reads the certificate only where it encrypts its own links.
        encryption = "yes" if re.search("^tls-cert-file ", text, re.MULTILINE) else "no"
        with started(apart(conf, path, place, [*_ARGUMENTS[daemon], "--tls-replication", encryption])) as log:
            said = ""
            deadline = time.monotonic() + VALIDATE_LIMIT
            while not _READY[daemon].search(said):
                more = _read(log, deadline)
                if not more or len(said) > LOG_LIMIT:
                    raise NotAccepted(complaint(said))
                said += more
            if not login:
                return []
            try:
                connection = Connection(path, 0, login, VALIDATE_LIMIT)
                return connection.ask([question.split(" ") for question in questions], VALIDATE_LIMIT)
            except Unanswered as error:
                raise NotAccepted(plain(str(error))) from None


def apart(conf: str, path: str, directory: str, more: Sequence[str], log: str = "") -> list[str]:
    """The command of a daemon on that file that serves on the socket there alone, and ends with its parent.

    log: its file; default: the output. more: other arguments.
    """
    options = ["--port", "0", "--tls-port", "0", "--unixsocket", path, "--dir", directory, "--logfile", log]
    options += ["--pidfile", "", "--daemonize", "no", "--supervised", "no"]
    return ["setpriv", "--pdeathsig=KILL", "redis-server", conf, *more, *options]


def complaint(said: str) -> str:
    """Of what a daemon said before it gave up, the reason, without hashes of passwords.

    An error in the file comes as plain lines, any other error as the last lines of the log.
    """
    said = re.sub("#[0-9a-f]{64}", "#...", said)
    lines = [line for line in said.split("\n") if line]
    if not lines:
        return f"not a word within {VALIDATE_LIMIT} seconds"
    outside = [line for line in lines if not re.match(_LOG_LINE, line)]
    return "\n".join(outside or [re.sub(_LOG_LINE, "", line) for line in lines if not _TALK.match(line)])


def _read(log: int, deadline: float) -> str:
    """What comes next in the log; empty at its end, or when the time is over."""
    if not select.select([log], [], [], max(0, deadline - time.monotonic()))[0]:
        return ""
    return os.read(log, 1 << 16).decode(errors="replace")


@contextmanager
def scratch() -> Iterator[str]:
    """A directory that nobody else reads."""
    path = f"{os.environ.get('TMPDIR', '/tmp')}/redis-cluster.{os.urandom(8).hex()}"  # noqa: S108
    os.mkdir(path, 0o700)
    try:
        yield path
    finally:
        for name in os.listdir(path):
            os.unlink(f"{path}/{name}")
        os.rmdir(path)


@contextmanager
def started(command: list[str]) -> Iterator[int]:
    """A process, which is killed at the end; what it prints."""
    ours, theirs = os.pipe()
    output = [(os.POSIX_SPAWN_DUP2, theirs, 1), (os.POSIX_SPAWN_DUP2, theirs, 2)]
    process = os.posix_spawnp(command[0], command, os.environ, file_actions=[*output, *APART])
    os.close(theirs)
    try:
        yield ours
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(ours)
