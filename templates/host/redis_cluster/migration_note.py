"""What this host notes of a migration from the legacy Redis: how far it is, and what the next run has to know."""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field

from . import paths
from .put import put

PATH = f"{paths.ETC}/migration"


@dataclass
class Note:
    """Empty: nothing was begun.

    stage: follow; switching, from the moment before the master stops following; cutover; final. address, port, user,
    password: of the legacy Redis. replid, offset: of its stream, up to where writes were held at the cutover. run: of
    its process then. master_run, writes: of the new master's process then, and how many writes it had carried out.
    held: what down-after-milliseconds each sentinel had, by its host's name.
    """

    stage: str = ""
    address: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    replid: str = ""
    offset: int = 0
    run: str = ""
    master_run: str = ""
    writes: int = -1
    held: dict[str, str] = field(default_factory=dict)

    def keep(self) -> None:
        """Writes it, readable by redis alone. Raises OSError."""
        put(PATH, json.dumps(asdict(self)) + "\n")


def read_note() -> Note:
    """What was noted; what cannot be read was not."""
    try:
        with open(PATH, encoding="utf-8") as file:
            return Note(**json.load(file))
    except (OSError, ValueError, TypeError):
        return Note()


def forget_note() -> None:
    """The migration is over, or was given up."""
    with suppress(FileNotFoundError):
        os.unlink(PATH)
