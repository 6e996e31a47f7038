"""The two files of the group: what they may hold, and what is said where they are otherwise."""

import re
from pathlib import Path

import pytest
from redis_cluster.members import Member, load_members, secret
from redis_cluster.messages import Refused

WHOLE = """\
# a comment

master-name redis-test-cluster
quorum 2
self app-1
sentinel-return 15
limits 90 12
package 5:7.0.15-1~deb12u7
node console 10.77.0.11 6389
node app-1 10.77.0.12 6389
sentinel console 10.77.0.11 26389
"""


def written(directory: Path, text: str) -> str:
    """The path of a file that holds this."""
    path = directory / "members"
    path.write_text(text)
    return str(path)


def test_members(tmp_path: Path) -> None:
    """Everything that the host program goes by."""
    members = load_members(written(tmp_path, WHOLE))
    assert tuple(members) == (
        "redis-test-cluster",
        2,
        "app-1",
        90,
        12,
        "",
        (Member("console", "10.77.0.11", 6389), Member("app-1", "10.77.0.12", 6389)),
        (Member("console", "10.77.0.11", 26389),),
        0,
        15,
        0,
        "5:7.0.15-1~deb12u7",
    )
    assert members.node_here == Member("app-1", "10.77.0.12", 6389)
    assert members.node_at("10.77.0.11", "6389") == members.nodes[0]
    assert members.node_at("10.77.0.11", "0") is None
    assert members.sentinel_at("10.77.0.11", "26389") == members.sentinels[0]
    assert members.sentinel_at("10.77.0.12", "26389") is None
    assert members.nodes[0].place == "10.77.0.11:6389"


def test_which_daemons_a_host_has(tmp_path: Path) -> None:
    """A node, a sentinel or both; who wants a node where there is none is told where there are some."""
    alone = load_members(
        written(tmp_path, WHOLE.replace("self app-1", "self app-2") + "sentinel app-2 10.77.0.13 26389\n")
    )
    assert alone.here == {"sentinel": Member("app-2", "10.77.0.13", 26389)}
    assert (alone.has_node, alone.has_sentinel) == (False, True)
    with pytest.raises(Refused, match="no node; expected one of console, app-1"):
        _ = alone.node_here
    node = load_members(written(tmp_path, WHOLE))
    assert (node.has_node, node.has_sentinel) == (True, False)
    assert [*load_members(written(tmp_path, WHOLE.replace("self app-1", "self console"))).here] == ["node", "sentinel"]


def test_tls_and_releases_from_before(tmp_path: Path) -> None:
    """Limits have a default, a bootstrap master is passed over, and plain ports tell that there is TLS."""
    text = WHOLE.replace("limits 90 12\n", "bootstrap-master console\nplain-ports 6379 26379\n")
    members = load_members(written(tmp_path, text))
    assert (members.stall, members.pause, members.tls) == (60, 10, str(tmp_path))
    assert members.node_at("10.77.0.11", "6379") == members.node_at("10.77.0.11", "6389") == members.nodes[0]


@pytest.mark.parametrize(
    "line",
    [
        "password x",
        "node app-2 10.77.0.13",
        "node app-2 10.77.0.13 6389 more",
        "node app-2 app-2.example.org 6389",
        "node $(id) 10.77.0.13 6389",
        "quorum two",
        "limits 60",
        "plain-ports",
        "sentinel app-2 10.77.0.13 0x1",
        "self ../x",
    ],
)
def test_a_line_of_another_form(tmp_path: Path, line: str) -> None:
    """Is named, with what helps."""
    path = written(tmp_path, WHOLE + line + "\n")
    expected = f"{path}: unknown line '{line}'; run pulumi up again"
    with pytest.raises(Refused, match=f"^{re.escape(expected)}$"):
        load_members(path)


@pytest.mark.parametrize("keyword", ["master-name", "quorum", "self", "sentinel-return", "node"])
def test_a_line_that_is_missing(tmp_path: Path, keyword: str) -> None:
    """Makes the file incomplete."""
    lines = [line for line in WHOLE.split("\n") if not line.startswith(keyword)]
    path = written(tmp_path, "\n".join(lines))
    with pytest.raises(Refused, match=r"members: incomplete; run pulumi up again$"):
        load_members(path)


def test_no_file(tmp_path: Path) -> None:
    """Says which is expected."""
    with pytest.raises(Refused, match=r"^cannot read .*/none; expected the members file that pulumi up writes$"):
        load_members(str(tmp_path / "none"))
    with pytest.raises(Refused, match=r"^cannot read .*/none; expected the secrets file that pulumi up writes$"):
        secret(str(tmp_path / "none"), "operator")


def test_secret(tmp_path: Path) -> None:
    """The first of that name; hashes are none."""
    path = written(tmp_path, "replication a\noperator b c\nhash operator d\nprevious-operator e\n")
    assert secret(path, "operator") == "b c"
    with pytest.raises(Refused, match=r"members: no secret named sentinel; run pulumi up again$"):
        secret(path, "sentinel")
