"""Reads a filter given as text: the query of a page's address, or terms as the search box takes."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

from werkzeug.datastructures import MultiDict

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
