"""Settings of a daemon as it tells them, and as a file has them."""

import re
from collections.abc import Mapping, Sequence

# The line between the two parts of a file that this program renders.
_LIVE = "# live:"
_SIZE = re.compile("([0-9]{1,15})(b|kb|mb|gb|k|m|g)")
_FACTORS = {"b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "k": 10**3, "m": 10**6, "g": 10**9}


def plain_value(value: str) -> str:
    """A value as CONFIG GET writes it: sizes in bytes, `replica` under its old name."""

    def word(each: str) -> str:
        size = _SIZE.fullmatch(each)
        if size:
            return str(int(size[1]) * _FACTORS[size[2]])
        return "replica" if each == "slave" else each

    return " ".join(map(word, value.lower().split()))


def divided(conf: str) -> tuple[list[str], list[list[str]]]:
    """The lines of a file that a daemon reads at its start alone, and the words of those that it takes at run time."""
    lines = conf.split("\n")
    at = next((number for number, line in enumerate(lines) if line.startswith(_LIVE)), len(lines))
    live = [line.split() for line in lines[at + 1 :] if not line.startswith("#")]
    return lines[:at], [words for words in live if words]


def changed(now: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """Those that are to have another value."""
    return {name: value for name, value in wanted.items() if now.get(name) != value}


def by_name(lines: Sequence[Sequence[str]]) -> dict[str, str]:
    """The value of each directive of a node; several lines of one name make one value, as CONFIG SET takes them."""
    values: dict[str, str] = {}
    for name, *words in lines:
        value = " ".join(words)
        values[name] = f"{values[name]} {value}" if name in values else value
    return values
