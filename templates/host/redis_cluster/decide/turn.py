"""Who is before this host where several may restart, by the connections that the master has."""

from .passwords import Client, clients

# By which connections are known that wait for their turn, or have it.
NAME = "redis-cluster-turn"


def before(listed: str) -> list[Client]:
    """Those of this name, of a reply to CLIENT LIST; of another user than this program's nobody is kept waiting."""
    lines = [line for line in listed.split("\n") if f" name={NAME} " in line]
    return [each for each in clients("\n".join(lines)) if each.user == "operator"]
