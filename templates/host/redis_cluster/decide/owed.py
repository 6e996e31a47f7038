"""What is owed on a host: what runs compared with what is staged."""

from collections.abc import Collection
from typing import Literal, NamedTuple

from .settings import divided, name_of

Owed = Literal["none", "live", "restart"]


class Runs(NamedTuple):
    """What a running daemon was composed from, beside what is staged.

    same_release, same_program, same_certificate: whether that is what is staged. conf: its file in its release.
    """

    same_release: bool
    same_program: bool
    same_certificate: bool
    conf: str


def owed(daemon: str, staged: str, live: Collection[str], runs: Runs | None) -> Owed:
    """What that daemon owes.

    staged: its file. live: the names of the settings that it takes while it runs. runs: None where it is down, or there
    is no telling of what release.
    """
    if runs is None or not runs.same_program:
        return "restart"
    if runs.same_release:
        return "none"
    # Sentinel takes another certificate at its start alone.
    if daemon == "sentinel" and not runs.same_certificate:
        return "restart"
    (before, was), (after, now) = divided(runs.conf, live), divided(staged, live)
    # One that is added is not taken either: nobody could tell afterwards what it was before.
    return "live" if before == after and {*map(name_of, was)} == {*map(name_of, now)} else "restart"
