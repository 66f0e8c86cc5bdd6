"""Estimates an export before it is requested: rows, size, pages, seconds, limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.orm import Session

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.reading import pages, totals
from auditsaas.events.reading.scans.sample import Shares
from auditsaas.events.reading.totals import Count
from auditsaas.events.stored import stored_event
from auditsaas.exports.asking.at_once import is_at_once
from auditsaas.exports.asking.with_proof import ProofPlan
from auditsaas.exports.formats import FORMATS, Format
from auditsaas.exports.limits import TooManyRows, pages_of, refuse_too_many

SAMPLE: Final = 50
"""The newest matching events, by whose length the size is estimated."""


@dataclass(frozen=True)
class Rate:
    """A format's measured bytes and speed per event (``make bench``)."""

    share: float
    """Bytes in the file for a byte of the event as JSON."""
    rows_a_second: int


RATES: Final[Mapping[str, Rate]] = {
    "csv": Rate(0.52, 60_000),
    "pdf": Rate(0.15, 3_000),
    "jsonl": Rate(1.0, 60_000),
    "xlsx": Rate(0.12, 20_000),
    "parquet": Rate(0.08, 40_000),
}
PACKED: Final = 0.15
"""Bytes in the archive with a proof for a byte of CSV or JSONL (``make bench``)."""
PACKED_ALREADY: Final = frozenset({"pdf", "xlsx", "parquet"})
PROOF_OF_ROW, PROOF_OF_OTHER = 55, 167
"""Bytes of a proof for a number that is in the file, and for one that is not."""
PROVEN_A_SECOND: Final = 12_000
SEALED_WITHIN: Final = 10
"""Seconds until a checkpoint covers what was asked for."""


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """An estimate; ``refusal`` says why the export would not be started."""

    format: Format
    rows: int
    exact: bool
    """False where there are at least so many rows."""
    bytes: int
    seconds: int
    """Of the building, and of the proof where one goes with it."""
    at_once: bool
    """Whether the file is the answer to who asks for it."""
    pages: int | None
    refusal: str | None


def preflight(
    session: Session,
    slugs: Mapping[UUID, str],
    event_filter: EventFilter,
    formats: Sequence[Format] = tuple(FORMATS.values()),
    *,
    row_limits: Mapping[str, int],
    shares: Shares | None = None,
    proof: ProofPlan | None = None,
) -> list[Preflight]:
    """Estimate the file of each format, in the same order, and the archive that holds its proof."""
    workspaces = sorted(slugs)
    count = totals.count(session, workspaces, event_filter, shares=shares)
    length = _length(session, slugs, event_filter)
    found = [_estimate(chosen, count, length, row_limits) for chosen in formats]
    return [_proven(one, length, proof) for one in found] if proof else found


def _length(session: Session, slugs: Mapping[UUID, str], event_filter: EventFilter) -> float:
    """Estimate the mean length of an event as JSON, from those of a first page."""
    page = pages.page(session, sorted(slugs), event_filter, limit=SAMPLE)
    lengths = [
        len(msgspec.json.encode(stored_event(row, slugs[row.workspace_id]))) for row in page.rows
    ]
    return sum(lengths) / len(lengths) if lengths else 0


def _estimate(
    chosen: Format, count: Count, length: float, row_limits: Mapping[str, int]
) -> Preflight:
    rate = RATES[chosen.key]
    return Preflight(
        format=chosen,
        rows=count.total,
        exact=count.exact,
        bytes=round(count.total * length * rate.share),
        seconds=1 + count.total // rate.rows_a_second,
        at_once=is_at_once(chosen, count),
        pages=pages_of(count.total) if chosen.key == "pdf" else None,
        refusal=_refusal(chosen, count, row_limits),
    )


def _proven(file: Preflight, length: float, plan: ProofPlan) -> Preflight:
    """Add to the estimate of a file what its proof takes, and the rows that this is of."""
    json = round(file.rows * length)
    rate = RATES[file.format.key]
    packed = file.bytes if file.format.key in PACKED_ALREADY else file.bytes * PACKED
    rows = 0 if file.format.key == "jsonl" else json * PACKED
    shown = min(file.rows, plan.numbers)
    proof = shown * PROOF_OF_ROW + (plan.numbers - shown) * PROOF_OF_OTHER
    again = 0 if file.format.key == "jsonl" else file.rows // RATES["jsonl"].rows_a_second
    seconds = 1 + file.rows // rate.rows_a_second + again + plan.numbers // PROVEN_A_SECOND
    return replace(
        file, bytes=round(packed + rows + proof), seconds=seconds + SEALED_WITHIN, at_once=False
    )


def _refusal(chosen: Format, count: Count, row_limits: Mapping[str, int]) -> str | None:
    try:
        refuse_too_many(chosen.key, count, row_limits)
    except TooManyRows as error:
        return str(error)
    return None
