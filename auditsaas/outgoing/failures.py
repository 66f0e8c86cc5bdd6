"""Says in a sentence why there is no answer, without a word of what the other side sent."""

from __future__ import annotations

import ssl
from typing import Final

from auditsaas.outgoing.deadline import Deadline
from auditsaas.outgoing.typed import TypedAddress

# OpenSSL's X509_V_ERR_ numbers (x509_vfy.h), which the module ssl does not name.
_CERTIFICATES: Final = {
    9: "has a certificate that is not yet valid",
    10: "has a certificate that has expired",
    18: "has a certificate that it signed itself",
    19: "has a certificate of an authority that is not trusted here",
    20: "has a certificate of an authority that is not trusted here",
    21: "has a certificate of an authority that is not trusted here",
    23: "has a certificate that was revoked",
    62: "has a certificate for another name",
    64: "has a certificate for another address",
}
_NO_TUNNEL: Final = "Tunnel connection failed"
"""How ``http.client`` begins when a proxy refuses."""


def sentence(typed: TypedAddress, error: Exception, deadline: Deadline) -> str:
    """Return why an address gave no answer, for who typed it."""
    causes = _causes(error)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            words = _CERTIFICATES.get(cause.verify_code, "has a certificate that is not taken")
            return f"{typed.netloc} {words}."
    if deadline.has_passed or any(isinstance(cause, TimeoutError) for cause in causes):
        return too_late(typed)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return f"{typed.netloc} does not speak TLS as it is asked for."
    if str(error).startswith(_NO_TUNNEL):
        return f"The proxy of this installation does not lead to {typed.netloc}."
    return f"{typed.netloc} did not answer as HTTP has it."


def too_late(typed: TypedAddress) -> str:
    return f"{typed.netloc} did not answer in time."


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and those that libraries wrapped in it."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or each in found:
            continue
        found.append(each)
        inner = [one for one in each.args if isinstance(one, BaseException)]
        waiting += [each.__cause__, each.__context__, *inner]
    return found
