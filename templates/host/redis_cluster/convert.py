"""Has Redis itself make, of data that lie here and would not be loaded, what the configuration loads.

What it is made of stays, under another name.
"""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from . import paths
from .acts import act
from .dry_run import LOG_LIMIT, apart, complaint
from .host import UNIT
from .last_files import node_last
from .members import load_members
from .messages import Refused, say
from .observe import fields
from .resp import Connection, Login, Reply, Unanswered
from .resume import forget_mark
from .run import APART, output_of
from .settings import Settings, read_file
from .unread import unread

# A Redis of ours is there, and busy, for as long as its data take; the verb has no other limit.
_PATIENCE = 24 * 60 * 60


def convert(name: str) -> None:
    """Without a name prints what would not be loaded, else converts that. Raises Refused."""
    # The settings that the node starts with; before the first start those that are staged.
    directory = paths.CURRENT if os.path.exists(f"{paths.CURRENT}/redis.conf") else paths.STAGED
    members = load_members(f"{directory}/members")
    host = members.node_here.name
    settings = Settings(f"{directory}/redis.conf")
    found = unread(settings, paths.DATA, node_last(members))
    if not name:
        print("\n".join(found) or "nothing that would not be loaded")
        return
    if name not in found:
        raise Refused(
            f"{name} is nothing that Redis would start without; expected one of: {' '.join(found) or 'none'}. Nothing "
            "was changed",
            host,
        )
    # It is tried again and again, and would start half-way.
    if os.path.exists(f"{paths.UNITS}/{UNIT['node']}"):
        act("stop", "node")
    conversion = _Conversion(f"{directory}/redis.conf", settings, host)
    try:
        conversion.convert(name)
    finally:
        shutil.rmtree(conversion.scratch, ignore_errors=True)
    if os.path.exists(paths.INITIALISED):
        say(
            f"sudo systemctl start {paths.CLUSTER}: the node starts with them, but where another node is master it "
            "copies that one instead. To make this one the master: 'redis-cluster lead'",
            host,
        )
    else:
        say("run pulumi up: the group begins with them", host)


class _Conversion:
    """All of it is made beside the data, then moved into their place."""

    def __init__(self, conf: str, settings: Settings, host: str) -> None:
        self._conf, self._host = conf, host
        self._data = settings.get("dir", paths.DATA)
        self._append_only = settings.get("appendonly", "no") == "yes"
        self._aof = settings.get("appendfilename", "appendonly.aof")
        self._aofs = settings.get("appenddirname", "appendonlydir")
        self._rdb = settings.get("dbfilename", "dump.rdb")
        self.scratch = f"{self._data}/.convert"

    def convert(self, name: str) -> None:
        top = name.split("/")[0]
        if "/" in name and not name.endswith(".manifest"):
            raise Refused(
                f"{name} is part of an AOF without its manifest; expected that beside it. Put it back, or move "
                f"{self._data}/{top} away",
                self._host,
            )
        shutil.rmtree(self.scratch, ignore_errors=True)
        os.makedirs(f"{self.scratch}/source")
        self._make_rdb(name, top)
        keys = self._load_rdb()
        self._move(top)
        say(f"{keys} keys of {name} are what Redis loads now; it stays as {top}.converted", self._host)

    def _make_rdb(self, name: str, top: str) -> None:
        path = f"{self._data}/{name}"
        if not name.endswith(".aof") and _is_rdb(path):
            self._same_file(path, f"{self.scratch}/dump.rdb")
            return
        manifest, source = "source.aof", {path: "source.aof"}
        if "/" in name:
            manifest = os.path.basename(name).removesuffix(".manifest")
            inside = [each for each in os.listdir(f"{self._data}/{top}") if not each.startswith(".")]
            source = {f"{self._data}/{top}/{each}": f"source/{each}" for each in inside}
        for each, copy in source.items():
            self._same_file(each, f"{self.scratch}/{copy}")
        with self._loaded("--appendonly", "yes", "--appenddirname", "source", "--appendfilename", manifest) as redis:
            if redis.ask("SAVE", seconds=_PATIENCE) != "OK":
                raise Refused(f"Redis could not save {name}: {redis.last_words()}; nothing was changed", self._host)

    def _load_rdb(self) -> int:
        """Has it written as the configuration has it; how many keys it holds."""
        names = ["--appenddirname", self._aofs, "--appendfilename", self._aof]
        with self._loaded("--appendonly", "no", *names) as redis:
            told = fields(redis.ask("INFO", "keyspace"))
            counts = [value.removeprefix("keys=").split(",")[0] for name, value in told.items() if name[:2] == "db"]
            if self._append_only:
                redis.ask("CONFIG", "SET", "appendonly", "yes")
                while not redis.has_written():
                    time.sleep(0.1)
            return sum(int(each) for each in counts if each.isdecimal())

    def _move(self, top: str) -> None:
        # What it was made of is to be the older one, and its age changes with its other name.
        shutil.rmtree(f"{self.scratch}/source")
        with suppress(FileNotFoundError):
            os.unlink(f"{self.scratch}/source.aof")
        os.rename(f"{self._data}/{top}", f"{self._data}/{top}.converted")
        if self._append_only:
            forget_mark(self._data)
            if os.path.exists(f"{self._data}/{self._aofs}"):
                os.rename(f"{self._data}/{self._aofs}", f"{self.scratch}/empty")
            os.rename(f"{self.scratch}/{self._aofs}", f"{self._data}/{self._aofs}")
        else:
            os.rename(f"{self.scratch}/dump.rdb", f"{self._data}/{self._rdb}")
        if not os.path.exists(paths.INITIALISED):
            with open(f"{paths.DATA}/retired-master", "w"):
                pass
        output_of("sync", "-f", self._data)

    def _same_file(self, path: str, copy: str) -> None:
        """By another name where redis owns it: what Redis throws away or replaces there stays here."""
        with suppress(OSError):
            os.link(path, copy)
            return
        try:
            shutil.copyfile(path, copy)
        except OSError:
            raise Refused(
                f"redis cannot read {path}, or has no room for a copy; nothing was changed", self._host
            ) from None

    @contextmanager
    def _loaded(self, *arguments: str) -> "Iterator[_Redis]":
        """A Redis on a socket in the scratch directory and no port, once it has loaded what it finds there."""
        redis = _Redis(self._conf, self.scratch, self._host, arguments)
        try:
            while redis.ask("PING") != "PONG":
                time.sleep(0.1)
            yield redis
            redis.end()
        finally:
            redis.kill()


def _is_rdb(path: str) -> bool:
    try:
        return read_file(path, 5) == b"REDIS"
    except OSError:
        return False


class _Redis:
    def __init__(self, conf: str, scratch: str, host: str, arguments: tuple[str, ...]) -> None:
        self._socket, self._log, self._host = f"{scratch}/socket", f"{scratch}/log", host
        self._ended = False
        options = ["--tls-replication", "no", "--save", "", "--maxmemory", "0", "--dbfilename", "dump.rdb", *arguments]
        command = apart(conf, self._socket, scratch, options, self._log)
        silent = [(os.POSIX_SPAWN_OPEN, file, "/dev/null", os.O_WRONLY, 0) for file in (1, 2)]
        self._process = os.posix_spawnp(command[0], command, os.environ, file_actions=[*silent, *APART])

    def ask(self, *command: str, seconds: float = 2) -> Reply:
        """Its answer, None where it gives none yet. Raises Refused where it has ended."""
        try:
            connection = Connection(self._socket, 0, Login("default", ""), seconds)
            try:
                return connection.ask([command], seconds)[0]
            finally:
                connection.close()
        except Unanswered:
            if self._has_ended(os.WNOHANG):
                raise Refused(f"Redis does not load it: {self._complaint()}; nothing was changed", self._host) from None
            return None

    def has_written(self) -> bool:
        """Whether its AOF is written. Raises Refused where it cannot be."""
        told = fields(self.ask("INFO", "persistence")).get
        if told("aof_enabled") != "1" or {told(f"aof_rewrite_{each}") for each in ("in_progress", "scheduled")} != {
            "0"
        }:
            return False
        if told("aof_last_bgrewrite_status") != "ok":
            raise Refused(f"Redis could not write the AOF: {self.last_words()}; nothing was changed", self._host)
        return True

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self._said().rstrip("\n").split("\n")[-3:])

    def end(self) -> None:
        """Without another save."""
        with suppress(Refused):
            self.ask("SHUTDOWN", "NOSAVE")
        self._has_ended(0)

    def kill(self) -> None:
        """Whatever it is at."""
        if not self._ended:
            os.kill(self._process, signal.SIGKILL)
            self._has_ended(0)

    def _has_ended(self, options: int) -> bool:
        if not self._ended:
            self._ended = os.waitpid(self._process, options)[0] != 0
        return self._ended

    def _said(self) -> str:
        try:
            with open(self._log, encoding="utf-8", errors="replace") as file:
                return file.read(LOG_LIMIT)
        except OSError:
            return ""

    def _complaint(self) -> str:
        return complaint(self._said())
