"""Which version of the package of Redis may take the place of which."""

import pytest
from redis_cluster.decide.package import line_of, refused, wanted

OLD, NEW, NEXT = "5:7.0.15-1~deb12u7", "5:7.0.15-1~deb12u10", "5:8.0.2-3+deb13u1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("quorum 2\nself app-1\n", ""),
        (f"quorum 2\npackage {OLD}\nself app-1\n", OLD),
        ("package 7.0.15\n", "7.0.15"),
        ("package --reinstall\n", ""),
        ("package 5:7.0.15 -o=x\n", ""),
        ("package 5:7.0.15;id\n", ""),
        ("package 7\n", ""),
        ("# package 7.0.15\n", ""),
    ],
)
def test_wanted(text: str, expected: str) -> None:
    """Only a version, and nothing that apt would take for more than that."""
    assert wanted(text) == expected


@pytest.mark.parametrize(("version", "line"), [(OLD, (7, 0)), (NEXT, (8, 0)), ("7.2.4", (7, 2)), ("", (0, 0))])
def test_line(version: str, line: tuple[int, int]) -> None:
    """The epoch is none of it."""
    assert line_of(version) == line


@pytest.mark.parametrize(
    ("version", "installed", "known", "why"),
    [
        (NEW, OLD, [NEW, OLD], ""),
        # A patch is undone.
        (OLD, NEW, [NEW, OLD], ""),
        (NEXT, OLD, [NEXT, OLD], ""),
        (NEW, "", [NEW], ""),
        # A source that has it no more takes nothing back.
        (OLD, OLD, [NEW], ""),
        (
            OLD,
            NEXT,
            [OLD, NEXT],
            f"redis-server {NEXT} is installed, and redis-cluster:packageVersion is {OLD}; expected",
        ),
        (NEXT, OLD, [NEW, OLD], f"{NEXT}, which this host's apt does not know; expected one of: {NEW}, {OLD}. See"),
        (NEW, "", [], "expected one of: none, it knows no redis-server"),
    ],
)
def test_refused(version: str, installed: str, known: list[str], why: str) -> None:
    """A downgrade that cannot read the data, and what apt does not have; nothing else."""
    assert why in refused(version, installed, known) if why else refused(version, installed, known) == ""
