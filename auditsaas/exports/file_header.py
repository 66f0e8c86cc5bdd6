"""What a file says of the export that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from auditsaas import formatting
from auditsaas.events.filter.period import TimeRange
from auditsaas.exports import wording
from auditsaas.exports.models import Export
from auditsaas.exports.source import About
from auditsaas.formatting import Viewer


def about_export(export: Export, names: Mapping[UUID, str], brand: str) -> About:
    viewer = wording.viewer_of(export)
    person = export.requester
    return About(
        export_id=export.id,
        filter=wording.filter_words(export),
        period=period_words(TimeRange(export.starts_at, export.ends_at), export.created_at, viewer),
        asker=f"{person.name} ({person.email})" if person else export.requester_name,
        asked_at=export.created_at,
        viewer=viewer,
        names=names,
        brand=brand,
    )


def period_words(period: TimeRange, asked_at: datetime, viewer: Viewer) -> str:
    """`11/13/2026 00:00:00 to 11/19/2026 14:31:02 EST`; an open end is when it was asked for."""
    end = min(period.end or asked_at, asked_at)
    last = f"{_moment(end, viewer)} {formatting.zone_label(viewer, end)}"
    if period.start is None:
        return f"Everything to {last}"
    return f"{_moment(period.start, viewer)} to {last}"


def _moment(at: datetime, viewer: Viewer) -> str:
    return f"{formatting.date(at, viewer)} {formatting.time(at, viewer)}"
