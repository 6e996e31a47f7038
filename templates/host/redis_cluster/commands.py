"""The verbs, as the host program calls them.

What they come to is their status, and where it says so a line of a closed form on stdout; what they say on stderr is
for people. Each imports what it needs alone: most of the time of a short one goes into imports.
"""

from .acts import NotDone
from .messages import Refused, say, told_when_ended

# The status of what has said why it failed.
EXPLAINED = 70
# The status where the operator has not agreed.
NOT_AGREED = 3


def main(arguments: list[str]) -> int:
    """Runs one verb.

    node-start and the other steps of a rollout: see steps.py.
    claim WORD...: see prepare.prepare.
    check-programs: see prepare.check_programs.
    drift: prints drift.drift.
    trust-data [HASH]: see marks.trust_data.
    gate: see look.
    moves MEMBERS SECRETS SAVES: prints gate.moving; where every save counts SAVES is not empty.
    handover MEMBERS SECRETS DIRECTORY: see handover.handover; prints the new master, "ADDRESS PORT".
    leave MEMBERS SECRETS DIRECTORY: see handover.leave.
    gave-up MEMBERS SECRETS SAVES SECONDS WHAT: see gate.gave_up.
    join RELEASE DATA BOOTSTRAP WAS_WHOLE LEAD: prints join.join.
    settle-files RELEASE DATA: see join.settle_files.
    watch RELEASE LAST EPOCH WAS_WHOLE LEAD: prints watch.watch.
    keep-stamp MANAGED DATA RUN: see keep_stamp.keep_stamp.
    node-text DIRECTORY: prints composed.node_text.
    sentinel-text DIRECTORY ADDRESS PORT: prints composed.sentinel_text.
    convert [NAME]: see convert.convert.
    node-prove: prints prove.prove.
    lead RELEASE DATA SAID: NOT_AGREED unless lead.agreed.
    """
    try:
        match arguments:
            case ["node-start" | "node-roll" | "node-roll-master" as verb]:
                _step(verb)
            case ["sentinel-start" | "sentinel-stop" | "sentinel-roll" as verb]:
                _step(verb)
            case ["claim", *words]:
                from .prepare import prepare

                prepare(words)
            case ["check-programs"]:
                from .prepare import check_programs, told_lines

                check_programs(told_lines())
            case ["drift"]:
                from .drift import drift

                with told_when_ended("drift"):
                    for line in drift():
                        print(line)
            case ["trust-data", *said] if len(said) < 2:
                from .marks import trust_data

                with told_when_ended("trust-data"):
                    trust_data("".join(said))
            case ["gate"]:
                from .gate import look

                with told_when_ended("gate"):
                    look()
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
            case ["join", release, data, bootstrap, was_whole, lead]:
                from .join import Start, join
                from .last_files import node_last
                from .members import load_members

                last = node_last(load_members(f"{release}/members"))
                print(join(Start(release, data, last, bootstrap, was_whole == "yes", lead == "yes")))
            case ["settle-files", release, data]:
                from .join import settle_files

                settle_files(release, data)
            case ["watch", release, last, epoch, was_whole, lead]:
                from .watch import watch

                print("\n".join(watch(release, last, epoch, was_whole == "yes", lead == "yes")))
            case ["keep-stamp", managed, data, run]:
                from .keep_stamp import keep_stamp

                keep_stamp(managed, data, run)
            case ["node-text", directory]:
                from .composed import node_text

                print(node_text(directory), end="")
            case ["sentinel-text", directory, address, port]:
                from .composed import sentinel_text

                print(sentinel_text(directory, address, port), end="")
            case ["convert", *name] if len(name) < 2:
                from .convert import convert

                with told_when_ended("convert"):
                    convert("".join(name))
            case ["node-prove"]:
                from .prove import prove

                with told_when_ended("node-prove"):
                    print(prove())
            case ["lead", release, data, said]:
                from .lead import agreed

                return 0 if agreed(release, data, said) else NOT_AGREED
            case _:
                raise Refused(f"unknown verb {arguments[:1]}")
    except NotDone:
        return EXPLAINED
    except Refused as refusal:
        say(f"error: {refusal}", refusal.host)
        return EXPLAINED
    except Exception as failure:
        # What it says may hold a daemon's words.
        from traceback import format_exception

        say("".join(format_exception(failure)))
        return 1
    return 0


def _step(verb: str) -> None:
    with told_when_ended(verb):
        from .steps import take_step

        print(take_step(verb))
