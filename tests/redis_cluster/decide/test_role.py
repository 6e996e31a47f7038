"""With which role a node starts: every rule of docs/architecture.md, as rows of what was heard and what is here."""

from typing import Any

import pytest
from redis_cluster.decide.answers import Heard, NodeAnswer, SentinelAnswer
from redis_cluster.decide.role import Here, Outdated, enough, role, undecided
from redis_cluster.members import Member, Members

NAMES = ("console", "app-1", "app-2")
NODES = {name: Member(name, f"10.0.0.{at}", 6389) for at, name in enumerate(NAMES, 1)}
SENTINELS = {name: Member(name, f"10.0.0.{at}", 26389) for at, name in enumerate(NAMES, 1)}
MEMBERS = Members("group", 2, "app-1", 60, 10, "", tuple(NODES.values()), tuple(SENTINELS.values()))
# Where this node's files are outdated: they were written at this moment, and rank so by its stamp.
OUTDATED = Outdated(written=1000, rank=500)


def says(*, console: str = "", app_1: str = "", app_2: str = "") -> dict[str, str]:
    """What each says; who is not in it is silent."""
    return {name: said for name, said in {"console": console, "app-1": app_1, "app-2": app_2}.items() if said}


def heard(sentinels: dict[str, str], nodes: dict[str, str]) -> Heard:
    """What was heard. Of a sentinel: whom it names, and the epoch. Of a node: its role, whom it follows, and more."""
    return Heard(
        {SENTINELS[name]: _sentinel(SENTINELS[name], sentinels.get(name, "silent").split()) for name in NAMES},
        {NODES[name]: _node(NODES[name], nodes.get(name, "silent").split()) for name in NAMES if name != "app-1"},
    )


def _sentinel(member: Member, words: list[str]) -> SentinelAnswer:
    match words:
        case ["silent" | "refused" | "names-nobody" as kind]:
            return SentinelAnswer(member, kind)
        case [name, epoch]:
            return SentinelAnswer(member, "names", "", NODES[name], int(epoch))
    raise ValueError(words)


def _node(member: Member, words: list[str]) -> NodeAnswer:
    match words:
        case ["silent" | "refused" as kind]:
            return NodeAnswer(member, kind)
        case ["master", *more]:
            return NodeAnswer(member, "master", data="data" in more, replicas=0)
        case ["follows", name, *more]:
            told = dict(zip(more[1::2], map(int, more[2::2]), strict=True))
            return NodeAnswer(
                member,
                "replica",
                data=more[:1] == ["data"],
                master=NODES.get(name),
                linked_until=told.get("linked"),
                rank=told.get("rank"),
            )
    raise ValueError(words)


DATA, FILES, NOTHING = Here("data"), Here("files"), Here("nothing")
OLD = Here("data", OUTDATED, "master", was_whole=True)
STALE_MASTER = Here("data", last="master", was_whole=True)
REPLICA = Here("data", last=NODES["console"], was_whole=True)
MARKED = Here("nothing", bootstrap="app-1")
ALL_FOLLOW = says(console="follows app-1 empty", app_2="follows app-1 data")
NOBODY_NAMES = says(console="names-nobody", app_2="names-nobody")
ME_BY_ALL = says(console="app-1 3", app_1="app-1 3", app_2="app-1 3")
ME_ALONE = says(app_1="app-1 3")

# rule, here, what the sentinels say, what the nodes say, the role (with whom a replica follows), why
ROWS: list[tuple[str, Here, dict[str, str], dict[str, str], str, str]] = [
    # 1: a majority of the configured sentinels
    ("1: another, whatever the last file says", STALE_MASTER, says(console="app-2 0", app_2="app-2 0"), {},
     "app-2", "a majority of the sentinels names it"),
    ("1: another, though one knows of a later failover", REPLICA,
     says(console="app-2 3", app_1="app-2 3", app_2="console 4"), {}, "app-2", "a majority"),
    ("1: another, and it refuses nobody", DATA, says(console="app-2 0", app_1="refused", app_2="app-2 0"), {},
     "app-2", "a majority"),
    ("1: this one, though no node answers", REPLICA, says(app_1="app-1 3", app_2="app-1 3"), {},
     "master", "a majority of the sentinels names it"),
    ("1: this one, but one knows of a later failover", STALE_MASTER,
     says(console="console 5", app_1="app-1 4", app_2="app-1 4"), {}, "undecided", "the sentinels disagree"),
    ("1: this one, and one knows an older failover", STALE_MASTER,
     says(console="console 3", app_1="app-1 4", app_2="app-1 4"), {}, "master", "a majority"),
    # 2: fewer
    ("2: a replica keeps to its last file", REPLICA, says(app_2="app-2 7"), {}, "console", "my last file says so"),
    ("2: so it does where its own sentinel names it", REPLICA, says(app_1="app-1 7"), {},
     "console", "my last file says so"),
    ("2: data without a last file follow nobody", DATA, says(app_2="app-2 7"), {},
     "undecided", "no majority of the sentinels names a master and there is no last file"),
    ("2: without data, the highest epoch", Here("nothing", last=NODES["console"]),
     says(console="console 3", app_2="app-2 7"), {}, "app-2", "the sentinel with the highest epoch names it"),
    ("2: without data, two of the same epoch", NOTHING, says(console="console 3", app_2="app-2 3"), {},
     "undecided", "the sentinels disagree"),
    ("2: a stale master that a lone sentinel names, and nobody else answers", STALE_MASTER, ME_ALONE, {},
     "undecided", "the sentinel on console is unreachable"),
    ("2: … and every node follows it", STALE_MASTER, ME_ALONE, ALL_FOLLOW,
     "undecided", "the sentinel on console is unreachable"),
    ("2: … and a sentinel names another", STALE_MASTER,
     says(console="console 0", app_1="app-1 3", app_2="names-nobody"), ALL_FOLLOW,
     "undecided", "the sentinel on console names another master"),
    ("2: … and a node is silent", STALE_MASTER, {**ME_ALONE, **NOBODY_NAMES}, says(console="follows app-1 empty"),
     "undecided", "app-2 is unreachable"),
    ("2: … and all were heard and none contradicts", STALE_MASTER, {**ME_ALONE, **NOBODY_NAMES}, ALL_FOLLOW,
     "master", "my last file says so, and no member contradicts"),
    ("2: a sentinel that is there but refuses", REPLICA, says(console="refused"), {},
     "undecided", "a sentinel is there but refuses to tell the master"),
    # 3: none
    ("3: a replica by its last file", REPLICA, {}, {}, "console", "my last file says so"),
    ("3: a master by it that all follow", STALE_MASTER, {}, ALL_FOLLOW, "master", "no member contradicts"),
    ("3: … but one that is unreachable", STALE_MASTER, {}, says(console="follows app-1 data"),
     "undecided", "app-2 is unreachable"),
    ("3: … but one that is master", STALE_MASTER, {}, says(console="follows app-1 data", app_2="master"),
     "undecided", "app-2 is master"),
    ("3: … but one that follows another", STALE_MASTER, {}, says(console="follows app-2 data", app_2="follows app-1"),
     "undecided", "console follows another master"),
    ("3: … but one that follows a stranger", STALE_MASTER, {}, says(console="follows 10.0.0.9", app_2="follows app-1"),
     "undecided", "console follows another master"),
    ("3: … but one that refuses", STALE_MASTER, {}, says(console="refused", app_2="follows app-1"),
     "undecided", "console answers: refused"),
    # 4: a node with data follows nobody on his own word
    ("4: a member that says master is not enough", DATA, {}, says(console="master data"),
     "undecided", "there is no last file"),
    ("4: nor are members that follow it", DATA, {}, ALL_FOLLOW, "undecided", "there is no last file"),
    # 5: without data and without a last file
    ("5: whom a sentinel names", NOTHING, says(app_2="app-2 0"), {}, "app-2", "the highest epoch"),
    ("5: the one master of a group that was never whole", NOTHING, {}, says(console="master"),
     "console", "the group was never whole, and it is the one master"),
    ("5: not one of two", NOTHING, {}, says(console="master", app_2="master"), "undecided", "there is no last file"),
    ("5: not in a group that was whole", Here("nothing", was_whole=True), {}, says(console="master"),
     "undecided", "there is no last file"),
    ("5: not master without the mark", NOTHING, {}, {}, "undecided", "there is no last file"),
    ("5: master by the mark, though nobody answers", MARKED, {}, {}, "master", "marked as the bootstrap master"),
    ("5: … and though a sentinel is silent and one knows nobody", MARKED, says(console="names-nobody"), {},
     "master", "marked as the bootstrap master"),
    ("5: not by the mark where a member holds data", MARKED, {}, says(console="follows app-1 data"), "undecided", ""),
    ("5: in spite of the mark follows a member that is master", MARKED, {}, says(console="master"), "console", ""),
    ("5: another is marked, and this one has kept data", Here("data", bootstrap="console"), {}, {},
     "console", "marked as the bootstrap master"),
    ("5: a mark that names nobody of the group", Here("nothing", bootstrap="app-9"), {}, {}, "undecided", ""),
    ("5: not by its last file while a member holds data", Here("files", last="master", was_whole=True), {},
     ALL_FOLLOW, "undecided", "app-2 holds data"),
    ("5: nor where all its files are gone", Here("nothing", last="master", was_whole=True), {},
     says(console="follows app-1 empty", app_2="follows app-1 empty"), "undecided", "has lost all its files"),
    ("5: but where its own files tell that it had none", Here("files", last="master", was_whole=True), {},
     says(console="follows app-1 empty", app_2="follows app-1 empty"), "master", "no member contradicts"),
    # named as master without what it held
    ("lost: the sentinels fail over first", Here("nothing", was_whole=True), ME_BY_ALL, ALL_FOLLOW,
     "fail-over", "my data are gone; the sentinels have failed over to it"),
    ("lost: nobody has any, and its own files tell that it had none", Here("files", was_whole=True), ME_BY_ALL,
     says(console="follows app-1 empty", app_2="follows app-1 empty"), "master", "nobody else has data"),
    ("lost: nobody has any, and no file is left", Here("nothing", was_whole=True), ME_BY_ALL,
     says(console="follows app-1 empty", app_2="follows app-1 empty"), "fail-over", "my data are gone"),
    ("outdated: a replica that was linked after they were written", OLD, ME_BY_ALL,
     says(console="follows app-1 data linked 1001", app_2="follows app-1 data linked 900"),
     "fail-over", "my files are older than what I held; the sentinels have failed over to it"),
    ("outdated: replicas that were linked before", OLD, ME_BY_ALL,
     says(console="follows app-1 data linked 1000", app_2="follows app-1 data linked 900"),
     "master", "nobody else has newer data"),
    ("outdated: a replica that ranks before it by its stamp", OLD, ME_BY_ALL,
     says(console="follows app-1 data rank 499", app_2="follows app-1 data rank 600"), "fail-over", "older"),
    ("outdated: one that ranks behind, and one without a rank", OLD, ME_BY_ALL,
     says(console="follows app-1 data rank 500", app_2="follows app-1 data"), "master", "newer data"),
    ("outdated: one is silent, and none is known to be newer", OLD, ME_BY_ALL,
     says(console="follows app-1 data linked 900"), "undecided",
     "the sentinels name me but my files are older than what I held, and app-2 is unreachable"),
    ("outdated: one is silent, and one is newer", OLD, ME_BY_ALL, says(app_2="follows app-1 data linked 2000"),
     "fail-over", "older"),
    # the operator
    ("lead: whatever anybody says", Here("nothing", last=NODES["console"], was_whole=True, lead=True),
     says(console="console 9", app_2="console 9"), says(console="master data"), "master", "the operator made it lead"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("here", "sentinels", "nodes", "joins", "why"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_role(here: Here, sentinels: dict[str, str], nodes: dict[str, str], joins: str, why: str) -> None:
    """The role that the node starts with, and what is said of it."""
    verdict = role(MEMBERS, heard(sentinels, nodes), here)
    assert (verdict.master.name if verdict.master else verdict.role) == joins
    assert why in verdict.why


def test_undecided_says_what_was_asked_and_answered_and_what_is_here() -> None:
    """In the order of the names."""
    said = heard(says(app_2="app-2 7"), says(console="master data"))
    assert undecided("why", said, REPLICA) == (
        "undecided: why. Asked: node app-2: silent; node console: master data 0; sentinel app-1: silent; "
        "sentinel app-2: names 10.0.0.3 6389 7; sentinel console: silent. Here: data yes, last file 10.0.0.1 6389"
    )


@pytest.mark.parametrize(
    ("here", "sentinels", "wanted"),
    [
        (DATA, says(console="app-2 0"), False),
        (DATA, says(console="app-2 0", app_2="app-2 0"), True),
        (NOTHING, says(console="app-2 0", app_2="app-2 0"), True),
        # A failover that not all know of yet has to show.
        (DATA, says(console="app-1 0", app_2="app-1 0"), False),
        (DATA, says(console="app-1 0", app_1="app-1 0", app_2="app-1 0"), True),
        (DATA, says(console="app-1 0", app_1="app-2 1", app_2="app-1 0"), False),
        (OLD, says(console="app-1 0", app_1="app-1 0", app_2="app-1 0"), False),
        (NOTHING, says(console="app-1 0", app_1="app-1 0", app_2="app-1 0"), False),
    ],
)
def test_no_more_answers_are_waited_for(here: Here, sentinels: dict[str, str], wanted: bool) -> None:
    """Only where they cannot matter."""
    come = {SENTINELS[name]: _sentinel(SENTINELS[name], said.split()) for name, said in sentinels.items()}
    assert enough(MEMBERS, Heard(come, {}), here) == wanted


def test_what_is_enough_decides_as_all_would() -> None:
    """Whatever the nodes say: a row that was enough has the same role without them."""
    for _, here, sentinels, nodes, *_rest in ROWS:
        all_heard = heard(sentinels, nodes)
        if enough(MEMBERS, all_heard, here) and not here.lead:
            without: Any = Heard(all_heard.sentinels, {})
            assert role(MEMBERS, without, here) == role(MEMBERS, all_heard, here)
