"""Has a group that begins anew begin with a backup: asked for before it is taken away, done before its first start."""

import os
import shutil
import time
from contextlib import suppress

from . import paths
from .backup import asked_file, asked_name, copy, made, read_json, sync
from .decide.backup import NAME
from .files import Files
from .messages import Refused, say
from .release import current_release
from .settings import Settings

# For so many seconds what was asked for is done; who destroys a group a week later may mean something else.
FRESH = 24 * 3600
# Not one of its files lies where the node's would: what is looked for there lies higher.
_BEFORE = "before-restore"


def restore(name: str) -> None:
    """Has the group begin with that backup of this host's, once it is taken away. Raises Refused.

    name: `none` takes that back.
    """
    host = current_release(paths.MANAGED).members.host
    path = asked_file()
    if name == "none":
        with suppress(FileNotFoundError):
            os.unlink(path)
        say("a group that begins anew begins with what it had", host)
        return
    _refuse_unproven(name, host)
    with open(path, "w", encoding="ascii") as file:
        file.write(f"{name}\n")
    sync(paths.BACKUPS)
    say(
        f"nothing is changed yet. Now 'pulumi destroy', and within a day 'pulumi up': the group then begins with "
        f"{paths.BACKUPS}/{name}, and all other hosts copy it. Not to: 'redis-cluster restore none'",
        host,
    )


def asked(host: str) -> str:
    """Which backup a group begins with, if any. Raises Refused where it was asked too long ago, or is gone."""
    path, name = asked_file(), asked_name()
    if not name:
        return ""
    age = time.time() - os.stat(path).st_mtime
    if age > FRESH:
        raise Refused(
            f"{path} is {int(age // 3600)} h old; expected none, or one of the last {FRESH // 3600} h. To begin with "
            f"backup {name[:20]} after all: sudo touch {path}; with what is in {paths.DATA}: sudo rm {path}. Then run "
            "pulumi up again; nothing was started",
            host,
        )
    _refuse_unproven(name, host)
    return name


def restore_asked(settings: Settings, host: str) -> str:
    """What was done, empty where nothing was asked. What lay in the data directory stays below it. Raises Refused.

    A run that is cut off does it again from the beginning, and takes nothing away that was there.
    """
    name = asked(host)
    if not name:
        return ""
    directory, files = f"{paths.BACKUPS}/{name}", Files(settings, paths.DATA)
    scratch, before = f"{files.directory}/.restore", f"{files.directory}/{_BEFORE}"
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        os.mkdir(scratch, 0o750)
        loaded = files.rdb
        if files.append_only:
            # Its base may be an RDB. So nothing has to be converted.
            base = f"{os.path.basename(files.manifest).removesuffix('.manifest')}.1.base.rdb"
            loaded = f"{os.path.dirname(files.manifest)}/{base}"
            inside = f"{scratch}/{os.path.relpath(os.path.dirname(files.manifest), files.directory)}"
            os.mkdir(inside, 0o750)
            with open(f"{inside}/{os.path.basename(files.manifest)}", "x", encoding="utf-8") as file:
                file.write(f"file {base} seq 1 type b\n")
        seen = copy(f"{directory}/dump.rdb", f"{scratch}/{os.path.relpath(loaded, files.directory)}")
        if seen != read_json(f"{directory}/manifest.json").get("sha256"):
            raise Refused(f"{directory} has another sum than its manifest; nothing was started. Take another", host)
        there = [each for each in os.listdir(files.directory) if each not in (_BEFORE, ".restore", "lost+found")]
        if there:
            before = f"{before}/{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{time.time_ns() % 1000000}"
            os.makedirs(before, 0o750)
        for each in there:
            os.rename(f"{files.directory}/{each}", f"{before}/{each}")
        for each in os.listdir(scratch):
            os.rename(f"{scratch}/{each}", f"{files.directory}/{each}")
        os.rmdir(scratch)
        sync(files.directory)
        os.unlink(asked_file())
        sync(paths.BACKUPS)
    except OSError as error:
        raise Refused(
            f"backup {directory} could not be restored: {error.filename or files.directory}: {error.strerror}; nothing "
            "was started. Look at it, then run pulumi up again",
            host,
        ) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return f"restored backup {name}{f'; what was there is in {before}' if there else ''}"


def _refuse_unproven(name: str, host: str) -> None:
    proof = read_json(f"{paths.BACKUPS}/{name}/proof.json") if NAME.fullmatch(name) else {}
    if proof and not proof.get("problems"):
        return
    known = ""
    with suppress(OSError):
        known = " ".join(made())
    raise Refused(
        f"backup {name[:20]!r} is not proven here; expected one of: {known or 'none is here'}. See 'redis-cluster "
        f"backups'; to prove one: sudo -u redis {paths.PROGRAMS}/redis-cluster prove-backup NAME",
        host,
    )
