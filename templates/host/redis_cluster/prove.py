"""What this host says of itself where a group begins: who bootstraps it is decided where all proofs come together."""

import os

from . import paths
from .adopt import recognise
from .bootstrap import bootstrap_mark
from .files import holds_files
from .host import legacy
from .last_files import node_last
from .members import load_members
from .restore import asked
from .settings import Settings
from .unread import unread


def prove() -> str:
    """`NAME STATE` for this host.

    STATE is one of: `initialised`, the group has been whole with this host in it; `restore`, a backup here is what the
    group is to begin with; `legacy`, what Ansible deployed, recognised; `marked`, the bootstrap of an unfinished first
    deployment; `unread`, data that would not be loaded; `retired-master`, data kept by a destroy, written as master;
    `data` of another kind; `empty`. Raises Refused.
    """
    members = load_members(f"{paths.STAGED}/members")
    if os.path.exists(paths.INITIALISED):
        state = "initialised"
    elif asked(members.host):
        state = "restore"
    elif legacy():
        recognise(members)
        state = "legacy"
    elif bootstrap_mark() == members.host:
        state = "marked"
    elif not members.has_node:
        # What is left here of a node is nobody's to load; that there is some is to be told.
        state = "data" if holds_files(paths.DATA) else "empty"
    elif unread(Settings(f"{paths.STAGED}/redis.conf"), paths.DATA, node_last(members)):
        state = "unread"
    elif holds_files(paths.DATA):
        state = "retired-master" if os.path.exists(f"{paths.DATA}/retired-master") else "data"
    else:
        state = "empty"
    return f"{members.host} {state}"
