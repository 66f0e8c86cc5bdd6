"""IIS logs (W3C). ``time-taken`` is in milliseconds; ``+`` stands for a blank in a user agent.

The user is kept as ``DOMAIN\\user``. Some servers write a second blank before it.
"""

from __future__ import annotations

from auditsaas.events.importers import w3c
from auditsaas.events.importers.format import line_format
from auditsaas.events.importers.outcome import LineError


def split(line: str, wanted: int) -> list[str]:
    fields = line.split(" ")
    if len(fields) > wanted:
        fields = [field for field in fields if field]
    if len(fields) != wanted:
        raise LineError(f"has {len(fields)} fields, not the {wanted} that #Fields names")
    return fields


def _decoded(text: str) -> str:
    return text.replace("+", " ")


FORMAT = line_format("iis", "IIS log (W3C)", lambda _zone: w3c.reader(split, _decoded, unit_ms=1))
