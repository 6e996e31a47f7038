"""A release: the directory that this host's daemons are composed from."""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from . import paths
from .host import UNIT
from .members import CONF, Members, load_members, secret
from .messages import Refused, say
from .observe import Daemons, group_of
from .settings import Settings, read_file

_HASH = re.compile("[0-9a-f]{16}")

CERTIFICATE = ("tls.ca", "tls.crt", "tls.key")


class Release(NamedTuple):
    """directory: where it is. settings: of its node, or of its sentinel where the host has no node."""

    directory: str
    members: Members
    settings: Settings

    def daemons(self) -> Daemons:
        """The group's daemons, with the operator's password."""
        return Daemons(self.members, secret(f"{self.directory}/secrets", "operator"))


def open_release(directory: str) -> Release:
    """The release in that directory. Raises Refused where it is not complete."""
    members = load_members(f"{directory}/members")
    path = f"{directory}/{CONF['node' if members.has_node else 'sentinel']}"
    try:
        return Release(directory, members, Settings(path))
    except OSError:
        raise Refused(f"cannot read {path}; expected the release that pulumi up makes") from None


def staged_daemons() -> Daemons:
    """The group's daemons as a step of a rollout asks them. Raises Refused."""
    return group_of(f"{paths.STAGED}/members", f"{paths.STAGED}/secrets")


def current_release(managed: str) -> Release:
    """The release that counts now, or the one before it where that is not complete. Raises Refused.

    managed: the directory of root's where the links to both are.
    """
    current, previous = f"{managed}/current", f"{managed}/previous"
    try:
        return _complete(current)
    except (Refused, OSError):
        pass
    try:
        release = _complete(previous)
    except (Refused, OSError):
        raise Refused(f"neither {current} nor {previous} is a complete release; run pulumi up") from None
    name = os.path.basename(release.directory)
    say(
        f"{current} is missing or incomplete; going on with the last good release {name}; run pulumi up",
        release.members.host,
    )
    return release


def _complete(link: str) -> Release:
    """The release to which the link leads, where a daemon can be composed from it. Raises Refused or OSError."""
    release = open_release(os.path.realpath(link))
    files: list[str] = []
    if release.members.has_node:
        files += ["redis.conf", "users.acl"]
    if release.members.has_sentinel:
        files += ["sentinel.conf", "sentinel-users.acl"]
    if tls_mode(release.settings) != "off":
        files += CERTIFICATE
    for file in files:
        with open(f"{release.directory}/{file}", "rb") as text:
            if not text.read(1):
                raise Refused(f"{release.directory}/{file} is empty")
    for name in ("replication", "sentinel", "operator"):
        secret(f"{release.directory}/secrets", name)
    return release


def running_release(daemon: str) -> str:
    """The directory of the release that the `node` or the `sentinel` that runs was composed from; empty: no telling."""
    try:
        name = read_file(f"{paths.RUN}/{daemon}/release", 100).decode(errors="replace").strip()
    except OSError:
        return ""
    directory = f"{paths.RELEASES}/{name}"
    return directory if _HASH.fullmatch(name) and os.path.isdir(directory) else ""


def forget_release(daemon: str) -> None:
    """From now on it counts as one that runs no release. What cannot be removed is no release's name either."""
    with suppress(OSError):
        os.unlink(f"{paths.RUN}/{daemon}/release")


def note_release(daemon: str, name: str) -> None:
    """The daemon runs with all that this release says, though it was composed from another."""
    forget_release(daemon)
    with open(f"{paths.RUN}/{daemon}/release", "x") as file:
        file.write(f"{name}\n")


def same_files(one: str, other: str, names: Sequence[str]) -> bool:
    """Whether two directories have the same of each of these files; one that is in neither is the same."""

    def content(path: str) -> bytes | None:
        try:
            with open(path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    return all(content(f"{one}/{name}") == content(f"{other}/{name}") for name in names)


def files_in(directory: str) -> list[str]:
    """The names of what is a release's there, in their order; root is told which those are, see validate.py."""
    names = sorted(name for name in os.listdir(directory) if not name.startswith("."))
    # A sentinel that the host has no more is taken away at the run's end.
    with suppress(Refused):
        if not load_members(f"{directory}/members").has_sentinel:
            return [name for name in names if name not in (CONF["sentinel"], "sentinel-users.acl", UNIT["sentinel"])]
    return names


def is_current() -> bool:
    """Whether what is staged is the current release, file by file; to hash it takes longer."""
    with suppress(FileNotFoundError):
        names = files_in(paths.STAGED)
        return names == files_in(paths.CURRENT) and same_files(paths.STAGED, paths.CURRENT, names)
    return False


def release_hash(directory: str) -> str:
    """The name of a release that is made of the files there, as `sha256sum -- * | sha256sum` in it begins."""
    from hashlib import sha256

    lines = []
    for name in files_in(directory):
        with open(f"{directory}/{name}", "rb") as file:
            lines.append(f"{sha256(file.read()).hexdigest()}  {name}\n")
    return sha256("".join(lines).encode()).hexdigest()[:16]


def is_kept(name: str) -> bool:
    """Whether root keeps that release, and nobody has edited a file of it."""
    directory = f"{paths.RELEASES}/{name}"
    return os.path.isdir(directory) and release_hash(directory) == name


def live_names(directory: str, daemon: str) -> set[str]:
    """The settings that the running `node` or `sentinel` takes, of the release there; none of one from before that."""
    return {words[1] for words in Settings(f"{directory}/live", missing=True).lines(daemon)}


def tls_of(directory: str, missing: bool = False) -> str:
    """What tls_mode says of a release. missing: whether there may be none; else raises OSError."""
    # A host without a node has the other file alone; both say the same.
    node, sentinel = (f"{directory}/{name}" for name in CONF.values())
    return tls_mode(Settings(node if os.path.lexists(node) or not os.path.lexists(sentinel) else sentinel, missing))


def tls_mode(settings: Settings) -> str:
    """`off`, `both` or `required`, as the settings of a node or a sentinel say."""
    if not settings.get("tls-port", ""):
        return "off"
    return "required" if settings.get("port", "0") == "0" else "both"
