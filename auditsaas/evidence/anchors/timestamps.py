"""Has a checkpoint time-stamped (RFC 3161): a signature by another party that it was there by then.

The stamp is over the SHA-256 of the note as it is stored, so that ``openssl ts -verify`` checks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from auditsaas.errors import Invalid
from auditsaas.evidence.anchors.receipt import AnchorFailed, Receipt
from auditsaas.outgoing.errors import AddressRefused, Unanswered
from auditsaas.outgoing.policy import Policy
from auditsaas.outgoing.request import Outgoing, send

HEADERS: Final = {"Content-Type": "application/timestamp-query"}
CLOCKS_DIFFER: Final = timedelta(minutes=10)


def roots(pem: str) -> list[x509.Certificate]:
    """Read the certificates that a time-stamp has to lead to.

    Raises:
        Invalid: there are none.
    """
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise Invalid("The file holds no certificate in PEM.") from error


def stamp(policy: Policy, url: str, trusted: Sequence[x509.Certificate], note: str) -> Receipt:
    """Ask a time-stamp authority, and return its answer once it was verified.

    Raises:
        AnchorFailed: it gave none, or one that does not hold.
    """
    request = TimestampRequestBuilder().data(note.encode())
    asked = request.hash_algorithm(HashAlgorithm.SHA256).build()
    try:
        answer = send(policy, Outgoing(url=url, headers=HEADERS, body=asked.as_bytes()))
    except (AddressRefused, Unanswered) as error:
        raise AnchorFailed(str(error)) from error
    if answer.status != 200 or not answer.is_whole:
        raise AnchorFailed(f"It answered with the status {answer.status}, and no time-stamp.")
    builder = VerifierBuilder.from_request(asked)
    for certificate in trusted:
        builder = builder.add_root_certificate(certificate)
    try:
        response = decode_timestamp_response(answer.body)
        builder.build().verify_message(response, note.encode())
        at = _time(response)
    except VerificationError as error:
        raise AnchorFailed(f"Its time-stamp does not hold: {error}.") from error
    except (ValueError, TypeError) as error:
        raise AnchorFailed("It answered with what is no time-stamp.") from error
    return Receipt(answer.body, at)


def _time(response: TimeStampResponse) -> datetime:
    at = response.tst_info.gen_time.astimezone(UTC)
    if abs(datetime.now(UTC) - at) > CLOCKS_DIFFER:
        raise AnchorFailed("Its clock differs from the one here by more than ten minutes.")
    return at
