"""A release: what is staged, once the very binaries that will read it have accepted it."""

from .acts import act
from .composed import node_text, sentinel_text
from .dry_run import NotAccepted, dry_run
from .host import asks
from .members import Daemon, load_members
from .messages import Refused, say
from .paths import STAGED
from .release import is_kept, release_hash
from .run import output_of


def make_release(directory: str = STAGED, how: str = "make-release") -> str:
    """Has root make a release of the files there, and returns its name. Raises Refused where they are not accepted.

    how: the act by which root makes it, of its own files.
    """
    name = release_hash(directory)
    # One in which somebody has edited a file is made anew.
    if not is_kept(name):
        validate(directory)
        # A sentinel's files stay staged until the end of the run that takes it away, and are none of this release's.
        alone = how == "make-release" and not load_members(f"{directory}/members").has_sentinel
        act(how, name, *["node"] * alone)
    return name


def validate(directory: str) -> None:
    """Has Redis and Sentinel read the files there, away from what runs. Raises Refused, after their own words."""
    members = load_members(f"{directory}/members")
    texts: list[tuple[Daemon, str, str]] = []
    if members.has_node:
        texts.append(("node", "redis.conf", node_text(directory)))
    if members.has_sentinel:
        # Port 1 of this host: a master that nobody answers for, so that nothing is announced to anyone.
        texts.append(("sentinel", "sentinel.conf", sentinel_text(directory, "127.0.0.1", "1")))
    for daemon, file, text in texts:
        try:
            dry_run(daemon, text)
        except NotAccepted as refusal:
            say(f"{file} was refused: {refusal}", members.host)
            version = " ".join(output_of("redis-server", "--version").split(" ")[:3])
            raise Refused(
                f"what is staged was refused by {version}; nothing that runs was touched. Correct the setting named "
                "above in the stack's configuration, then run pulumi up again",
                members.host,
            ) from None
    # That of a release made of another one was accepted there.
    refused = act("check-rules") if directory == STAGED and asks(STAGED, "firewall.nft") else ""
    if refused:
        raise Refused(
            f"firewall.nft was refused: {refused}; nothing that runs was touched. Correct redis-cluster:firewall, then "
            "run pulumi up again",
            members.host,
        )
