"""When a host's certificate ends, as openssl makes them."""

import subprocess
from pathlib import Path

import pytest
from redis_cluster.certificate import certificate_end


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603


def _certificate(path: Path, days: int) -> str:
    """A certificate that is good for so many days, and when it ends."""
    words = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -days {days}"
    _run(*words.split(" "), "-keyout", "/dev/null", "-out", str(path))
    ends = _run("openssl", "x509", "-in", str(path), "-noout", "-enddate", "-dateopt", "iso_8601")
    return "".join(c for c in ends if c.isdigit())


@pytest.mark.parametrize(("own", "trusted"), [(20, 40), (40, 20), (20000, 30000)])
def test_the_first_to_end(tmp_path: Path, own: int, trusted: int) -> None:
    """Of the certificate and the last authority; from 2050 on dates have another form."""
    ends = [_certificate(tmp_path / "tls.crt", own), _certificate(tmp_path / "tls.ca", trusted)]
    assert certificate_end(str(tmp_path)) == min(ends)


def test_of_two_authorities_the_last(tmp_path: Path) -> None:
    """And of a chain the first."""
    soon, late = _certificate(tmp_path / "soon", 3), _certificate(tmp_path / "late", 9)
    both = (tmp_path / "soon").read_text() + (tmp_path / "late").read_text()
    (tmp_path / "tls.ca").write_text(both)
    assert certificate_end(str(tmp_path)) == late
    (tmp_path / "tls.crt").write_text(both)
    assert certificate_end(str(tmp_path)) == soon


def test_none(tmp_path: Path) -> None:
    """Nor what is no certificate."""
    assert certificate_end(str(tmp_path)) == ""
    for inside in ("", "AAAA", "A"):
        (tmp_path / "tls.crt").write_text(f"-----BEGIN CERTIFICATE-----\n{inside}\n-----END CERTIFICATE-----\n")
        assert certificate_end(str(tmp_path)) == ""
