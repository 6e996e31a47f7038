"""Runs a program of the system's."""

import os

from .acts import ANSWER, ASK

# What it has of this process, after its output: nothing to read, and not the files on which root is asked.
APART = [
    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
    *((os.POSIX_SPAWN_CLOSE, file) for file in (ASK, ANSWER)),
]


def output_of(*command: str) -> str:
    """What a program prints, without what it says on stderr; empty where it fails or is not there."""
    ours, theirs = os.pipe()
    output = [(os.POSIX_SPAWN_DUP2, theirs, 1), (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)]
    try:
        process = os.posix_spawnp(command[0], command, os.environ, file_actions=[*output, *APART])
    except OSError:
        os.close(ours)
        return ""
    finally:
        os.close(theirs)
    with open(ours, encoding="utf-8", errors="replace") as file:
        text = file.read()
    _, status = os.waitpid(process, 0)
    return text.strip() if status == 0 else ""
