"""The change of a running group from one kind of ports to the other."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from ..messages import plain
from .passwords import OWN_USERS, Client

# The value of a directive of a file, or else the second argument.
Directive = Callable[[str, str], str]

_ONLINE = re.compile("ip=[^,]*,port=([0-9]{1,5}),state=online(,.*)?")


def closing_ports(now: Directive, wanted: Directive) -> Iterator[str]:
    """The ports that a daemon has open now, and that are to close."""
    for name in ("port", "tls-port"):
        port = now(name, "0")
        if re.fullmatch("[1-9][0-9]{0,4}", port) and port != wanted(name, "0"):
            yield port


def clients_there(port: str, connected: Iterable[Client]) -> str:
    """Who is connected to that port, in words; empty where nobody is. The group's own users go where the group goes."""
    left = sorted({plain(f"{each.user} {each.address}") for each in connected if _stays(port, each)})
    return f"clients are connected to port {port}, which is to close: {','.join(left)}" if left else ""


def _stays(port: str, client: Client) -> bool:
    return client.port == port and client.user not in OWN_USERS


def online_at(port: int, told: Mapping[str, str]) -> int:
    """How many linked replicas a master has, by its INFO, that tell that port."""
    links = [_ONLINE.fullmatch(value) for name, value in told.items() if re.fullmatch("slave[0-9]+", name)]
    return sum(link is not None and link[1] == str(port) for link in links)
