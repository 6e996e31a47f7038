"""Keeps backups in a second place, by restic: in a repository there that this host alone writes to."""

import json
import os
import re
import signal
import time
from contextlib import suppress
from hashlib import file_digest

from . import paths
from .backup import made, read_json, remove, sync, write_json
from .decide.backup import NAME, lacking
from .messages import Refused, plain, say
from .release import current_release
from .run import APART

# Seconds: for a repository to answer, and for one act on it. restic itself goes on trying for a quarter of an hour.
REACH_LIMIT, ACT_LIMIT = 120, 6 * 3600
NEXT = f"Look at it, then run 'sudo systemctl start {paths.CLUSTER}-backup'"
# SFTP by ssh alone: no file of the user's, no agent, no other host. A line that is dead ends within 30 s.
SSH = "ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o StrictHostKeyChecking=yes"
SSH += " -o GlobalKnownHostsFile=none -o HostKeyAlias=backup -o ConnectTimeout=10 -o ServerAliveInterval=10"


class Unkept(Exception):
    """What restic said, or did not, and what was expected."""


class Repository:
    """One host's. place: as restic names it, empty where the release has no second place."""

    def __init__(self, directory: str, host: str = "") -> None:
        """directory: of a release. host: default this one."""
        self._directory = directory
        self._variables: dict[str, str] = {}
        with (
            suppress(FileNotFoundError),
            open(f"{directory}/backup.env", encoding="ascii") as file,
        ):
            self._variables = dict(line.rstrip("\n").split("=", 1) for line in file)
        self.place = self._variables.get("RESTIC_REPOSITORY", "")
        if host and self.place:
            self.place = f"{os.path.dirname(self.place)}/{host}"

    def reach(self, known: bool) -> None:
        """Makes it where it was never there. known: it was. Raises Unkept."""
        if self.place.startswith("/"):
            self._refuse_same_disk()
        try:
            self.restic("cat", "config", limit=REACH_LIMIT)
        except Unkept as error:
            if known:
                raise Unkept(
                    f"{error}; expected the repository that has held backups. Bring it back, or to begin anew: sudo rm "
                    f"{record_file()}"
                ) from None
            try:
                self.restic("init", limit=REACH_LIMIT)
            except Unkept as other:
                raise Unkept(f"{error}; nor can it be made: {other}") from None
        # What a run that was killed holds.
        self.restic("unlock", limit=REACH_LIMIT)

    def restic(self, *words: str, limit: int = ACT_LIMIT, into: int | None = None) -> bytes:
        """What it prints. limit: seconds. into: the file that it goes to instead. Raises Unkept."""
        return _done(["restic", "--no-cache", "--quiet", *self._by_ssh(), *words], limit, into, self._environment())

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self._variables, "RESTIC_REPOSITORY": self.place}

    def _by_ssh(self) -> list[str]:
        form = r"sftp:(?://)?([\w.-]+@[\w.-]+):(?:([0-9]{1,5})/)?/.*"
        found = re.fullmatch(form, self.place)
        if not found:
            return []
        key, known = (f"{self._directory}/backup.{name}" for name in ("key", "host"))
        command = f"{SSH} -i {key} -o UserKnownHostsFile={known} -p {found[2] or 22} {found[1]} -s sftp"
        return ["-o", f"sftp.command={command}"]

    def _refuse_same_disk(self) -> None:
        """A volume that is not mounted would fill the disk of the node. Raises Unkept."""
        place = os.path.dirname(os.path.dirname(self.place))
        # By a program, since a dead file server may never answer.
        said = _done(["stat", "-c", "%d", place, "/", paths.DATA, paths.BACKUPS], REACH_LIMIT)
        device, *others = said.split()
        if device in others:
            raise Unkept(f"{place} is on a file system of this host's own; expected a volume that is mounted there")


def _done(words: list[str], limit: int, into: int | None = None, environment: dict[str, str] | None = None) -> bytes:
    """What a program prints. Raises Unkept."""
    printed, said = os.memfd_create("printed"), os.memfd_create("said")
    try:
        files = [(os.POSIX_SPAWN_DUP2, into or printed, 1), (os.POSIX_SPAWN_DUP2, said, 2)]
        limited = ["timeout", "-k", "10", str(limit), *words]
        process = os.posix_spawnp("timeout", limited, environment or os.environ, file_actions=[*files, *APART])
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        if status in (124, -signal.SIGKILL):
            raise Unkept(f"no end of {' '.join(words[:1])} within {limit} s")
        if status:
            lines = _content(said).decode(errors="replace").splitlines()
            # Not where in its source it was: those lines have no space in them.
            told = plain("; ".join(line.strip() for line in lines if " " in line.strip())[-400:])
            raise Unkept(told or f"{words[0]} ended with {status}")
        return _content(printed)
    finally:
        os.close(printed)
        os.close(said)


def _content(file: int) -> bytes:
    return os.pread(file, os.fstat(file).st_size, 0)


def copy_backup(keep: str) -> None:
    """Copies the newest backup here, where it is proven, and leaves so many there. Raises Refused."""
    release = current_release(paths.MANAGED)
    host = release.members.host
    repository = Repository(release.directory)
    if not repository.place or not re.fullmatch("[1-9][0-9]{0,3}", keep):
        raise Refused(f"copy-backup {keep!r}; expected redis-cluster:backup.repository, and how many to keep", host)
    try:
        names = made()
        if not names:
            # Its unit has saved none while this node was the master.
            say("there is no backup here to copy", host)
            return
        name = names[-1]
        directory = f"{paths.BACKUPS}/{name}"
        proof = read_json(f"{directory}/proof.json")
        if not proof or proof.get("problems"):
            raise Refused(f"backup {directory} is not proven, so it is not copied. {NEXT}", host)
        record = copied(repository.place)
        if record.get("name") == name and "failed" not in record:
            say(f"backup {name} is in {repository.place} already", host)
            return
        try:
            repository.reach("name" in record)
            if record.get("name") != name:
                repository.restic("backup", "--host", host, directory)
                record |= {"repository": repository.place, "name": name}
            repository.restic("forget", "--group-by", "", "--keep-last", keep, "--prune")
            record.pop("failed", None)
        except Unkept as error:
            moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            record |= {"repository": repository.place, "failed": f"{moment}: {error}"}
            raise Refused(
                f"backup {directory} is safe here; {repository.place} failed: {error}. {NEXT}", host
            ) from None
        finally:
            write_json(record_file(), record)
    except OSError as error:
        raise Refused(f"no copy: {error.filename or paths.BACKUPS}: {error.strerror}. {NEXT}", host) from None
    say(f"backup {name} is in {repository.place}", host)


def fetch_backup(name: str = "", host: str = "") -> None:
    """Puts a backup among those here; without a name prints what is there to fetch. Raises Refused.

    host: who has saved it, default this one.
    """
    release = current_release(paths.MANAGED)
    here = release.members.host
    repository = Repository(release.directory, host)
    if not repository.place:
        raise Refused(
            "no second place is known here; expected redis-cluster:backup.repository, and this host in backup.hosts",
            here,
        )
    part = f"{paths.BACKUPS}/.fetched"
    try:
        there = kept(repository)
        if not name:
            print(" ".join(sorted(there)) or "none")
            return
        if name not in there:
            raise Refused(f"{name} is not in {repository.place}. See 'redis-cluster fetch-backup'", here)
        if name in made():
            raise Refused(f"{paths.BACKUPS}/{name} is there already. See 'redis-cluster backups'", here)
        manifest = bring(repository, there[name], part)
        with open(f"{part}/dump.rdb", "rb") as file:
            seen = file_digest(file, "sha256").hexdigest()
        if seen != manifest.get("sha256"):
            raise Refused(f"{name} came with the sum {seen}; expected {manifest.get('sha256')}. Fetch another", here)
        os.rename(part, f"{paths.BACKUPS}/{name}")
        sync(paths.BACKUPS)
    except (Unkept, ValueError, KeyError) as error:
        raise Refused(f"{repository.place}: {plain(str(error))}. Look at it, then run this again", here) from None
    except OSError as error:
        raise Refused(f"{error.filename or paths.BACKUPS}: {error.strerror}; nothing was fetched", here) from None
    finally:
        with suppress(OSError):
            remove(part)
    say(f"{paths.BACKUPS}/{name} is fetched, with the sum of its manifest", here)


def kept(repository: Repository) -> dict[str, str]:
    """The backups there: by their names, where each was on the host that saved it. Raises Unkept, or ValueError."""
    snapshots = json.loads(repository.restic("snapshots", "--json", limit=REACH_LIMIT))
    there = {os.path.basename(path): path for each in snapshots for path in each["paths"]}
    return {name: path for name, path in there.items() if NAME.fullmatch(name)}


def bring(repository: Repository, path: str, part: str) -> dict[str, object]:
    """Makes the directory part of one that is there; its manifest. Raises Unkept or OSError."""
    remove(part)
    os.mkdir(part, 0o750)
    _dump(repository, path, part, "manifest.json")
    manifest = read_json(f"{part}/manifest.json")
    size = manifest.get("bytes")
    room = os.statvfs(paths.BACKUPS)
    need = size if isinstance(size, int) else 0
    if lack := lacking(need, room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize):
        raise Unkept(f"{paths.BACKUPS} lacks {lack >> 20} MiB for {os.path.basename(path)}; expected room for it")
    _dump(repository, path, part, "dump.rdb")
    return manifest


def _dump(repository: Repository, path: str, directory: str, name: str) -> None:
    """A file of a backup there, as a new one here."""
    with open(os.open(f"{directory}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o440), "wb") as file:
        repository.restic("dump", "--path", path, "latest", f"{path}/{name}", into=file.fileno())
        os.fsync(file.fileno())


def record_file() -> str:
    """What was copied last, why the last copy failed where it did, and the last proof of what is there."""
    return f"{paths.BACKUPS}/copied.json"


def copied(place: str) -> dict[str, object]:
    """Of that place: `name` of the last good one there, `failed`, and `proof`: see drill.py."""
    record = read_json(record_file())
    return record if record.get("repository") == place else {}
