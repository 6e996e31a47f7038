"""The gate: what must hold on the whole group before a running daemon is stopped, and again before the next turn.

CKQUORUM alone proves nothing: it says OK with a wrong password everywhere. The conditions are listed in
docs/architecture.md, and tests/gate/cases.json holds them against the check that closes a run.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from ..messages import plain
from ..observe import Group, Node, Sentinel
from ..paths import CLUSTER, CURRENT
from .replies import number, version

# How far two hosts' clocks may be apart, in microseconds.
CLOCK_LIMIT = 2_000_000

# Whoever looks at the group is told of a certificate's end this many seconds before.
CERTIFICATE_NOTICE = 30 * 24 * 60 * 60

LOG = f"/var/log/{CLUSTER}/redis-cluster.log"

# How the last write of each kind went, and what clears it. A replica whose save has failed ends itself at the next
# write of its master's; once it is back it says ok.
WRITES = {
    "rdb_last_bgsave_status": "BGSAVE",
    "aof_last_write_status": "",
    "aof_last_bgrewrite_status": "BGREWRITEAOF",
}

Condition = Literal[
    "sentinel-answers",
    "sentinel-master",
    "sentinel-epoch",
    "sentinel-flags",
    "sentinel-replicas",
    "sentinel-others",
    "sentinel-tilt",
    "sentinel-ckquorum",
    "sentinel-id",
    "sentinel-file",
    "node-answers",
    "node-loading",
    "node-writes",
    "node-rights",
    "node-replays",
    "node-clock",
    "master-role",
    "master-replicas",
    "master-offset",
    "master-refused",
    "replica-role",
    "replica-master",
    "replica-link",
    "replica-sync",
    "replica-offset",
    "host-certificate",
    "host-program",
]


class Problem(NamedTuple):
    """A condition that does not hold, by its name, and what people are told.

    No number that was measured is in the text: an override is good for just these texts.
    """

    condition: Condition
    text: str


class Certificate(NamedTuple):
    """When this host's certificate or its authority ends, and until when it has to be good; YYYYMMDDhhmmss in UTC.

    ends: empty where there is none.
    """

    ends: str
    least: str


def problems(
    group: Group, host: str, certificate: Certificate | None = None, replaced: Sequence[str] = ()
) -> list[Problem]:
    """What is wrong with the group; nothing when it is whole.

    host: this host's name. certificate: None where there is none to judge. replaced: the daemons of this host that run
    a program whose file was replaced since.
    """
    found = [*_sentinel_problems(group), *_node_problems(group)]
    if group.thorough:
        found += _rights_problems(group)
        found += _replay_problems(group)
        found += certificate_problems(host, certificate)
        found += _clock_problems(group, host)
        found += _program_problems(host, replaced)
    return found


def text_of(found: list[Problem]) -> str:
    """A line for each problem."""
    return "\n".join(problem.text for problem in found)


def named_master(group: Group) -> str:
    """ADDRESS:PORT as the first sentinel that answers names it, which the others must name too; else empty."""
    return next((_address(each) for each in group.sentinels if not each.silence), "")


def strangers(group: Group) -> list[str]:
    """ADDRESS:PORT of the replicas that are no members, as the sentinels and the nodes tell them.

    One that an analyst or a backup has, say. No condition goes by them, but a failover may make one the master.
    """
    told = {each for sentinel in group.sentinels for each in sentinel.replicas}
    told |= {each for node in group.nodes for each in _connected(node)}
    return sorted(each for each in told if each and _host(each) not in _addresses(group))


def other_versions(group: Group) -> str:
    """Each node's version of Redis, where data of one are none for another; else empty.

    No condition: upgrades go by it.
    """
    told = [(each.member.name, each.info.get("redis_version", "")) for each in group.nodes if not each.silence]
    differ = len({version(of) for _, of in told}) > 1
    return ", ".join(f"{name} {plain(of)}" for name, of in told) if differ else ""


def late_replicas(group: Group) -> list[Node]:
    """The linked replicas that have not what the master had written when it was asked."""
    master = named_master(group)
    target = _written(group)
    if target is None:
        return []
    linked = [each for each in group.nodes if each.info.get("master_link_status") == "up"]
    offsets = [(each, offset(each, "slave_repl_offset")) for each in linked if each.member.place != master]
    return [each for each, seen in offsets if seen is None or seen < target]


def offset(node: Node, name: str) -> int | None:
    """An offset that INFO tells; None when it is no number."""
    return number(node.info.get(name))


def moves(nodes: Sequence[Node], saves: bool = False) -> str:
    """What the nodes are at and how far; while this changes, waiting for them is no vain wait.

    saves: whether a save counts that no replica waits for.
    """
    found: list[str] = []
    for node in nodes:
        if node.silence:
            continue
        name, told = node.member.name, node.info.get
        if told("loading") == "1":
            found.append(f"{name} loads: {plain(told('loading_loaded_bytes', ''))} bytes")
        if told("master_sync_in_progress") == "1":
            found.append(f"{name} syncs: {plain(told('master_sync_read_bytes', ''))} bytes")
        if saves or _keeps_a_replica_waiting(node):
            found.append(f"{name} saves: {plain(told('current_save_keys_processed', ''))} keys")
    return ";".join(found)


def _keeps_a_replica_waiting(node: Node) -> bool:
    replicas = [value for name, value in node.info.items() if name.startswith("slave")]
    return any(",state=wait_bgsave," in each or ",state=send_bulk," in each for each in replicas)


def _addresses(group: Group) -> set[str]:
    """Those of the members. By address alone: while a group moves to TLS, its members are known by other ports."""
    return {node.member.address for node in group.nodes}


def _host(place: str) -> str:
    return place.partition(":")[0]


def _connected(node: Node) -> list[str]:
    """ADDRESS:PORT of the replicas that a node has."""
    lines = [value for name, value in node.info.items() if re.fullmatch("slave[0-9]+", name)]
    found = [re.match(r"ip=([0-9.]{7,15}),port=([0-9]{1,5}),", line) for line in lines]
    return [f"{each[1]}:{each[2]}" for each in found if each]


def _address(sentinel: Sentinel) -> str:
    return f"{sentinel.master.get('ip', '')}:{sentinel.master.get('port', '')}"


def _written(group: Group) -> int | None:
    master = named_master(group)
    return next((offset(each, "master_repl_offset") for each in group.nodes if each.member.place == master), None)


def _expect(condition: Condition, who: str, what: str, seen: str, wanted: str) -> Iterator[Problem]:
    if seen != wanted:
        yield Problem(condition, f"{who}: {what} is {plain(seen) or 'unknown'}; expected {plain(wanted)}")


def _sentinel_problems(group: Group) -> Iterator[Problem]:
    """The first sentinel's answer is what the others must say too."""
    master = named_master(group)
    epoch = next((each.master.get("config-epoch", "") for each in group.sentinels if not each.silence), "")
    replicas, others = str(len(group.nodes) - 1), str(len(group.sentinels) - 1)
    ids: dict[str, str] = {}
    for each in group.sentinels:
        who, told = f"{each.member.name} sentinel", each.master.get
        if each.silence:
            yield Problem("sentinel-answers", f"{who} {each.member.place}: {plain(each.silence)}; expected an answer")
            continue
        yield from _expect("sentinel-master", who, "master", _address(each), master)
        yield from _expect("sentinel-epoch", who, "config-epoch", told("config-epoch", ""), epoch)
        yield from _expect("sentinel-flags", who, "flags", told("flags", ""), "master")
        known = str(len(_addresses(group) & set(map(_host, each.replicas))))
        yield from _expect("sentinel-replicas", who, "num-slaves (members)", known, replicas)
        yield from _expect("sentinel-others", who, "num-other-sentinels", told("num-other-sentinels", ""), others)
        yield from _expect("sentinel-tilt", who, "sentinel_tilt", each.tilt, "0")
        if not each.ckquorum.startswith("OK"):
            yield Problem("sentinel-ckquorum", f"{who}: CKQUORUM says {plain(each.ckquorum)}; expected OK")
        if not each.id:
            yield Problem("sentinel-id", f"{who}: does not tell its id")
        elif each.id in ids:
            yield Problem("sentinel-id", f"{who}: has the id of {ids[each.id]}; expected distinct ids")
        ids.setdefault(each.id, each.member.name)


def _node_problems(group: Group) -> Iterator[Problem]:
    master = named_master(group)
    late = {node.member for node in late_replicas(group)}
    replicas = str(len(group.nodes) - 1)
    for node in group.nodes:
        who, told = f"{node.member.name} node", node.info.get
        if node.silence:
            yield Problem("node-answers", f"{who} {node.member.place}: {plain(node.silence)}; expected an answer")
            continue
        yield from _expect("node-loading", who, "loading", told("loading", ""), "0")
        for last, cleared_by in WRITES.items():
            if told(last) != "ok":
                way = f"one that succeeds clears it: {_typed(group, node, cleared_by)}" if cleared_by else ""
                yield Problem(
                    "node-writes",
                    f"{who}: {last} is {plain(told(last, ''))}; expected ok. The reason is in {LOG} there; "
                    f"{way or 'the next write that succeeds clears it'}",
                )
        if node.member.place == master:
            yield from _expect("master-role", who, "role", told("role", ""), "master")
            connected = str(len(_addresses(group) & set(map(_host, _connected(node)))))
            yield from _expect("master-replicas", who, "connected_slaves (members)", connected, replicas)
            if _written(group) is None:
                yield Problem("master-offset", f"{who}: does not tell its master_repl_offset; expected a number")
            continue
        followed = f"{told('master_host', '')}:{told('master_port', '')}"
        yield from _expect("replica-role", who, "role", told("role", ""), "slave")
        yield from _expect("replica-master", who, "master", followed, master)
        for each in _expect("replica-link", who, "master_link_status", told("master_link_status", ""), "up"):
            yield each._replace(text=each.text + _older(node, group))
        yield from _expect("replica-sync", who, "master_sync_in_progress", told("master_sync_in_progress", ""), "0")
        if node.member in late:
            yield Problem(
                "replica-offset",
                f"{who}: has not what its master had written, and comes no nearer; "
                "expected its slave_repl_offset to pass that",
            )


def _older(replica: Node, group: Group) -> str:
    """What to add about one without a link, where no new one can help."""
    names = [each.info.get("redis_version", "") for each in group.nodes if each.member.place == named_master(group)]
    own, of_master = replica.info.get("redis_version", ""), "".join(names)
    if version(own) >= version(of_master):
        return ""
    return f". Its Redis {plain(own)} is older than its master's {plain(of_master)}, and cannot copy it: upgrade it"


def _rights_problems(group: Group) -> Iterator[Problem]:
    """What would let a failover fail though all looks well: a file that cannot be written, a right that is missing."""
    for node in group.nodes:
        if node.refusals:
            seen = "; ".join(map(plain, node.refusals))
            yield Problem(
                "node-rights",
                f"{node.member.name} node: CONFIG REWRITE and the rights of the user sentinel: {seen}; expected OK",
            )
    for each in group.sentinels:
        if each.flush != "OK":
            yield Problem(
                "sentinel-file",
                f"{each.member.name} sentinel: SENTINEL FLUSHCONFIG says {plain(each.flush)}; expected OK: "
                f"redis must be able to write /etc/{CLUSTER}",
            )


def _replay_problems(group: Group) -> Iterator[Problem]:
    """What a node would drop at its next start from an AOF, and what the master dropped at its last one.

    A replica has copied its master since.
    """
    for node in group.nodes:
        who, told = f"{node.member.name} node", node.info.get
        if node.silence:
            continue
        if not node.replays:
            yield Problem(
                "node-replays",
                f"{who}: its user default may not do all writes; expected 'user default off resetpass ~* &* +@all': "
                "so a start from the AOF drops transactions, scripts and functions. pulumi refresh, then pulumi up, "
                "mends it",
            )
        if told("role") == "master" and told("unexpected_error_replies") != "0":
            yield Problem(
                "master-refused",
                f"{who}: the master has refused commands that it loaded from its AOF or got from its master "
                "(unexpected_error_replies); expected none: what they wrote is missing here. "
                f"Look at {LOG} there for CRITICAL; once you know: {_typed(group, node, 'CONFIG RESETSTAT')}",
            )


def certificate_problems(host: str, certificate: Certificate | None) -> Iterator[Problem]:
    """The daemons let nobody in, and are let in nowhere, from the end of a certificate on."""
    if certificate and certificate.ends and certificate.ends < certificate.least:
        ends = "{}{}-{}-{} {}:{}:{}".format(*(certificate.ends[at : at + 2] for at in range(0, 14, 2)))
        yield Problem(
            "host-certificate",
            f"{host}: its certificate or its authority ends {ends} UTC; expected more than 30 days: pulumi up makes "
            'new ones, where the stack does not bring its own in redis-cluster:tls. See "Renewing certificates" in '
            "docs/operations.md",
        )


def _clock_problems(group: Group, host: str) -> Iterator[Problem]:
    """After an outage nodes rank by moments that their master's clock told; the next master's has to go on from there.

    What the question took is no difference.
    """
    for node in group.nodes:
        clock = node.clock
        if clock and not clock.before - CLOCK_LIMIT <= clock.told <= clock.after + CLOCK_LIMIT:
            yield Problem(
                "node-clock",
                f"{node.member.name} node: its clock is more than {CLOCK_LIMIT // 1_000_000} s off that of {host}; "
                "expected the same time on all hosts: have NTP set them",
            )


def _program_problems(host: str, replaced: Sequence[str]) -> Iterator[Problem]:
    """What an upgrade of the package was to mend goes on until then, and a crash would start the new program anyway."""
    for daemon in replaced:
        yield Problem(
            "host-program",
            f"{host} {daemon}: runs a redis-server whose file was replaced since, by an upgrade of the package say; "
            "expected the installed one: pulumi up --refresh restarts it in its turn",
        )


def _typed(group: Group, node: Node, command: str) -> str:
    """The line by which an operator says that to a node, on any host of the group."""
    shown = f"--tls --cacert {CURRENT}/tls.ca --cert {CURRENT}/tls.crt --key {CURRENT}/tls.key "
    return (
        f"{f'sudo redis-cli {shown}' if group.by_tls else 'redis-cli '}-h {node.member.address} -p {node.member.port} "
        f"--user operator --askpass {command}"
    )
