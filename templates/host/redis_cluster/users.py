"""The users of running daemons, which take a change by ACL SETUSER, since ACL LOAD would drop every connection."""

from collections.abc import Sequence

from .composed import users_lines
from .decide.users import changes, of_list, refused, same_passwords
from .members import Member
from .messages import Refused, plain
from .observe import Daemons, text
from .resp import Reply, Unanswered


def apply_users(daemons: Daemons, daemon: Member, directory: str, file: str) -> None:
    """The running daemon gets the users of that file in the release in the directory, and no others.

    No connection is dropped but those of users that are gone. Raises Refused.
    """
    wanted, host = users_lines(directory, file), daemons.members.host
    send_users(daemons, daemon, changes(wanted, known_users(daemons, daemon)))
    if not same_passwords(wanted, of_list(_told(daemons, daemon, "ACL LIST"))):
        raise Refused(
            f"{daemon.place} has other users or passwords after ACL SETUSER than {file} says; run pulumi up again", host
        )


def known_users(daemons: Daemons, daemon: Member) -> list[str]:
    """The names of the users that a daemon has. Raises Refused."""
    reply = _told(daemons, daemon, "ACL USERS")
    if isinstance(reply, list):
        return [name for name in reply if isinstance(name, str)]
    raise _refused(daemons, f"{daemon.place} does not tell its users: {plain(text(reply))}")


def send_users(daemons: Daemons, daemon: Member, commands: Sequence[Sequence[str]]) -> None:
    """Changes users. Raises Refused where the daemon refuses any of it."""
    if not commands:
        return
    try:
        said = refused(daemons.tell(daemon, *commands))
    except Unanswered as error:
        said = str(error)
    if said:
        raise _refused(daemons, f"{daemon.place} refused a change of its users: {plain(said)}")


def _told(daemons: Daemons, daemon: Member, command: str) -> Reply:
    try:
        (reply,) = daemons.ask(daemon, command)
    except Unanswered as error:
        raise _refused(daemons, f"{daemon.place} does not tell its users: {error}") from None
    return reply


def _refused(daemons: Daemons, what: str) -> Refused:
    return Refused(f"{what}; run 'redis-cluster gate' here, then pulumi up again", daemons.members.host)
