"""Who may take a component away from a host: the claim of it, by the id of the program's last writing.

Pulumi's delete runs last in a replacement, and also after the state was lost and made anew; so it only acts when the
claim that it was made with is in force.
"""

import re
from typing import NamedTuple

# A replacement's delete follows its create in the same run; a mark older than this, in seconds, was left by a run that
# was killed.
REPLACEMENT_LIMIT = 1800
_ID = re.compile("[0-9a-f-]{36}")


class Claim(NamedTuple):
    """The one in force; empty where there is none.

    replaced: when a new resource with the same id took its place, in seconds since 1970, whose old one's delete is
    still to come. unheard: the claims before it while no step has followed it: the state may have any. Else None.
    """

    token: str = ""
    replaced: int | None = None
    unheard: tuple[str, ...] | None = None

    def mark(self) -> list[str]:
        """The words that are kept of it, behind the id."""
        if self.unheard is not None:
            return ["unheard", *self.unheard]
        return [] if self.replaced is None else ["replaced", str(self.replaced)]


def claim_of(kept: str) -> Claim:
    """What the words say that are kept: `ID`, `ID replaced SECONDS` or `ID unheard ID...`."""
    token, _, mark = kept.replace(";", " ").strip().partition(" ")
    word, *more = mark.split() or [""]
    # What a power cut has left of a file names nobody, and is no words that root would keep again.
    token = token if _ID.fullmatch(token) else ""
    if word == "replaced" and re.fullmatch("[0-9]{1,12}", "".join(more)):
        return Claim(token, replaced=int("".join(more)))
    return Claim(token, unheard=tuple(filter(_ID.fullmatch, more)) if word == "unheard" else None)


def claimed(before: Claim, token: str, new: bool, now: int) -> Claim:
    """The claim of that id. new: Pulumi makes it as a new resource.

    With the id in force that replaces one whose delete is still to come. Unless no step has followed that one: its run
    was killed, and the state may have the one before, or none.
    """
    if new and before.token == token and before.unheard is None:
        return Claim(token, replaced=now)
    return Claim(token, unheard=tuple(sorted({*(before.unheard or ()), before.token} - {token, ""})))


def taken(claim: Claim, token: str, owners: tuple[str, str], now: int) -> Claim | None:
    """What is left of the claim once that one's delete has come; None where all goes that is the component's.

    owners: the stack whose delete it is, empty where an older version does not say, and the one whose host this is.
    Of a stack whose group another one has since, as a state that was copied, nothing is taken.
    """
    owner, here = owners
    in_force = [claim.token, *((claim.unheard or ()) if owner else ())]
    if token not in in_force or (owner and here not in ("", owner)):
        return claim
    if claim.replaced is not None and now - claim.replaced < REPLACEMENT_LIMIT:
        return Claim(claim.token)
    return None
