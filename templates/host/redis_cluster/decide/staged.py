"""What may not be changed in a group that runs."""

from collections.abc import Iterator, Mapping

# The files of a release: of each the value of a directive, empty where it has none.
Directives = Mapping[str, Mapping[str, str]]

# Settings that the data were written with: with another value Redis would start without them, or not at all.
CREATION = ("appendonly", "appendfilename", "appenddirname", "dbfilename", "databases")


def changed_name(current: Directives, staged: Directives) -> str:
    """Why members and clients would look for the group where it is no more; empty where they would not.

    A sentinel drops another name at once.
    """
    before = dict(_found_by(current))
    for key, now in _found_by(staged):
        was = before.get(key, now)
        if was != now:
            path = "--path " if "." in key else ""
            return (
                f"redis-cluster:{key} is {now}; expected {was}, by which its members and clients find this group. Set "
                f"it back: pulumi config set {path}{key} {was}, then run pulumi up again; nothing was stopped and "
                "nothing made live"
            )
    return ""


def changed_creation(current: Directives, staged: Directives) -> str:
    """Which setting the data would be lost with; empty where none, and where the host had no node until now."""
    if not any(current["redis.conf"].values()):
        return ""
    for name in CREATION:
        was, now = (each["redis.conf"].get(name, "") for each in (current, staged))
        if was == now or (name == "databases" and was.isdecimal() and now.isdecimal() and int(now) >= int(was)):
            continue
        return (
            f"redis-cluster:redis.{name} is {now}; expected {was}, which the data were written with. Set it back, then "
            "run pulumi up again; nothing was stopped and nothing made live"
        )
    return ""


def _found_by(release: Directives) -> Iterator[tuple[str, str]]:
    """The name and the ports of a group, by their keys. A plain port that is closed is among the members."""
    members = release["members"]
    if "master-name" in members:
        yield "masterName", members["master-name"]
    if "plain-ports" in members:
        yield from zip(("nodePort", "sentinelPort"), members["plain-ports"].split(" "), strict=False)
    for file, key in (("redis.conf", "nodePort"), ("sentinel.conf", "sentinelPort")):
        for name, path in (("port", key), ("tls-port", f"tls.{key}")):
            if release[file].get(name) not in (None, "", "0"):
                yield path, release[file][name]
