"""The verbs, as root's part and the units call them.

What they come to is their status, and where it says so a line of a closed form on stdout; what they say on stderr is
for people. Each imports what it needs alone: most of the time of a short one goes into imports.
"""

import os

from .acts import NotDone, act
from .messages import Refused, mistake, say, told_when_ended
from .paths import CLUSTER, CURRENT, DATA, MANAGED, ROOT, RUN

# Those of people; the others are Pulumi's and the units'.
_VERBS = (
    "expected one of: gate, drift, lead, trust-data, convert, backups, fetch-backup, restore, migration; see "
    "docs/operations.md"
)


def main(arguments: list[str]) -> int:
    """Runs one verb.

    node-start [OWNER] and the other steps of a rollout: see steps.py. With OWNER it stages what comes first.
    claim COMPONENT TOKEN [new]: prints a fresh id; see claims.py.
    unclaim COMPONENT TOKEN keep-data|delete-data [OWNER]: see claims.py.
    check-programs OWNER MASTER_NAME [CONSENT]: prints a fresh id; see prepare.check_programs.
    migrate STAGE ADDRESS PORT, migrate stop: prints migrate.migrate. migration: see migrate.look.
    decommission [sentinel]: prints decommission.decommission, or stop_sentinel.
    drift: prints drift.drift.
    node-prove: prints prove.prove.
    gate: see look.
    lead [HASH]: see lead.lead.
    trust-data [HASH]: see marks.trust_data.
    convert [NAME]: see convert.convert.
    backups: see prove_backup.backups.
    fetch-backup [NAME [HOST]], restore NAME: see repository.fetch_backup and restore.restore.
    backup KEEP [alone], prove-backup [NAME], copy-backup KEEP, drill-backups DAYS: what the backup's unit calls; see
    backup.py, prove_backup.py, repository.py and drill.py.
    run-backup: what the release's unit calls, where systemd goes by the administrator's.
    compose-node, compose-sentinel, restore-priority, keep-stamp, leave, last-words, kernel: what units call; see
    compose.py, keep_stamp.py, leave.py, last_words.py and kernel.py.
    """
    try:
        _run(arguments)
    except NotDone as seen:
        # Root's part has said why it ended.
        if str(seen):
            say(f"error: {seen}")
        return 1
    except Refused as refusal:
        say(f"error: {refusal}", refusal.host)
        return 1
    except Exception as failure:
        say(mistake(arguments[0], failure))
        return 1
    return 0


def _run(arguments: list[str]) -> None:
    match arguments:
        case ["keep-stamp" | "restore-priority" as verb]:
            from .keep_stamp import keep_stamp, restore_priority

            _refuse_root()
            if verb == "restore-priority":
                restore_priority()
            else:
                keep_stamp(MANAGED, DATA, f"{RUN}/node")
        case ["claim", component, token, *new] if new in ([], ["new"]):
            from .claims import claim

            claim(component, token, bool(new))
            print(fresh_id())
        case ["unclaim", component, token, data, *owner] if len(owner) < 2:
            from .claims import unclaim

            unclaim(component, token, data == "delete-data", "".join(owner))
        case ["check-programs", *whose] if len(whose) < 4:
            from .incoming import refuse_other_owner
            from .prepare import check_programs

            refuse_other_owner(*(whose or [""]))
            check_programs()
            print(fresh_id())
        case [verb, *words]:
            with told_when_ended(verb):
                _run_to_its_end(verb, *words)
        case _:
            raise Refused(f"no verb is given; {_VERBS}")


def _run_to_its_end(*arguments: str) -> None:
    """Those of which somebody waits for the end."""
    match arguments:
        case ("node-start", owner):
            from .incoming import incoming, refuse_other_owner

            refuse_other_owner(owner)
            came = incoming()
            act("stage")
            from .steps import take_step

            print(take_step("node-start", lines="\n".join(came.lines)))
        case (
            "node-start" | "node-roll" | "node-roll-master" | "sentinel-start" | "sentinel-stop" | "sentinel-roll",
        ) | ("sentinel-stop", "node-roll"):
            from .steps import take_step

            print(take_step(*arguments))
        case ("decommission", *what) if what in ([], ["sentinel"]):
            from .decommission import decommission, stop_sentinel

            print(stop_sentinel() if what else decommission())
        case ("migrate", *words):
            from .migrate import migrate

            print(migrate(*words))
        case ("migration",):
            from .migrate import look as look_at_migration

            look_at_migration()
        case ("drift",):
            from .drift import drift

            for line in drift():
                print(line)
        case ("node-prove",):
            from .prove import prove

            print(prove())
        case ("gate",):
            from .gate import look

            look()
        case ("lead", *said) if len(said) < 2:
            from .lead import lead

            lead("".join(said))
        case ("trust-data", *said) if len(said) < 2:
            from .marks import trust_data

            trust_data("".join(said))
        case ("convert", *name) if len(name) < 2:
            from .convert import convert

            convert("".join(name))
        case ("backups",):
            from .prove_backup import backups

            backups()
        case ("backup", keep, *alone) if alone in ([], ["alone"]):
            from .backup import backup

            _refuse_root()
            backup(keep, bool(alone))
        case ("prove-backup", *name) if len(name) < 2:
            from .prove_backup import prove_backup

            _refuse_root()
            prove_backup("".join(name))
        case ("copy-backup", keep):
            from .repository import copy_backup

            _refuse_root()
            copy_backup(keep)
        case ("drill-backups", days):
            from .drill import drill_backups

            _refuse_root()
            drill_backups(days)
        case ("run-backup",):
            from .decide.backup import calls
            from .host import BACKUP, text_at

            _refuse_root()
            for words in calls(text_at(f"{CURRENT}/{BACKUP}") or ""):
                _run_to_its_end(*words)
        case ("restore", name):
            from .restore import restore

            restore(name)
        case ("fetch-backup", *said) if len(said) < 3:
            from .repository import fetch_backup

            fetch_backup(*said)
        case ("compose-node",):
            from .compose import compose_node

            _refuse_root()
            compose_node()
        case ("compose-sentinel",):
            from .compose import compose_sentinel

            _refuse_root()
            compose_sentinel()
        case ("kernel", what):
            from .kernel import kernel

            _refuse_capabilities()
            kernel(what)
        case ("last-words", "node" | "sentinel" as daemon):
            from .last_words import last_words

            _refuse_root()
            last_words(daemon)
        case ("leave",):
            from .leave import leave

            _refuse_root()
            leave()
        case _:
            raise Refused(f"unknown verb {' '.join(arguments)!r}; {_VERBS}")


def fresh_id() -> str:
    """Another one each time: the steps that follow run again on it."""
    digits = os.urandom(16).hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _refuse_capabilities() -> None:
    """Outside its unit, by sudo say, root could do more than that verb needs."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        if not any(line.split() == ["CapEff:", "0" * 16] for line in file):
            raise Refused(
                "this is done by a unit, without capabilities; expected that. Start the unit: sudo systemctl restart "
                f"{CLUSTER}-kernel"
            )


def _refuse_root() -> None:
    """What a unit has done as redis follows, as root, the links that redis left.

    In tests whoever runs them has the part of redis.
    """
    if os.geteuid() == 0 and not ROOT:
        raise Refused(
            "this is done by a unit, as the user redis; expected that instead of root. Start the unit: sudo "
            f"systemctl start {CLUSTER}"
        )
