"""Puts right what was set by hand in the running daemons of this host, as far as they take it back.

For the rest a daemon counts as one that runs no release, so that it restarts in its turn.
"""

from collections.abc import Sequence
from contextlib import suppress

from . import paths
from .decide.drift import Finding
from .live import refuse_evicting_maxmemory
from .look import Look
from .members import Member
from .release import forget_release, running_release
from .resp import Unanswered
from .users import apply_users


def repair_node() -> str:
    """The names of what was taken back, empty where nothing was to take back. Raises Refused."""
    look = Look(paths.STAGED, lead=False, legacy=False)
    found = _of_daemon(look.node(), "redis.")
    if found:
        here, directory = look.members.node_here, running_release("node")
        if any(each.setting.startswith("redis.maxmemory") for each in found):
            refuse_evicting_maxmemory(look.daemons, directory)
        settings = [each for each in found if ".acl." not in each.setting]
        _tell(look, here, [["CONFIG", "SET", each.setting[len("redis.") :], each.wanted] for each in settings])
        if len(settings) < len(found):
            apply_users(look.daemons, here, directory, "users.acl")
        if _of_daemon(look.node(), "redis."):
            forget_release("node")
    return " ".join(each.name for each in found)


def repair_sentinel(legacy: bool) -> str:
    """As repair_node. legacy: as look.Look has it. Meanwhile no `lead` runs, which waits for this step.

    Whom it watches and knows is put right by the first sentinel-stop, as no two may do that at once.
    """
    look = Look(paths.STAGED, lead=False, legacy=legacy)
    master = look.members.master_name
    watched = f"sentinel.monitor {master}"
    found = [each for each in _own(look.sentinel()) if each.setting != watched]
    if found:
        here, directory = look.members.sentinel_here, running_release("sentinel")
        settings = [each for each in found if not each.setting.startswith("sentinel.acl.")]
        _tell(look, here, [_taken_back(master, each) for each in settings])
        if len(settings) < len(found):
            apply_users(look.daemons, here, directory, "sentinel-users.acl")
        left = _own(look.sentinel())
        # One that watches nobody takes its settings with its master.
        if left and not any(each.setting == watched for each in left):
            forget_release("sentinel")
    return " ".join(each.name for each in found)


def _of_daemon(found: Sequence[Finding], prefix: str) -> list[Finding]:
    return [each for each in found if each.setting.startswith(prefix)]


def _own(found: Sequence[Finding]) -> list[Finding]:
    of_sentinel = _of_daemon(found, "sentinel.")
    return [each for each in of_sentinel if not each.setting.startswith("sentinel.known-")]


def _taken_back(master: str, finding: Finding) -> list[str]:
    setting = finding.setting[len("sentinel.") :]
    if setting.startswith("monitor "):
        return ["SENTINEL", "REMOVE", setting[len("monitor ") :]]
    if setting.startswith(("announce-", "resolve-", "sentinel-")):
        return ["SENTINEL", "CONFIG", "SET", setting, finding.wanted]
    return ["SENTINEL", "SET", master, setting, finding.wanted]


def _tell(look: Look, daemon: Member, commands: Sequence[Sequence[str]]) -> None:
    """What it refuses is found again."""
    with suppress(Unanswered):
        look.daemons.tell(daemon, *commands)
