"""Takes over the legacy group, the one that Ansible deployed.

It is on these paths and ports, under units of its own, with one password for the user default and sentinels without a
login. Its daemons learn this program's users, logins and addresses while they run; then the steps of any rollout
restart them, one by one.
"""

import time
from collections.abc import Sequence

from .answers import heard_of
from .composed import users_lines
from .decide.answers import NodeAnswer, named, only_master
from .decide.handover import linked
from .decide.legacy import PRESET, Legacy, not_taken_over
from .decide.replies import pairs
from .host import legacy_unit, running
from .members import Member, Members, secret
from .messages import Refused, plain, say
from .observe import Daemons, fields, text
from .paths import ETC, STAGED
from .prepare import refuse_foreign_units
from .release import staged_daemons
from .resp import Unanswered
from .settings import Settings
from .strangers import FIND_LIMIT


def recognise(members: Members) -> None:
    """Refuses what Ansible did not deploy, or for another group. Whatever was there when the host was prepared."""
    refuse_foreign_units(adopt=True)
    wanted = Settings(f"{STAGED}/redis.conf")
    conf, sentinel = (Settings(f"{ETC}/redis-{daemon}.conf", missing=True) for daemon in ("cluster", "sentinel"))
    settings = {name: conf.get(name, preset) for name, preset in PRESET.items()}
    why = ""
    if _runs("node"):
        try:
            replies = _by_default(members).ask(members.node_here, *(f"CONFIG GET {name}" for name in PRESET))
            settings = {name: value for reply in replies for name, value in pairs(reply).items()}
        except Unanswered as error:
            why = (
                f"the node answers '{plain(str(error))}' to its user default; expected PONG. Set that user's password: "
                "pulumi config set --secret adoptPassword"
            )
    lines = [words[1:] for words in sentinel.lines("sentinel") if len(words) > 1]
    legacy = Legacy(conf.get("port", "6379"), settings, sentinel.get("port", "26379"), lines)
    why = why or not_taken_over(members, legacy, {name: wanted.get(name, "") for name in PRESET})
    if why:
        raise Refused(
            f"the legacy group is not taken over: {plain(why)}. Then run pulumi up again; nothing that runs was "
            "touched",
            members.host,
        )


def admit_users(directory: str) -> None:
    """This program's users of the release there, beside the one there is, on the running daemons of this host.

    They accept every login before any daemon of the group uses one. The user default stays as it is until the restart:
    the legacy daemons still log in as it. Raises Refused.
    """
    members = staged_daemons().members
    asked = [("node", "users.acl", "CONFIG REWRITE"), ("sentinel", "sentinel-users.acl", "SENTINEL FLUSHCONFIG")]
    for daemon, file, write in asked:
        if _runs(daemon):
            users = [line.split(" ")[1:] for line in users_lines(directory, file)]
            commands = [["ACL", "SETUSER", name, "reset", *rules] for name, *rules in users if name != "default"]
            here = members.node_here if daemon == "node" else members.sentinel_here
            _tell(_by_default(members), here, [*commands, write.split(" ")])


def use_logins() -> None:
    """The running daemons of this host log in as this program's users, everywhere, and announce the host's address.

    All daemons of the group know the users by now. Raises Refused.
    """
    daemons = staged_daemons()
    members = daemons.members
    if _runs("node"):
        login = ["masteruser", "replication", "masterauth", secret(f"{STAGED}/secrets", "replication")]
        _tell(daemons, members.node_here, [["CONFIG", "SET", *login], ["CONFIG", "REWRITE"]])
    if _runs("sentinel"):
        here, password = members.sentinel_here, secret(f"{STAGED}/secrets", "sentinel")
        own = {"sentinel-user": "sentinel", "sentinel-pass": password, "announce-ip": here.address}
        commands = [["SENTINEL", "SET", members.master_name, "auth-user", "sentinel", "auth-pass", password]]
        commands += [["SENTINEL", "CONFIG", "SET", name, value] for name, value in own.items()]
        _tell(daemons, here, commands)


def _runs(daemon: str) -> bool:
    """Whether it is the legacy one, and up."""
    return legacy_unit(daemon) and running(daemon)


def _by_default(members: Members) -> Daemons:
    """The daemons, asked with the login of the legacy group's clients, which its sentinels take too."""
    return Daemons(members, secret(f"{STAGED}/secrets", "adopt"), user="default")


def _tell(daemons: Daemons, member: Member, commands: Sequence[Sequence[str]]) -> None:
    try:
        said = [plain(text(reply)) for reply in daemons.tell(member, *commands) if reply != "OK"]
    except Unanswered as error:
        said = [plain(str(error))]
    if said:
        raise Refused(
            f"{member.place} answers: {'; '.join(said)}; expected OK to every command that takes it over; run pulumi "
            "up again",
            daemons.members.host,
        )


def follow_by_address(daemons: Daemons) -> None:
    """Has each replica that follows its master by a name follow it by its address, one after the other.

    The role names the master by its host's name. Where it is not clear who is the master, or a replica is not linked to
    it, the gate has its say. Raises Refused where one is not linked any more.
    """
    members = daemons.members
    heard = heard_of(daemons, members.sentinels, members.nodes)
    master = only_master(heard, len(members.nodes) - 1)
    said = named(members, heard.sentinels.values(), None)
    if master is None or said.master != master or not said.by_majority:
        return
    for replica in heard.nodes.values():
        if replica.kind == "replica" and replica.master is None and _linked(daemons, master, replica.member):
            _follow(daemons, master, replica)


def _linked(daemons: Daemons, master: Member, replica: Member) -> bool:
    """Whether the master has a link to this replica."""
    try:
        told = fields(daemons.ask(master, "INFO replication")[0])
    except Unanswered:
        return False
    return replica in linked(master, told, daemons.members)


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
