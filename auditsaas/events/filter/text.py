"""Reads a filter given as text: the query of a page's address, or terms as the search box takes."""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches
from urllib.parse import parse_qsl, urlsplit

from werkzeug.datastructures import MultiDict

from auditsaas.errors import FieldError
from auditsaas.events.filter.event_filter import PARAMETERS

MOST_NAMED = 5

_QUERY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*=")
_ADDRESS = re.compile(r"(https?://[^\s?]+|/[^\s?]*)\?")


def arguments(text: str) -> MultiDict[str, str]:
    """Return the parameters that a text gives; what is no query string is a search.

    ``status=error&q=refund``, with or without the address before it, is a query string;
    ``status:error refund`` is what the search box takes, and becomes its ``q``.
    """
    text = text.strip()
    if _ADDRESS.match(text):
        text = urlsplit(text).query
    text = text.removeprefix("?")
    parts = [part for part in text.split("&") if part]
    if parts and all(_QUERY.match(part) for part in parts):
        return MultiDict(parse_qsl(text, keep_blank_values=True))
    return MultiDict([("q", text)] if text else [])


def as_typed(query: str) -> str:
    """Write a filter's query string as a person would: a search alone as the search box has it."""
    pairs = parse_qsl(query, keep_blank_values=True)
    alone = pairs[0][1] if len(pairs) == 1 and pairs[0][0] == "q" else ""
    return alone if alone and arguments(alone) == MultiDict(pairs) else query


def unknown(args: MultiDict[str, str], beside: Collection[str] = ()) -> list[FieldError]:
    """Refuse parameters that are neither the filter's nor ``beside`` it, each by name."""
    names = [name for name in args if name not in PARAMETERS and name not in beside]
    return [FieldError(name[:40], _words(name)) for name in names[:MOST_NAMED]]


def _words(name: str) -> str:
    words = f"There is no filter called “{name[:40]}”."
    near = get_close_matches(name.lower(), PARAMETERS, 1)
    return f"{words} Did you mean “{near[0]}”?" if near else words
