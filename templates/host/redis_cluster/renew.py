"""Certificates that have ended, exchanged when no daemon lets anybody in by them."""

import os
from collections.abc import Iterator

from .acts import act
from .beside import switch
from .certificate import ended
from .dry_run import scratch
from .host import running
from .live import takes_certificate
from .members import load_members
from .messages import Refused
from .paths import CURRENT, RELEASES, STAGED
from .release import CERTIFICATE, note_release, running_release, tls_of
from .validate import make_release


def renew_ended() -> list[str]:
    """What runs with a certificate that has ended takes the one that is staged, and nothing else of what is staged.

    No gate could hold before. Links that were there before the end go on, so all nodes are first; sentinels start anew
    in sentinel-start, when they can reach every node. Returns what was done, in words; nothing where none had ended.
    Raises Refused where the staged one has ended too.
    """
    modes = [tls_of(each, missing=True) for each in (CURRENT, STAGED)]
    was = running_release("node")
    if modes != ["required", "required"] or not (ended(CURRENT) or (was and ended(was))):
        return []
    host = load_members(f"{STAGED}/members").host
    refusal = ended(STAGED, host)
    if refusal:
        raise Refused(f"{refusal}. Nothing was changed", host)
    with scratch() as partly:
        try:
            for name in os.listdir(CURRENT):
                source = STAGED if name in CERTIFICATE else CURRENT
                with open(f"{source}/{name}", "rb") as file, open(f"{partly}/{name}", "xb") as copy:
                    copy.write(file.read())
        except OSError as error:
            raise Refused(
                f"cannot copy {CURRENT}: {error.strerror}; free some space, then run pulumi up again", host
            ) from None
        release = make_release(partly, "renew-release")
    done = [*_take(release, os.path.basename(was)), "the certificate had ended"]
    switch(release)
    return done


def _take(release: str, was: str) -> Iterator[str]:
    """The running node, which was composed from another release, gets the certificate of this one."""
    if not running("node"):
        return
    if not takes_certificate(f"{RELEASES}/{release}"):
        # It lets in nobody of another authority, and from now on nobody of its own.
        act("stop", "node")
    elif was and os.path.basename(os.path.realpath(CURRENT)) == was:
        switch(release)
        note_release("node", release)
        yield "nothing restarted"
