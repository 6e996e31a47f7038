"""What running daemons take: settings and users, set at run time and read back."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

from . import paths
from .child import let_clients_go
from .composed import tls_lines
from .decide.replies import pairs
from .decide.settings import by_name, changed, plain_value
from .gate import Step, whole
from .members import Member, secret
from .messages import Refused, plain
from .observe import ASK_TIMEOUT, Daemons, fields, text
from .passwords import operator_daemons
from .release import CERTIFICATE, live_names, running_release, same_files, staged_daemons, tls_mode
from .resp import Login, Reply, Unanswered
from .settings import Settings
from .users import apply_users

_AGAIN = "run pulumi up again"


def node_takes(directory: str, step: Step) -> Iterator[str]:
    """The running node gets what the release in the directory says; what was done, in words. Raises Refused."""
    daemons, was = staged_daemons(), running_release("node")
    before, after = (Settings(f"{each}/redis.conf", missing=True) for each in (was, directory))
    closes_plain_port = (tls_mode(before), tls_mode(after)) == ("both", "required")
    if closes_plain_port:
        _wait_whole(step)
    names = live_names(directory, "node")
    now, wanted = (by_name(each.live(names)) for each in (before, after))
    values = {name: value.strip('"') for name, value in changed(now, wanted).items()}
    certificate = dict(line.split(" ", 1) for line in tls_lines(directory))
    if values or certificate:
        refuse_evicting_maxmemory(daemons, directory)
        if _raises_replicas_to_write(daemons, values):
            _wait_whole(step)
        _set(daemons, {**values, **certificate}, directory)
        if values:
            yield f"set at run time: {' '.join(values)}"
        if not same_files(paths.STAGED, was, CERTIFICATE):
            yield "took the new certificate"
    if closes_plain_port:
        drop_connections(daemons, before.get("port", "0"))
    if not same_files(was, directory, ("secrets", "users.acl")):
        here = daemons.members.node_here
        apply_users(daemons, here, directory, "users.acl")
        said = _said(daemons, here, "CONFIG", "SET", "masterauth", secret(f"{directory}/secrets", "replication"))
        if said != "OK":
            raise Refused(f"CONFIG SET masterauth was refused: {said}; {_AGAIN}", daemons.members.host)
        yield "changed users"


def sentinel_takes(directory: str) -> Iterator[str]:
    """As node_takes, for the running sentinel."""
    daemons, was = staged_daemons(), running_release("sentinel")
    members, here = daemons.members, daemons.members.sentinel_here
    names = live_names(directory, "sentinel")
    before, after = (Settings(f"{each}/sentinel.conf", missing=True).live(names) for each in (was, directory))
    changes = [words[1:] for words in after if words not in before and len(words) > 3 and words[0] == "sentinel"]
    for option, master, *value in [*changes, ["quorum", members.master_name, str(members.quorum)]]:
        said = _said(daemons, here, "SENTINEL", "SET", master, option, " ".join(value))
        if said != "OK":
            key = "quorum" if option == "quorum" else f"sentinel.{option}"
            raise Refused(
                f"SENTINEL SET {option} was refused: {said}; correct redis-cluster:{key}, then {_AGAIN}", members.host
            )
    for option, *_ in changes:
        yield f"set at run time: {option}"
    if not same_files(was, directory, ("secrets", "sentinel-users.acl")):
        apply_users(daemons, here, directory, "sentinel-users.acl")
        password = secret(f"{directory}/secrets", "sentinel")
        for command in (
            ["SENTINEL", "SET", members.master_name, "auth-pass", password],
            ["SENTINEL", "CONFIG", "SET", "sentinel-pass", password],
        ):
            said = _said(daemons, here, *command)
            if said != "OK":
                raise Refused(f"the sentinel refused its new password: {said}; {_AGAIN}", members.host)
        yield "changed users"


def takes_certificate(directory: str) -> bool:
    """Whether the running node, whose certificate has ended, takes that of the release in the directory.

    Where it is of another authority it lets in nobody of that, and from now on nobody of its own. Raises Refused where
    it is not.
    """
    daemons = operator_daemons(directory, expired=True)
    words = [word for line in tls_lines(directory) for word in line.split(" ", 1)]
    said = _said(daemons, daemons.members.node_here, "CONFIG", "SET", *words)
    if said != "OK" and same_files(paths.CURRENT, paths.STAGED, ("tls.ca",)):
        raise Refused(
            f"the certificate that the node runs with has ended, and it does not take the new one: {said}; expected "
            "OK. Look at it with 'redis-cluster gate', then run pulumi up again",
            daemons.members.host,
        )
    return said == "OK"


def refuse_evicting_maxmemory(daemons: Daemons, directory: str) -> None:
    """Raises Refused where the limit of the release there is below what is in use, and the policy is to evict.

    Keys would be thrown away at once, so it has to tell.
    """
    settings, members = Settings(f"{directory}/redis.conf"), daemons.members
    limit = plain_value(settings.get("maxmemory", "0"))
    if limit.strip("0") == "" or settings.get("maxmemory-policy", "noeviction") == "noeviction":
        return
    used, said = "", "it tells none"
    try:
        (reply,) = daemons.ask(members.node_here, "INFO memory")
        used, said = fields(reply).get("used_memory", ""), said if isinstance(reply, str) else plain(text(reply))
    except Unanswered as error:
        said = str(error)
    if not re.fullmatch("[0-9]{1,18} [0-9]{1,18}", f"{limit} {used}"):
        raise Refused(
            f"how much memory the node uses is not known: {said}; expected that it tells, since keys beyond "
            f"redis-cluster:redis.maxmemory would be evicted. Look at it with 'redis-cluster gate', then {_AGAIN}",
            members.host,
        )
    if int(limit) < int(used):
        raise Refused(
            f"redis-cluster:redis.maxmemory is {limit} bytes, below the {used} in use, and maxmemory-policy would "
            "evict keys; expected more, or the policy noeviction first. Nothing was changed on this host",
            members.host,
        )


def drop_connections(daemons: Daemons, port: str) -> None:
    """Ends what came in by that port of the node, which would go on."""
    here = daemons.members.node_here
    with suppress(Unanswered):
        commands = [["CLIENT", "KILL", "ID", each.id] for each in daemons.clients(here) if each.port == port]
        if commands:
            *_, told = daemons.tell(here, *commands, ["INFO"])
            let_clients_go(fields(told))


def _raises_replicas_to_write(daemons: Daemons, values: Mapping[str, str]) -> bool:
    """A master that has to reach hosts which have just joined would refuse writes until they are linked."""
    name = "min-replicas-to-write"
    now = pairs(_answer(daemons, f"CONFIG GET {name}")).get(name, "") if name in values else ""
    return bool(re.fullmatch("[0-9]{1,9}", now)) and int(values[name]) > int(now)


def _set(daemons: Daemons, values: Mapping[str, str], directory: str) -> None:
    """Sets all at once, or nothing, and reads it back.

    Redis writes some values in its own way: KEA as AKE, 50.0 as 50. So what counts is that it has the wanted
    value, or another than before, or what the very binary makes of the release in the directory.
    """
    before = pairs(_answer(daemons, "CONFIG GET *"))
    said = _said(
        daemons, daemons.members.node_here, "CONFIG", "SET", *(word for item in values.items() for word in item)
    )
    if said != "OK":
        raise Refused(
            f"CONFIG SET was refused: {said}. Nothing was changed on this host; correct the setting in the stack's "
            f"configuration, then {_AGAIN}",
            daemons.members.host,
        )
    after = pairs(_answer(daemons, "CONFIG GET *"))
    # What CONFIG GET does not list, as 8.0 leaves out one that 7.0 has, the answer above stands for.
    same = {name: after[name] for name in values if name in after and after[name] == before.get(name, "")}
    unset = [name for name, seen in same.items() if plain_value(seen) != plain_value(values[name])]
    made = _made(directory) if unset else {}
    for name in unset:
        if same[name] != made.get(name):
            raise Refused(
                f"redis-cluster:redis.{name} is '{plain(same[name])}' after CONFIG SET; expected '{values[name]}'; "
                f"{_AGAIN}",
                daemons.members.host,
            )


def _made(directory: str) -> Mapping[str, str]:
    """The settings of a node that is started on that release; none where it does not start."""
    from .composed import node_text
    from .dry_run import NotAccepted, dry_run

    try:
        login = Login("operator", secret(f"{directory}/secrets", "operator"))
        return pairs(dry_run("node", node_text(directory), login, ["CONFIG GET *"])[0])
    except NotAccepted:
        return {}


def _answer(daemons: Daemons, question: str) -> Reply:
    """What the node answers. Raises Refused where that is no answer."""
    try:
        (reply,) = daemons.ask(daemons.members.node_here, question)
        said = "" if isinstance(reply, list) else plain(text(reply))
    except Unanswered as error:
        reply, said = None, str(error)
    if said:
        raise Refused(
            f"the node says '{said}' to a question of this step; expected an answer within {ASK_TIMEOUT} s. Look at it "
            f"with 'redis-cluster gate' here, then {_AGAIN}",
            daemons.members.host,
        )
    return reply


def _said(daemons: Daemons, daemon: Member, *command: str) -> str:
    """What a daemon answers to one command, for people."""
    try:
        (reply,) = daemons.tell(daemon, command)
    except Unanswered as error:
        return str(error)
    return plain(text(reply))


def _wait_whole(step: Step) -> None:
    whole(f"{paths.STAGED}/members", f"{paths.STAGED}/secrets", step)
