"""Waits for the group to be whole, for as long as something that is waited for makes progress."""

import os
import time
from collections.abc import Sequence
from typing import NamedTuple

from .acts import act
from .certificate import certificate_end, utc
from .decide.gate import (
    CERTIFICATE_NOTICE,
    Certificate,
    Problem,
    late_replicas,
    moves,
    offset,
    other_versions,
    problems,
    strangers,
    text_of,
)
from .host import UNIT, binary
from .members import Members
from .messages import Refused, say
from .observe import Daemons, Group, group_of
from .paths import CLUSTER, CURRENT, STAGED

# What passes within this many seconds is no fault, nor is what makes progress: a load, a sync.
GATE_PATIENCE = 10

# A replica that comes no nearer to its master for this many seconds is behind, not busy.
CATCH_UP_PATIENCE = 10


class Step(NamedTuple):
    """The step of a rollout that asks.

    plan: the hash of what it carries out. override: the hash of the faults with which it may go on, else empty. left:
    the hosts whose sentinels have left the group in this run, of which nobody wants to hear any more.
    """

    plan: str
    override: str
    left: Sequence[str] = ()


def gate(
    members_file: str,
    secrets_file: str,
    certificate_directory: str,
    step: Step | None = None,
    replaced: Sequence[str] = (),
) -> None:
    """What must hold before anything is stopped; Refused, with all that does not, where it does not come to hold.

    step: None where somebody looks by hand, who is told of a certificate in time. replaced: see problems.
    """
    daemons = group_of(members_file, secrets_file)
    members = daemons.members
    ends = certificate_end(certificate_directory)
    least = utc(0 if step else CERTIFICATE_NOTICE)
    waiting = Waiting(GATE_PATIENCE)
    while True:
        group = _caught_up(daemons, daemons.look(thorough=True))
        found = _without(step, problems(group, members.host, Certificate(ends, least), replaced))
        if not found and not step:
            say("the group is whole", members.host)
            for each in strangers(group):
                say(
                    f"note: {each} replicates, and is none of redis-cluster:hosts. A failover may make it the master, "
                    "unless its replica-priority is 0 or it has replica-announced no",
                    members.host,
                )
            if versions := other_versions(group):
                say(
                    f"note: not all nodes run the same Redis: {versions}. An older one cannot copy a newer master: "
                    "upgrade the replicas first, and the master last, as 'Another version of Redis' in "
                    "docs/operations.md has it",
                    members.host,
                )
        if not found or overridden(members.host, text_of(found), step):
            return
        if waiting.stalled(moves(group.nodes)):
            break
        time.sleep(0.5)
    text = text_of(found)
    consent = ""
    if step:
        consent = (
            " To go on all the same, with this very change and these very faults: "
            f"pulumi config set override {override_hash(step.plan, text)}"
        )
    raise Refused(
        f"the group is not whole, so nothing was stopped and nothing made live:\n{text}\n"
        f"Repair what is named, look again with 'redis-cluster gate' on a host, then run pulumi up again.{consent}",
        members.host,
    )


def look() -> None:
    """The gate for somebody who looks by hand."""
    directory = CURRENT if os.path.exists(f"{CURRENT}/members") else STAGED
    # A rollout restarts these daemons anyway, so it is none of its gate's conditions.
    replaced = [daemon for daemon in UNIT if binary(daemon) == "replaced"]
    gate(f"{directory}/members", f"{directory}/secrets", CURRENT, replaced=replaced)
    for daemon, unit in UNIT.items():
        libraries = act("libraries", daemon)
        if libraries and daemon not in replaced:
            say(
                f"note: the {daemon} runs with libraries that were replaced since: {libraries.replace(' ', ', ')}. It "
                f"takes the new ones at its next start: 'systemctl restart {unit}' on one host after the other, the "
                "master last, each once the group is whole"
            )


def is_whole(members_file: str, secrets_file: str) -> bool:
    """Whether what whole waits for holds now."""
    daemons = group_of(members_file, secrets_file)
    return not problems(_caught_up(daemons, daemons.look(thorough=False)), daemons.members.host)


def whole(members_file: str, secrets_file: str, step: Step) -> None:
    """What must hold before the next host's turn; waits for as long as redis-cluster:limits.stall says."""
    daemons = group_of(members_file, secrets_file)
    members = daemons.members
    waiting = Waiting(members.stall)
    while True:
        group = _caught_up(daemons, daemons.look(thorough=False))
        found = _without(step, problems(group, members.host))
        if not found or overridden(members.host, text_of(found), step):
            return
        if waiting.stalled(moves(group.nodes)):
            break
        time.sleep(0.3)
    raise stall(members, f"the group is not whole:\n{text_of(found)}", members.stall, waiting.moving)


def stall(members: Members, what: str, seconds: int, seen: str) -> Refused:
    """The end of a wait in which nothing moved. seen: what did last."""
    return Refused(
        f"{what}. Nothing moved for {seconds} s, which is redis-cluster:limits.stall; last seen: "
        f"{seen or 'no load, no sync, no save'}. Look at 'redis-cluster gate' and 'sudo journalctl -u {CLUSTER}' "
        "here; where it only takes longer, raise that limit; then run pulumi up again",
        members.host,
    )


class Waiting:
    """A wait that ends when nothing has moved for so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self.moving = ""

    def stalled(self, moving: str) -> bool:
        """Whether it has ended; `moving` is what moves now."""
        if moving and moving != self.moving:
            self.moving = moving
            self._until = time.monotonic() + self._seconds
        return time.monotonic() >= self._until


def override_hash(plan: str, text: str) -> str:
    """What the operator sets to have this plan carried out in spite of just these faults."""
    from hashlib import sha256

    return sha256(f"{plan}\n{text}".encode()).hexdigest()[:16]


def overridden(host: str, text: str, step: Step | None) -> bool:
    """Whether the operator has said to go on with this plan in spite of just these faults."""
    if not step or not step.override or step.override != override_hash(step.plan, text):
        return False
    say(f"goes on in spite of what is wrong, as redis-cluster:override asks:\n{text}", host)
    return True


def _without(step: Step | None, found: list[Problem]) -> list[Problem]:
    """What those that have left do not say is no fault."""
    left = tuple(f"{name} sentinel" for name in step.left) if step else ()
    return [problem for problem in found if not problem.text.startswith(left)] if left else found


def _caught_up(daemons: Daemons, group: Group) -> Group:
    """The group once the replicas have what the master had written, or come no nearer to it."""
    at: dict[str, int] = {}
    deadline: dict[str, float] = {}
    while True:
        now = time.monotonic()
        waited_for = []
        for node in late_replicas(group):
            name, seen = node.member.name, offset(node, "slave_repl_offset")
            if seen is not None and seen > at.get(name, -1):
                at[name], deadline[name] = seen, now + CATCH_UP_PATIENCE
            if seen is not None and now < deadline[name]:
                waited_for.append(node)
        if not waited_for:
            return group
        time.sleep(0.1)
        again = {node.member: node for node in daemons.look_again(waited_for)}
        group = group._replace(nodes=tuple(again.get(node.member, node) for node in group.nodes))
