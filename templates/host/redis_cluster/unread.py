"""Data that lie here and that Redis, started with this configuration, would not load.

It would start empty, and overwrite them with its first save or sync.
"""

import os
from contextlib import suppress

from . import paths
from .decide.last_file import Last
from .files import Files, has_keys, manifest_holds
from .messages import Refused
from .settings import Settings, read_file

# How many names a message has.
_TOLD = 10


def unread(settings: Settings, data: str, last: Last) -> list[str]:
    """The names, below the data directory, of what holds keys and would not be loaded.

    An RDB beside an AOF is normal, and so is what is older than the files that would be loaded: then nothing is told.

    data: the data directory where the settings name none. last: whom the node followed last, by its file.
    """
    files = Files(settings, data)
    reference, left_out = (files.manifest, "") if files.append_only else (files.rdb, "")
    if files.append_only:
        # Until its AOF is written, a replica has what it got in its RDB alone.
        if files.aof_is_behind():
            return []
        if os.path.exists(files.manifest) and last not in (None, "master"):
            left_out = files.rdb
    # Kept data of an AOF that is switched off now are newer than the RDB beside them; a node that ran so knows better.
    if (files.append_only or last) and files.hold_data():
        return []
    since = os.stat(reference).st_ctime_ns if os.path.isfile(reference) else -1
    found = []
    for path, changed in _files(files.directory):
        if changed > since and path != left_out and _would_be_lost(files.directory, path):
            name = path[len(files.directory) + 1 :]
            found.append("".join("?" if ord(c) < 32 or ord(c) == 127 else c for c in name))
    return found


def refuse_unread(settings: Settings, data: str, last: Last, host: str) -> None:
    """Raises Refused where there is any."""
    found = " ".join(unread(settings, data, last)[:_TOLD])
    if found:
        mode = settings.get("appendonly", "no")
        raise Refused(
            f"{data} holds keys that this configuration, appendonly {mode}, would not load: {found}; expected none "
            "beside an empty start, which would overwrite them. To have Redis load one of them: sudo "
            f"{paths.PROGRAMS}/redis-cluster convert NAME. Or move them to another directory, where they are not "
            f"wanted. Then start {paths.CLUSTER} again",
            host,
        )


def _files(directory: str) -> list[tuple[str, int]]:
    """The files in a directory and those below it, and when each was changed."""
    found = []
    for below in (directory, *(each.path for each in _entries(directory) if each.is_dir(follow_symlinks=False))):
        if below == f"{directory}/.convert":
            continue
        for entry in _entries(below):
            if entry.is_file(follow_symlinks=False) and not entry.name.startswith("temp-"):
                stat = entry.stat(follow_symlinks=False)
                if stat.st_size > 0:
                    found.append((entry.path, stat.st_ctime_ns))
    return sorted(found)


def _entries(directory: str) -> list[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(directory) as entries:
        return [*entries]
    return []


def _would_be_lost(directory: str, path: str) -> bool:
    parent = os.path.dirname(path)
    if parent == directory:
        return _holds_keys(path)
    if path.endswith(".manifest"):
        return manifest_holds(path)
    # Of an AOF with a manifest, or what an interrupted write has left.
    return not any(each.name.endswith(".manifest") for each in _entries(parent)) and _holds_keys(path)


def _holds_keys(path: str) -> bool:
    """An RDB by its first word whatever its name; an AOF by its first command.

    What redis may not read goes by its name.
    """
    try:
        start = read_file(path, 8).replace(b"\0", b"")
    except OSError:
        return path.endswith((".rdb", ".aof"))
    if start.startswith(b"REDIS"):
        return path.endswith(".aof") or has_keys(path)
    return start.startswith(b"#TS:") or (start[:1] == b"*" and start[1:2] in [b"%d" % digit for digit in range(1, 10)])
