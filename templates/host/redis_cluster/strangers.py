"""Helps sentinels that watch or remember what is no member. None forgets by itself, and no gate holds with it.

They are helped one after the other while all the others can act, and each keeps or gets again the epoch by which
sentinels tell what is newer: where all had lost theirs, one that was away would turn the group back.
"""

import time
from collections.abc import Iterator
from functools import partial

from .answers import ask_sentinel, heard_of
from .decide.answers import only_master
from .decide.strangers import Known, Knows, all_watch_one_member, epoch_of, knows, knows_members, strangers
from .members import Member, secret
from .messages import Refused, plain
from .observe import Daemons, at_once, text
from .resp import ErrorReply, Reply, Unanswered

# How long a sentinel that has forgotten may take to find the group again, in seconds; it took 2 s when measured.
FIND_LIMIT = 20

# One that has only just heard of a master is linked to it within this many seconds.
LINK_LIMIT = 3


class Mending:
    """The sentinels of a group, helped by this host.

    legacy: whether this host's daemons are still the legacy ones, which know members by other addresses.
    directory: where the settings that a sentinel is to have are, and its password.
    """

    def __init__(self, daemons: Daemons, directory: str, legacy: bool) -> None:
        self._daemons, self._members = daemons, daemons.members
        self._directory, self._legacy = directory, legacy
        self._watching: set[Member] = set()

    def mend(self) -> Iterator[str]:
        """Helps those that need it; for each `forgot NAME` or `watches NAME`.

        Where there is no telling who is the master, or not all are there and linked to it, the gate has its say. Raises
        Refused where one does not find the group again.
        """
        members = self._members
        known = at_once([partial(_known, self._daemons, sentinel) for sentinel in members.sentinels])
        if all_watch_one_member(members, dict(zip(members.sentinels, known, strict=True)), self._legacy):
            return
        heard = heard_of(self._daemons, members.sentinels, members.nodes)
        master = only_master(heard, len(members.nodes) - 1)
        epoch = epoch_of(members, heard, master) if master else None
        if master is None or epoch is None:
            return
        self._watching = {sentinel for sentinel, answer in heard.sentinels.items() if answer.master == master}
        for sentinel in members.sentinels:
            done = self._mend(sentinel, master)
            if done:
                yield f"{done} {sentinel.name}"
                self._wait(sentinel, master, epoch)

    def _mend(self, sentinel: Member, master: Member) -> str:
        """What was done; empty where nothing was to do, or could not be done now."""
        known = _known(self._daemons, sentinel)
        if known.master is None or known.master.pair != master.pair:
            # Has the epoch with the first greeting of another one that watches the master.
            self._have_watch(sentinel, master, known.master is not None)
            self._watching.add(sentinel)
            return "watches"
        if not strangers(self._members, sentinel, known, self._legacy) or not self._linked(sentinel, master):
            return ""
        # Keeps the epoch, and asks the master for its replicas at once; the other sentinels greet every two seconds.
        return "forgot" if self._ask(sentinel, f"SENTINEL RESET {self._members.master_name}") == [1] else ""

    def _linked(self, sentinel: Member, master: Member) -> bool:
        """Whether it has a link to the master, which one that has only just heard of him has soon."""
        deadline = time.monotonic() + LINK_LIMIT
        while _known(self._daemons, sentinel).master != Known(master.address, str(master.port), ("master",)):
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.2)
        return True

    def _have_watch(self, sentinel: Member, master: Member, instead: bool) -> None:
        """Has it watch the master, instead of another where it watches any. Raises Refused where it does not."""
        name = self._members.master_name
        password = secret(f"{self._directory}/secrets", "sentinel")
        settings = f"auth-user sentinel auth-pass {password}"
        for words in _lines(f"{self._directory}/sentinel.conf"):
            match words:
                case ["sentinel", option, whose, value] if whose == name:
                    settings += f" {option} {value}"
        commands = [f"SENTINEL REMOVE {name}"] if instead else []
        commands += [f"SENTINEL MONITOR {name} {master.pair} {self._members.quorum}", f"SENTINEL SET {name} {settings}"]
        replies = self._ask(sentinel, *commands)
        refused = [plain(text(reply)) for reply in replies if reply != "OK"]
        if refused:
            raise Refused(
                f"the sentinel on {sentinel.name}, told to watch {master.pair}, answers: {'; '.join(refused)}; "
                "expected OK. Run pulumi up again",
                self._members.host,
            )

    def _wait(self, sentinel: Member, master: Member, epoch: int) -> None:
        """Until it names the master with the epoch that the others have, and knows every member."""
        deadline = time.monotonic() + FIND_LIMIT
        while True:
            answer, known = ask_sentinel(self._daemons, sentinel), _known(self._daemons, sentinel)
            if (answer.master, answer.epoch) == (master, epoch) and knows_members(
                self._members, sentinel, known, self._watching
            ):
                return
            if time.monotonic() >= deadline:
                raise Refused(
                    f"after {FIND_LIMIT} s the sentinel on {sentinel.name} {answer} and knows {known}; expected it to "
                    f"name {master.pair} {epoch} and to know every member. Look at those that it lacks with "
                    "'redis-cluster gate', then run pulumi up again",
                    self._members.host,
                )
            time.sleep(0.2)

    def _ask(self, sentinel: Member, *commands: str) -> list[Reply]:
        """As Daemons.ask; no answer is an answer of none that was expected."""
        try:
            return self._daemons.ask(sentinel, *commands)
        except Unanswered as error:
            return [ErrorReply(str(error))]


def remembered(daemons: Daemons, legacy: bool) -> Iterator[str]:
    """What this host's sentinel remembers that is no member's: `replica ADDRESS PORT` or `sentinel ADDRESS PORT`."""
    members, here = daemons.members, daemons.members.sentinel_here
    for known in strangers(members, here, _known(daemons, here), legacy):
        yield f"{'sentinel' if 'sentinel' in known.flags else 'replica'} {known.pair}"


def _known(daemons: Daemons, sentinel: Member) -> Knows:
    """What a sentinel knows, nobody where it does not answer."""
    name = daemons.members.master_name
    questions = [f"SENTINEL {what} {name}" for what in ("MASTER", "REPLICAS", "SENTINELS")]
    try:
        return knows(daemons.ask(sentinel, *questions))
    except Unanswered:
        return knows([])


def _lines(path: str) -> list[list[str]]:
    with open(path, encoding="utf-8", errors="replace") as file:
        return [line.split() for line in file]
