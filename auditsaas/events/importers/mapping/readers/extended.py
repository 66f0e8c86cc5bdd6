"""CEF and LEEF, alone or behind a syslog header.

CEF: https://www.microfocus.com/documentation/arcsight/arcsight-smartconnectors/pdfdoc/cef-implementation-standard/cef-implementation-standard.pdf
LEEF: https://www.ibm.com/docs/en/dsm?topic=overview-leef-event-components
"""

from __future__ import annotations

import re
from typing import Any

from auditsaas.events.importers.bounds import few
from auditsaas.events.importers.mapping.readers import syslog
from auditsaas.events.importers.outcome import LineError

LONGEST_HEADER = 4096
"""Characters in which CEF or LEEF must begin."""
_CEF_HEADER = ("version", "vendor", "product", "product_version", "signature", "name", "severity")
_LEEF_HEADER = ("version", "vendor", "product", "product_version", "event")
_BAR = re.compile(r"((?:[^|\\]++|\\.)*+)\|")
_KEY = re.compile(r"(?:^| )([A-Za-z0-9_.\[\]-]{1,64})=")
_ESCAPE = re.compile(r"\\([|\\=nr])")
_BREAKS = {"n": "\n", "r": "\r"}


def read_cef(line: str) -> dict[str, Any]:
    record, position = _begun(line, "CEF:")
    fields, position = _header(line, position, len(_CEF_HEADER))
    record["cef"] = dict(zip(_CEF_HEADER, fields, strict=True))
    extension = line[position:]
    keys = few(_KEY.finditer(extension))
    starts = [*(key.start() for key in keys), len(extension)]
    if before := extension[: starts[0]].strip():
        record["extension"] = _plain(before)
    for key, end in zip(keys, starts[1:], strict=True):
        record[key[1]] = _plain(extension[key.end() : end].strip())
    return record


def read_leef(line: str) -> dict[str, Any]:
    record, position = _begun(line, "LEEF:")
    fields, position = _header(line, position, len(_LEEF_HEADER))
    record["leef"] = dict(zip(_LEEF_HEADER, fields, strict=True))
    divider = "\t"
    if fields[0].startswith("2"):
        told, _, rest = line[position : position + 8].partition("|")
        if rest or line[position : position + 8].endswith("|"):
            divider = _divider(told) or divider
            position += len(told) + 1
    for pair in few(iter(line[position:].split(divider))):
        key, equals, value = pair.strip().partition("=")
        if equals and key:
            record[key] = value.strip()
    return record


def _begun(line: str, mark: str) -> tuple[dict[str, Any], int]:
    """Split off what stands before the mark, with where it ends."""
    start = line.find(mark, 0, LONGEST_HEADER)
    if start < 0:
        raise LineError(f"has no {mark}")
    if start == 0:
        return {}, len(mark)
    told, _ = syslog.header(line[:start])
    return {"syslog": told or line[:start].strip()}, start + len(mark)


def _header(line: str, position: int, count: int) -> tuple[list[str], int]:
    fields: list[str] = []
    for _ in range(count):
        field = _BAR.match(line, position)
        if field is None:
            raise LineError(f"has {len(fields)} fields between bars, not {count}", near=1)
        fields.append(_plain(field[1]))
        position = field.end()
    return fields, position


def _plain(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda match: _BREAKS.get(match[1], match[1]), text)


def _divider(told: str) -> str | None:
    """Read the divider: `^`, or a character by its number, such as `x5E` and `0x5E`."""
    if len(told) == 1:
        return told
    digits = told.lower().removeprefix("0").removeprefix("x")
    try:
        return chr(int(digits, 16))
    except (ValueError, OverflowError):
        return None
