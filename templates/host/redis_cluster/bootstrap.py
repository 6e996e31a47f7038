"""The mark of a first deployment that is going on."""

import os

from .paths import BOOTSTRAP, INITIALISED


def bootstrap_mark() -> str:
    """The name of its bootstrap master; empty where the group has been whole, which bootstraps once; root's."""
    if os.path.exists(INITIALISED):
        return ""
    try:
        with open(BOOTSTRAP) as file:
            return file.readline().strip()
    except OSError:
        return ""
