"""What Redis takes for a directive of a file."""

import os
import re
from collections.abc import Collection

from .decide.settings import divided

# Bytes of a file of redis's, where anything may lie.
FILE_LIMIT = 8 << 20


def read_file(path: str, limit: int = FILE_LIMIT) -> bytes:
    """What is in a file of redis's, where a link or a pipe may be. Raises OSError."""
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        return file.read(limit)


class Settings:
    """The directives of a file; of one that comes twice the last line wins.

    Raises OSError where there is no such file, unless it may be missing: then there are none.
    """

    def __init__(self, path: str, missing: bool = False) -> None:
        try:
            self._text = read_file(path).decode(errors="replace")
        except FileNotFoundError:
            if not missing:
                raise
            self._text = ""

    def get(self, name: str, default: str) -> str:
        """The value of a directive, without the quotes around it."""
        values = re.findall(rf"^[ \t]*{re.escape(name)}[ \t]+(.*?)[ \t\r]*$", self._text, re.IGNORECASE | re.MULTILINE)
        return re.sub("^[\"']|[\"']$", "", values[-1]) if values else default

    def live(self, names: Collection[str]) -> list[list[str]]:
        """The words of each line that a running daemon takes, by the names of what it takes."""
        return divided(self._text, names)[1]

    def lines(self, keyword: str) -> list[list[str]]:
        """The words of each line that begins with this one."""
        return [words for line in self._text.split("\n") if (words := line.split()) and words[0] == keyword]
