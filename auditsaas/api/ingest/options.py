"""Reads a sender's options: all or none, unknown fields, the request's idempotency key."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask import request

from auditsaas.api.answers import Parameters
from auditsaas.errors import FieldError

HEADER = "Idempotency-Key"
LONGEST_KEY = 120
KEY_PATTERN = rf"^[!-~]{{1,{LONGEST_KEY}}}$"
"""Printable ASCII without a space; with `:` and a place below 1,000 it is an event's key."""

YES_OR_NO = ("true", "false")
UNKNOWN = ("refuse", "metadata")

_KEY = re.compile(KEY_PATTERN)


@dataclass(frozen=True)
class Options:
    strict: bool = False
    """Store all events of the request or none."""
    keep_unknown: bool = False
    """Keep fields that no event has in metadata, rather than refuse the event."""
    key: str | None = None
    """Begins the key of every event that has none of its own."""


def read_options() -> Options:
    """Read the options of the current request.

    Raises:
        FilterError: a parameter or the key cannot be understood.
    """
    parameters = Parameters(request.args, ("strict", "unknown"))
    options = Options(
        parameters.one_of("strict", YES_OR_NO, "false") == "true",
        parameters.one_of("unknown", UNKNOWN, "refuse") == "metadata",
        _key(parameters),
    )
    parameters.check()
    return options


def _key(parameters: Parameters) -> str | None:
    given = request.headers.get(HEADER)
    if given is None:
        return None
    # The header is a string of structured fields (RFC 9651), which many senders leave unquoted.
    bare = given.strip()
    if len(bare) > 1 and bare[0] == bare[-1] == '"':
        bare = bare[1:-1]
    if not _KEY.fullmatch(bare):
        words = f"is 1 to {LONGEST_KEY} printable ASCII characters without a space"
        parameters.errors.append(FieldError(HEADER, words))
        return None
    return bare
