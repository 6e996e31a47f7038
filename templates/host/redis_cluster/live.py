"""What running daemons take: settings and users, set at run time and read back."""

import re

from .decide.settings import plain_value
from .messages import Refused
from .observe import Daemons, fields
from .resp import Unanswered
from .settings import Settings


def refuse_evicting_maxmemory(daemons: Daemons, directory: str) -> None:
    """Raises Refused where the limit of the release there is below what is in use, and the policy is to evict.

    Keys would be thrown away at once. Whether the node answers is the gate's.
    """
    settings, members = Settings(f"{directory}/redis.conf"), daemons.members
    limit = plain_value(settings.get("maxmemory", "0"))
    try:
        (reply,) = daemons.ask(members.node_here, "INFO memory")
    except Unanswered:
        return
    used = fields(reply).get("used_memory", "")
    if not re.fullmatch("[0-9]{1,18} [0-9]{1,18}", f"{limit} {used}"):
        return
    if 0 < int(limit) < int(used) and settings.get("maxmemory-policy", "noeviction") != "noeviction":
        raise Refused(
            f"redis-cluster:redis.maxmemory is {limit} bytes, below the {used} in use, and maxmemory-policy would "
            "evict keys; expected more, or the policy noeviction first. Nothing was changed on this host",
            members.host,
        )
