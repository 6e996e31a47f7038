"""Keeps this host out of a group that has given it up: it was taken for dead, and has come back.

The nodes that went on have a user of its name, who may do nothing. Started as before, the node would be a replica and
the sentinel a vote that nobody counts on.
"""

from queue import SimpleQueue
from threading import Thread

from .members import Member
from .messages import Refused
from .observe import Daemons
from .resp import Unanswered


def refuse_given_up(daemons: Daemons) -> None:
    """Refused where every other node that answers says so; the first one that does not is enough to go on."""
    members = daemons.members
    others = [node for node in members.nodes if node.name != members.host]
    answers: SimpleQueue[bool | None] = SimpleQueue()
    for node in others:
        Thread(target=lambda each=node: answers.put(_gives_up(daemons, each)), daemon=True).start()
    told = False
    for _ in others:
        answer = answers.get()
        if answer is False:
            return
        told = told or answer is True
    if told:
        raise Refused(
            f"the group has given this host up: {members.host} is in redis-cluster:gone; expected that it stays out. "
            "Empty this machine, then it can be a member again: see 'Taking off a host that is dead' in "
            "docs/operations.md. Retried every time systemd starts this unit",
            members.host,
        )


def _gives_up(daemons: Daemons, node: Member) -> bool | None:
    """None where it does not say."""
    try:
        (reply,) = daemons.ask(node, f"ACL GETUSER gone.{daemons.members.host}")
    except Unanswered:
        return None
    return isinstance(reply, list) or (False if reply is None else None)
