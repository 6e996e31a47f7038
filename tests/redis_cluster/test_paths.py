"""The program goes by names that follow from where it lies, so that nobody has to say of which group it is."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from redis_cluster import paths

NAMES = "paths.ETC, paths.DATA, paths.BACKUPS, paths.RUN, *host.UNIT.values()"
SAY = f"from redis_cluster import host, paths; print({NAMES})"


def said(directory: Path) -> list[str]:
    """What a copy of the program in that directory says of its names."""
    shutil.copytree(Path(paths.__file__).parent, directory / "redis_cluster")
    program = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(directory)!r}); {SAY}"]
    return subprocess.run(program, capture_output=True, check=True, text=True).stdout.split()  # noqa: S603


def test_of_a_named_group(tmp_path: Path) -> None:
    """All its own."""
    assert said(tmp_path / "redis-cluster-cache") == [
        "/etc/redis-cluster-cache",
        "/var/lib/redis-cluster-cache",
        "/var/lib/redis-cluster-cache-backup",
        "/run/redis-cluster-cache",
        "redis-cluster-cache.service",
        "redis-sentinel-cache.service",
    ]


@pytest.mark.parametrize("name", ["redis-cluster", "redis-cluster-a-b", "redis-cluster-Cache", "other-cache"])
def test_of_the_one_without(tmp_path: Path, name: str) -> None:
    """Also where it lies in a place that no group's program has."""
    assert said(tmp_path / name)[0] == "/etc/redis-cluster"
