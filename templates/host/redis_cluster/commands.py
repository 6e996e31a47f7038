"""The verbs, as the host program calls them. What they come to is their status; what they say is for people."""

from .certificate import certificate_end, utc
from .decide.gate import Certificate, Problem, certificate_problems, text_of
from .gate import Step, gate, gave_up, moving, whole
from .messages import Refused, say

# The status of what has said why it failed.
EXPLAINED = 70


def main(arguments: list[str]) -> int:
    """Runs one verb.

    gate MEMBERS SECRETS CERTIFICATES [PLAN OVERRIDE]: see gate.gate; with a plan it is a step's.
    whole MEMBERS SECRETS PLAN OVERRIDE: see gate.whole.
    moves MEMBERS SECRETS SAVES: prints gate.moving; where every save counts SAVES is not empty.
    certificate DIRECTORY: prints whether the certificate there has `ended` or is `good`.
    refuse-ended DIRECTORY HOST: refuses one that has ended, of this host.
    gave-up MEMBERS SECRETS SAVES SECONDS WHAT: see gate.gave_up.
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
            case ["certificate", directory]:
                print("ended" if _ended(directory, "") else "good")
            case ["refuse-ended", directory, host]:
                ended = text_of(_ended(directory, host))
                if ended:
                    raise Refused(f"{ended}. Nothing was changed", host)
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
