"""The verbs, as the host program calls them.

What they come to is their status, and where it says so a line of a closed form on stdout; what they say on stderr is
for people. Each imports what it needs alone: most of the time of a short one goes into imports.
"""

from .messages import Refused, say

# The status of what has said why it failed.
EXPLAINED = 70
# The status where the operator has not agreed.
NOT_AGREED = 3


def main(arguments: list[str]) -> int:
    """Runs one verb.

    gate MEMBERS SECRETS CERTIFICATES [PLAN OVERRIDE]: see gate.gate; with a plan it is a step's.
    whole MEMBERS SECRETS PLAN OVERRIDE: see gate.whole.
    moves MEMBERS SECRETS SAVES: prints gate.moving; where every save counts SAVES is not empty.
    certificate DIRECTORY: prints whether the certificate there has `ended` or is `good`.
    refuse-ended DIRECTORY HOST: refuses one that has ended, of this host.
    handover MEMBERS SECRETS DIRECTORY: see handover.handover; prints the new master, "ADDRESS PORT".
    leave MEMBERS SECRETS DIRECTORY: see handover.leave.
    gave-up MEMBERS SECRETS SAVES SECONDS WHAT: see gate.gave_up.
    join RELEASE DATA LAST BOOTSTRAP WAS_WHOLE LEAD: prints join.join.
    settle-files RELEASE DATA: see join.settle_files.
    watch RELEASE LAST EPOCH WAS_WHOLE LEAD: prints watch.watch.
    other-master MEMBERS SECRETS WAS_WHOLE LEAD: prints watch.other_master.
    mend-sentinels MEMBERS SECRETS SETTINGS LEGACY: prints what strangers.Mending.mend did.
    strangers MEMBERS SECRETS LEGACY: prints strangers.remembered.
    follow-by-address MEMBERS SECRETS: see adopt.follow_by_address.
    keep-stamp MANAGED DATA RUN: see keep_stamp.keep_stamp.
    drift SEEN: prints drift.drift.
    repair-node: prints repair.repair_node.
    repair-sentinel LEAD LEGACY: prints repair.repair_sentinel.
    refuse-evicting DIRECTORY: see live.refuse_evicting_maxmemory.
    refuse-change: see refusals.refuse_change.
    accept-passwords NODE_RUNS SENTINEL_RUNS EXPIRED PLAN OVERRIDE: prints passwords.accept_passwords.
    node-takes DIRECTORY PLAN OVERRIDE: prints live.node_takes.
    sentinel-takes DIRECTORY: prints live.sentinel_takes.
    take-certificate DIRECTORY: prints whether live.takes_certificate.
    note-release DAEMON NAME: see release.note_release.
    prepare-tls-change PLAN OVERRIDE: prints whether tls_change.prepare_tls_change.
    follow-by-tls: see tls_change.follow_by_tls.
    node-text DIRECTORY: prints composed.node_text.
    sentinel-text DIRECTORY ADDRESS PORT: prints composed.sentinel_text.
    users-text DIRECTORY FILE: prints composed.users_lines.
    unread CONF DATA LAST: prints unread.unread.
    kept CONF DATA LAST: prints what lies there of Redis's: `unread`, `files` or `nothing`.
    mark-data HOST: see marks.mark_unmarked.
    directory: prints marks.directory_here.
    trust-data SAID HOST: NOT_AGREED unless marks.trusts_data.
    lead RELEASE DATA SAID: NOT_AGREED unless lead.agreed.
    """
    try:
        match arguments:
            case ["gate", members, secrets, certificates]:
                from .gate import gate

                gate(members, secrets, certificates)
            case ["gate", members, secrets, certificates, plan, override]:
                from .gate import Step, gate

                gate(members, secrets, certificates, Step(plan, override))
            case ["whole", members, secrets, plan, override]:
                from .gate import Step, whole

                whole(members, secrets, Step(plan, override))
            case ["moves", members, secrets, saves]:
                from .gate import moving

                print(moving(members, secrets, saves != ""))
            case ["gave-up", members, secrets, saves, seconds, what]:
                from .gate import gave_up

                gave_up(members, secrets, saves != "", seconds, what)
            case ["handover", members, secrets, directory]:
                from .handover import handover

                new = handover(members, secrets, directory)
                print(new.address, new.port)
            case ["leave", members, secrets, directory]:
                from .handover import leave

                leave(members, secrets, directory)
            case ["certificate", directory]:
                print("ended" if _ended(directory, "") else "good")
            case ["refuse-ended", directory, host]:
                ended = _ended(directory, host)
                if ended:
                    raise Refused(f"{ended}. Nothing was changed", host)
            case ["join", release, data, last, bootstrap, was_whole, lead]:
                from .join import Start, join

                print(join(Start(release, data, last, bootstrap, was_whole == "yes", lead == "yes")))
            case ["settle-files", release, data]:
                from .join import settle_files

                settle_files(release, data)
            case ["watch", release, last, epoch, was_whole, lead]:
                from .watch import watch

                print(watch(release, last, epoch, was_whole == "yes", lead == "yes"))
            case ["other-master", members, secrets, was_whole, lead]:
                from .watch import other_master

                print(other_master(members, secrets, was_whole == "yes", lead == "yes"))
            case ["mend-sentinels", members, secrets, settings, legacy]:
                from .strangers import Mending

                for done in Mending(members, secrets, settings, legacy == "yes").mend():
                    print(done)
            case ["strangers", members, secrets, legacy]:
                from .strangers import remembered

                for stranger in remembered(members, secrets, legacy == "yes"):
                    print(stranger)
            case ["follow-by-address", members, secrets]:
                from .adopt import follow_by_address

                follow_by_address(members, secrets)
            case ["keep-stamp", managed, data, run]:
                from .keep_stamp import keep_stamp

                keep_stamp(managed, data, run)
            case ["drift", seen]:
                from .drift import drift

                for line in drift(seen):
                    print(line)
            case ["repair-node"]:
                from .repair import repair_node

                print(repair_node())
            case ["repair-sentinel", lead, legacy]:
                from .repair import repair_sentinel

                print(repair_sentinel(lead == "yes", legacy == "yes"))
            case ["refuse-evicting", directory]:
                from .live import refuse_evicting_maxmemory
                from .release import staged_daemons

                refuse_evicting_maxmemory(staged_daemons(), directory)
            case ["refuse-change"]:
                from .refusals import refuse_change

                refuse_change()
            case ["accept-passwords", node_runs, sentinel_runs, expired, plan, override]:
                from .gate import Step
                from .passwords import accept_passwords

                step = Step(plan, override)
                for line in accept_passwords(node_runs == "yes", sentinel_runs == "yes", expired == "yes", step):
                    print(line)
            case ["node-takes", directory, plan, override]:
                from .gate import Step
                from .live import node_takes

                for line in node_takes(directory, Step(plan, override)):
                    print(line)
            case ["sentinel-takes", directory]:
                from .live import sentinel_takes

                for line in sentinel_takes(directory):
                    print(line)
            case ["take-certificate", directory]:
                from .live import takes_certificate

                print("yes" if takes_certificate(directory) else "no")
            case ["note-release", daemon, name]:
                from .release import note_release

                note_release(daemon, name)
            case ["prepare-tls-change", plan, override]:
                from .gate import Step
                from .tls_change import prepare_tls_change

                print("yes" if prepare_tls_change(Step(plan, override)) else "no")
            case ["follow-by-tls"]:
                from .tls_change import follow_by_tls

                follow_by_tls()
            case ["node-text", directory]:
                from .composed import node_text

                print(node_text(directory), end="")
            case ["sentinel-text", directory, address, port]:
                from .composed import sentinel_text

                print(sentinel_text(directory, address, port), end="")
            case ["users-text", directory, file]:
                from .composed import users_lines

                print("\n".join(users_lines(directory, file)))
            case ["unread", conf, data, last]:
                from .settings import Settings
                from .unread import unread

                for name in unread(Settings(conf), data, last):
                    print(name)
            case ["kept", conf, data, last]:
                from .files import holds_files
                from .settings import Settings
                from .unread import unread

                left = unread(Settings(conf), data, last)
                print("unread" if left else "files" if holds_files(data) else "nothing")
            case ["mark-data", host]:
                from .marks import mark_unmarked

                mark_unmarked(host)
            case ["directory"]:
                from .marks import directory_here

                print(directory_here())
            case ["trust-data", said, host]:
                from .marks import trusts_data

                return 0 if trusts_data(said, host) else NOT_AGREED
            case ["lead", release, data, said]:
                from .lead import agreed

                return 0 if agreed(release, data, said) else NOT_AGREED
            case _:
                raise Refused(f"unknown verb {arguments[:1]}")
    except Refused as refusal:
        say(f"error: {refusal}", refusal.host)
        return EXPLAINED
    except Exception as failure:
        # What it says may hold a daemon's words.
        from traceback import format_exception

        say("".join(format_exception(failure)))
        return 1
    return 0


def _ended(directory: str, host: str) -> str:
    """What is wrong with the certificate there, in words; empty where nothing is."""
    from .certificate import certificate_end, utc
    from .decide.gate import Certificate, certificate_problems, text_of

    return text_of(list(certificate_problems(host, Certificate(certificate_end(directory), utc(0)))))
