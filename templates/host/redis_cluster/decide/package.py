"""The version of Debian's package of Redis that the stack wants on a host, beside the one that is installed."""

import re
from collections.abc import Sequence

# As apt knows it. Nothing in it is an option or another word of a command line.
VERSION = r"(?:[0-9]{1,3}:)?[0-9]{1,4}\.[0-9]{1,4}[0-9A-Za-z.+~-]{0,60}"

# Where a version tells none.
NO_LINE = (0, 0)


def wanted(members: str) -> str:
    """What the text of a members file asks for; empty where the stack does not say."""
    found = re.search(rf"^package ({VERSION})$", members, re.MULTILINE)
    return found[1] if found else ""


def line_of(version: str) -> tuple[int, int]:
    """Major and minor: within those, either version reads what the other has written."""
    found = re.match(r"(?:[0-9]+:)?([0-9]+)\.([0-9]+)", version)
    return (int(found[1]), int(found[2])) if found else NO_LINE


def refused(version: str, installed: str, known: Sequence[str]) -> str:
    """Why that version may not take the place of the installed one; empty where it may.

    installed: empty where there is none. known: the versions that the host's apt can install.
    """
    if line_of(version) < line_of(installed):
        return (
            f"redis-server {installed} is installed, and redis-cluster:packageVersion is {version}; expected none "
            f"before {'.'.join(map(str, line_of(installed)))}: an older Redis cannot read what a newer one has "
            f"written. Set it to what is installed: pulumi config set packageVersion {installed}"
        )
    if version not in (installed, *known):
        return (
            f"redis-cluster:packageVersion is {version}, which this host's apt does not know; expected one of: "
            f"{', '.join(known) or 'none, it knows no redis-server'}. See 'apt-cache madison redis-server' here. Set "
            "it to one of them, or give this host a source that has it, then run pulumi up again"
        )
    return ""
