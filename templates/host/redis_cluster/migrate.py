"""Moves the data of the legacy Redis into the group: the master follows it until it is told to cut over.

A master that follows another daemon copies it by Redis's own replication, and its replicas copy it in turn, by one
stream: when it stops following, they go on where they were. Nothing is written to the legacy Redis.
"""

import re
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from .decide.backup import keys_of
from .decide.migration import Sizes, count_differences, hindrances, progress, was_promoted
from .decide.replies import follows, is_linked, number, pairs
from .follower import Follower
from .gate import Step, Waiting, override_hash, stall, whole
from .messages import Refused, plain, say
from .migration_note import Note, forget_note, read_note
from .observe import CLIENTS_LIMIT, fields
from .paths import CLUSTER, STAGED
from .resp import Login, Unanswered
from .source import Source, module_names, same_on
from .told import last_word, told

# For so many seconds writes to the legacy Redis wait, renewed, while the group catches up: then they go on by
# themselves, whatever becomes of this program.
HOLD = 10
# And after the cutover, until somebody lets them go on or ends that server: a write to it would be lost for the group.
HOLD_FOR_GOOD = 30 * 24 * 3600
# Keys that are compared.
SAMPLES = 200
_ORDER = re.compile("(follow|cutover|final) ([0-9.]{7,15}) ([0-9]{1,5})")


class Order(NamedTuple):
    """What the stack asks for. consent: the plan, and the hash of what may be thrown away."""

    stage: str
    address: str
    port: int
    login: Login
    consent: Step


def read_order(words: Sequence[str]) -> Order:
    """By STAGE ADDRESS PORT, and on standard input, where there are any, `user NAME`, `password WORDS`, and ids."""
    lines = sys.stdin.buffer.read().decode(errors="replace").removesuffix("\n").split("\n")
    own = {line.partition(" ")[0]: line for line in lines if re.match("(user|password) ", line)}
    rest = told("\n".join(line for line in lines if line not in own.values()))
    asked = _ORDER.fullmatch(" ".join(words))
    if not asked:
        raise Refused(f"migrate {plain(' '.join(words))}; expected a stage, an address and a port. Run pulumi up again")
    user, password = (own.get(name, "").partition(" ")[2] for name in ("user", "password"))
    return Order(asked[1], asked[2], int(asked[3]), Login(user, password), Step(rest.plan, rest.override))


def migrate(*words: str) -> str:
    """Takes the group to a stage, from wherever it is; the last word.

    words: STAGE ADDRESS PORT; or `stop`: the group goes on by itself with what it has, and forgets the legacy Redis.
    """
    if words == ("stop",):
        return last_word([_stop()])
    order = read_order(words)
    return last_word([_without_source(order) or getattr(Migration(order), order.stage)()])


def _without_source(order: Order) -> str:
    """What there is to say where the legacy Redis that the group has left is there no more; else empty."""
    note = read_note()
    place = f"{order.address}:{order.port}"
    if {note.stage, order.stage} <= {"cutover", "final"} and f"{note.address}:{note.port}" == place:
        try:
            Source(order.address, order.port, order.login, "")
        except Refused:
            note.stage = order.stage
            note.password = "" if order.stage == "final" else note.password
            note.keep()
            return f"cut over from {place}, which does not answer any more"
    return ""


def _stop() -> str:
    """As migrate has it."""
    note = read_note()
    did = "no migration goes on"
    if note.stage in ("follow", "switching"):
        group = Follower()
        if group.follows(f"{note.address}:{note.port}"):
            group.do(group.master, "REPLICAOF", "NO", "ONE")
        group.settle(note)
        did = f"follows {note.address}:{note.port} no more, and keeps what it has"
        with suppress(Refused):
            login = Login(note.user, note.password)
            Source(note.address, note.port, login, group.members.host).let_go_on()
    forget_note()
    return did


def look() -> None:
    """Prints how far the migration is that this host has noted."""
    note = read_note()
    if not note.stage:
        print("no migration was begun from this host")
        return
    if note.stage == "final":
        print(f"cut over from {note.address}:{note.port}, final")
        return
    order = Order(note.stage, note.address, note.port, Login(note.user, note.password), Step("", ""))
    print(Migration(order).report())


class Migration:
    """One run. Raises Refused where the sentinels name no master, or the legacy Redis does not answer."""

    def __init__(self, order: Order) -> None:
        self.group = Follower()
        self.members, self.order = self.group.members, order
        master = self.group.master
        if order.address.startswith("127.") and master != self.members.node_here:
            raise self.group.refused(
                f"the legacy Redis is at {order.address}, which is {self.members.host} alone, and the master is on "
                f"{master.name}; expected it on {self.members.host}, or an address that it reaches: have it hand over "
                f"with 'sudo systemctl restart {CLUSTER}' on {master.name}"
            )
        self.source = Source(order.address, order.port, order.login, self.members.host)
        self.note = read_note()
        if (self.note.address, self.note.port) != (order.address, order.port):
            self.note = Note(address=order.address, port=order.port)

    # --- the stages -----------------------------------------------------------------------------

    def follow(self) -> str:
        """The group copies the legacy Redis, and goes on to. After a cutover this is the way back."""
        if not self.group.follows(self.source.place):
            self.begin()
        else:
            # A run that was killed may have left it so, and then it carries out nothing of what it copies either.
            self.group.do(self.group.master, "CLIENT", "UNPAUSE")
            if self.note.stage == "switching":
                self.source.let_go_on()
        self.keep("follow")
        # One that was started anew has what its release says.
        self.group.hold_sentinels(self.note)
        self.wait_linked()
        return self.report()

    def cutover(self) -> str:
        """The group has all that the legacy Redis has acknowledged, and goes on by itself; that holds its writes."""
        info = self.group.info()
        if self.note.stage == "switching" and was_promoted(info, self.note.replid, self.note.offset):
            self.finish()
        elif self.note.stage in ("cutover", "final") and not follows(info, self.source.place):
            self.hold_again()
        else:
            self.follow()
            # It may have grown since.
            self.refuse_hindrances()
            self.switch()
            self.finish()
        return self.report()

    def final(self) -> str:
        """There is no way back any more."""
        if self.note.stage not in ("cutover", "final"):
            raise self.group.refused(
                "the group has not been cut over; expected that first: pulumi config set migrate cutover"
            )
        self.keep("final")
        return self.report()

    # --- following ------------------------------------------------------------------------------

    def begin(self) -> None:
        """The master follows the legacy Redis from here on, whose data take the place of its own."""
        group = self.group
        self.refuse_hindrances()
        if group.info().get("role") != "master":
            raise group.refused(f"{group.master.place} follows somebody else; expected a master")
        whole(f"{STAGED}/members", f"{STAGED}/secrets", self.order.consent)
        # Nobody writes between the look at what it has and its end.
        group.do(group.master, "CLIENT", "PAUSE", str(HOLD * 1000), "WRITE")
        try:
            self.refuse_loss()
            was_held = self.note.stage in ("switching", "cutover", "final")
            self.keep("follow")
            group.hold_sentinels(self.note)
            if was_held:
                self.source.let_go_on()
            group.follow(self.source.address, self.source.port, self.order.login)
        finally:
            with suppress(Refused):
                group.do(group.master, "CLIENT", "UNPAUSE")

    def refuse_hindrances(self) -> None:
        """Unless the group can follow it, without the loss of anything."""
        nodes = []
        for member in self.members.nodes:
            info, sizes, modules = self.group.ask(member, "INFO", "CONFIG GET databases maxmemory", "MODULE LIST")
            has = pairs(sizes)
            told = Sizes(number(has.get("databases")), number(has.get("maxmemory")), module_names(modules))
            nodes.append((member.name, fields(info), told))
        old = self.source
        found = [*hindrances(old.info(), old.sizes(), old.modules(), old.errors(), nodes)]
        if found:
            raise self.group.refused(f"the group cannot follow the legacy Redis: {plain('; '.join(found))}")

    def refuse_loss(self) -> None:
        """Unless the group is empty, or has taken no write since the cutover, or the operator lets go what it has."""
        info = self.group.info()
        kept = {**keys_of(info), "functions": number(info.get("number_of_functions")) or 0}
        if not any(kept.values()):
            return
        since = ""
        if self.note.stage == "cutover":
            written = self.group.writes() - self.note.writes
            known = self.note.writes >= 0 and info.get("run_id") == self.note.master_run
            if known and written == 0:
                return
            since = (
                f", and has taken {f'{written} writes' if known else 'an unknown number of writes'} since the cutover"
            )
        has = ", ".join(
            f"{count} {'' if name == 'functions' else 'keys in '}{name}" for name, count in kept.items() if count
        )
        seen = f"{self.group.master.place} has {has}{since}"
        consent = override_hash(self.order.consent.plan, f"{self.source.place} {seen}")
        if self.order.consent.override == consent:
            say(f"goes on, as redis-cluster:override asks: {seen}", self.members.host)
            return
        raise self.group.refused(
            f"{seen}, which would be thrown away when it follows {self.source.place}; expected an empty group. Nothing "
            f"was changed. To throw just this away: pulumi config set override {consent}"
        )

    def wait_linked(self) -> None:
        """Until the master has a whole copy, and the replicas have theirs of it; what that is at is printed."""
        waiting, said, shown = Waiting(self.members.stall), "", time.monotonic()
        while True:
            infos = self.group.infos()
            late = [member for member, info in infos.items() if not is_linked(info)]
            if not late:
                return
            old = self.source.info()
            moves = progress(infos[late[0]], old)
            if moves != said and time.monotonic() > shown + 5:
                print(f"{late[0].name}: {moves or 'waits for a copy'}", flush=True)
                said, shown = moves, time.monotonic()
            if waiting.stalled(moves and f"{late[0].name} {moves}"):
                link = infos[late[0]].get("master_link_status", "no answer")
                what = f"the node on {late[0].name} has no whole copy of {self.source.place}: its link is {plain(link)}"
                raise stall(self.members, what, self.members.stall, waiting.moving)
            time.sleep(0.2)

    # --- the cutover ----------------------------------------------------------------------------

    def switch(self) -> None:
        """Writes to the legacy Redis wait until the group has all of them; then the master follows no more."""
        try:
            self.catch_up()
            differ = self.differences()
            if differ:
                raise self.group.refused(
                    f"the group has not what the legacy Redis has: {'; '.join(differ)}; expected the same. Its writes "
                    "go on again, and the group follows it as before"
                )
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            old = self.source.hold_writes(HOLD_FOR_GOOD)
            self.note.replid, self.note.offset = (
                old.get("master_replid", ""),
                number(old.get("master_repl_offset")) or 0,
            )
            self.note.run = self.source.info().get("run_id", "")
            self.keep("switching")
            self.catch_up_to(self.note.offset)
            self.group.do(self.group.master, "REPLICAOF", "NO", "ONE")
        except BaseException:
            # Held or not, nothing was lost where it still follows.
            if self.group.follows(self.source.place):
                self.source.let_go_on()
            raise

    def catch_up(self) -> None:
        """Holds writes to the legacy Redis until every node has what it had acknowledged before."""
        old = self.source.hold_writes(HOLD)
        self.catch_up_to(number(old.get("master_repl_offset")) or 0)

    def catch_up_to(self, goal: int) -> None:
        """Until every node has that; Refused after redis-cluster:limits.pause."""
        until = time.monotonic() + min(self.members.pause, HOLD - 2)
        while True:
            offsets = {
                member: number(info.get("slave_repl_offset")) or 0 for member, info in self.group.infos().items()
            }
            late = [member.name for member, seen in offsets.items() if seen < goal]
            if not late:
                return
            if time.monotonic() > until:
                raise self.group.refused(
                    f"the node on {late[0]} did not catch up while writes to the legacy Redis were held, within "
                    f"{self.members.pause} s, which is redis-cluster:limits.pause. They go on again, and the group "
                    "follows it as before; try again when fewer come in"
                )
            time.sleep(0.01)

    def finish(self) -> None:
        """The group is an ordinary one again, and what it has carried out until now is noted."""
        self.group.settle(self.note)
        self.note.master_run, self.note.writes = self.group.info().get("run_id", ""), self.group.writes()
        self.note.held = {}
        self.keep("cutover")
        whole(f"{STAGED}/members", f"{STAGED}/secrets", self.order.consent)

    def hold_again(self) -> None:
        """One that was started anew since the cutover takes writes, which the group does not get."""
        run = self.source.info().get("run_id", "")
        if self.note.stage == "cutover" and run != self.note.run:
            self.source.hold_writes(HOLD_FOR_GOOD)
            say(
                f"the legacy Redis at {self.source.place} was started anew since the cutover: what was written to it "
                "until now is not in the group. Its writes wait again",
                self.members.host,
            )
            self.note.run = run
            self.keep("cutover")

    # --- what is seen ---------------------------------------------------------------------------

    def differences(self) -> list[str]:
        """Where the group's data are not the legacy Redis's: numbers of keys, and keys by chance; for people."""
        old, new = self.source.info(), self.group.info()
        found = count_differences(old, new)
        _, others = self.sampled(old)
        return [*found, *(f"{plain(name)!r} is another" for name in others[:5])]

    def sampled(self, old: Mapping[str, str]) -> tuple[int, list[str]]:
        """How many keys were compared, and which were not the same."""
        looked, others = 0, list[str]()
        try:
            there, here = self.source.connect(), self.group.daemons.connect(self.group.master, CLIENTS_LIMIT)
            databases = keys_of(old)
            for name in databases:
                count, differ = same_on(there, here, name, max(1, SAMPLES // len(databases)))
                looked, others = looked + count, [*others, *differ]
        except Unanswered as error:
            raise self.group.refused(f"keys could not be compared: {error}; expected answers") from None
        return looked, others

    def report(self) -> str:
        """How far the migration is, for people."""
        info, old = self.group.info(), self.source.info()
        clients = self.source.clients()
        there = f"still connected there: {'; '.join(clients) or 'nobody'}"
        keys = ", ".join(f"{name} {count} of {keys_of(old).get(name, 0)}" for name, count in keys_of(info).items())
        keys, here = keys or "none", self.group.master.place
        if follows(info, self.source.place):
            lag = (number(old.get("master_repl_offset")) or 0) - (number(info.get("slave_repl_offset")) or 0)
            looked, others = self.sampled(old)
            same = f"{looked - len(others)} of {looked} keys by chance are the same"
            return f"{here} follows {self.source.place}, {max(0, lag)} bytes behind; keys: {keys}; {same}; {there}"
        if self.note.stage in ("cutover", "final"):
            back = "final" if self.note.stage == "final" else "not final yet"
            if old.get("run_id") != self.note.run:
                there = f"it was started anew since, and may have taken writes that are not here; {there}"
            return f"cut over from {self.source.place} to {here}, {back}; keys: {keys}; {there}"
        return f"{here} does not follow {self.source.place}; expected that, by another pulumi up; {there}"

    def keep(self, stage: str) -> None:
        """Notes that."""
        login = Login("", "") if stage == "final" else self.order.login
        self.note.stage, self.note.address, self.note.port = stage, self.source.address, self.source.port
        self.note.user, self.note.password = login.user, login.password
        self.note.keep()
