"""An export in words: its title, its period, the name of its file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args
from zoneinfo import ZoneInfo

from auditsaas.events.filter.period import PRESETS
from auditsaas.exports.formats import FORMATS
from auditsaas.exports.models import Export
from auditsaas.formatting import numbers, times, viewer
from auditsaas.formatting.viewer import DateFormat, Viewer

LONGEST_TITLE = 120


def title(export: Export, viewer: Viewer) -> str:
    """Title an export `Everything, last quarter`, or by filter and range; a schedule's by name."""
    if export.schedule_name is not None:
        return f"{export.schedule_name}, {period(export, viewer)}"
    chosen = export.asked_filter
    when = PRESETS.get(chosen.range or "", "").lower() or period(export, viewer) or "all time"
    subject = chosen.describe() or "Everything"
    room = LONGEST_TITLE - len(when) - 2
    if len(subject) > room:
        subject = subject[: room - 1] + "…"
    return f"{subject}, {when}"


def viewer_of(export: Export) -> Viewer:
    """Return the requester's date format, in the zone of the export."""
    return Viewer(zone=ZoneInfo(export.time_zone), date_format=_date_format(export))


def period(export: Export, viewer: Viewer) -> str:
    """Write `07/01/2026 – 09/30/2026`, days of the requester's zone; '' for all time."""
    first, last = export.days
    if first is not None and last is not None:
        if first == last:
            return times.date(first, viewer)
        return f"{times.date(first, viewer)} – {times.date(last, viewer)}"
    if first is not None:
        return f"from {times.date(first, viewer)}"
    return f"to {times.date(last, viewer)}" if last is not None else ""


def rows(count: int) -> str:
    return f"{numbers.number(count)} {'row' if count == 1 else 'rows'}"


def format_name(key: str) -> str:
    return FORMATS[key].name if key in FORMATS else key.upper()


def own_address(export: Export) -> str:
    """Return the address of an export's page for its requester."""
    return f"/admin/exports/{export.id}" if export.through_platform else f"/exports/{export.id}"


def file_name(export: Export, slugs: Sequence[str]) -> str:
    """Name a file `acme_2026-10-01_2026-10-31_America-New_York.csv`: workspace, range and zone."""
    extension = (export.file_key or "").rpartition("/")[2].partition(".")[2] or export.format
    return f"{base_name(export, slugs)}.{extension}"


def bundle_name(export: Export, slugs: Sequence[str]) -> str:
    """Name the archive of a file and its proof `acme_2026-10-01_2026-10-31_UTC_with-proof.zip`."""
    return f"{base_name(export, slugs)}_with-proof.zip"


def base_name(export: Export, slugs: Sequence[str]) -> str:
    """Name a file without its extension."""
    where = slugs[0] if len(slugs) == 1 else f"{len(slugs)}-workspaces"
    zone = ZoneInfo(export.time_zone)
    first, last = export.days
    start = first.isoformat() if first else "start"
    end = (last or export.created_at.astimezone(zone).date()).isoformat()
    return f"{where}_{start}_{end}_{export.time_zone.replace('/', '-')}"


def _date_format(export: Export) -> DateFormat:
    known: tuple[DateFormat, ...] = get_args(DateFormat)
    chosen = export.requester.date_format if export.requester else None
    return next((value for value in known if value == chosen), viewer.DEFAULT.date_format)
