"""Takes this host, which the stack has no more, out of its group before the others go on without it.

Their new settings are staged and none of them is live, so the group that is asked is the one that this host knows.
"""

from .acts import act
from .gate import gate
from .handover import handover
from .host import UNIT, running
from .members import Daemon
from .messages import Refused
from .paths import CLUSTER, CURRENT, ETC, STAGED
from .step import Step


def decommission() -> str:
    """Hands over where this host's node is the master, and stops its daemons for good; the last word.

    The files stay: what made them takes them away at the end of the run. Raises Refused where the group is not whole,
    or goes on without a handover.
    """
    step = Step()
    daemons = [*step.members.here]
    if any(map(running, daemons)):
        # What an interrupted run has left down here would keep the gate red.
        for daemon in daemons:
            if not running(daemon):
                step.start(daemon)
        if step.was_whole:
            step.wait_gate()
        if step.is_master():
            step.wait_replicas_written()
            step.done.append(f"handed over to {handover(f'{STAGED}/members', f'{STAGED}/secrets', ETC).place}")
            step.wait_whole()
        step.done.append("stopped for good")
    # The sentinel first, as always.
    _disable(step, [*reversed(daemons)])
    return step.end()


def stop_sentinel() -> str:
    """Stops for good the sentinel of a host that is to go on without; the last word. Raises Refused likewise.

    What is staged has it no more, so the group that is asked is that of the release in force.
    """
    step = Step()
    if running("sentinel"):
        gate(f"{CURRENT}/members", f"{CURRENT}/secrets", CURRENT, step.consent)
        step.done.append("stopped its sentinel for good")
    _disable(step, ["sentinel"])
    return step.end()


def _disable(step: Step, daemons: list[Daemon]) -> None:
    """Also what is down: it would start with the host."""
    for daemon in daemons:
        if daemon == "sentinel":
            act("disarm-return")
        act("disable --now", daemon)
    left = [UNIT[daemon] for daemon in daemons if running(daemon)]
    if left:
        raise Refused(
            f"{' and '.join(left)} still run; expected them stopped, since redis-cluster:hosts has them here no more. "
            f"Look at 'sudo journalctl -u {CLUSTER}', then run pulumi up again",
            step.members.host,
        )
