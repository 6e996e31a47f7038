"""Proves a backup: a Redis of its own loads it, on a socket and no port, and what it holds is compared."""

import os
import re
import select
import time
from datetime import UTC, datetime
from hashlib import file_digest

from . import paths
from .backup import made, read_json, write_json
from .decide.backup import NAME, differences, keys_of
from .dry_run import apart, complaint, scratch, started
from .messages import Refused, plain, say
from .observe import fields
from .release import Release, current_release
from .resp import Connection, Login, Unanswered
from .settings import Settings

# Of loading, and of the digest; seconds.
PROOF_LIMIT = 3600
NEXT = f"Look at it, then run 'sudo systemctl start {paths.CLUSTER}-backup', which makes and proves another one"


def prove_backup(name: str = "") -> None:
    """Writes what it found beside the backup, proof.json. Raises Refused where that is not what was saved.

    name: default the newest one.
    """
    release = current_release(paths.MANAGED)
    host = release.members.host
    names = _names()
    if not name and not names:
        # Its unit has saved none while this node was the master.
        say("there is no backup here to prove", host)
        return
    name = name or names[-1]
    directory = f"{paths.BACKUPS}/{name}"
    manifest = read_json(f"{directory}/manifest.json")
    if not NAME.fullmatch(name) or not manifest:
        raise Refused(
            f"{directory} is no backup; expected one of: {' '.join(names) or 'none is here'}. See 'redis-cluster "
            "backups'",
            host,
        )
    proof = proof_of(directory, manifest, release)
    write_json(f"{directory}/proof.json", proof)
    if found := told_of(proof):
        raise Refused(f"backup {directory} is not what was saved: {found}. {NEXT}", host)
    say(f"backup {directory} is proven: it loads, and has the sums and the keys of its manifest", host)


def proof_of(directory: str, manifest: dict[str, object], release: Release) -> dict[str, object]:
    """What a Redis that has loaded it has seen, when, and as `problems` what is not as it was saved. Raises Refused."""
    memory = manifest.get("memory")
    _refuse_little_memory(release.members.host, directory, memory if isinstance(memory, int) else 0)
    seen: dict[str, object] = {"time": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())}
    try:
        seen |= {"sha256": _sum(f"{directory}/dump.rdb"), **_loaded(directory, release.settings)}
        found = differences(manifest, seen, read_json(f"{directory}/proof.json"))
    except (OSError, Unanswered) as error:
        found = [plain(str(error))]
    return {**seen, "problems": found}


def told_of(proof: dict[str, object]) -> str:
    """Its problems, for people; empty: it has none."""
    problems = proof.get("problems")
    return "; ".join(map(str, problems)) if isinstance(problems, list) else ""


def backups() -> None:
    """Prints each backup here, the newest last. Raises Refused where none is good."""
    from .repository import Repository, copied

    good = ""
    for name in _names():
        directory = f"{paths.BACKUPS}/{name}"
        manifest, proof = read_json(f"{directory}/manifest.json"), read_json(f"{directory}/proof.json")
        if manifest and not proof.get("problems"):
            good = name
        keys = manifest.get("keys")
        count = sum(keys.values()) if isinstance(keys, dict) else "?"
        # What is in a file of redis's is not to steer a terminal.
        print(plain(f"{name} {_age(name)} old, {count} keys, {manifest.get('bytes')} bytes, {_proven(proof)}"))
    place = Repository(current_release(paths.MANAGED).directory).place
    record = copied(place)
    there = str(record.get("name", ""))
    if place:
        kept = f"{there} {_age(there)} old" if NAME.fullmatch(there) else "none yet"
        failed = f", THE LAST COPY FAILED {record['failed']}" if "failed" in record else ""
        last = record.get("proof")
        drilled = f", {last.get('name')} there {_proven(last)}" if isinstance(last, dict) else ""
        print(plain(f"{place}: {kept}{drilled}{failed}"))
    lacks = paths.BACKUPS if not good else place if place and not there else ""
    if lacks:
        raise Refused(f"no good backup in {lacks}. See 'sudo journalctl -u {paths.CLUSTER}-backup'")


def _proven(proof: dict[str, object]) -> str:
    if proof.get("problems"):
        return "PROOF FAILED"
    return f"proven {proof['time']}" if "time" in proof else "not proven"


def _names() -> list[str]:
    try:
        return made()
    except OSError:
        return []


def _age(name: str) -> str:
    then = datetime.strptime(name, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    minutes = max(0, int((datetime.now(UTC) - then).total_seconds() // 60))
    return f"{minutes // 60} h {minutes % 60} min"


def _loaded(directory: str, settings: Settings) -> dict[str, object]:
    """The keys of each database, and a digest of all data, of a Redis that has loaded it. Raises Unanswered."""
    # As a replica it drops no key that has expired since, so the counts stay those of the save. Nobody serves there.
    lines = ["save ''", "appendonly no", "replicaof 127.0.0.1 1", "dbfilename dump.rdb", "enable-debug-command local"]
    lines.append(f"databases {settings.get('databases', '16')}")
    lines += [" ".join(each) for each in settings.lines("loadmodule")]
    with scratch() as place:
        conf, path, log = f"{place}/conf", f"{place}/socket", f"{place}/log"
        with open(conf, "x") as file:
            file.write("\n".join(lines) + "\n")
        with started(apart(conf, path, directory, [], log)) as end:
            deadline = time.monotonic() + PROOF_LIMIT
            while True:
                # Nothing is printed beside the log, so what can be read is the end.
                if select.select([end], [], [], 0.05)[0]:
                    with open(log, encoding="utf-8", errors="replace") as said:
                        raise Unanswered(complaint(said.read(100_000)))
                if time.monotonic() > deadline:
                    raise Unanswered(f"it was not loaded within {PROOF_LIMIT} s")
                try:
                    connection = Connection(path, 0, Login("default", "none"), 10)
                except Unanswered:
                    continue
                (told,) = connection.ask([["INFO"]], 10)
                info = fields(told) if isinstance(told, str) else {}
                if info.get("loading") == "0":
                    break
                connection.close()
            (digest,) = connection.ask([["DEBUG", "DIGEST"]], PROOF_LIMIT)
            connection.close()
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{40}", digest):
        raise Unanswered(f"DEBUG DIGEST is answered with {digest}")
    return {"server": info.get("redis_version"), "keys": keys_of(info), "digest": digest}


def _refuse_little_memory(host: str, directory: str, need: int) -> None:
    """The node beside it, and what else runs here, may not lose theirs. Raises Refused."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            told = re.search("^MemAvailable: *([0-9]+) kB", file.read(), re.MULTILINE)
    except OSError:
        told = None
    free = int(told[1]) << 10 if told else 0
    # A quarter more than the node had.
    if free < need * 5 // 4:
        raise Refused(
            f"backup {directory} is made, and not proven: {free >> 20} MiB of memory are available; expected "
            f"{need * 5 // 4 >> 20}. Copy it to a machine with more, and prove it there, or take another host into "
            "redis-cluster:backup.hosts",
            host,
        )


def _sum(path: str) -> str:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        return file_digest(file, "sha256").hexdigest()
