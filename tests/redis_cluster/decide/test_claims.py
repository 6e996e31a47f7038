"""Whose delete takes a component away, and when a new claim replaces one whose delete is still to come."""

import pytest
from redis_cluster.decide.claims import REPLACEMENT_LIMIT, Claim, claim_of, claimed, taken

OLD, NEW, OTHER = (f"{digit}f9619ff-8b86-d011-b42d-00cf4fc964ff" for digit in "567")
NOW = 1_800_000_000
DEV = ("redis-cluster/dev", "redis-cluster/dev")


@pytest.mark.parametrize(
    ("kept", "claim"),
    [
        ("", Claim()),
        (NEW, Claim(NEW)),
        (f"{NEW}; ", Claim(NEW)),
        (f"{NEW}; replaced {NOW}", Claim(NEW, replaced=NOW)),
        (f"{NEW}; unheard", Claim(NEW, unheard=())),
        (f"{NEW}; unheard {OLD} {OTHER}", Claim(NEW, unheard=(OLD, OTHER))),
        (f"{NEW}; replaced soon", Claim(NEW)),
        # Of a file that is broken, or too long for an answer, only what root would take again.
        ("\0\0", Claim()),
        (f"{NEW}; unheard {OLD} {OTHER[:9]}", Claim(NEW, unheard=(OLD,))),
    ],
)
def test_what_is_kept(kept: str, claim: Claim) -> None:
    """Root's part keeps it on two lines, and tells it in one."""
    assert claim_of(kept) == claim
    if claim.mark():
        assert claim_of(" ".join([claim.token, *claim.mark()])) == claim


@pytest.mark.parametrize(
    ("before", "new", "after"),
    [
        # The first of all, and one that follows a step.
        (Claim(), True, Claim(NEW, unheard=())),
        (Claim(OLD), False, Claim(NEW, unheard=(OLD,))),
        (Claim(OLD), True, Claim(NEW, unheard=(OLD,))),
        # Again, as an update; and as a new resource, whose old one's delete is still to come.
        (Claim(NEW), False, Claim(NEW, unheard=())),
        (Claim(NEW), True, Claim(NEW, replaced=NOW)),
        (Claim(NEW, replaced=NOW - 1), True, Claim(NEW, replaced=NOW)),
        # No step has followed: the run was killed, and the state may have any of them.
        (Claim(NEW, unheard=()), True, Claim(NEW, unheard=())),
        (Claim(NEW, unheard=(OLD,)), True, Claim(NEW, unheard=(OLD,))),
        (Claim(OLD, unheard=(OTHER,)), True, Claim(NEW, unheard=(OLD, OTHER))),
    ],
)
def test_a_claim(before: Claim, new: bool, after: Claim) -> None:
    """By what is in force when it is made."""
    assert claimed(before, NEW, new, NOW) == after


@pytest.mark.parametrize(
    ("claim", "owners", "left"),
    [
        (Claim(NEW), DEV, None),
        (Claim(NEW), ("", DEV[1]), None),
        (Claim(NEW), (DEV[0], ""), None),
        # Another stack has the group since, or another claim is in force.
        (Claim(NEW), ("redis-cluster/old", DEV[1]), Claim(NEW)),
        (Claim(OTHER), DEV, Claim(OTHER)),
        (Claim(), DEV, Claim()),
        # A replacement's delete takes nothing, but for the mark; one that is late is a destroy's.
        (Claim(NEW, replaced=NOW - REPLACEMENT_LIMIT + 1), DEV, Claim(NEW)),
        (Claim(NEW, replaced=NOW - REPLACEMENT_LIMIT), DEV, None),
        # Before a step has followed each delete acts that comes; an older version's does not say whose it is.
        (Claim(NEW, unheard=(OLD,)), DEV, None),
        (Claim(OLD, unheard=(NEW,)), DEV, None),
        (Claim(OLD, unheard=(NEW,)), ("", DEV[1]), Claim(OLD, unheard=(NEW,))),
    ],
)
def test_a_delete(claim: Claim, owners: tuple[str, str], left: Claim | None) -> None:
    """It comes with the claim that it was made with."""
    assert taken(claim, NEW, owners, NOW) == left
