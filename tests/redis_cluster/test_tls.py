"""TLS as the check at the end of a run has it: a certificate for that very address, and one of one's own."""

import ssl
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from socket import create_server

import pytest
from redis_cluster.members import Member, Members
from redis_cluster.messages import Refused
from redis_cluster.observe import Daemons
from redis_cluster.resp import Unanswered

MEMBERS = Members("m", 1, "console", 60, 10, "", (), ())


def _certificate(directory: Path, address: str) -> None:
    """A certificate for an address that is its own authority."""
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -days 2"
    command = [*words.split(" "), "-addext", f"subjectAltName=IP:{address}"]
    command += ["-keyout", str(directory / "tls.key"), "-out", str(directory / "tls.crt")]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603
    (directory / "tls.ca").write_text((directory / "tls.crt").read_text())


def _asked(directory: Path, authority: Path) -> list[object]:
    """What a daemon with the certificate in the directory answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "tls.crt", directory / "tls.key")
    context.load_verify_locations(directory / "tls.ca")
    context.verify_mode = ssl.CERT_REQUIRED
    with create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError), context.wrap_socket(listener.accept()[0], server_side=True) as one:
                one.recv(1000)
                one.sendall(b"+OK\r\n")
                one.recv(1000)
                one.sendall(b"+PONG\r\n")

        threading.Thread(target=serve, daemon=True).start()
        daemons = Daemons(MEMBERS._replace(tls=str(authority)), "password")
        return [*daemons.ask(Member("console", "127.0.0.1", listener.getsockname()[1]), "PING")]


def test_the_right_certificate(tmp_path: Path) -> None:
    """Both sides show one."""
    _certificate(tmp_path, "127.0.0.1")
    assert _asked(tmp_path, tmp_path) == ["PONG"]


def test_a_certificate_for_another_address(tmp_path: Path) -> None:
    """Is a taken host's that answers in another's place."""
    _certificate(tmp_path, "127.0.0.2")
    with pytest.raises(Unanswered, match="IP address mismatch"):
        _asked(tmp_path, tmp_path)


def test_no_certificate(tmp_path: Path) -> None:
    """Is told with what helps, not as silence of the daemons."""
    with pytest.raises(Refused, match=r"tls\.key: .*; expected the certificate that pulumi up writes"):
        Daemons(MEMBERS._replace(tls=str(tmp_path)), "password")


def test_another_authority(tmp_path: Path) -> None:
    """Nobody of it is listened to."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        _certificate(tmp_path / name, "127.0.0.1")
    with pytest.raises(Unanswered, match="certificate verify failed"):
        _asked(tmp_path / "a", tmp_path / "b")
