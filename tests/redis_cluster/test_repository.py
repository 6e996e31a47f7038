"""How restic is called for each kind of place, and what is told of it."""

from pathlib import Path

import pytest
from redis_cluster.repository import Repository, Unkept


@pytest.fixture
def printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release's directory, and a restic that prints its words or, told to fail, where in its source it was."""
    restic = tmp_path / "restic"
    restic.write_text(
        '#!/bin/sh\n[ "$3" != fail ] || { printf "%s\\n" "Fatal: no space" main.main "\tmain.go:98" >&2; exit 1; }\n'
        '[ "$3" != hang ] || exec sleep 60\necho "$RESTIC_PASSWORD $RESTIC_REPOSITORY $*"\n'
    )
    restic.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def _at(directory: Path, place: str) -> Repository:
    (directory / "backup.env").write_text(f"RESTIC_REPOSITORY={place}\nRESTIC_PASSWORD=a=b\n")
    return Repository(str(directory))


@pytest.mark.parametrize(
    ("place", "ssh"),
    [
        ("sftp:me@vault:/srv/group/app-1", "-p 22 me@vault -s sftp"),
        ("sftp:me@vault:/2222/group/app-1", "-p 22 me@vault -s sftp"),
        ("sftp://me@vault:2222//srv/group/app-1", "-p 2222 me@vault -s sftp"),
        ("s3:https://vault/group/app-1", ""),
        ("/mnt/group/app-1", ""),
    ],
)
def test_words(printed: Path, place: str, ssh: str) -> None:
    """SFTP goes by an ssh of its own; the password is no word."""
    said = _at(printed, place).restic("unlock").decode()
    assert said.startswith(f"a=b {place} --no-cache --quiet ")
    assert said.endswith(" unlock\n")
    assert "a=b" not in said[3:]
    assert (ssh in said) if ssh else ("sftp.command" not in said)


def test_another_host(printed: Path) -> None:
    """Each has its own repository beside the others."""
    _at(printed, "/mnt/group/app-1")
    assert Repository(str(printed), "app-2").place == "/mnt/group/app-2"


def test_failures(printed: Path) -> None:
    """Told in restic's words, and not for ever waited for."""
    repository = _at(printed, "s3:vault/group/app-1")
    with pytest.raises(Unkept, match=r"^Fatal: no space$"):
        repository.restic("fail")
    with pytest.raises(Unkept, match=r"^no end of restic within 1 s$"):
        repository.restic("hang", limit=1)


def test_nowhere(tmp_path: Path) -> None:
    """A release without a second place."""
    assert Repository(str(tmp_path)).place == ""
