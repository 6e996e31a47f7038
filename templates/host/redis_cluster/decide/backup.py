"""What may be saved, what is kept, and whether a backup holds what was saved."""

import re
from collections.abc import Mapping, Sequence

# A backup's name is the moment of its save, so they sort by age.
NAME = re.compile("[0-9]{8}T[0-9]{6}Z")

# Of a file system this part stays free for the node, which writes to the same one.
RESERVE = 0.05


def calls(unit: str) -> list[list[str]]:
    """Of a release's unit of the backup the verbs that it starts, with their arguments; nothing else that it says."""
    form = "^ExecStart=/[!-~]+/redis-cluster ((?:backup|copy-backup|drill-backups) [0-9]+(?: alone)?|prove-backup)$"
    return [words.split(" ") for words in re.findall(form, unit, re.MULTILINE)]


def out_of_sync(info: Mapping[str, str]) -> str:
    """Why a node with this INFO has not what the group has; empty: it has."""
    if info.get("role") == "master":
        return ""
    if info.get("master_sync_in_progress", "0") != "0":
        return "it is a replica that syncs"
    link = info.get("master_link_status", "unknown")
    return "" if link == "up" else f"it is a replica whose link to its master is {link}"


def busy(info: Mapping[str, str]) -> bool:
    """Whether the node loads or has a child that writes: there can be one alone."""
    return any(
        info.get(field) == "1"
        for field in ("loading", "rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled")
    )


def keys_of(info: Mapping[str, str]) -> dict[str, int]:
    """The number of keys of each database that has any."""
    found = {name: re.match("keys=([0-9]+)", value) for name, value in info.items() if re.fullmatch("db[0-9]+", name)}
    return {name: int(match[1]) for name, match in found.items() if match}


def lacking(need: int, free: int, total: int) -> int:
    """How many bytes a file system of that size lacks for so many more, with a part of it left free; 0: none."""
    return max(0, need + int(total * RESERVE) - free)


def outdated(names: Sequence[str], keep: int) -> list[str]:
    """Of these backups those that the newest ones make superfluous."""
    return sorted(filter(NAME.fullmatch, names))[:-keep]


def due(proof: Mapping[str, object], since: str) -> bool:
    """Whether what has that proof is to be proven again. since: a moment, as a backup's name is."""
    return bool(proof.get("problems")) or str(proof.get("time", "")) < since


def differences(manifest: Mapping[str, object], seen: Mapping[str, object], proven: Mapping[str, object]) -> list[str]:
    """What is not as the manifest has it, or as it was when the backup was last proven; each for people."""
    wanted = {"sha256": manifest.get("sha256"), "keys": manifest.get("keys")}
    if not proven.get("problems") and "digest" in proven:
        wanted["digest"] = proven["digest"]
    return [f"{name}: wanted {each}, seen {seen.get(name)}" for name, each in wanted.items() if seen.get(name) != each]
