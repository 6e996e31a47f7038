"""The verbs of the program, as the host program calls them."""

from .messages import Refused, say


def main(arguments: list[str]) -> int:
    """Runs one verb. Returns 0, or EXPLAINED where the verb has said why not."""
    try:
        raise Refused(f"unknown verb {arguments}")
    except Refused as refusal:
        say(f"error: {refusal}")
        return 70
