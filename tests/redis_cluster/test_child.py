"""Which processes are ended when a Redis's children are: real ones."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from redis_cluster.child import end_children, let_clients_go

# Forks as Redis does, and has begun another program; prints the process ids of both.
PARENT = """
import os, subprocess, sys, time
child = os.fork()
if child:
    other = subprocess.Popen(["sleep", "60"])
    print(child, other.pid, flush=True)
time.sleep(60)
"""


@contextmanager
def parent() -> Iterator[list[int]]:
    """The process, its child and what it has begun, once all of them sleep."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout
        ids = [process.pid, *map(int, process.stdout.readline().split())]
        try:
            while {*map(state, ids)} != {"S"}:
                pass
            yield ids
        finally:
            for each in ids[1:]:
                os.kill(each, signal.SIGKILL)
            process.kill()


def state(process: int) -> str:
    """Z where it has ended, and nobody has asked how."""
    with open(f"/proc/{process}/stat") as file:
        return file.read().rpartition(") ")[2][:1]


def test_its_own_alone() -> None:
    """A fork has its name; what it has begun has not."""
    with parent() as (process, child, other):
        assert end_children(process)
        while state(child) != "Z":
            pass
        assert [state(process), state(other)] == ["S", "S"]


@pytest.mark.parametrize(("version", "ended"), [("7.0.15", True), ("6.2.6", True), ("7.2.4", False), ("8.0.2", False)])
def test_of_which_versions(version: str, ended: bool) -> None:
    """Those that only close a connection."""
    with parent() as (process, *_):
        assert let_clients_go({"redis_version": version, "process_id": str(process)}) == ended
    assert not let_clients_go({})


def test_none() -> None:
    """Neither has one that has forked nothing, nor is there one of that id."""
    with parent() as (_, child, other):
        assert not any(end_children(each) for each in (child, other, 0, 4194305))
        assert [state(child), state(other)] == ["S", "S"]
