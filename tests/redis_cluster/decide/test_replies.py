"""What daemons tell in words."""

import pytest
from redis_cluster.decide.replies import number, pairs
from redis_cluster.resp import ErrorReply, Reply


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (["a", "1", "b", ""], {"a": "1", "b": ""}),
        (["a", "1", "b"], {"a": "1"}),
        (["a", 1, ["b"], "2"], {"a": "", "": "2"}),
        (ErrorReply("ERR"), {}),
        ("a 1", {}),
        (None, {}),
    ],
)
def test_pairs(reply: Reply, told: dict[str, str]) -> None:
    """Of anything else, nothing."""
    assert pairs(reply) == told


@pytest.mark.parametrize(
    ("told", "value"),
    [
        ("0", 0),
        ("17", 17),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, None),
        ("07", None),
        ("\u0663", None),
        ("", None),
    ],
)
def test_number(told: str | None, value: int | None) -> None:
    """As a daemon writes one, in ASCII's digits, and none that has too many."""
    assert number(told) == value
