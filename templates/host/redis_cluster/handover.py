"""Hands the mastership over without losing an acknowledged write, and in about 10 ms.

Sentinel's own failover takes one to two seconds, because its leader looks at nodes once a second. Here this host plays
the leader's part in Sentinel's own protocol: a majority votes, writes pause, the replicas catch up, one is promoted,
this node follows it, and every sentinel is told by the message that a leader sends.
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NoReturn

from .child import let_clients_go
from .decide.handover import heirs, linked, newer_masters, written
from .decide.replies import number
from .members import Member
from .messages import Refused, ended, plain, say
from .observe import ASK_TIMEOUT, Daemons, Node, at_once, fields, group_of, text
from .resp import ErrorReply, Unanswered
from .sentinels import Sentinels

# The pause ends by itself after this many milliseconds, whatever becomes of this program, which renews it while it
# waits. Where it may have ended before this node can follow another, that one is made its replica again.
PAUSE_LENGTH = 5000
# Replicas that come no nearer for this many seconds under the pause are not waited for any longer.
CATCH_UP_STALL = 2
# How long a failover of Sentinel's own may take to name another master, in seconds; it took 1.1 s when measured. In a
# shutdown of all hosts the sentinel may be gone before it has.
SWITCH_LIMIT = 20
# For so many seconds sentinels that do not answer are told again; a majority has just voted.
TELL_LIMIT = 5
# How long another handover of this node may take before this one, in seconds: longer than its limits.
OTHER_LIMIT = 60


def handover(members_file: str, secrets_file: str, directory: str) -> Member:
    """Makes another node the master in the place of this host's. Returns it, or whoever has become it meanwhile.

    directory: by which one handover of this node keeps others waiting; redis may read it.
    Raises Refused where this node is still the master, or the sentinels have to see to it.
    """
    daemons = group_of(members_file, secrets_file)
    with _alone(directory, daemons.members.host):
        return Handover(daemons).run()


def hand_over_first(members_file: str, secrets_file: str, directory: str) -> None:
    """Before this host's node is stopped: a master hands over first, if anybody can take over. See handover."""
    daemons = group_of(members_file, secrets_file)
    with _alone(directory, daemons.members.host):
        moving = Handover(daemons)
        if moving.silence:
            say(f"stops without a handover: this node does not answer: {plain(moving.silence)}", daemons.members.host)
            return
        if moving.info.get("role") != "master" or moving.info.get("connected_slaves") == "0":
            return
        if moving.sentinels.agree(moving.master) or moving.moved():
            moving.run()
        else:
            say(
                "stops without a handover: no majority of the sentinels answers that this node is the master",
                daemons.members.host,
            )


class Handover:
    """One handover. All daemons are connected to before anything is changed."""

    def __init__(self, daemons: Daemons) -> None:
        self.members, self.daemons = daemons.members, daemons
        self.master = self.members.node_here
        group = self.daemons.look(thorough=False)
        here = next(each for each in group.nodes if each.member == self.master)
        self.here = self.info = here.info
        self.silence = here.silence
        self.sentinels = Sentinels(self.daemons, group)
        self.written: set[Member] = set()
        self.paused = self.changed = False
        self.held_until = 0.0
        self.promoted: Member | None = None

    def run(self) -> Member:
        """The new master. What was not changed is let go on, also at SIGTERM."""
        before = signal.signal(signal.SIGTERM, ended)
        try:
            return self.by_either_way()
        finally:
            signal.signal(signal.SIGTERM, before)

    def by_either_way(self) -> Member:
        """The new master, by votes or by Sentinel's own failover."""
        if self.info.get("role") == "slave":
            return self.handed_over_already()
        try:
            new = self.by_votes() or self.by_sentinel()
        except BaseException:
            if self.paused and not self.changed:
                self.resume()
            raise
        self.resume()
        say(f"handed over to {new.place}", self.members.host)
        return new

    def by_votes(self) -> Member | None:
        """The stages in their order. None where Sentinel has to fail over in its own way, and nothing was changed."""
        heir = None if self.moved() else self.wait_for_heir()
        if not heir:
            return None
        if not self.sentinels.elect(self.master, heir):
            say("no majority of the sentinels votes for this handover; Sentinel is to fail over", self.members.host)
            return None
        self.pause()
        replicas = self.catch_up()
        self.sentinels.look()
        if self.moved() or not self.sentinels.agree(self.master, before=self.sentinels.epoch):
            return None
        target = self.choose(replicas)
        self.begin_change()
        self.promote(target)
        self.demote(target)
        self.sentinels.look()
        return self.tell(target, [each.member for each in replicas])

    def moved(self) -> bool:
        """Whether a failover of Sentinel's own is going on, or has made another node the master."""
        return self.info.get("role") != "master" or bool(self.sentinels.leading() or self.another_master())

    def begin_change(self) -> None:
        """From here on it takes a few questions to the end; half of it would have the sentinels take seconds."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.changed = True

    def wait_for_heir(self) -> Member | None:
        """A replica that may take over, and whose files hold all its data; waits for those. None as of catch_up."""
        until = time.monotonic() + self.members.stall
        replicas = linked(self.master, self.info, self.members)
        while True:
            nodes = self.ask_replicas(replicas)
            self.written |= written(nodes)
            able = heirs(nodes, self.master)
            ready = [each for each in able if each in self.written]
            if ready:
                return ready[0]
            if not able or time.monotonic() > until:
                self.sentinels.look()
                return None if self.moved() else self.refuse_without_heir()
            time.sleep(0.05)

    def choose(self, replicas: Sequence[Node]) -> Member:
        """Who takes over, of those that have caught up."""
        target = next((each for each in heirs(replicas, self.master) if each in self.written), None)
        return target or self.refuse_without_heir()

    def refuse_without_heir(self) -> NoReturn:
        """Ends the handover."""
        raise Refused(
            "no replica may take over; expected one that is linked, whose replica-priority is not 0 and whose AOF is "
            "written since its last full sync. This node is still the master; run 'redis-cluster gate', then pulumi up "
            "again",
            self.members.host,
        )

    def pause(self) -> None:
        """Holds writes up, or goes on with that. Afterwards `info` is this node's."""
        self.paused, self.held_until = True, time.monotonic() + PAUSE_LENGTH / 1000
        try:
            reply, info = self.daemons.ask(self.master, f"CLIENT PAUSE {PAUSE_LENGTH} WRITE", "INFO replication")
        except Unanswered as error:
            raise Refused(f"CLIENT PAUSE was refused: {error}; nothing was changed", self.members.host) from None
        if reply != "OK":
            self.paused = False
            raise Refused(f"CLIENT PAUSE was refused: {plain(text(reply))}; nothing was changed", self.members.host)
        self.info = fields(info)

    def catch_up(self) -> list[Node]:
        """Waits until every replica that is linked has all that was written before the pause, and returns them.

        Returns none where Sentinel has given them another master meanwhile. Their own offsets are asked for: what the
        master knows of them is up to a second old.
        """
        goal = number(self.info.get("master_repl_offset"))
        members = linked(self.master, self.info, self.members)
        laggard = "the replicas, of which this node tells nothing,"
        best, now = -1, time.monotonic()
        ends, deadline = now + self.members.pause, now + CATCH_UP_STALL
        while goal is not None and members:
            nodes = self.ask_replicas(members)
            self.written |= written(nodes)
            offsets = [number(each.info.get("slave_repl_offset")) or 0 for each in nodes]
            late = [each.member.name for each, seen in zip(nodes, offsets, strict=True) if seen < goal]
            if not late:
                return nodes
            laggard, now = f"the node on {late[-1]}", time.monotonic()
            if sum(offsets) > best:
                best, deadline = sum(offsets), now + CATCH_UP_STALL
            if now >= min(deadline, ends):
                break
            time.sleep(0.002)
            self.pause()
        self.sentinels.look()
        if self.moved():
            return []
        raise Refused(
            f"{laggard} did not catch up under a write pause: within {self.members.pause} s, which is "
            f"redis-cluster:limits.pause, or not at all for {CATCH_UP_STALL} s. The pause was lifted and nothing was "
            "changed; run pulumi up again when fewer writes come in, or raise that limit",
            self.members.host,
        )

    def promote(self, target: Member) -> None:
        """The target is a master from here on, of which no client knows."""
        self.promoted = target
        try:
            *_, info = self.daemons.ask(target, "REPLICAOF NO ONE", "CONFIG REWRITE", "INFO replication")
            seen = fields(info).get("role", "")
        except Unanswered as error:
            seen = str(error)
        if seen != "master":
            self.take_back(target)
            raise Refused(
                f"the node on {target.name} did not become a master: {plain(seen)}; the pause was lifted and this node "
                "is still the master; run 'redis-cluster gate', then pulumi up again",
                self.members.host,
            )

    def demote(self, new: Member) -> None:
        """This node follows the new master.

        In one transaction, because a client that is let in between would be acknowledged writes that nobody keeps.
        """
        seen, told = "the pause may have ended before", self.info
        if time.monotonic() < self.held_until - ASK_TIMEOUT:
            replies = self.sentinels.ask(
                self.master,
                "MULTI",
                f"REPLICAOF {new.address} {new.port}",
                "CONFIG REWRITE",
                "CLIENT KILL TYPE normal SKIPME yes",
                "CLIENT KILL TYPE pubsub",
                "EXEC",
            )
            # A refusal is in one of many replies; an answer may have been too late.
            seen = next((text(each) for each in replies if isinstance(each, ErrorReply)), "no answer")
            info = self.sentinels.ask(self.master, "INFO replication")
            told = fields(info[0]) if info else {}
        if told.get("role") == "slave":
            if let_clients_go(self.here):
                say("ended a save of this node's, which would have kept its clients waiting", self.members.host)
            return
        if told.get("role") == "master" and self.promoted:
            self.take_back(self.promoted)
        raise Refused(
            f"this node did not become a replica of {new.place}: {plain(seen)}; Sentinel will see to it; "
            "run pulumi up again",
            self.members.host,
        )

    def take_back(self, target: Member) -> None:
        """Nobody was told of the new master, so this node stays it."""
        self.sentinels.ask(target, f"REPLICAOF {self.master.address} {self.master.port}", "CONFIG REWRITE")
        self.promoted, self.changed = None, False

    def tell(self, target: Member, replicas: Sequence[Member]) -> Member:
        """All sentinels and replicas are told the new master; returns it, or another one that came before.

        A sentinel that has begun a failover gives it up on being told, unless it has promoted a replica already. So it
        is told first, while no client can know of the target.
        """
        for each in self.sentinels.leading():
            self.sentinels.tell(each, target)
        other = self.another_master(target)
        if other:
            for each in (target, self.master):
                self.follow(each, other)
            return other
        follow = [partial(self.follow, each, target) for each in replicas if each != target]
        until = time.monotonic() + TELL_LIMIT
        self.sentinels.tell_all(target, follow)
        while not self.sentinels.agree(target):
            if time.monotonic() > until:
                seen = "; ".join(f"{each.name} {view.master}" for each, view in self.sentinels.views.items())
                raise Refused(
                    f"no majority of the sentinels names {target.place} after it was told, but they name: "
                    f"{plain(seen)}. This node follows it already, and "
                    "Sentinel will see to the rest within a minute; then run 'redis-cluster gate' and pulumi up again",
                    self.members.host,
                )
            time.sleep(0.05)
            self.sentinels.tell_all(target, [])
        return target

    def follow(self, node: Member, master: Member) -> None:
        """One that does not now, Sentinel has follow later."""
        self.sentinels.ask(node, "MULTI", f"REPLICAOF {master.address} {master.port}", "CONFIG REWRITE", "EXEC")

    def by_sentinel(self) -> Member:
        """The new master of a failover of Sentinel's own, under the pause; asks for one where none goes on."""
        self.pause()
        self.sentinels.look()
        asked = "OK" if self.moved() or not self.catch_up() else self.sentinels.fail_over()
        until = time.monotonic() + SWITCH_LIMIT
        while asked == "OK" and time.monotonic() < until:
            self.pause()
            if self.info.get("role") == "slave":
                return self.handed_over_already()
            self.sentinels.look()
            other = self.another_master()
            if other:
                self.begin_change()
                self.demote(other)
                return other
            time.sleep(0.02)
        if asked == "OK":
            named = sorted({each.master for each in self.sentinels.views.values()} - {self.master.place})
            asked = f"within {SWITCH_LIMIT} s no sentinel names a member that says it is the master"
            asked += f", but {plain(', '.join(named))}" if named else ""
        raise Refused(
            f"Sentinel did not fail over: {asked}; the pause was lifted and this node is still the master; "
            "run 'redis-cluster gate', then pulumi up again",
            self.members.host,
        )

    def another_master(self, target: Member | None = None) -> Member | None:
        """A member that a sentinel names by a newer configuration, and that says so itself.

        On a word alone this node might follow a replica of its own. target: what this handover has promoted.
        """
        for each in newer_masters(self.members, self.sentinels.views.values(), self.master.place):
            replies = self.sentinels.ask(each, "INFO replication") if each != target else []
            if replies and fields(replies[0]).get("role") == "master":
                return each
        return None

    def handed_over_already(self) -> Member:
        """Where another handover has been at work meanwhile."""
        place = f"{self.info.get('master_host')}:{self.info.get('master_port')}"
        for each in self.members.nodes:
            if each.place == place:
                say(f"follows {place} already", self.members.host)
                return each
        raise Refused(
            f"this node follows {plain(place)}; expected a member; run 'redis-cluster gate', then pulumi up again",
            self.members.host,
        )

    def resume(self) -> None:
        """Writers that were held go on, or learn that this is no master any more."""
        self.sentinels.ask(self.master, "CLIENT UNPAUSE")

    def ask_replicas(self, members: Sequence[Member]) -> list[Node]:
        """What they say of their replication and files."""

        def one(member: Member) -> Node:
            replies = self.sentinels.ask(member, "INFO replication persistence server")
            return Node(member, info=fields(replies[0])) if replies else Node(member, silence="no answer")

        return at_once([partial(one, each) for each in members])


@contextmanager
def _alone(directory: str, host: str) -> Iterator[None]:
    """Two handovers of this node would ask for votes in the same name: the second one waits, and looks then."""
    import fcntl

    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    until = time.monotonic() + OTHER_LIMIT
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise Refused(
                        f"another handover of this node has not ended for {OTHER_LIMIT} s; expected that it does. "
                        "Nothing was changed; run pulumi up again",
                        host,
                    ) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(lock)
