"""Builds the header of a file: its export, filter, period and requester."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from auditsaas.events.filter.period import TimeRange
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.exports import wording
from auditsaas.exports.models import Export
from auditsaas.exports.source import About
from auditsaas.formatting import times
from auditsaas.formatting.viewer import Viewer

EVERYTHING = "Everything"


def about_export(
    export: Export, names: Mapping[UUID, str], brand: str, seal: Sealed | None = None
) -> About:
    viewer = wording.viewer_of(export)
    person = export.requester
    return About(
        export_id=export.id,
        filter=export.asked_filter.describe(),
        period=period_words(export.period, export.created_at, viewer),
        requester=f"{person.name} ({person.email})" if person else export.requester_name,
        asked_at=export.created_at,
        viewer=viewer,
        names=names,
        brand=brand,
        seal=seal,
    )


def period_words(period: TimeRange, asked_at: datetime, viewer: Viewer) -> str:
    """Write `10/24/2026 00:00:00 EDT to 11/19/2026 00:00:00 EST`.

    A period that was not over when it was asked for ends with what had been received by then: an
    event may have occurred, by its sender's clock, some minutes later than that.
    """
    bounds = _bounds(period, viewer)
    if period.end is not None and period.end <= asked_at:
        return bounds
    comma = "," if bounds != EVERYTHING else ""
    return f"{bounds}{comma} received by {times.stamp(asked_at, viewer)}"


def _bounds(period: TimeRange, viewer: Viewer) -> str:
    if period.start is not None and period.end is not None:
        return times.interval(period.start, period.end, viewer)
    if period.start is not None:
        return f"From {times.stamp(period.start, viewer)}"
    return EVERYTHING if period.end is None else f"Up to {times.stamp(period.end, viewer)}"
