"""What a daemon's users are, and what makes them others."""

import pytest
from redis_cluster.decide.users import changes, of_list, refused, same_passwords
from redis_cluster.resp import ErrorReply, Reply


@pytest.mark.parametrize(
    ("reply", "users"),
    [
        (["user a on +get", "user b off"], {"a": ["on", "+get"], "b": ["off"]}),
        (["user a"], {"a": []}),
        (["user", "admin a on", "", 3, None, ["user c on"]], {}),
        (ErrorReply("NOPERM"), {}),
        ("user a on", {}),
        # The first one counts.
        (["user a on", "user a off"], {"a": ["on"]}),
    ],
)
def test_of_list(reply: Reply, users: dict[str, list[str]]) -> None:
    """Whatever else a reply has in it."""
    assert of_list(reply) == users


def test_changes() -> None:
    """One command a user; those that are no more go."""
    assert changes(["user a on #x ~a b", "user default off"], ["default", "a", "gone"]) == [
        ["ACL", "SETUSER", "a", "reset", "on", "#x", "~a", "b"],
        ["ACL", "SETUSER", "default", "reset", "off"],
        ["ACL", "DELUSER", "gone"],
    ]


@pytest.mark.parametrize(
    ("replies", "said"),
    [
        ([], ""),
        (["OK", 1, 0], ""),
        (["OK", ErrorReply("ERR no"), ErrorReply("other")], "ERR no"),
        (["QUEUED"], "an answer of another kind"),
        ([None], "an answer of another kind"),
    ],
)
def test_refused(replies: list[Reply], said: str) -> None:
    """Anything but what such commands are answered with."""
    assert refused(replies) == said


@pytest.mark.parametrize(
    ("users", "same"),
    [
        ({"a": ["on", "#2", "#1", "+get"], "default": ["off"]}, True),
        ({"a": ["#1"], "default": []}, False),
        ({"a": ["#1", "#2", "#3"], "default": []}, False),
        ({"a": ["#1", "#2"]}, False),
        ({"a": ["#1", "#2"], "default": [], "b": []}, False),
        ({}, False),
    ],
)
def test_same_passwords(users: dict[str, list[str]], same: bool) -> None:
    """The same users with the same passwords, in any order."""
    assert same_passwords(["user a on #1 #2 +set", "user default off"], users) is same
