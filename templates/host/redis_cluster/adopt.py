"""Takes over what the old Ansible role left in running daemons."""

import re
import time

from .answers import hear
from .decide.answers import NodeAnswer, named, nobody_heard, only_master
from .members import Member, load_members, secret
from .messages import Refused, plain, say
from .observe import Daemons, fields, text
from .resp import Unanswered
from .strangers import FIND_LIMIT


def follow_by_address(members_file: str, secrets_file: str) -> None:
    """Has each replica that follows its master by a name follow it by its address, one after the other.

    The role names the master by its host's name. Where it is not clear who is the master, or a replica is not linked to
    it, the gate has its say. Raises Refused where one is not linked any more.
    """
    daemons = Daemons(load_members(members_file), secret(secrets_file, "operator"))
    members, heard = daemons.members, nobody_heard()
    for answer in hear(daemons, members.sentinels, members.nodes):
        heard.add(answer)
    master = only_master(heard, len(members.nodes) - 1)
    said = named(members, heard.sentinels.values(), None)
    if master is None or said.master != master or not said.by_majority:
        return
    for replica in heard.nodes.values():
        if replica.kind == "replica" and replica.master is None and _linked(daemons, master, replica.member):
            _follow(daemons, master, replica)


def _linked(daemons: Daemons, master: Member, replica: Member) -> bool:
    """Whether the master has a link to this replica."""
    link = f"ip={replica.address},port={replica.port},state=online,"
    try:
        told = fields(daemons.ask(master, "INFO replication")[0])
    except Unanswered:
        return False
    return any(re.fullmatch("slave[0-9]+", name) and value.startswith(link) for name, value in told.items())


def _follow(daemons: Daemons, master: Member, replica: NodeAnswer) -> None:
    who, host, deadline = f"{replica.member.name} node", daemons.members.host, time.monotonic() + FIND_LIMIT
    say(f"{who}: follows {master.pair} by its address instead of {replica.told}", host)
    status = ""
    try:
        (reply,) = daemons.ask(replica.member, f"REPLICAOF {master.pair}")
        if reply != "OK":
            raise Refused(f"{who} answers: {plain(text(reply))}; expected OK to REPLICAOF; run pulumi up again", host)
        while status != "up" and time.monotonic() < deadline:
            time.sleep(0.1)
            status = fields(daemons.ask(replica.member, "INFO replication")[0]).get("master_link_status", "")
    except Unanswered as error:
        raise Refused(f"{who} {replica.member.place}: {error}; expected an answer; run pulumi up again", host) from None
    if status != "up":
        raise Refused(
            f"{who} is not linked to {master.pair} after {FIND_LIMIT} s; expected the link that it had by name; "
            "run pulumi up again",
            host,
        )
