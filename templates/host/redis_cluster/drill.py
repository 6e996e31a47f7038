"""Proves again what was saved long ago: here, where a disk may have rotted, and in the second place."""

import re
import time
from contextlib import suppress

from . import paths
from .backup import made, read_json, remove, write_json
from .decide.backup import due
from .messages import Refused, plain, say
from .prove_backup import proof_of, prove_backup, told_of
from .release import Release, current_release
from .repository import Repository, Unkept, bring, copied, kept, record_file

NEXT = (
    f"Look at it; each run tries it again, also 'sudo systemctl start {paths.CLUSTER}-backup', until it is good or gone"
)


def drill_backups(days: str) -> None:
    """Proves each backup here, and the newest of the second place, whose last proof is so old or has failed.

    days: a number. What was brought from the second place goes when it is proven. Raises Refused once all were tried.
    """
    release = current_release(paths.MANAGED)
    host = release.members.host
    if not re.fullmatch("[1-9][0-9]{0,3}", days):
        raise Refused(f"drill-backups {days!r}; expected after how many days a proof is made again", host)
    since = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - int(days) * 86400))
    failed = []
    try:
        for name in made():
            if due(read_json(f"{paths.BACKUPS}/{name}/proof.json"), since):
                try:
                    prove_backup(name)
                except Refused as refusal:
                    say(f"error: {refusal}", host)
                    failed.append(f"{paths.BACKUPS}/{name}")
        failed += _drill_there(release, since)
    except OSError as error:
        raise Refused(f"no drill: {error.filename or paths.BACKUPS}: {error.strerror}. {NEXT}", host) from None
    if failed:
        raise Refused(f"the drill failed for {' and '.join(failed)}: see above. {NEXT}", host)


def _drill_there(release: Release, since: str) -> list[str]:
    """The place, where its newest is due and not proven; the proof goes into the record of copies. Raises OSError."""
    host, repository = release.members.host, Repository(release.directory)
    record = copied(repository.place)
    last = record.get("proof")
    if "name" not in record or not due(last if isinstance(last, dict) else {}, since):
        return []
    part = f"{paths.BACKUPS}/.drill"
    try:
        there = kept(repository)
        if not there:
            raise Unkept("it holds no backup; expected those that were copied there")
        name = max(there)
        proof = {"name": name, **proof_of(part, bring(repository, there[name], part), release)}
        if problem := told_of(proof):
            problem = f"{name} is not what was saved: {problem}"
    except (Unkept, Refused, ValueError, KeyError) as error:
        proof, problem = {}, plain(str(error))
    finally:
        with suppress(OSError):
            remove(part)
    if proof:
        write_json(record_file(), {**record, "proof": proof})
    if problem:
        say(f"error: {repository.place}: {problem}", host)
        return [repository.place]
    say(
        f"{repository.place}: {name} is proven: it came back, loads, and has the sums and the keys it was saved with",
        host,
    )
    return []
