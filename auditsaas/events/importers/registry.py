"""Every format there is, by its name; a further one is a module and an entry here."""

from __future__ import annotations

from datetime import tzinfo
from itertools import islice

from auditsaas.events.importers import (
    alb,
    atlassian,
    bitbucket,
    caddy,
    cloudfront,
    cloudtrail,
    combined,
    csv,
    github,
    gitlab,
    iis,
    jsonl,
    k8s,
    nginx_json,
    notion,
    okta,
    onepassword,
    openstack,
    slack,
    traefik,
    zendesk,
)
from auditsaas.events.importers.documents import DocumentError
from auditsaas.events.importers.format import Format
from auditsaas.events.importers.lines import Progress, Source, SourceError, UnknownFormat
from auditsaas.events.importers.mapping.presets import preset_formats
from auditsaas.events.importers.outcome import LineError, Parsed, Refused, first_keys
from auditsaas.events.importers.reading import Reading, objects, record_of
from auditsaas.events.importers.times import NO_ZONE

AUTO = "auto"
SAMPLE = 1000
"""Lines or records of a file's beginning that say what it is."""
SAMPLE_BYTES = 2 * 1024 * 1024
"""No more is read, or unpacked, to see it."""


class _SampleEnds(Exception):
    """As much was read as a sample may hold."""


# Where a file could be of two formats, the first is taken.
FORMATS: dict[str, Format] = {
    module.FORMAT.key: module.FORMAT
    for module in (
        jsonl,
        csv,
        cloudtrail,
        okta,
        k8s,
        caddy,
        traefik,
        gitlab,
        github,
        onepassword,
        slack,
        zendesk,
        notion,
        nginx_json,
        alb,
        cloudfront,
        iis,
        openstack,
        atlassian,
        bitbucket,
        combined,
    )
} | preset_formats()
SAME = {"common": "combined", "jira": "atlassian", "confluence": "atlassian"}
"""Further names of formats."""
NAMES = (AUTO, *sorted([*FORMATS, *SAME]))

# What people send instead of a log, by its first bytes, and what to do about it.
_NO_LOGS = (
    (b"PK\x03\x04", "it is a ZIP archive; unpack it"),
    (b"\x1f\x8b", "it was packed by gzip twice; unpack it once"),
    (b"BZh", "it is packed by bzip2; unpack it"),
    (b"\xfd7zXZ\x00", "it is packed by xz; unpack it"),
    (b"\x28\xb5\x2f\xfd", "it is packed by zstd; unpack it"),
    (b"\xff\xfe", "it is text in UTF-16; convert it to UTF-8"),
    (b"\xfe\xff", "it is text in UTF-16; convert it to UTF-8"),
    (b"PAR1", "it is Parquet; import the JSONL or CSV of the same events"),
)


Tried = dict[str, tuple[int, int, Refused | None]]
"""Results of ``_tried``, by format."""


def checked_format(source: Source, wanted: str | Format, zone: tzinfo | None = None) -> Format:
    """Return the wanted or named format, or the one that ``auto`` recognises by the beginning.

    Raises:
        SourceError: nothing at its beginning is of the format, or of any; or it is a JSON document
            that is broken anywhere.
    """
    chosen = _wanted(source, wanted, zone)
    _, parsed, refused = _tried(source, chosen, zone)
    if parsed or refused is None:
        try:
            chosen.check(source)
        except DocumentError as error:
            raise SourceError(f"{source.name} is broken at {error}") from error
        return chosen
    named = chosen.key if isinstance(wanted, Format) else wanted
    raise SourceError(f"{source.name} is not {named}: {_words(refused)}{_advice(source, zone)}")


def _wanted(source: Source, wanted: str | Format, zone: tzinfo | None) -> Format:
    if isinstance(wanted, Format):
        return wanted
    return _recognised(source, zone) if wanted == AUTO else FORMATS[SAME.get(wanted, wanted)]


def _recognised(source: Source, zone: tzinfo | None) -> Format:
    presets = preset_formats()
    tried: Tried = {
        key: _tried(source, made, zone) for key, made in FORMATS.items() if key not in presets
    }
    best = _best(tried)
    if tried[best][2] is not None:
        tried |= {key: _tried(source, made, zone) for key, made in presets.items()}
        best = _best(tried)
    _, parsed, refused = tried[best]
    if parsed or refused is None:
        return FORMATS[best]
    if _lacks_zone(refused):
        raise SourceError(f"{source.name} cannot be read as {best}: {_words(refused)}")
    if (known := _no_log(source)) is not None:
        raise SourceError(f"{source.name} is of no known format: {known}")
    raise UnknownFormat(f"{source.name} is of no known format: {_what_it_is(source, tried)}")


def _best(tried: Tried) -> str:
    """Choose the format that reads most; among equals one that reads everything, then the first."""
    return max(tried, key=lambda key: (*tried[key][:2], tried[key][2] is None))


def _advice(source: Source, zone: tzinfo | None) -> str:
    try:
        return f". It looks like {_recognised(source, zone).key}"
    except SourceError:
        return ""


def _tried(source: Source, chosen: Format, zone: tzinfo | None) -> tuple[int, int, Refused | None]:
    """Count the records of the format and the events at the beginning; keep the first failure.

    What only lacks a zone is of the format.

    One that only lacks a zone goes before others, for it says what to do; then one that is nearly
    of the format.
    """
    parsed, zoneless, refused = 0, 0, None
    reading = Reading(chosen.key, zone, is_sample=True, progress=_sample_progress())
    try:
        for outcome in islice(chosen.parse(source, reading), SAMPLE):
            if isinstance(outcome, Parsed):
                parsed += 1
                continue
            zoneless += _lacks_zone(outcome)
            if refused is None or _says_more(outcome, refused):
                refused = outcome
    except DocumentError as error:
        return parsed + zoneless, parsed, refused or Refused(0, error.reason, error.byte)
    except _SampleEnds:
        if not parsed and refused is None:
            refused = Refused(1, f"nothing in its first {SAMPLE_BYTES:,} bytes is an event")
    return parsed + zoneless, parsed, refused


def _sample_progress() -> Progress:
    """Return what ends a sample once it has so many bytes; the line or part that does is read."""
    read = 0

    def progress(more: int) -> None:
        nonlocal read
        if read > SAMPLE_BYTES:
            raise _SampleEnds
        read += more

    return progress


def _says_more(refused: Refused, before: Refused) -> bool:
    if _lacks_zone(refused) != _lacks_zone(before):
        return _lacks_zone(refused)
    return refused.near > before.near


def _lacks_zone(refused: Refused) -> bool:
    return NO_ZONE in refused.reason


def _words(refused: Refused) -> str:
    place = f"byte {refused.byte:,}" if refused.line == 0 else refused.place
    return f"{place}: {refused.reason}"


def _no_log(source: Source) -> str | None:
    """Recognise what is sent instead of a log, and say what to do about it."""
    start = source.reader()(8)
    return next((words for first, words in _NO_LOGS if start.startswith(first)), None)


def _what_it_is(source: Source, tried: Tried) -> str:
    return _nearest(tried) or _keys(source) or f"it begins with {_beginning(source)}"


def _nearest(tried: Tried) -> str | None:
    """Find the format that a file has the most of, and name what it lacks."""
    near = {key: refused for key, (_, _, refused) in tried.items() if refused and refused.near}
    if not near:
        return None
    key = max(near, key=lambda key: near[key].near)
    return f"it looks most like {key}, but {_words(near[key])}"


def _keys(source: Source) -> str | None:
    """Return the keys of the first record, where the file is of JSON objects."""
    try:
        _, _, raw = next(objects(source, frozenset()))
        record = record_of(raw)
    except (StopIteration, DocumentError, LineError):
        return None
    return f"it begins with an object{first_keys(record)}"


def _beginning(source: Source) -> str:
    for _, raw in source.lines():
        if text := raw.decode("utf-8", "backslashreplace").strip():
            shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
            return f"“{shown[:60]}…”" if len(shown) > 60 else f"“{shown}”"
    return "nothing"
