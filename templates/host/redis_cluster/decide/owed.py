"""What is owed on a host: what runs compared with what is staged."""

from typing import Literal, NamedTuple

from .settings import divided

Owed = Literal["none", "live", "restart"]


class Runs(NamedTuple):
    """What a running daemon was composed from, beside what is staged.

    same_release, same_program, same_certificate: whether that is what is staged. conf: its file in its release.
    """

    same_release: bool
    same_program: bool
    same_certificate: bool
    conf: str


def owed(daemon: str, staged: str, runs: Runs | None) -> Owed:
    """What that daemon owes. staged: its file. runs: None where it is down, or there is no telling of what release."""
    if runs is None or not runs.same_program:
        return "restart"
    if runs.same_release:
        return "none"
    # Sentinel takes another certificate at its start alone.
    if daemon == "sentinel" and not runs.same_certificate:
        return "restart"
    before, after = _parts(runs.conf), _parts(staged)
    return "live" if before == after else "restart"


def _parts(conf: str) -> tuple[list[str], set[str]]:
    """The lines that only a start reads, and the names of the settings that a daemon takes while it runs."""
    at_start, live = divided(conf)
    return at_start, {words[1] if words[0] == "sentinel" else words[0] for words in live}
