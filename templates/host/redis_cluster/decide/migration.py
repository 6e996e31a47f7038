"""Moving from the legacy Redis into the group: what stands in the way, what differs, who is still on the old one."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from .backup import keys_of
from .replies import number, version

# A master that follows the legacy Redis reports itself as a replica, which Sentinel takes for down once
# down-after-milliseconds and 20 s have passed. So sentinels have this value meanwhile, 24 days: the longest that
# Sentinel reads from its file.
HELD = "2147483647"

# What a node that follows the legacy Redis has otherwise than its release says.
LENT = ("masteruser", "masterauth", "tls-replication")

# Its connections to the legacy Redis have this name.
OUR_NAME = "redis-cluster-migration"

# CLIENT PAUSE WRITE, and CLIENT UNPAUSE, came with this version.
PAUSES_WRITES = (6, 2)

_ADDRESS = re.compile(r"([0-9a-fA-F.:\[\]]{1,64}):[0-9]{1,5}")


class Sizes(NamedTuple):
    """Of a node: databases, and maxmemory in bytes, 0 for none; None where it does not tell. And its modules."""

    databases: int | None
    maxmemory: int | None
    modules: Sequence[str] = ()


def hindrances(
    old: Mapping[str, str],
    old_sizes: Sizes,
    modules: Sequence[str],
    errors: Mapping[str, str],
    nodes: Iterable[tuple[str, Mapping[str, str], Sizes]],
) -> Iterator[str]:
    """Why the group cannot follow the legacy Redis; each as what is seen and what is expected, for people.

    old: its INFO. modules: that it has loaded. errors: what it says to commands that it does not carry out. nodes: of
    the group, each with its host's name and INFO.
    """
    its = old.get("redis_version", "")
    if old.get("redis_mode") != "standalone":
        yield f"it runs in mode '{old.get('redis_mode', 'unknown')}'; expected standalone"
    if old.get("role") != "master":
        yield f"its role is '{old.get('role', 'unknown')}'; expected a master, which is told all writes"
    if old.get("loading") != "0":
        yield "it loads its data; expected that it has them"
    refused = {command: said for command, said in errors.items() if _is_refused(command, said)}
    if refused:
        yield (
            f"it refuses {', '.join(refused)} with '{next(iter(refused.values()))}'; expected that it carries them "
            "out: a user with the rights that docs/operations.md names, and no rename-command of these"
        )
    needs, used = old_sizes.databases or highest(old) + 1, number(old.get("used_memory"))
    for host, info, sizes in nodes:
        # Redis 8.0 brings some of its own.
        if lacking := [name for name in modules if name not in sizes.modules]:
            yield f"it has the modules {', '.join(lacking)}, the node on {host} has not; expected none but the group's"
        if version(its) > version(info.get("redis_version")):
            here = info.get("redis_version", "unknown")
            yield f"it is Redis {its}, the node on {host} {here}; expected no older one, which cannot read its data"
        if sizes.databases is not None and sizes.databases < needs:
            yield f"it has {needs} databases, the node on {host} {sizes.databases}; expected as many by redis.databases"
        if used is None or (sizes.maxmemory and sizes.maxmemory < used):
            takes = "an unknown number of" if used is None else used
            yield f"its data take {takes} bytes, and redis.maxmemory on {host} is {sizes.maxmemory}; expected room"


def _is_refused(command: str, said: str) -> bool:
    """Whether to anybody like us; an older one does not know every type."""
    renamed = command.startswith(("CLIENT", "REPLCONF")) and "unknown command" in said
    return renamed or said.startswith("NOPERM")


def highest(info: Mapping[str, str]) -> int:
    """The highest number of a database that has keys; 0 where none has."""
    return max((int(name[2:]) for name in keys_of(info)), default=0)


def progress(info: Mapping[str, str], old: Mapping[str, str]) -> str:
    """What a first copy is at, and how far. info: of the node that copies. old: of the legacy Redis."""
    if old.get("rdb_bgsave_in_progress") == "1" and info.get("master_sync_read_bytes", "0") in ("0", "-1"):
        done = old.get("current_save_keys_processed") or old.get("rdb_current_bgsave_time_sec", "")
        return f"the old one saves for it: {done} {'keys' if 'current_save_keys_processed' in old else 's'}"
    if info.get("loading") == "1":
        return f"loads the copy: {info.get('loading_loaded_bytes', '')} bytes"
    if info.get("master_sync_in_progress") == "1":
        left, read = (number(info.get(f"master_sync_{name}_bytes")) for name in ("left", "read"))
        return f"copies: {read or 0} bytes read" + (f", {left} left" if left else "")
    return ""


def was_promoted(info: Mapping[str, str], replid: str, goal: int) -> bool:
    """Whether a master became it while it followed that stream, with all of it up to that offset."""
    reached = number(info.get("second_repl_offset"))
    return info.get("role") == "master" and info.get("master_replid2") == replid and (reached or 0) > goal


def count_differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Databases whose numbers of keys differ; each for people. Both are INFOs."""
    before, after = keys_of(old), keys_of(new)
    return [
        f"{name}: {before.get(name, 0)} keys there, {after.get(name, 0)} here"
        for name in sorted({*before, *after})
        if before.get(name, 0) != after.get(name, 0)
    ]


def write_calls(names: Sequence[str], info: Mapping[str, str]) -> int:
    """How many commands of these names were carried out, by INFO commandstats."""
    found = [re.match("calls=([0-9]{1,18}),", info.get(f"cmdstat_{name}", "")) for name in names]
    return sum(int(match[1]) for match in found if match)


def still_there(told: str) -> list[str]:
    """Who is connected, by a reply to CLIENT LIST: `ADDRESS name, N connections`. Neither replicas nor this program."""
    counts: dict[str, int] = {}
    for line in told.split("\n"):
        words = dict(word.split("=", 1) for word in line.split(" ") if "=" in word)
        address = _ADDRESS.fullmatch(words.get("addr", ""))
        if words.get("name") == OUR_NAME or set(words.get("flags", "")) & {"S", "M"} or not words:
            continue
        who = f"{address[1] if address else 'a Unix socket'} {words.get('name') or '(no name)'}"
        counts[who] = counts.get(who, 0) + 1
    return [f"{who}, {count} connection{'s' * (count > 1)}" for who, count in sorted(counts.items())]
