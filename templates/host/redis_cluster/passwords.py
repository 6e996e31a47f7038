"""Changes of passwords: every host accepts the new ones before any host or client uses one."""

import os
import time
from collections.abc import Iterator

from . import paths
from .acts import act
from .composed import accepted
from .decide.passwords import Client, accepting, connected_before, leaving
from .gate import Step, overridden, override_hash
from .host import running
from .members import Member, hashes, load_members, secret
from .messages import Refused
from .observe import Daemons
from .resp import Unanswered
from .users import known_users, send_users


def operator_daemons(directory: str, expired: bool) -> Daemons:
    """The group's daemons, with the operator's password that this host's accept, while a new one is on its way.

    directory: where the members are. expired: as Daemons has it.
    """
    members = load_members(f"{directory}/members")
    for secrets in (f"{paths.CURRENT}/secrets", f"{paths.STAGED}/secrets"):
        for name in ("operator", "previous-operator"):
            try:
                daemons = Daemons(members, secret(secrets, name), expired)
            except Refused:
                continue
            if any(_answers(daemons, member) for member in members.here.values()):
                return daemons
    return Daemons(members, secret(f"{paths.STAGED}/secrets", "operator"), expired)


def accept_passwords(expired: bool, step: Step) -> Iterator[str]:
    """Has the daemons of this host accept the passwords that are staged; what was done, in words.

    A password or a user is not taken away while somebody is connected by it, unless the operator says so: raises
    Refused. expired: as Daemons has it.
    """
    daemons = operator_daemons(paths.STAGED, expired)
    members = daemons.members
    up = [member for daemon, member in members.here.items() if running(daemon)]
    now, wanted = hashes(f"{paths.CURRENT}/secrets"), hashes(f"{paths.STAGED}/secrets")
    moment, also = int(time.time()), accepted()
    if os.path.exists(paths.INITIALISED):
        _refuse_clients_left(daemons, up, [*leaving(now, wanted, also, moment)], step)
    kept, added = accepting(now, wanted, also, moment)
    # First for the daemons' next start: one that crashes meanwhile comes back with them.
    if kept != also:
        act("accept", *map(str, kept))
    if added:
        for daemon in up:
            known = known_users(daemons, daemon)
            commands = [
                ["ACL", "SETUSER", user, *(f"#{each}" for each in more)]
                for user, more in added.items()
                if user in known
            ]
            send_users(daemons, daemon, commands)
        yield f"accepts a new password of {' '.join(sorted(added))}"


def _refuse_clients_left(daemons: Daemons, up: list[Member], users: list[tuple[str, int]], step: Step) -> None:
    if not users:
        return
    host = daemons.members.host
    connected: list[Client] = []
    for daemon in up:
        try:
            connected += daemons.clients(daemon)
        except Unanswered as error:
            raise Refused(
                f"a daemon of this host does not tell its clients: {error}; run 'redis-cluster gate' here, then pulumi "
                "up again",
                host,
            ) from None
    now = int(time.time())
    left = [(user, connected_before(connected, user, now - since)) for user, since in users]
    problems = "\n".join(
        f"clients at {addresses} are connected as {user} with a password that is to go"
        for user, addresses in left
        if addresses
    )
    if problems and not overridden(host, problems, step):
        raise Refused(
            f"{problems}; expected none: let them connect anew with the user's new password, then run pulumi up again. "
            "To go on all the same, with this very change: pulumi config set override "
            f"{override_hash(step.plan, problems)}. Nothing was changed",
            host,
        )


def _answers(daemons: Daemons, member: Member) -> bool:
    try:
        return daemons.ask(member, "PING") == ["PONG"]
    except Unanswered:
        return False
