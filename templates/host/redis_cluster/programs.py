"""The programs on this host, and their sums as they were deployed."""

import re
from hashlib import sha256

from . import paths
from .host import text_at

_LINE = re.compile("([0-9a-f]{64})  ([a-z_/.-]+)")


def deployed_sums() -> dict[str, str]:
    """By name, as the file `sums` has them; it is root's, and came with them."""
    lines = (text_at(f"{paths.PROGRAMS}/sums") or "").split("\n")
    return {told[2]: told[1] for told in map(_LINE.fullmatch, lines) if told}


def sum_of(name: str) -> str:
    """Of what lies there now; empty where it cannot be read."""
    try:
        with open(f"{paths.PROGRAMS}/{name}", "rb") as file:
            return sha256(file.read()).hexdigest()
    except OSError:
        return ""
