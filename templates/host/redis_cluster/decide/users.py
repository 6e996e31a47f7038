"""What a daemon's users are, and what makes them others."""

from collections.abc import Mapping, Sequence

from ..resp import ErrorReply, Reply


def of_list(reply: Reply) -> dict[str, list[str]]:
    """The words of each user's rules, by a reply to ACL LIST, or by its lines in a file."""
    lines = [line.split() for line in reply if isinstance(line, str)] if isinstance(reply, list) else []
    return {words[1]: words[2:] for words in reversed(lines) if len(words) > 1 and words[0] == "user"}


def changes(wanted: Sequence[str], known: Sequence[str]) -> list[list[str]]:
    """The commands that make the known users of a daemon those of the "user" lines.

    One for each user, so that nobody meets a user half made.
    """
    lines = [line.split() for line in wanted]
    commands = [["ACL", "SETUSER", words[1], "reset", *words[2:]] for words in lines]
    names = {words[1] for words in lines}
    return commands + [["ACL", "DELUSER", name] for name in known if name not in names]


def refused(replies: Sequence[Reply]) -> str:
    """What a daemon says to such commands instead of OK or a number; empty where that is all."""
    others = [reply for reply in replies if reply != "OK" and not isinstance(reply, int)]
    if not others:
        return ""
    return others[0].text if isinstance(others[0], ErrorReply) else "an answer of another kind"


def same_passwords(wanted: Sequence[str], users: Mapping[str, Sequence[str]]) -> bool:
    """Whether a daemon has the users of the "user" lines, each with its passwords, and no others."""
    lines: list[Reply] = [*wanted]
    return _passwords(of_list(lines)) == _passwords(users)


def _passwords(users: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {name: sorted(word for word in rules if word.startswith("#")) for name, rules in users.items()}
