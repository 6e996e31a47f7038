"""Composes the file that a daemon runs with, before each of its starts: its release, and its role as it is now."""

import os
from errno import EDQUOT, ENOSPC

from .bootstrap import bootstrap_mark
from .composed import node_text, sentinel_text
from .decide.watched import Own
from .files import Files
from .given_up import refuse_given_up
from .join import Replica, join
from .last_files import node_last, sentinel_last
from .lead import operator_lets_lead
from .marks import mark_data
from .messages import Refused
from .paths import DATA, ETC, INITIALISED, MANAGED
from .put import put
from .release import Release, current_release, note_release
from .stamps import read_stamp
from .watch import watch


def compose_node() -> None:
    """ExecStartPre of the node's unit. Raises Refused where its role is undecided."""
    release = current_release(MANAGED)
    host, last, was_whole = release.members.host, node_last(release.members), os.path.exists(INITIALISED)
    if was_whole:
        refuse_given_up(release.daemons())
    joins = join(release, last, bootstrap_mark(), was_whole, operator_lets_lead(host))
    text, resumes = node_text(release.directory), False
    if isinstance(joins, Replica):
        text += f"replicaof {joins.master.pair}\nreplica-priority {joins.rank}\n"
        resumes = joins.resumes
    if resumes:
        text += "appendonly no\n"
    _compose("node", release, text)
    Files(release.settings, DATA).settle(read_stamp(DATA), resumes)
    mark_data(release.members.host)
    note_release("node", os.path.basename(release.directory))


def compose_sentinel() -> None:
    """The same of the sentinel's, which waits for no node. Raises Refused where whom it watches is undecided.

    Sentinel keeps what it knows in the file that it runs with, so that part is carried over.
    """
    release = current_release(MANAGED)
    members, last = release.members, sentinel_last(release.members)
    if not members.has_sentinel:
        raise Refused(
            f"{release.directory}/members: this host has no sentinel; expected a line 'sentinel {members.host} ADDRESS "
            "PORT'. Run pulumi up again",
            members.host,
        )
    lead, was_whole = operator_lets_lead(members.host), os.path.exists(INITIALISED)
    if was_whole:
        refuse_given_up(release.daemons())
    found = watch(release, Own(last.master, last.epoch), was_whole, lead)
    lines = [f"sentinel config-epoch {members.master_name} {found.epoch}"]
    # A sentinel that does not know the replicas cannot fail over, and learns them only after ten seconds.
    others = [node for node in members.nodes if node != found.master]
    lines += [f"sentinel known-replica {members.master_name} {node.pair}" for node in others]
    lines += [*last.kept, *found.begins]
    if lead:
        lines.append(f"sentinel current-epoch {found.epoch}")
    text = sentinel_text(release.directory, found.master.address, str(found.master.port))
    _compose("sentinel", release, text + "".join(f"{line}\n" for line in lines))
    note_release("sentinel", os.path.basename(release.directory))


def _compose(daemon: str, release: Release, text: str) -> None:
    path = f"{ETC}/redis-{'cluster' if daemon == 'node' else daemon}.conf"
    name, host = os.path.basename(release.directory), release.members.host
    try:
        put(path, f"# composed from release {name}\n{text}")
    except OSError as error:
        expected = f"it to be owned by redis: sudo chown redis {path}"
        if error.errno in (ENOSPC, EDQUOT):
            expected = f"room: df {ETC}"
        raise Refused(f"cannot replace {path}: {error.strerror}; expected {expected}", host) from None
