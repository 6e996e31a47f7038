"""The steps of a rollout on this host: each compares what runs with what is staged and does what is owed, no more.

It ends with one line of what that was, with a fresh id, on which the next step runs.
"""

import os
from contextlib import suppress

from .acts import act
from .beside import apply_beside, switch
from .certificate import ended
from .host import UNIT, legacy, refuse_full_disk, running, word_of
from .members import load_members
from .messages import Refused
from .package import pending_within_line
from .paths import CURRENT, DATA, ETC, RELEASES, STAGED
from .release import running_release, tls_of
from .settings import Settings
from .stamps import stamping
from .step import Step
from .waits import begin


def _ended(step: Step) -> bool:
    """Whether this host's sentinel runs with a certificate that has ended."""
    release = running_release("sentinel")
    return step.has_sentinel and release != "" and running("sentinel") and ended(release) != ""


def _enable(daemon: str) -> None:
    """So that it starts with the host."""
    if word_of("is-enabled", daemon) != "enabled":
        act("enable", daemon)


def node_start(step: Step) -> None:
    """Brings up the node if it is down, and takes back what was set in it by hand."""
    name = step.told.bootstrap
    if name:
        if name not in {node.name for node in step.members.nodes}:
            raise Refused(
                f"the bootstrap master is '{name}'; expected one of redis-cluster:hosts. Run pulumi up again",
                step.members.host,
            )
        if name == step.members.host and not running("node"):
            from .restore import restore_asked

            step.done += filter(None, [restore_asked(Settings(f"{STAGED}/redis.conf"), name)])
        act("mark", "bootstrap", name)
    with suppress(FileNotFoundError):
        os.unlink(f"{DATA}/retired-master")
    from .renew import renew_ended

    renewed = renew_ended()
    step.done += renewed
    if os.path.exists(f"{CURRENT}/secrets"):
        from .passwords import accept_passwords
        from .tls_change import prepare_tls_change

        step.done += accept_passwords(renewed != [], step.consent)
        if prepare_tls_change(step.consent):
            step.make_release()
    if legacy():
        from .adopt import admit_users

        step.make_release()
        act("mark", "initialised")
        switch(step.staged)
        admit_users(f"{RELEASES}/{step.staged}")
        step.done.append("the legacy daemons know this program's users")
    # Sentinels wait for no node, but a node that was lost with its machine waits for their word.
    if step.was_whole and step.has_sentinel and not running("sentinel"):
        act("start --no-block", "sentinel")
    if not step.members.has_node:
        if os.path.exists(f"{CURRENT}/members"):
            apply_beside()
        return
    if running("node"):
        _enable("node")
        from .marks import mark_unmarked
        from .repair import repair_node

        mark_unmarked(step.members.host)
        apply_beside()
        if os.path.exists(f"{CURRENT}/redis.conf") and not stamping():
            act("stamp")
        step.took_back(repair_node())
        return
    # What does not start is mended by another version. One that the others cannot copy from waits for its turn.
    if pending_within_line(step.members.package):
        step.place_package()
    step.switch()
    if renewed or _ended(step):
        begin("node")
        step.done.append("starts when the sentinels have theirs")
        return
    # Whom it replicates may not have been started yet.
    step.start("node")
    step.done.append(f"started as {step.role()}")
    from .kernel import refused

    # The group works all the same.
    step.done += [f"{each}, which may not be set here" for each in refused()]


def sentinel_start(step: Step) -> None:
    """Brings up the sentinel if it is down, on the node's release, and takes back what was set in it by hand."""
    if legacy():
        from .adopt import use_logins

        use_logins()
        step.done.append("the legacy daemons log in as this program's users")
    if _owes_move_to_tls():
        _move_to_tls(step)
    elif not running("sentinel"):
        # The release that the node runs is from before this host had a sentinel. Nothing is stopped for it, and the
        # group is not whole without it.
        if not _released_sentinel():
            refuse_full_disk(step.members.host)
            step.switch()
        # The first sentinels should see every replica: one that links later they find when they ask again, in 10 s.
        if not step.was_whole:
            step.wait_all_linked()
        step.start("sentinel")
        step.done.append("started")
    elif _ended(step):
        step.stop_sentinel()
        step.start("sentinel")
        step.done.append("restarted with the new certificate")
    else:
        from .repair import repair_sentinel

        _enable("sentinel")
        step.took_back(repair_sentinel(legacy()))
    # One that waited for sentinels to have new certificates.
    if step.members.has_node and not running("node"):
        step.start("node")
    act("disarm-return")


def _released_sentinel() -> bool:
    """Whether this host's sentinel can start by the release in force."""
    try:
        known = load_members(f"{CURRENT}/members").has_sentinel
    except Refused:
        return False
    return known and os.path.exists(f"{CURRENT}/{UNIT['sentinel']}")


def _owes_move_to_tls() -> bool:
    """Whether this host's sentinel goes, or would start, by the plain ports in a group that is to use TLS alone."""
    now = running_release("sentinel") if running("sentinel") else CURRENT
    modes = [tls_of(each, missing=True) for each in (now or CURRENT, STAGED)]
    return modes == ["both", "required"]


def _move_to_tls(step: Step) -> None:
    """All hosts do so at the same time: first every replica, whoever gets to it first, then each its own sentinel."""
    from .tls_change import follow_by_tls

    step.make_release()
    follow_by_tls()
    switch(step.staged)
    step.stop_sentinel()
    step.start("sentinel")
    step.done.append("moved to TLS")


def sentinel_stop(step: Step) -> None:
    """The first step of a restart on this host. All that can refuse is done before."""
    from .adopt import follow_by_address
    from .strangers import Mending

    is_legacy = legacy()
    if is_legacy:
        follow_by_address(step.daemons)
    for mended in Mending(step.daemons, STAGED, is_legacy).mend():
        what, _, name = mended.partition(" ")
        did = "forget what is no member" if what == "forgot" else "watch the master"
        step.done.append(f"had the sentinel on {name} {did}")
    if "restart" in (step.owed("node"), step.owed("sentinel")) and not step.waits_with_master():
        step.enter_rollout()
        step.stop_sentinel()
        step.done.append("stopped the sentinel")


def node_roll(step: Step) -> None:
    """The node takes what is staged. A master that must restart is left for node-roll-master."""
    if step.owed("node") == "live":
        from .live import node_takes

        step.adopt("node", node_takes(f"{RELEASES}/{step.staged}", step.consent))
    elif step.owed("node") == "restart" and step.is_master():
        step.done.append("let be: the master, whose turn is last")
    elif step.owed("node") == "restart":
        # A sentinel that runs tells that no sentinel-stop came before in this run, and so no gate.
        if not step.has_sentinel or running("sentinel"):
            step.enter_rollout()
        step.restart_node()
    if not step.has_sentinel:
        step.end_turn(step.owed("node"))


def sentinel_roll(step: Step) -> None:
    """Brings the sentinel to what is staged, running."""
    let_be = False
    # Before it starts: what it was owed is owed to the turn.
    due = step.owed("sentinel")
    if not running("sentinel"):
        step.start("sentinel")
        step.done.append("started")
    elif step.waits_with_master():
        let_be = True
        step.done.append("let be, with the master: its turn is last")
    elif due == "live":
        from .live import sentinel_takes

        step.adopt("sentinel", sentinel_takes(f"{RELEASES}/{step.staged}"))
    elif due == "restart":
        step.enter_rollout()
        step.stop_sentinel()
        step.start("sentinel")
        step.done.append("restarted")
    act("disarm-return")
    if not let_be:
        step.end_turn(due)


def node_roll_master(step: Step) -> None:
    """What was left because this node was the master in its turn."""
    if step.owed("node") != "restart":
        return
    step.enter_rollout()
    if step.is_master():
        from .handover import handover

        step.wait_replicas_written()
        new = handover(f"{STAGED}/members", f"{STAGED}/secrets", ETC)
        step.done.append(f"handed over to {new.place}")
        # At the new master another may have come first: one that owes a restart since a failover in this rollout.
        step.turn.leave()
        if step.turn.take():
            step.wait_whole()
    step.stop_sentinel()
    step.restart_node()
    if step.has_sentinel:
        step.start("sentinel")
    act("disarm-return")
    step.end_turn("restart")


STEPS = {
    "node-start": node_start,
    "sentinel-start": sentinel_start,
    "sentinel-stop": sentinel_stop,
    "node-roll": node_roll,
    "sentinel-roll": sentinel_roll,
    "node-roll-master": node_roll_master,
}


def take_step(*verbs: str, lines: str | None = None) -> str:
    """Takes that step, or those, one after the other; the last word. lines: see Step."""
    step = Step(lines)
    for verb in verbs:
        STEPS[verb](step)
    return step.end()
