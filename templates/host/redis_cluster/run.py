"""Runs a program of the system's."""

import os


def output_of(*command: str) -> str:
    """What a program prints, without what it says on stderr; empty where it fails or is not there."""
    ours, theirs = os.pipe()
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, theirs, 1),
        (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0),
    ]
    try:
        process = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
    except FileNotFoundError:
        os.close(ours)
        return ""
    finally:
        os.close(theirs)
    with open(ours, encoding="utf-8", errors="replace") as output:
        text = output.read()
    _, status = os.waitpid(process, 0)
    return text if status == 0 else ""
