"""Which master a sentinel watches when it starts, as rows of what was heard and what it watched last."""

import pytest
from redis_cluster.decide.answers import Heard, NodeAnswer, SentinelAnswer
from redis_cluster.decide.watched import Own, enough, watched
from redis_cluster.members import Member, Members

NAMES = ("console", "app-1", "app-2")
NODES = {name: Member(name, f"10.0.0.{at}", 6389) for at, name in enumerate(NAMES, 1)}
SENTINELS = {name: Member(name, f"10.0.0.{at}", 26389) for at, name in enumerate(NAMES, 1)}
MEMBERS = Members("group", 2, "app-1", 60, 10, "", tuple(NODES.values()), tuple(SENTINELS.values()))
CONSOLE, APP_2 = NODES["console"], NODES["app-2"]


def others(console: str, app_2: str) -> dict[Member, SentinelAnswer]:
    """What the two other sentinels say: whom they name, and with which epoch; or the kind of another answer."""
    found: dict[Member, SentinelAnswer] = {}
    for member, said in ((SENTINELS["console"], console), (SENTINELS["app-2"], app_2)):
        match said.split():
            case ["silent" | "refused" | "names-nobody" as kind]:
                found[member] = SentinelAnswer(member, kind)
            case [name, epoch]:
                found[member] = SentinelAnswer(member, "names", "", NODES[name], int(epoch))
    return found


def masters(**replicas: int) -> dict[Member, NodeAnswer]:
    """The nodes that say they are masters, with so many replicas."""
    by_name = {name.replace("_", "-"): count for name, count in replicas.items()}
    return {NODES[name]: NodeAnswer(NODES[name], "master", replicas=count) for name, count in by_name.items()}


NOBODY = others("silent", "silent")
NONE = Own()


@pytest.mark.parametrize(
    ("own", "sentinels", "nodes", "whole", "lead", "master", "why"),
    [
        # A majority of the others, which is two of the three that are configured.
        (Own(CONSOLE, 5), others("app-2 6", "app-2 6"), {}, True, False, "app-2 6", "a majority of the other"),
        (Own(CONSOLE, 5), others("app-2 5", "app-2 4"), {}, True, False, "app-2 5", "a majority of the other"),
        (NONE, others("app-2 6", "app-2 6"), {}, True, False, "app-2 6", "a majority of the other"),
        (Own(APP_2, 5), others("app-2 6", "app-2 6"), {}, True, False, "app-2 6", "a majority of the other"),
        # Its own file knows of a later failover.
        (Own(CONSOLE, 5), others("app-2 4", "app-2 4"), {}, True, False, "console 5", "my last file"),
        # One of two is no majority.
        (Own(CONSOLE, 1), others("silent", "app-2 6"), {}, True, False, "console 1", "my last file"),
        (Own(CONSOLE, 1), NOBODY, {}, True, False, "console 1", "my last file"),
        # What refuses, whatever it says, is no witness.
        (Own(CONSOLE, 7), others("refused", "app-2 6"), {}, True, False, "console 7", "my last file"),
        # No last file: nodes.
        (NONE, others("silent", "app-2 6"), masters(console=1, app_2=0), True, False, "console 0", "has replicas"),
        (NONE, NOBODY, masters(console=1, app_2=1), True, False, "", "no node alone is one. Asked: node app-2: master"),
        (NONE, NOBODY, masters(console=0), True, False, "", "undecided"),
        (NONE, NOBODY, masters(console=0), False, False, "console 0", "the group was never whole"),
        (NONE, NOBODY, masters(console=0, app_2=0), False, False, "", "undecided"),
        # The operator's word is newer than anything that was heard.
        (Own(CONSOLE, 5), others("app-2 8", "silent"), {}, True, True, "app-1 9", "the operator"),
        (Own(CONSOLE, 5), NOBODY, {}, True, True, "app-1 6", "the operator"),
    ],
)
def test_watched(
    own: Own,
    sentinels: dict[Member, SentinelAnswer],
    nodes: dict[Member, NodeAnswer],
    whole: bool,
    lead: bool,
    master: str,
    why: str,
) -> None:
    """The master, the epoch that goes with it, and what is said of it."""
    found = watched(MEMBERS, Heard(sentinels, nodes), own, whole, lead)
    assert (f"{found.master.name} {found.epoch}" if found.master else "") == master
    assert why in found.why


def test_one_that_knows_of_a_later_failover_than_the_majority_leaves_the_own_file() -> None:
    """Of five sentinels three name the master of the own file, and one another, later."""
    names = ["app-1", *(f"app-{at}" for at in range(2, 6))]
    places = [Member(name, f"10.0.1.{at}", 26389) for at, name in enumerate(names)]
    members = MEMBERS._replace(sentinels=tuple(places))
    said = [SentinelAnswer(place, "names", "", CONSOLE, 0) for place in places[1:4]]
    said.append(SentinelAnswer(places[4], "names", "", APP_2, 1))
    heard = Heard({answer.member: answer for answer in said}, {})
    assert watched(members, heard, Own(CONSOLE, 0), True, False)[:2] == (CONSOLE, 0)


@pytest.mark.parametrize(
    ("own", "console", "app_2", "lead", "wanted"),
    [
        (Own(CONSOLE), "app-2 0", "", False, False),
        (Own(CONSOLE), "app-2 0", "app-2 0", False, True),
        (Own(CONSOLE), "app-2 0", "silent", False, True),
        (NONE, "app-2 0", "silent", False, False),
        (NONE, "app-2 0", "app-2 0", False, True),
        (NONE, "app-2 0", "", True, False),
        (NONE, "silent", "silent", True, True),
    ],
)
def test_no_more_answers_are_waited_for(own: Own, console: str, app_2: str, lead: bool, wanted: bool) -> None:
    """Nodes only where no sentinel and no file tells the master."""
    assert enough(MEMBERS, Heard(others(console, app_2), {}), own, lead) == wanted
