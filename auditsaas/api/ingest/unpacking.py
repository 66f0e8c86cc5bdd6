"""A body without its content encoding, within the limit, and why one cannot be read."""

from __future__ import annotations

import zlib

from auditsaas.errors import DomainError

MAX_BODY_BYTES = 5_000_000
_ZLIB = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class NotJson(DomainError):
    """The body is not JSON at all."""

    status = 400
    title = "Not JSON"


class TooLarge(DomainError):
    """The body, its unpacked form, or the number of events is over the limit."""

    status = 413
    title = "Too large"


class Unsupported(DomainError):
    """A content type or encoding that this address does not read."""

    status = 415
    title = "Unsupported media type"


def unpack(body: bytes, encoding: str) -> bytes:
    """Decode the body's content encoding; unpacking stops at the size limit.

    Raises:
        TooLarge: it unpacks to more than 5 MB.
        NotJson: it is not packed so, or not complete.
        Unsupported: an encoding other than gzip and deflate.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in _ZLIB:
        raise Unsupported(f"Content-Encoding {encoding[:40]} is not read; send gzip or none.")
    try:
        unpacked, complete = _inflated(body, _ZLIB[encoding])
    except zlib.error:
        if encoding != "deflate":
            raise NotJson("The body is not gzip.") from None
        unpacked, complete = _inflated_raw(body)
    if len(unpacked) > MAX_BODY_BYTES:
        raise TooLarge("The body unpacks to more than 5,000,000 bytes.")
    if not complete:
        raise NotJson(f"The {encoding} body ends early.")
    return unpacked


def _inflated_raw(body: bytes) -> tuple[bytes, bool]:
    """Inflate deflate without its wrapper, as some senders have it (RFC 9110, section 8.4.1.2)."""
    try:
        return _inflated(body, -zlib.MAX_WBITS)
    except zlib.error:
        raise NotJson("The body is not deflate.") from None


def _inflated(body: bytes, window: int) -> tuple[bytes, bool]:
    unpacker = zlib.decompressobj(wbits=window)
    return unpacker.decompress(body, MAX_BODY_BYTES + 1), unpacker.eof
