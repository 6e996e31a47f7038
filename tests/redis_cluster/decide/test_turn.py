"""Who keeps a host waiting for its turn."""

from redis_cluster.decide.turn import NAME, before


def _line(number: int, name: str = NAME, user: str = "operator") -> str:
    return f"id={number} addr=10.0.0.{number}:4000 laddr=10.0.0.9:6389 name={name} age=1 flags=P user={user} resp=2"


def test_of_this_name_and_user_alone() -> None:
    """Applications may name their connections as they like."""
    listed = "\n".join([_line(1), _line(2, "other"), _line(3, user="application"), _line(4), "nonsense", ""])
    assert [each.id for each in before(listed)] == ["1", "4"]


def test_a_name_inside_of_another_field_is_none() -> None:
    """Fields have no spaces in them."""
    assert not before(_line(1, f"a-{NAME}"))
