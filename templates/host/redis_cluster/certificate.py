"""When this host's certificate ends."""

import re
import time
from binascii import a2b_base64

from .decide.gate import Certificate, certificate_problems, text_of

# A certificate has the two dates of its life side by side, as DER tells times: with two digits of the year until 2049.
_LIFE = re.compile(rb"(?:\x17\x0d|\x18\x0f\d\d)\d{12}Z(?:\x17\x0d|\x18\x0f)(\d{12,14})Z")
_PEM = re.compile("-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\\s]*)-----END CERTIFICATE-----")


def utc(seconds: float) -> str:
    """The time in so many seconds, as YYYYMMDDhhmmss in UTC."""
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + seconds))


def certificate_end(directory: str) -> str:
    """When the certificate in the directory ends, or the last authority that is trusted there.

    Returns YYYYMMDDhhmmss in UTC; empty where there is no TLS.
    """
    ends = [_ends(f"{directory}/tls.crt")[:1], _ends(f"{directory}/tls.ca")[-1:]]
    return min((end for each in ends for end in each), default="")


def ended(directory: str, host: str = "") -> str:
    """What is wrong with one of the two that has ended, in words; empty where none has."""
    return text_of(list(certificate_problems(host, Certificate(certificate_end(directory), utc(0)))))


def _ends(path: str) -> list[str]:
    """The end of each certificate in the file, the first to end first."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            blocks = _PEM.findall(file.read())
        lives = [_LIFE.search(a2b_base64(block)) for block in blocks]
    except (OSError, ValueError):
        return []
    ends = [life[1].decode() for life in lives if life]
    return sorted(end if len(end) == 14 else f"20{end}" for end in ends)
