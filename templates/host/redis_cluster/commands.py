"""The verbs, as the host program calls them.

What they come to is their status, and where it says so a line of a closed form on stdout; what they say on stderr is
for people.
"""

from .adopt import follow_by_address
from .certificate import certificate_end, utc
from .decide.gate import Certificate, Problem, certificate_problems, text_of
from .gate import Step, gate, gave_up, moving, whole
from .handover import handover, leave
from .join import Start, join, settle_files
from .keep_stamp import keep_stamp
from .lead import agreed
from .messages import Refused, say
from .strangers import Mending, remembered
from .watch import other_master, watch

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
    join RELEASE DATA HOLDS LAST BOOTSTRAP WAS_WHOLE LEAD: prints join.join.
    settle-files RELEASE DATA: see join.settle_files.
    watch RELEASE LAST EPOCH WAS_WHOLE LEAD: prints watch.watch.
    other-master MEMBERS SECRETS WAS_WHOLE LEAD: prints watch.other_master.
    mend-sentinels MEMBERS SECRETS SETTINGS LEGACY: prints what strangers.Mending.mend did.
    strangers MEMBERS SECRETS LEGACY: prints strangers.remembered.
    follow-by-address MEMBERS SECRETS: see adopt.follow_by_address.
    keep-stamp MANAGED DATA RUN: see keep_stamp.keep_stamp.
    lead RELEASE DATA HOLDS SAID: NOT_AGREED unless lead.agreed.
    """
    try:
        match arguments:
            case ["gate", members, secrets, certificates]:
                gate(members, secrets, certificates)
            case ["gate", members, secrets, certificates, plan, override]:
                gate(members, secrets, certificates, Step(plan, override))
            case ["whole", members, secrets, plan, override]:
                whole(members, secrets, Step(plan, override))
            case ["moves", members, secrets, saves]:
                print(moving(members, secrets, saves != ""))
            case ["gave-up", members, secrets, saves, seconds, what]:
                gave_up(members, secrets, saves != "", seconds, what)
            case ["handover", members, secrets, directory]:
                new = handover(members, secrets, directory)
                print(new.address, new.port)
            case ["leave", members, secrets, directory]:
                leave(members, secrets, directory)
            case ["certificate", directory]:
                print("ended" if _ended(directory, "") else "good")
            case ["refuse-ended", directory, host]:
                ended = text_of(_ended(directory, host))
                if ended:
                    raise Refused(f"{ended}. Nothing was changed", host)
            case ["join", release, data, holds, last, bootstrap, was_whole, lead]:
                print(join(Start(release, data, holds, last, bootstrap, was_whole == "yes", lead == "yes")))
            case ["settle-files", release, data]:
                settle_files(release, data)
            case ["watch", release, last, epoch, was_whole, lead]:
                print("\n".join(watch(release, last, epoch, was_whole == "yes", lead == "yes")))
            case ["other-master", members, secrets, was_whole, lead]:
                print(other_master(members, secrets, was_whole == "yes", lead == "yes"))
            case ["mend-sentinels", members, secrets, settings, legacy]:
                for done in Mending(members, secrets, settings, legacy == "yes").mend():
                    print(done)
            case ["strangers", members, secrets, legacy]:
                for stranger in remembered(members, secrets, legacy == "yes"):
                    print(stranger)
            case ["follow-by-address", members, secrets]:
                follow_by_address(members, secrets)
            case ["keep-stamp", managed, data, run]:
                keep_stamp(managed, data, run)
            case ["lead", release, data, holds, said]:
                return 0 if agreed(release, data, holds, said) else NOT_AGREED
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


def _ended(directory: str, host: str) -> list[Problem]:
    return list(certificate_problems(host, Certificate(certificate_end(directory), utc(0))))
