"""What a step is told and tells."""

import re

import pytest
from redis_cluster.messages import Refused
from redis_cluster.told import Told, last_word, told

PLAN, OVERRIDE = "0123456789abcdef", "fedcba9876543210"


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("", Told()),
        (f"# after 0123abcd\n# plan {PLAN}", Told(PLAN)),
        (f"# plan {PLAN}\n# left app-3 app-4\n", Told(PLAN, left="app-3 app-4")),
        (f"bootstrap app-1\n\n# after {PLAN}\n# plan {PLAN}\n# override {OVERRIDE}\n", Told(PLAN, OVERRIDE, "app-1")),
    ],
)
def test_reads(text: str, means: Told) -> None:
    """Each form."""
    assert told(text) == means


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        f" # plan {PLAN}",
        f"# plan {PLAN}\r",
        f"# plan {PLAN} # override {OVERRIDE}",
        f"# plan {PLAN}\n# plan {OVERRIDE}",
        f"# override {OVERRIDE}\n# override {OVERRIDE}",
        "bootstrap -x y",
        "bootstrap $(id)",
        "# after x",
        "# plan \u0661123456789abcdef",
    ],
)
def test_refuses_what_is_of_no_form(line: str) -> None:
    """Hosts have said part of it."""
    with pytest.raises(Refused, match=r"^this step was told '"):
        told(line)


@pytest.mark.parametrize(
    ("done", "words"),
    [
        ([], "nothing owed"),
        (["restarted", "started"], "restarted; started"),
        (["a\n# override x", "\x1b[2J"], "a# override x; [2J"),
    ],
)
def test_tells_what_it_did_on_one_line_that_is_another_each_time(done: list[str], words: str) -> None:
    """The next step runs on it."""
    lines = {last_word(done) for _ in range(2)}
    assert len(lines) == 2
    assert all(re.fullmatch(re.escape(words) + r" \[[0-9a-f]{8}\]", line) for line in lines)
