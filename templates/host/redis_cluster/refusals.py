"""Changes that a running group does not survive: what is staged, beside what is current, before any is made live."""

import os
import re
from contextlib import suppress

from . import paths
from .decide.passwords import lost
from .members import hashes, load_members
from .messages import Refused
from .release import tls_of

_BLOCK = re.compile("-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def refuse_change() -> None:
    """Raises Refused."""
    host = load_members(f"{paths.STAGED}/members").host
    refusal = _tls_leap() or _other_authority() or _lost_password()
    if refusal:
        raise Refused(refusal, host)


def _tls_leap() -> str:
    """A group has to have both kinds of ports open before it moves, and does not move back."""
    was, now = _tls_modes()
    if (was, now) == ("off", "required"):
        return (
            "redis-cluster:tls.mode is required; expected both first, since this group runs without TLS: set it, run "
            "pulumi up, move the clients, then set required. Nothing was changed"
        )
    if was == "required" != now:
        return (
            f"redis-cluster:tls.mode is {now}; expected required, which this group runs with: there is no way back on "
            "a running group. Set it to required, then run pulumi up again. Nothing was changed"
        )
    return ""


def _other_authority() -> str:
    """A host that trusts none of the authorities of the others is alone."""
    was, now = (_authorities(directory) for directory in (paths.CURRENT, paths.STAGED))
    if not was or not now or was & now:
        return ""
    return (
        "the authority of redis-cluster:tls is another than the one that this group trusts; expected both in "
        "tls.authority until every member and client has a certificate of the new one. See 'Another authority' in "
        "docs/operations.md. Nothing was stopped and nothing made live"
    )


def _lost_password() -> str:
    """The password that clients use now has to stay accepted until they use the new one."""
    now = f"{paths.CURRENT}/secrets"
    if not os.path.exists(paths.INITIALISED) or not os.path.exists(now):
        return ""
    user = lost(hashes(now), hashes(f"{paths.STAGED}/secrets"))
    if not user:
        return ""
    return (
        f"the password that {user} has here is neither redis-cluster:{user}Password nor "
        f"redis-cluster:{user}PreviousPassword; expected it as one of them until every client has the new one: pulumi "
        f"config set --secret {user}PreviousPassword, with the old password on standard input, then run pulumi up "
        "again. Nothing was changed"
    )


def _tls_modes() -> tuple[str, str]:
    """That of the release that counts and that of what is staged; the same where there is no release yet."""
    now = tls_of(paths.STAGED)
    with suppress(FileNotFoundError):
        return tls_of(paths.CURRENT), now
    return now, now


def _authorities(directory: str) -> set[str]:
    try:
        with open(f"{directory}/tls.ca", encoding="ascii", errors="replace") as file:
            return {"".join(block.split()) for block in _BLOCK.findall(file.read())}
    except FileNotFoundError:
        return set()
