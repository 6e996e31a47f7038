"""What the sentinels of the group take for its state, and how this host has them take another node for the master."""

from collections.abc import Sequence
from functools import partial

from .decide.handover import View, candidate, elected, is_majority, next_epoch, speaker, view, vote
from .members import Member
from .messages import plain
from .observe import Daemons, Group, at_once, text
from .resp import Reply, Unanswered

# An epoch in which a sentinel has voted already, or that it has left behind, is no use. Which it has seen it does not
# tell, so each try goes twice as far as the one before.
VOTE_TRIES = 8


class Sentinels:
    """Those that answered a first look, of which nobody else is asked any more: a silent one takes its time.

    views: what each said at the last look. epoch: that of the votes, once elected.
    """

    def __init__(self, daemons: Daemons, group: Group) -> None:
        self._daemons = daemons
        self._members = daemons.members
        self._answering = [each for each in group.sentinels if not each.silence]
        name = self._members.master_name
        self._looks = (f"SENTINEL GET-MASTER-ADDR-BY-NAME {name}", f"SENTINEL MASTER {name}")
        self.epoch = 0
        self.views: dict[Member, View] = {}
        known = self._ask_all(f"SENTINEL SENTINELS {name}")
        spoken = {member: speaker(self._members, replies[0]) for member, replies in known.items()}
        self._speakers = {member: told for member, told in spoken.items() if told}
        self.look()

    def look(self) -> None:
        """What every sentinel takes for the group's state now."""
        seen = {member: view(*replies) for member, replies in self._ask_all(*self._looks).items()}
        self.views = {member: each for member, each in seen.items() if each}

    def leading(self) -> list[Member]:
        """Those that lead a failover of their own."""
        return [member for member, each in self.views.items() if each.failing_over]

    def naming(self, master: Member) -> list[Member]:
        """Those that name this master and lead no failover."""
        return [m for m, each in self.views.items() if each.master == master.place and not each.failing_over]

    def agree(self, master: Member, before: int = 0) -> bool:
        """Whether a majority of the configured name this master.

        before: an epoch; the configurations that they go by have to be older.
        """
        named = [each for each in self.naming(master) if not before or self.views[each].epoch < before]
        return is_majority(self._members, len(named))

    def elect(self, master: Member, heir: Member) -> bool:
        """Whether a majority has voted, in an epoch in which nobody else can lead then."""
        if not is_majority(self._members, len(self._speakers)):
            return False
        name = candidate(self._answering, heir)
        self.epoch = next_epoch(self.views.values())
        for tries in range(VOTE_TRIES):
            question = f"SENTINEL IS-MASTER-DOWN-BY-ADDR {master.address} {master.port} {self.epoch} {name}"
            votes = [vote(replies[0]) for replies in self._ask_all(question).values()]
            if elected(self._members, votes, name, self.epoch):
                return True
            self.epoch = max(self.epoch, *(each.epoch for each in votes if each)) + (1 << tries)
        return False

    def tell(self, sentinel: Member, target: Member) -> None:
        """One learns the new master by the message of a leader, sent to its own port, where it is handled at once."""
        told = self._speakers.get(sentinel)
        self.views.pop(sentinel, None)
        if told:
            words = f"{told},{self.epoch},{self._members.master_name},{target.address},{target.port},{self.epoch}"
            replies = self.ask(sentinel, f"PUBLISH __sentinel__:hello {words}", *self._looks)
            seen = view(*replies[1:]) if replies else None
            if seen:
                self.views[sentinel] = seen

    def tell_all(self, target: Member, others: Sequence[partial[None]]) -> None:
        """All that do not name it yet, at the same time as the other calls are made."""
        untold = [each.member for each in self._answering if each.member not in self.naming(target)]
        at_once([*others, *(partial(self.tell, each, target) for each in untold)])

    def fail_over(self) -> str:
        """Asks them in turn for a failover of their own, this host's last: it may be about to stop.

        Returns OK, or what stood in the way.
        """
        reply = "no sentinel answered"
        members = [each.member for each in self._answering]
        for each in sorted(members, key=lambda each: each.name == self._members.host):
            replies = self.ask(each, f"SENTINEL FAILOVER {self._members.master_name}")
            reply = plain(text(replies[0])) if replies else reply
            if reply == "OK":
                break
        return reply

    def ask(self, member: Member, *questions: str) -> list[Reply]:
        """The replies of one daemon; none where it does not answer."""
        try:
            return self._daemons.ask(member, *questions)
        except Unanswered:
            return []

    def _ask_all(self, *questions: str) -> dict[Member, list[Reply]]:
        asked = [each.member for each in self._answering]
        said = at_once([partial(self.ask, each, *questions) for each in asked])
        return {member: replies for member, replies in zip(asked, said, strict=True) if replies}
