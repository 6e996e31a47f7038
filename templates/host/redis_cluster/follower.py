"""The group's side of a migration: its master follows the legacy Redis, and the sentinels wait meanwhile."""

import time

from .decide.migration import HELD, write_calls
from .decide.replies import follows, pairs
from .members import Member, secret
from .messages import Refused, plain
from .migration_note import Note
from .observe import Daemons, fields, text
from .paths import STAGED
from .release import staged_daemons, tls_mode
from .resp import Login, Reply, Unanswered
from .sentinels import Sentinels
from .settings import Settings

# A sentinel asks a node for its role every ten seconds.
ROLE_LIMIT = 30


class Follower:
    """The group as it is staged. Raises Refused where no majority of the sentinels names a master."""

    def __init__(self) -> None:
        self.daemons: Daemons = staged_daemons()
        self.members = self.daemons.members
        sentinels = Sentinels(self.daemons, self.daemons.look(thorough=False))
        named = [node for node in self.members.nodes if sentinels.agree(node)]
        if not named:
            raise self.refused("no majority of the sentinels names one master; expected that. See 'redis-cluster gate'")
        self.master = named[0]

    def follow(self, address: str, port: int, login: Login) -> None:
        """The master throws its data away and copies that daemon. In plain text: that one has no TLS."""
        words = ["masteruser", login.user, "masterauth", login.password]
        if self.members.tls:
            words += ["tls-replication", "no"]
        self.do(self.master, "CONFIG", "SET", *words)
        self.do(self.master, "REPLICAOF", address, str(port))

    def settle(self, note: Note) -> None:
        """The master has the login of its release again, and the sentinels look after it.

        One that has not heard yet that it is a master would have it fail over at once.
        """
        settings = Settings(f"{STAGED}/redis.conf")
        words = ["masteruser", "replication", "masterauth", secret(f"{STAGED}/secrets", "replication")]
        if tls_mode(settings) != "off":
            words += ["tls-replication", settings.get("tls-replication", "no")]
        self.do(self.master, "CONFIG", "SET", *words)
        until = time.monotonic() + ROLE_LIMIT
        default = self._staged_down_after()
        for sentinel in self.members.sentinels:
            while (said := self.watched(sentinel)).get("role-reported") != "master":
                if time.monotonic() > until:
                    raise self.refused(
                        f"the sentinel on {sentinel.name} takes the master for a "
                        f"'{plain(said.get('role-reported', 'silent one'))}'; expected a master within {ROLE_LIMIT} s"
                    )
                time.sleep(0.2)
            if said.get("down-after-milliseconds") == HELD:
                self.set_down_after(sentinel, note.held.get(sentinel.name, default))

    def hold_sentinels(self, note: Note) -> None:
        """They take a master that follows another daemon for down, so they wait longer. What they had is noted."""
        for sentinel in self.members.sentinels:
            now = self.watched(sentinel).get("down-after-milliseconds", "")
            if now.isdecimal() and now != HELD:
                note.held[sentinel.name] = now
                note.keep()
                self.set_down_after(sentinel, HELD)

    def set_down_after(self, sentinel: Member, value: str) -> None:
        """Of one of them."""
        self.do(sentinel, "SENTINEL", "SET", self.members.master_name, "down-after-milliseconds", value)

    def watched(self, sentinel: Member) -> dict[str, str]:
        """What one says of the master."""
        return pairs(self.ask(sentinel, f"SENTINEL MASTER {self.members.master_name}")[0])

    def info(self) -> dict[str, str]:
        """The master's INFO."""
        return fields(self.ask(self.master, "INFO")[0])

    def infos(self) -> dict[Member, dict[str, str]]:
        """That of each node; nothing of one that does not answer."""
        return {node.member: dict(node.info) for node in self.daemons.nodes()}

    def follows(self, place: str) -> bool:
        """Whether the master replicates the daemon at ADDRESS:PORT."""
        return follows(self.info(), place)

    def writes(self) -> int:
        """How many writes the master's process has carried out."""
        names, info = self.ask(self.master, "COMMAND LIST FILTERBY ACLCAT write", "INFO commandstats")
        found = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
        return write_calls(found, fields(info))

    def ask(self, member: Member, *questions: str) -> list[Reply]:
        """As Daemons.ask. Raises Refused."""
        try:
            return self.daemons.ask(member, *questions)
        except Unanswered as error:
            raise self.refused(f"{member.place} on {member.name} does not answer: {plain(str(error))}") from None

    def do(self, member: Member, *command: str) -> None:
        """Raises Refused where it does not say OK."""
        try:
            (reply,) = self.daemons.tell(member, command)
            said = text(reply)
        except Unanswered as error:
            said = str(error)
        if said != "OK":
            what = " ".join(command[:2])
            raise self.refused(f"{member.place} on {member.name} says '{plain(said)}' to {what}; expected OK")

    def refused(self, why: str) -> Refused:
        """The end of it."""
        return Refused(f"{why}. Then run pulumi up again", self.members.host)

    def _staged_down_after(self) -> str:
        lines = Settings(f"{STAGED}/sentinel.conf", missing=True).lines("sentinel")
        found = [words[3] for words in lines if len(words) == 4 and words[1] == "down-after-milliseconds"]
        return found[-1] if found else "30000"
