"""Saves the node's data where neither a mistake in the group nor its end reaches them."""

import json
import os
import re
import time
from contextlib import suppress
from hashlib import sha256

from . import paths
from .decide.backup import NAME, busy, keys_of, lacking, out_of_sync, outdated
from .files import Files, size_of
from .messages import Refused, plain, say
from .observe import fields
from .release import Release, current_release
from .resp import Unanswered
from .run import output_of

# For so many seconds another save or rewrite may go on, and this one.
SAVE_LIMIT = 6 * 3600
NEXT = f"Look at the node and its disk, then run 'sudo systemctl start {paths.CLUSTER}-backup'"


def backup(keep: str, alone: bool) -> None:
    """Makes one, a directory of its own with dump.rdb and manifest.json, and leaves so many. Raises Refused.

    keep: a number. alone: whether no other host of the group saves.

    BGSAVE, because the node forks for it and goes on; a dump over the network, as by redis-cli --rdb, would have the
    node keep and send all of it beside. A copy, because a link to the same blocks is no second one.
    """
    release = current_release(paths.MANAGED)
    host = release.members.host
    if not re.fullmatch("[1-9][0-9]{0,3}", keep):
        raise Refused(f"backup {keep!r}; expected how many to keep")
    try:
        os.makedirs(paths.BACKUPS, mode=0o750, exist_ok=True)
        # A run that was killed left it.
        remove(f"{paths.BACKUPS}/.part")
        if not _save(release, alone):
            say("no backup from this node: it is the master, and a replica saves", host)
            return
        for name in outdated(os.listdir(paths.BACKUPS), int(keep)):
            if name != asked_name():
                remove(f"{paths.BACKUPS}/{name}")
    except Unanswered as error:
        raise Refused(f"no backup: the node here does not answer: {plain(str(error))}. {NEXT}", host) from None
    except OSError as error:
        raise Refused(f"no backup: {error.filename or paths.BACKUPS}: {error.strerror}. {NEXT}", host) from None
    finally:
        with suppress(OSError):
            remove(f"{paths.BACKUPS}/.part")


def _save(release: Release, alone: bool) -> bool:
    """Makes one, unless another host's node does."""
    host, files = release.members.host, Files(release.settings, paths.DATA)
    info = _idle(release)
    if info.get("role") == "master" and not alone:
        return False
    if reason := out_of_sync(info):
        raise Refused(f"no backup: {reason}; expected one in sync. {NEXT}", host)
    _refuse_full(host, int(info.get("used_memory_dataset", "0")), files.directory)
    moment = _moment()
    # What comes in one packet is done at once, so these are the counts and the offset of the fork; the offset in the
    # file proves it. In a transaction Redis would fork later.
    told = release.daemons().ask_once(release.members.node_here, "INFO", "BGSAVE")
    match told:
        case [str(text), "Background saving started"]:
            info = fields(text)
        case _:
            raise Refused(f"no backup: BGSAVE was answered with {plain(str(told[-1]))}. {NEXT}", host)
    after = _idle(release)
    if after.get("rdb_last_bgsave_status") != "ok":
        raise Refused(f"no backup: the node could not save; its log, {paths.LOGS}, tells why. {NEXT}", host)
    part = f"{paths.BACKUPS}/.part"
    os.mkdir(part, 0o750)
    manifest = {
        "time": moment,
        "host": host,
        "role": info["role"],
        "master_name": release.members.master_name,
        "server": info["redis_version"],
        "release": os.path.basename(release.directory),
        "replid": info["master_replid"],
        "offset": int(info["master_repl_offset"]),
        "keys": keys_of(info),
        "memory": int(info["used_memory"]),
        "sha256": copy(files.rdb, f"{part}/dump.rdb"),
        "bytes": size_of(f"{part}/dump.rdb"),
    }
    _refuse_other(host, manifest, f"{part}/dump.rdb")
    write_json(f"{part}/manifest.json", manifest)
    os.rename(part, f"{paths.BACKUPS}/{moment}")
    sync(paths.BACKUPS)
    count = sum(keys_of(info).values())
    say(f"backup {paths.BACKUPS}/{moment}: {count} keys, {manifest['bytes']} bytes, from the {info['role']}", host)
    return True


def _moment() -> str:
    """Now, as a backup's name. A second that has one already is waited out."""
    while os.path.exists(f"{paths.BACKUPS}/{(moment := time.strftime('%Y%m%dT%H%M%SZ', time.gmtime()))}"):
        time.sleep(0.1)
    return moment


def _idle(release: Release) -> dict[str, str]:
    """INFO of the node here, once it has no child that writes. Raises Refused or Unanswered."""
    deadline = time.monotonic() + SAVE_LIMIT
    while True:
        (told,) = release.daemons().ask(release.members.node_here, "INFO")
        if not isinstance(told, str):
            raise Unanswered(f"INFO is answered with {told}")
        info = fields(told)
        if not busy(info):
            return info
        if time.monotonic() > deadline:
            raise Refused(f"no backup: the node has been loading or saving for {SAVE_LIMIT} s. {NEXT}")
        time.sleep(0.2)


def _refuse_full(host: str, size: int, data: str) -> None:
    """The node writes its new file beside the old one, and the copy comes on top. Data in memory take more than in a
    file. Raises Refused."""
    needs: dict[int, tuple[str, int]] = {}
    for path in (data, paths.BACKUPS):
        device = os.stat(path).st_dev
        needs[device] = (path, needs.get(device, ("", 0))[1] + size)
    for path, need in needs.values():
        room = os.statvfs(path)
        if lack := lacking(need, room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize):
            raise Refused(
                f"no backup: {path} lacks {lack >> 20} MiB; expected room for {need >> 20} MiB with a twentieth of the "
                "file system left to the node. Free some space, or set a smaller redis-cluster:backup.keep",
                host,
            )


def _refuse_other(host: str, manifest: dict[str, object], rdb: str) -> None:
    """Unless it is whole, by its own checksum, and that very save: somebody else may have had the node save again."""
    said = output_of("redis-check-rdb", rdb)
    offset, count = re.search("repl-offset = '([0-9]+)'", said), re.search("([0-9]+) keys read", said)
    keys = manifest["keys"]
    wanted = manifest["offset"], sum(keys.values()) if isinstance(keys, dict) else 0
    seen = int(offset[1]) if offset else None, int(count[1]) if count else None
    if seen != wanted:
        raise Refused(
            f"no backup: the file that was saved has offset and number of keys {seen}; expected {wanted}: it is "
            f"damaged, or the node saved once more meanwhile. {NEXT}",
            host,
        )


def copy(source: str, target: str) -> str:
    """A new file that is the same; the sum of what was copied. Raises OSError."""
    summed = sha256()
    with (
        open(os.open(source, os.O_RDONLY | os.O_NOFOLLOW), "rb") as reading,
        open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o440), "wb") as writing,
    ):
        while chunk := reading.read(1 << 20):
            summed.update(chunk)
            writing.write(chunk)
        writing.flush()
        os.fsync(writing.fileno())
    return summed.hexdigest()


def write_json(path: str, value: object) -> None:
    """A new file, in one rename."""
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{path}.new", path)
    sync(os.path.dirname(path))


def read_json(path: str) -> dict[str, object]:
    """What write_json wrote there, or nothing."""
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def sync(directory: str) -> None:
    """What was renamed in it stays so."""
    file = os.open(directory, os.O_RDONLY)
    os.fsync(file)
    os.close(file)


def asked_file() -> str:
    """Where the name is of the backup that the group is to begin with: see restore.py."""
    return f"{paths.BACKUPS}/restore"


def asked_name() -> str:
    """That name; empty: none."""
    try:
        with open(asked_file(), encoding="ascii", errors="replace") as file:
            return file.readline().strip()
    except OSError:
        return ""


def made() -> list[str]:
    """The names of the backups here, the oldest first. Raises OSError."""
    return sorted(filter(NAME.fullmatch, os.listdir(paths.BACKUPS)))


def remove(directory: str) -> None:
    """Such a directory of files, if it is there."""
    if os.path.isdir(directory):
        for name in os.listdir(directory):
            os.unlink(f"{directory}/{name}")
        os.rmdir(directory)
