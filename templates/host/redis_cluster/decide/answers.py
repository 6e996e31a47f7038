"""What sentinels and nodes say about who is the master, as typed answers; and what the sentinels come to together."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from ..members import Member, Members
from ..messages import plain
from ..resp import ErrorReply, Reply
from .replies import number, pairs

# Of what a daemon says, so many characters are told.
TOLD = 120

_COUNT = re.compile("[0-9]{1,9}")
_RANK = re.compile("[1-9][0-9]{0,9}")


class SentinelAnswer(NamedTuple):
    """What one sentinel says.

    kind: `names` a member, with the epoch; `names-nobody` that is a member; `refused`: it is there, but what it knows
    cannot be read; `silent`. told: its words for people, or why there are none. id: as it says, of whatever form.
    """

    member: Member
    kind: Literal["names", "names-nobody", "refused", "silent"]
    told: str = ""
    master: Member | None = None
    epoch: int = 0
    id: str = ""

    def __str__(self) -> str:
        """The same for people."""
        if self.kind == "silent":
            return "silent"
        if self.told:
            return f"{self.kind} {self.told}"
        return f"names {self.master.pair} {self.epoch}" if self.master else self.kind


class NodeAnswer(NamedTuple):
    """What one node says.

    data: whether it holds keys or is loading. replicas: how many a master has; None where it does not tell.
    master: the member that a replica follows; told: what that is called otherwise, a refusal's words, or why there is
    no answer.
    linked_until: the second since 1970, by this host's clock, up to which a replica was linked to its master; None
    where it has not been since it started. rank: its replica-priority, None where that is no rank.
    """

    member: Member
    kind: Literal["master", "replica", "refused", "silent"]
    told: str = ""
    data: bool = False
    replicas: int | None = None
    master: Member | None = None
    linked_until: int | None = None
    rank: int | None = None

    def __str__(self) -> str:
        """The same for people."""
        holds = "data" if self.data else "empty"
        if self.kind == "master":
            return f"master {holds} {'?' if self.replicas is None else self.replicas}"
        if self.kind == "replica":
            return f"replica {self.master.pair if self.master else self.told} {holds}"
        return "silent" if self.kind == "silent" else f"{self.kind} {self.told}"


class Heard(NamedTuple):
    """The answers that have come, of each sentinel and of each node."""

    sentinels: dict[Member, SentinelAnswer]
    nodes: dict[Member, NodeAnswer]

    def add(self, answer: SentinelAnswer | NodeAnswer) -> None:
        """Takes in one more."""
        if isinstance(answer, SentinelAnswer):
            self.sentinels[answer.member] = answer
        else:
            self.nodes[answer.member] = answer

    def lines(self, why: bool = True) -> list[str]:
        """A line for each, for people. why: also with why one is silent, which for a host that is gone varies."""
        answers: list[tuple[str, SentinelAnswer | NodeAnswer]] = [
            *((f"sentinel {member.name}", answer) for member, answer in self.sentinels.items()),
            *((f"node {member.name}", answer) for member, answer in self.nodes.items()),
        ]
        return sorted(
            f"{who}: {answer}{f' ({answer.told})' if why and answer.kind == 'silent' and answer.told else ''}"
            for who, answer in answers
        )


class Named(NamedTuple):
    """Whom the sentinels name together, with the highest epoch that he has.

    master: None where nobody is named, or it takes time or an operator to tell who is right. by_majority: whether a
    majority of the configured sentinels names one member.
    """

    master: Member | None
    epoch: int
    by_majority: bool
    disagree: bool


def nobody_heard() -> Heard:
    """Before anybody was asked."""
    return Heard({}, {})


def sentinel_answer(members: Members, member: Member, replies: Sequence[Reply]) -> SentinelAnswer:
    """What a sentinel says, by its replies to SENTINEL GET-MASTER-ADDR-BY-NAME, SENTINEL MASTER and SENTINEL MYID.

    The first already tells the promoted replica while a failover is still going on; the second has the epoch.
    """
    match replies:
        case [[str(address), str(port)], list(words), *more] if port.isascii() and port.isdigit():
            epoch = number(pairs(words).get("config-epoch"))
            if epoch is not None:
                master = members.node_at(address, port)
                if master:
                    myid = next((reply for reply in more if isinstance(reply, str)), "")
                    return SentinelAnswer(member, "names", "", master, epoch, myid)
                return SentinelAnswer(member, "names-nobody", f"of this group: {plain(f'{address} {port}')[:64]}")
    errors = [reply.text for reply in replies if isinstance(reply, ErrorReply)]
    if any("No such master with that name" in error for error in errors):
        return SentinelAnswer(member, "names-nobody")
    return SentinelAnswer(member, "refused", told([*errors, "an answer of another kind"][0]))


def node_answer(members: Members, member: Member, told_fields: Mapping[str, str], now: int) -> NodeAnswer:
    """What a node says, by the fields of INFO replication, persistence and keyspace.

    now: seconds since 1970 by this host's clock.
    """
    field = told_fields.get
    loading = field("loading") != "0"
    data = loading or any(re.fullmatch("db[0-9]+", name) and "keys=" in told_fields[name] for name in told_fields)
    if field("role") == "master":
        return NodeAnswer(member, "master", data=data, replicas=_number(_COUNT, field("connected_slaves", "")))
    if field("role") != "slave":
        return NodeAnswer(member, "refused", "an answer without a role")
    address, port = field("master_host", ""), field("master_port", "")
    down = 0 if field("master_link_status") == "up" else _number(_COUNT, field("master_link_down_since_seconds", ""))
    return NodeAnswer(
        member,
        "replica",
        told(f"{address} {port}"),
        data,
        master=members.node_at(address, port),
        linked_until=None if down is None else now - down,
        rank=_number(_RANK, field("slave_priority", "")),
    )


def told(said: str) -> str:
    """What a daemon said, for people."""
    return plain(said)[:TOLD]


def named(members: Members, answers: Iterable[SentinelAnswer], me: Member | None) -> Named:
    """Whom the sentinels name: a majority's member, else the one with the highest epoch.

    me: before this member is master on a majority's word, a failover that not all know of yet has to show; None where
    the majority's word is enough, whomever it names.
    """
    votes: dict[Member, list[int]] = {}
    for answer in answers:
        if answer.master:
            votes.setdefault(answer.master, []).append(answer.epoch)
    highest = max((max(epochs) for epochs in votes.values()), default=0)
    for master, epochs in votes.items():
        if len(epochs) * 2 > len(members.sentinels):
            if master == me and highest > max(epochs):
                return Named(None, 0, True, True)
            return Named(master, max(epochs), True, False)
    best = [master for master, epochs in votes.items() if max(epochs) == highest]
    if len(best) == 1:
        return Named(best[0], highest, False, False)
    return Named(None, 0, False, len(best) > 1)


def only_master(heard: Heard, replicas: int) -> Member | None:
    """The one node that says it is master, with at least so many replicas; None where none is, or more than one."""
    found = [
        member
        for member, answer in heard.nodes.items()
        if answer.kind == "master" and answer.replicas is not None and answer.replicas >= replicas
    ]
    return found[0] if len(found) == 1 else None


def _number(form: re.Pattern[str], text: str) -> int | None:
    return int(text) if form.fullmatch(text) else None
