"""A running group goes from plain ports to TLS alone.

A port is of one kind, and so are all links of a sentinel, so the group moves from one pair of ports to another while
both are open.
"""

import os
from contextlib import suppress
from functools import partial

from . import paths
from .decide.replies import pairs
from .decide.tls_change import clients_there, closing_ports, online_at
from .gate import Step, gate, overridden, override_hash
from .host import running
from .members import CONF, Member
from .messages import Refused, plain
from .observe import Daemons, at_once, fields, text
from .release import staged_daemons, tls_of
from .resp import Unanswered
from .settings import Settings
from .waits import Patience


def prepare_tls_change(step: Step) -> bool:
    """All that can refuse a change of the mode, on every host before anything changes on one.

    Returns whether this host's release has to be made now. Raises Refused.
    """
    was, now = map(tls_of, (paths.CURRENT, paths.STAGED))
    if was == now or not os.path.exists(paths.INITIALISED):
        return False
    daemons = staged_daemons()
    _refuse_clients_on_closing_ports(daemons, step)
    # A move that has begun is brought to its end.
    if (was, now) != ("both", "required") or _begun(daemons):
        return False
    asked = [("node", each) for each in daemons.members.nodes] + [
        ("sentinel", each) for each in daemons.members.sentinels
    ]
    at_once([partial(_refuse_without_tls, daemons, kind, member) for kind, member in asked])
    try:
        gate(f"{paths.CURRENT}/members", f"{paths.STAGED}/secrets", paths.STAGED, step)
    except Refused:
        if not _begun(daemons):
            raise
    return True


def follow_by_tls() -> None:
    """Every replica follows by TLS, whoever gets to it first.

    The sentinels would keep a replica that tells its plain port for ever. Raises Refused where nothing moves any more.
    """
    daemons = staged_daemons()
    patience = Patience(daemons)
    while not _all_follow(daemons):
        if patience.over():
            raise patience.gave_up("the replicas do not all follow by TLS; expected the master to tell their TLS ports")
        at_once([partial(_follow, daemons, node) for node in daemons.members.nodes])


def _refuse_clients_on_closing_ports(daemons: Daemons, step: Step) -> None:
    """Nobody is cut off who has not moved to the other kind of port yet."""
    members = daemons.members
    found = []
    for kind, daemon in members.here.items():
        file = CONF[kind]
        # One that is down has no clients.
        if not running(kind):
            continue
        now, wanted = (Settings(f"{each}/{file}", missing=True) for each in (paths.CURRENT, paths.STAGED))
        for port in closing_ports(now.get, wanted.get):
            try:
                found.append(clients_there(port, daemons.clients(daemon)))
            except Unanswered as error:
                raise Refused(
                    f"the {daemon.name} {kind} at {daemon.place} does not tell its clients: {error}; expected the "
                    "list, since those on a port that goes would be cut off. Run 'redis-cluster gate' here, then "
                    "pulumi up again. Nothing was changed",
                    members.host,
                ) from None
    problems = "\n".join(each for each in found if each)
    if problems and not overridden(members.host, problems, step):
        raise Refused(
            f"{problems}; expected none: let them connect to the ports that stay, then run pulumi up again. To go on "
            f"all the same, with this very change: pulumi config set override {override_hash(step.plan, problems)}. "
            "Nothing was changed",
            members.host,
        )


def _refuse_without_tls(daemons: Daemons, kind: str, daemon: Member) -> None:
    try:
        (reply,) = daemons.ask(daemon, "PING")
        said = plain(text(reply))
    except Unanswered as error:
        said = str(error)
    if said != "PONG":
        raise Refused(
            f"the {daemon.name} {kind} does not answer by TLS on {daemon.place}: {said}; expected PONG: "
            "'tls.mode: both' has to be live on every host first. Run 'redis-cluster gate' there, then pulumi up "
            "again. Nothing was changed",
            daemons.members.host,
        )


def _begun(daemons: Daemons) -> bool:
    return any(at_once([partial(_follows, daemons, node) for node in daemons.members.nodes]))


def _follows(daemons: Daemons, node: Member) -> bool:
    """Whether a node's link goes, or would go, by TLS."""
    with suppress(Unanswered):
        (reply,) = daemons.ask(node, "CONFIG GET tls-replication")
        return pairs(reply).get("tls-replication") == "yes"
    return False


def _all_follow(daemons: Daemons) -> bool:
    """Whether all do, and the master's list of replicas has each at its TLS port."""
    members = daemons.members
    if not all(at_once([partial(_follows, daemons, node) for node in members.nodes])):
        return False
    for node in daemons.nodes():
        if node.info.get("role") == "master":
            return online_at(node.member.port, node.info) == len(members.nodes) - 1
    return False


def _follow(daemons: Daemons, node: Member) -> None:
    """Its link goes to the TLS port of the same master, and goes on where it was."""
    with suppress(Unanswered):
        told = fields(daemons.ask(node, "INFO replication")[0])
        master = daemons.members.node_at(told.get("master_host", ""), told.get("master_port", ""))
        follow = [f"REPLICAOF {master.pair}"] if told.get("role") == "slave" and master else []
        daemons.ask(node, "MULTI", "CONFIG SET tls-replication yes", *follow, "CONFIG REWRITE", "EXEC")
