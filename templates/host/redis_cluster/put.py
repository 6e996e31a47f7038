"""Writes a file of redis's, whole or not at all."""

import os
from contextlib import suppress


def put(path: str, text: str) -> None:
    """The file becomes that, readable by its owner only, also where the host loses power meanwhile. Raises OSError."""
    part = f"{path}.part"
    with suppress(FileNotFoundError):
        os.unlink(part)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    directory = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
