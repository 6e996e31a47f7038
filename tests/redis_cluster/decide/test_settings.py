"""Settings of a daemon as it tells them, and as a file has them."""

import pytest
from redis_cluster.decide.settings import by_name, changed, plain_value


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("100mb", "104857600"),
        ("1GB", "1073741824"),
        ("1k", "1000"),
        # What a shell takes for octal.
        ("08mb", "8388608"),
        ("slave 256mb  64mb 60", "replica 268435456 67108864 60"),
        ("no", "no"),
        ("", ""),
        ("1mbx", "1mbx"),
        ("9" * 99 + "mb", "9" * 99 + "mb"),
        ("x[$(id)]", "x[$(id)]"),
    ],
)
def test_plain_value(value: str, plain: str) -> None:
    """As CONFIG GET writes it."""
    assert plain_value(value) == plain


def test_changed() -> None:
    """What is new or other; what is left out stays."""
    assert changed({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "3", "d": "4"}) == {"b": "3", "d": "4"}


def test_by_name() -> None:
    """Several lines of one name are one value."""
    lines = [["save", "60", "1"], ["limit", "normal", "0"], ["limit", "replica", "1"]]
    assert by_name(lines) == {"save": "60 1", "limit": "normal 0 replica 1"}
