"""Looks at the daemons of this host for what was set in them by hand. Changes nothing."""

import os
import time
from collections.abc import Iterator

from . import paths
from .composed import node_text, sentinel_text
from .decide.drift import (
    Finding,
    SentinelSays,
    SentinelWanted,
    node_findings,
    sentinel_findings,
    users_findings,
)
from .decide.replies import pairs
from .decide.users import of_list
from .dry_run import NotAccepted, dry_run
from .members import Daemon, load_members, secret
from .messages import say
from .observe import Daemons, fields
from .release import running_release, tls_mode
from .resp import ErrorReply, Login, Reply, Unanswered
from .settings import Settings
from .strangers import remembered
from .watch import other_master

# A failover reaches every sentinel, and a linked replica loses its rank, within this many seconds.
SETTLE_TIME = 3


class Look:
    """The daemons of this host, asked with the members and the secrets in a directory.

    lead: whether the operator makes this host's node lead. legacy: whether a daemon here is still a legacy
    one.
    """

    def __init__(self, directory: str, lead: bool, legacy: bool) -> None:
        self.members = load_members(f"{directory}/members")
        password = secret(f"{directory}/secrets", "operator")
        self.daemons = Daemons(self.members, password)
        self._login = Login("operator", password)
        self._lead, self._legacy = lead, legacy

    def node(self) -> list[Finding]:
        """What was set in the node; nothing where there is no telling what it was composed from."""
        directory = running_release("node")
        if not directory:
            return []
        settings = Settings(f"{directory}/redis.conf")
        try:
            told, users = self.daemons.ask(self.members.node_here, "CONFIG GET *", "ACL LIST")
        except Unanswered as error:
            return [Finding("redis", "an answer", str(error))]
        seen = pairs(told)
        if "maxmemory" not in seen:
            return [Finding("redis", "an answer", _refusal(told))]
        made = self._made("node", node_text(directory), "CONFIG GET *", "ACL LIST")
        if not made:
            return [Finding(directory, "a release that Redis accepts", "refused")]
        wanted = pairs(made[0])
        priority = "replica-priority"
        if seen.get(priority) != wanted.get(priority):
            seen[priority] = self._settled_priority(wanted.get(priority, ""))
        moves = tls_mode(Settings(f"{paths.STAGED}/redis.conf", missing=True)) == "required"
        place = seen.get("replicaof", "").split(" ")
        migrates = len(place) == 2 and self.members.node_at(*place) is None
        return [
            *node_findings(wanted, seen, settings.get, moves, migrates),
            *users_findings("redis", of_list(made[1]), of_list(users)),
        ]

    def sentinel(self) -> list[Finding]:
        """What was set in the sentinel, as far as it tells."""
        directory, name = running_release("sentinel"), self.members.master_name
        if not os.path.exists(f"{directory}/sentinel.conf"):
            return []
        questions = ("SENTINEL MASTERS", f"SENTINEL MASTER {name}", "SENTINEL CONFIG GET *", "ACL LIST")
        try:
            masters, master, config, users = self.daemons.ask(self.members.sentinel_here, *questions)
        except Unanswered as error:
            return [Finding("sentinel", "an answer", str(error))]
        if not isinstance(masters, list):
            return [Finding("sentinel", "an answer", _refusal(masters))]
        others = [pairs(each).get("name", "") for each in masters]
        found = [Finding(f"sentinel.monitor {each}", "no such master", "monitored") for each in others if each != name]
        found += [*self._watches_another(), *self._strangers()]
        if not isinstance(master, list):
            return found
        says = SentinelSays(pairs(master), pairs(config), _options(f"{paths.ETC}/redis-sentinel.conf", name))
        found += sentinel_findings(self._wanted(directory), says)
        made = self._made("sentinel", sentinel_text(directory, "127.0.0.1", "1"), "ACL LIST")
        if not made:
            return [*found, Finding(directory, "a release that Sentinel accepts", "refused")]
        return [*found, *users_findings("sentinel", of_list(made[0]), of_list(users))]

    def _wanted(self, directory: str) -> SentinelWanted:
        return SentinelWanted(
            str(self.members.quorum),
            [*_options(f"{directory}/sentinel.conf", self.members.master_name).items()],
            secret(f"{directory}/secrets", "sentinel"),
            self.members.sentinel_here.address,
        )

    def _made(self, daemon: Daemon, text: str, *questions: str) -> list[Reply]:
        """What a daemon says of itself that is started on that text; nothing where it does not start."""
        try:
            return dry_run(daemon, text, self._login, questions)
        except NotAccepted as refusal:
            say(f"the release that the {daemon} runs was refused: {refusal}", self.members.host)
            return []

    def _settled_priority(self, wanted: str) -> str:
        """The node's priority, or the wanted one while it ranks by the age of its data."""
        deadline = time.monotonic() + SETTLE_TIME
        while True:
            now = ""
            try:
                told, priority = self.daemons.ask(
                    self.members.node_here, "INFO replication", "CONFIG GET replica-priority"
                )
                now = pairs(priority).get("replica-priority", "")
                link = fields(told)
                if link.get("role") == "slave" and link.get("master_link_status") == "down":
                    return wanted
            except Unanswered:
                pass
            if now == wanted or time.monotonic() >= deadline:
                return now
            time.sleep(0.2)

    def _watches_another(self) -> Iterator[Finding]:
        """Whether it watches another master than it would at its next start, and that one is there."""
        deadline = time.monotonic() + SETTLE_TIME
        while True:
            was_whole = os.path.exists(paths.INITIALISED)
            should = other_master(self.daemons, was_whole, self._lead)
            if not should:
                return
            if time.monotonic() >= deadline:
                break
            time.sleep(0.5)
        name, watched = self.members.master_name, ""
        try:
            (reply,) = self.daemons.ask(self.members.sentinel_here, f"SENTINEL GET-MASTER-ADDR-BY-NAME {name}")
            if isinstance(reply, list):
                watched = " ".join(word for word in reply if isinstance(word, str))
        except Unanswered:
            pass
        yield Finding(f"sentinel.monitor {name}", should, watched)

    def _strangers(self) -> Iterator[Finding]:
        """Members that it remembers though they are none and are not there. With them no gate holds.

        A master that somebody made it watch for a moment; a host that has another address now.
        """
        for stranger in remembered(self.daemons, self._legacy):
            kind, _, place = stranger.partition(" ")
            yield Finding(f"sentinel.known-{kind}", "members alone", place)


def _options(path: str, master: str) -> dict[str, str]:
    """The settings of a master in a file of Sentinel's, by their names."""
    lines = Settings(path, missing=True).lines("sentinel")
    return {words[1]: " ".join(words[3:]) for words in lines if len(words) > 3 and words[2] == master}


def _refusal(reply: Reply) -> str:
    # Passwords are in what is an answer.
    return reply.text if isinstance(reply, ErrorReply) else "an answer of another kind"
