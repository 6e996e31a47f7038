"""What comes to a claim, or to a start of the node, on standard input: lines of its own, and below them files.

A user of SSH who may run nothing else as root gains nothing by a line of his own: all are held against the forms that
this program writes. It is redis who reads what is staged, so redis looks; root itself looks at what root loads.
"""

import os
import re
import sys
from typing import NamedTuple

from .decide.package import VERSION
from .host import BACKUP, FIREWALL, KERNEL, TIMER, UNIT
from .messages import Refused
from .paths import CURRENT, PROGRAMS, STAGED

_WORD, _NUMBER, _ADDRESS = "[A-Za-z0-9_][A-Za-z0-9._-]*", "[0-9]{1,9}", r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
_CONF, _USERS = "[a-z][a-z0-9_-]* .+", f"user {_WORD} .+"
# Of each file of a release what its lines may be. Root goes by the administrator's units where there are any, knows the
# rules of the firewall itself, and Redis alone goes by certificates.
_FORMS = {
    "members": f"(master-name|self) {_WORD}|(quorum|sentinel-return) {_NUMBER}|limits {_NUMBER} {_NUMBER}"
    f"|plain-ports {_NUMBER} {_NUMBER}|package {VERSION}|(node|sentinel) {_WORD} {_ADDRESS} {_NUMBER}",
    "secrets": "(replication|sentinel|operator|previous-operator) [A-Za-z0-9_-]+|adopt .+"
    rf"|hash {_WORD}( [0-9a-f]{{64}})+",
    "live": "(node|sentinel) [a-z][a-z0-9-]*",
    "redis.conf": _CONF,
    "sentinel.conf": _CONF,
    "users.acl": _USERS,
    "sentinel-users.acl": _USERS,
    "firewall.nft": ".+",
    **dict.fromkeys((*UNIT.values(), FIREWALL, KERNEL, BACKUP, TIMER)),
    **dict.fromkeys(("tls.ca", "tls.crt", "tls.key", "backup.key")),
    "backup.env": "(RESTIC_REPOSITORY|RESTIC_PASSWORD|AWS_[A-Z_]+)=[!-~]+",
    "backup.host": "backup ssh-ed25519 [ -~]+",
}
_FILE = re.compile(r"^==> ([A-Za-z0-9._-]+) <==\n", re.MULTILINE)
_OWNER = re.compile("[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")


class Incoming(NamedTuple):
    """The lines, and the files, which are known to be of their forms."""

    lines: list[str]
    files: dict[str, str]

    def one(self, keyword: str) -> str:
        """The rest of the line that begins with that word, or nothing."""
        return next((line[len(keyword) + 1 :] for line in self.lines if line.split(" ")[0] == keyword), "")


def incoming() -> Incoming:
    """All of standard input. Raises Refused where a file is not as this program writes it, or is cut off."""
    text = sys.stdin.buffer.read().decode(errors="surrogateescape")
    whole = re.match(r"(.*\n|)==> end <==\n", text, re.DOTALL)
    lines, *parts = _FILE.split(whole[1] if whole else text)
    files = dict(zip(parts[::2], parts[1::2], strict=True))
    refused = "; ".join(filter(None, map(_strange, files, files.values()))) if whole else "what came was not whole"
    if refused:
        raise Refused(
            f"nothing was staged: {refused}; expected files as this version of the program writes them. Run pulumi up "
            "again"
        )
    return Incoming([line for line in lines.split("\n") if line], files)


def _strange(name: str, text: str) -> str:
    """What in a file is not as this program writes it, or nothing."""
    if name not in _FORMS:
        return f"{name} is no file of a release"
    form = _FORMS[name]
    for number, line in enumerate(text.split("\n") if form else [], 1):
        if not re.fullmatch(f"#.*|{form}|", line) or re.search(r"[\x00-\x1f\x7f]", line):
            return f"{name}: line {number}"
    return ""


def refuse_other_owner(owner: str, master_name: str = "", consent: str = "") -> None:
    """Unless this host is nobody's, or that stack's. A new host is asked without any program: check-owner.sh.

    owner: PROJECT/STACK. consent: `PROJECT/STACK to PROJECT/STACK`, of a stack that was renamed. Raises Refused.
    """
    if not _OWNER.fullmatch(owner):
        raise Refused(f"owner '{owner}'; expected project/stack")
    was = _owner_here()
    if was in ("", owner) or consent == f"{was} to {owner}":
        return
    # By the master's name, in which the stack's had to be at that time.
    if "/" not in was and was == (master_name or was) and owner.partition("/")[2] in was:
        return
    raise Refused(
        f"this host belongs to {was}; expected one that belongs to no other stack than {owner}. Nothing was changed. "
        f"Set redis-cluster:hosts to hosts of its own. Only where {was} is what this very stack was called before: "
        f"pulumi config set renamed '{was} to {owner}', then run pulumi up again"
    )


def _owner_here() -> str:
    """PROJECT/STACK; the master's name where an older version of this program deployed the group."""
    if os.path.lexists(f"{PROGRAMS}/owner"):
        return _lines(f"{PROGRAMS}/owner")[0]
    for file in (f"{CURRENT}/members", f"{STAGED}/members"):
        if os.path.exists(file):
            return next((line[12:] for line in _lines(file) if line.startswith("master-name ")), "")
    return ""


def _lines(path: str) -> list[str]:
    with open(path, errors="replace") as file:
        return file.read().split("\n")
