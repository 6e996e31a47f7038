"""The verbs, as the host program calls them. What they come to is their status; what they say is for people."""

from .gate import Step, gate, whole
from .messages import Refused, say

# The status of what has said why it failed.
EXPLAINED = 70


def main(arguments: list[str]) -> int:
    """Runs one verb.

    gate MEMBERS SECRETS CERTIFICATES [PLAN OVERRIDE]: see gate.gate; with a plan it is a step's.
    whole MEMBERS SECRETS PLAN OVERRIDE: see gate.whole.
    """
    try:
        match arguments:
            case ["gate", members, secrets, certificates]:
                gate(members, secrets, certificates)
            case ["gate", members, secrets, certificates, plan, override]:
                gate(members, secrets, certificates, Step(plan, override))
            case ["whole", members, secrets, plan, override]:
                whole(members, secrets, Step(plan, override))
            case _:
                raise Refused(f"unknown verb {arguments[:1]}")
    except Refused as refusal:
        say(f"error: {refusal}", refusal.host)
        return EXPLAINED
    return 0
