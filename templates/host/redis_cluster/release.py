"""A release: the directory that this host's daemons are composed from."""

import os
from typing import NamedTuple

from .members import Members, load_members, secret
from .messages import Refused
from .observe import Daemons
from .settings import Settings


class Release(NamedTuple):
    """directory: where it is. settings: of its node."""

    directory: str
    members: Members
    settings: Settings

    def daemons(self) -> Daemons:
        """The group's daemons, with the operator's password."""
        return Daemons(self.members, secret(f"{self.directory}/secrets", "operator"))


def open_release(directory: str) -> Release:
    """The release in that directory. Raises Refused where it is not complete."""
    try:
        settings = Settings(f"{directory}/redis.conf")
    except OSError:
        raise Refused(f"cannot read {directory}/redis.conf; expected the release that pulumi up makes") from None
    return Release(directory, load_members(f"{directory}/members"), settings)


def current_release(managed: str) -> Release:
    """The release that counts now, or the one before it where that is not complete. Raises Refused.

    managed: the directory of root's where the links to both are.
    """
    try:
        return open_release(os.path.realpath(f"{managed}/current"))
    except Refused:
        return open_release(os.path.realpath(f"{managed}/previous"))
