"""What a daemon's last file tells, whatever redis may have left in it."""

import pytest
from redis_cluster.decide.last_file import Last, LastSentinel, last_role, last_sentinel
from redis_cluster.members import Member, Members

A, B = (Member(name, f"10.0.0.{at}", 6390) for at, name in enumerate("ab", 1))
SENTINELS = (A._replace(port=26390), B._replace(port=26390))
MEMBERS = Members("m", 2, "a", 60, 10, "", (A, B), SENTINELS, 6389, 15, 26389)
OURS = "# composed from release one\n"
ID, OTHER = "a" * 40, "b" * 40


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("", None),
        ("port 6390\n", None),
        (OURS, "master"),
        (f"{OURS}replicaof 10.0.0.2 6390\n", B),
        ("port 1\n" + OURS + "replicaof\t10.0.0.2  6390 \r\n", B),
        # From before TLS was required.
        (f"{OURS}replicaof 10.0.0.2 6389\n", B),
        (f"{OURS}replicaof 10.0.0.9 6390\nreplicaof 10.0.0.2 6390\n", B),
        (f"{OURS}replicaof 10.0.0.2 6390\nreplicaof 10.0.0.9 6390\n", None),
        (f"{OURS}replicaof 10.0.0.1 6390\n", None),
        (f"{OURS}replicaof $(id) 6390\n", None),
        (f"{OURS}#replicaof 10.0.0.2 6390\n", "master"),
    ],
)
def test_last_role(text: str, last: Last) -> None:
    """A member, the node itself, or no telling."""
    assert last_role(MEMBERS, text) == last


MONITOR = "sentinel monitor m 10.0.0.2 6390 2\n"


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("", LastSentinel()),
        (f"sentinel myid {ID}\nsentinel config-epoch m 7\n", LastSentinel()),
        (MONITOR, LastSentinel(B)),
        ("sentinel monitor m 10.0.0.2 6389 2\n", LastSentinel(B)),
        ("sentinel monitor m 10.0.0.9 6390 2\n", LastSentinel()),
        ("sentinel monitor m 127.0.0.1 6390 2\n" + MONITOR, LastSentinel()),
        (f"{MONITOR}sentinel monitor other 10.0.0.1 6390 2\n", LastSentinel()),
        (MONITOR + MONITOR, LastSentinel()),
        ("sentinel monitor m 10.0.0.2 6390 2 more\n", LastSentinel()),
        (
            f"{MONITOR}sentinel config-epoch m 7\nsentinel current-epoch 9\nsentinel leader-epoch m 8\n",
            LastSentinel(B, 7, ("sentinel current-epoch 9", "sentinel leader-epoch m 8")),
        ),
        (
            f"{MONITOR}sentinel config-epoch m a[$(id)]\nsentinel current-epoch 09\nsentinel leader-epoch m x\n",
            LastSentinel(B),
        ),
        (
            f"sentinel myid {ID}\n{MONITOR}sentinel known-sentinel m 10.0.0.2 26389 {OTHER}\n",
            LastSentinel(B, 0, (f"sentinel myid {ID}", f"sentinel known-sentinel m 10.0.0.2 26390 {OTHER}")),
        ),
        # While its master follows a legacy Redis, and at no other time.
        (
            f"{MONITOR}sentinel down-after-milliseconds m 2147483647\n",
            LastSentinel(B, 0, ("sentinel down-after-milliseconds m 2147483647",)),
        ),
        (f"{MONITOR}sentinel down-after-milliseconds m 6001\n", LastSentinel(B)),
        # This host's own, a stranger, an id that is none.
        (
            f"{MONITOR}sentinel known-sentinel m 10.0.0.1 26390 {OTHER}\n"
            f"sentinel known-sentinel m 10.0.0.9 26390 {OTHER}\nsentinel known-sentinel m 10.0.0.2 26390 $(id)\n"
            "sentinel myid $(id)\n",
            LastSentinel(B),
        ),
        (
            f"{MONITOR}user default on nopass\nsentinel known-replica m 10.0.0.1 6390\n"
            "sentinel notification-script m /bin/true\n* * *\n",
            LastSentinel(B),
        ),
    ],
)
def test_last_sentinel(text: str, last: LastSentinel) -> None:
    """The master, the epoch and the lines to keep; nothing of a file that watched another group."""
    assert last_sentinel(MEMBERS, text) == last
