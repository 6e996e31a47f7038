"""Settings of a daemon as it tells them, and as a file has them."""

import re
from collections.abc import Collection, Mapping, Sequence

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


def name_of(words: Sequence[str]) -> str:
    """The directive of a line, of a node's file or a sentinel's."""
    return words[1] if words[0] == "sentinel" else words[0]


def divided(conf: str, live: Collection[str]) -> tuple[list[list[str]], list[list[str]]]:
    """The words of each line of a file that waits for a start, and of each that a running daemon takes.

    live: the names of what it takes.
    """
    lines = [words for line in conf.split("\n") if (words := line.split()) and not line.startswith("#")]
    return [each for each in lines if name_of(each) not in live], [each for each in lines if name_of(each) in live]


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
