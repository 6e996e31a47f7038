"""Whether what Ansible deployed on a host, its part of a legacy group, may be taken over as it is."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..members import Members

# What a legacy node has where its file says nothing.
PRESET = {
    "dir": "./",
    "dbfilename": "dump.rdb",
    "appendonly": "no",
    "appendfilename": "appendonly.aof",
    "appenddirname": "appendonlydir",
    "databases": "16",
}

# Redis starts with more databases than it had.
_COUNT = re.compile("[1-9][0-9]{0,8}")


class Legacy(NamedTuple):
    """What the legacy daemons run with, or would.

    settings: of the node, by the names of PRESET. sentinel: the lines of its file, without their first word.
    """

    node_port: str
    settings: Mapping[str, str]
    sentinel_port: str
    sentinel: Sequence[Sequence[str]]


def not_taken_over(members: Members, legacy: Legacy, wanted: Mapping[str, str]) -> str:
    """Why it may not, in words; empty where it may. wanted: the settings with which the node would start."""
    if legacy.node_port != str(members.node_here.port):
        return f"its node listens on port {legacy.node_port}; expected redis-cluster:nodePort, {members.node_here.port}"
    for name in PRESET:
        was, now = legacy.settings.get(name, ""), wanted.get(name, "")
        numbers = name == "databases" and _COUNT.fullmatch(was) and _COUNT.fullmatch(now)
        if was != now and not (numbers and int(now) >= int(was)):
            key = "" if name == "dir" else f". Set redis-cluster:redis.{name} to {was}"
            return f"its node has {name} {was}; expected {now}, or Redis would start without the data{key}"
    return _sentinel(members, legacy)


def _sentinel(members: Members, legacy: Legacy) -> str:
    """An address of this host alone is the legacy deployment's own fault, and mended."""
    name = members.master_name
    if not members.has_sentinel:
        key = f'redis-cluster:hosts["{members.host}"].sentinel'
        return f"the legacy group has a sentinel here too; expected {key} to be not false"
    port = members.sentinel_here.port
    if legacy.sentinel_port != str(port):
        return f"its sentinel listens on port {legacy.sentinel_port}; expected redis-cluster:sentinelPort, {port}"
    watched = " ".join(words[1] for words in legacy.sentinel if words[0] == "monitor" and len(words) > 1)
    if watched != name:
        return (
            f"its sentinel watches '{watched}'; expected {name} alone. Where that is the group to take over, set "
            "redis-cluster:masterName"
        )
    ours = {each.pair for each in (*members.nodes, *members.sentinels)}
    for what, _, address, at, *_ in (words for words in legacy.sentinel if len(words) > 3):
        told = (what == "monitor" or what.startswith("known-")) and re.fullmatch("[0-9.]+", address)
        if told and not address.startswith("127.") and f"{address} {at}" not in ours:
            return (
                f"its sentinel knows {address}:{at}; expected members of redis-cluster:hosts alone. Add that host; or "
                "where it is gone for good, and all others are up, have each sentinel forget it: redis-cli -p "
                f"{port} SENTINEL RESET {name}"
            )
    return ""
