"""Packages that a host needs, by its own sources. Root calls apt; what it asks for is told here.

The version of Redis that the stack wants is fetched on all hosts before anything restarts, and put in place in each
host's own turn: a daemon that crashes meanwhile elsewhere comes back as what it was.
"""

import re
import time

from .acts import NotDone, act
from .decide.package import line_of, refused
from .messages import Refused, say
from .run import output_of

# Debian's redis-server is a link into redis-tools.
_OF_REDIS = ("redis-server", "redis-tools")
# For so many seconds another process, a host's first automatic upgrade say, may hold the package database.
_DATABASE_PATIENCE = 120


def installed() -> list[str]:
    """The versions of what Redis is made of here: one, where nobody has torn them apart."""
    told = output_of("dpkg-query", "-W", "-f=${db:Status-Status} ${Version}\n", *_OF_REDIS).split("\n")
    return sorted({line.partition(" ")[2] for line in told if line.startswith("installed ")})


def pending(version: str) -> bool:
    """Whether another one has to be put in place. version: empty where the stack does not say."""
    return version != "" and installed() != [version]


def pending_within_line(version: str) -> bool:
    """The same, where either version reads what the other has written."""
    return pending(version) and {line_of(each) for each in installed()} == {line_of(version)}


def install_missing(packages: list[str], version: str, host: str = "") -> None:
    """Installs what is not there, and fetches that version of Redis where another is. Raises Refused.

    version: empty where the stack leaves it to the host.
    """
    if pending(version):
        _refuse(version, host)
    for package in packages:
        if not _there(package):
            _install(package)
    if pending(version):
        _configure()
        if not _unlocked("fetch redis-server"):
            raise _not_installed(f"redis-server={version}", host)


def change(version: str, host: str) -> None:
    """Puts that version of Redis in place; what runs goes on with the file it was started from. Raises Refused."""
    _refuse(version, host)
    _configure()
    if not _unlocked("change redis-server") or pending(version):
        raise _not_installed(f"redis-server={version}", host)


def _refuse(version: str, host: str) -> None:
    """Unless that version may be had here, and may take the place of what is installed."""
    before = "".join(installed()[-1:])
    if version not in _known():
        # The lists may be old.
        _unlocked("update")
    why = refused(version, before, _known())
    if why:
        raise Refused(f"{why}. Nothing was restarted", host)


def _known() -> list[str]:
    """The versions that apt can install, the newest first."""
    told = output_of("apt-cache", "madison", "redis-server").split("\n")
    return [line.split("|")[1].strip() for line in told if line.count("|") == 2 and line.endswith("Packages")]


def _configure() -> None:
    if not _unlocked("configure"):
        raise Refused(
            "dpkg --configure -a failed. Make 'sudo dpkg --configure -a' work on this host, or wait until nobody holds "
            "the package database, then run pulumi up again"
        )


def _there(package: str) -> bool:
    return output_of("dpkg-query", "-W", "-f=${db:Status-Status}", package) == "installed"


def _install(package: str) -> None:
    """By the host's own sources, whose lists may be old."""
    _configure()
    # What was interrupted is whole now.
    if _there(package):
        return
    if not _unlocked(f"install {package}"):
        _unlocked("update")
        if not _unlocked(f"install {package}"):
            raise _not_installed(package)


def _not_installed(package: str, host: str = "") -> Refused:
    return Refused(
        f"{package} could not be installed. Make 'sudo apt-get install {package}' work on this host, then run pulumi "
        "up again",
        host,
    )


def _unlocked(what: str) -> bool:
    """Whether root has done it, once nobody else held the package database; else says why not."""
    deadline, told = time.monotonic() + _DATABASE_PATIENCE, False
    while True:
        try:
            act("package", what)
            return True
        except NotDone as failure:
            said = str(failure)
        held = re.search(r"\block\b.*\bprocess (?:with pid )?([0-9]{1,9})", said)
        if (not held and "Could not get lock" not in said) or time.monotonic() >= deadline:
            say(f"error: {said}")
            return False
        if not told:
            who = f"process {held[1]}" if held else "another process"
            say(f"waits up to {_DATABASE_PATIENCE} s for {who}, which holds the package database")
            told = True
        time.sleep(1)
