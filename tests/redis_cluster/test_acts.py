"""What is said of an act that root has not done."""

import os

import pytest
from redis_cluster import acts


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("failed there is no release 1", "there is no release 1. Run pulumi up again"),
        ("failed [Errno 28] No space left on device: '/x'", "/x could not be written: No space left on device"),
        (
            "failed [Errno 13] Permission denied: '/x'",
            "[Errno 13] Permission denied: '/x'; expected that it works. Look at this host, then run pulumi up again",
        ),
    ],
)
def test_each_names_the_next_command(answer: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root itself tells only what it has seen."""
    (asked, asks), (answered, answers) = os.pipe(), os.pipe()
    monkeypatch.setattr(acts, "ASK", asks)
    monkeypatch.setattr(acts, "ANSWER", answered)
    os.write(answers, f"{answer}\n".encode())
    with pytest.raises(acts.NotDone) as failure:
        acts.act("switch", "1")
    assert os.read(asked, 100) == b"switch 1\n"
    assert str(failure.value).startswith(told)
    assert str(failure.value).endswith("un pulumi up again")
    for file in (asked, asks, answered, answers):
        os.close(file)
