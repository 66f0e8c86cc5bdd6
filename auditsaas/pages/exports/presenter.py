"""An export as its row and its page show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from auditsaas.exports import wording
from auditsaas.exports.kind import UNFINISHED
from auditsaas.exports.models import Export, ExportState
from auditsaas.exports.service import RUN_AGAIN
from auditsaas.formatting.viewer import Viewer
from auditsaas.pages.exports.export_scope import ExportScope
from auditsaas.workspaces.models import NamedWorkspace


@dataclass(frozen=True, kw_only=True)
class ShownExport:
    """A row; an address that is None is not offered."""

    id: str
    title: str
    subtitle: str
    workspaces: Sequence[NamedWorkspace]
    format: str
    state: str
    percent: int | None
    seconds_left: int | None
    rows_done: int
    rows_total: int | None
    size: int | None
    sha256: str | None
    proof: bool
    bundle_size: int | None
    bundle_sha256: str | None
    sealed_size: int | None
    waits_for: int | None
    """The number that the log is to be sealed up to, where that is waited for."""
    error: str | None
    requested_by: str
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
    filter_words: str
    range_words: str
    detail_url: str | None
    download_url: str | None
    """The archive with the proof, where the export has one; else its file."""
    file_url: str | None
    """The file alone."""
    cancel_url: str | None
    retry_url: str | None
    scheduled: bool


def present(export: Export, scope: ExportScope, viewer: Viewer) -> ShownExport:
    url, own = f"{scope.base_url}/{export.id}", scope.is_own(export)
    state = export.state_now
    range_words = wording.period(export, viewer)
    return ShownExport(
        id=str(export.id),
        title=export.schedule_name or wording.title(export, viewer),
        subtitle=range_words if "range=" in export.query or export.schedule_name else "",
        workspaces=[scope.names[key] for key in export.workspace_ids if key in scope.names],
        format=export.format,
        state=state,
        size=export.bytes,
        sha256=export.sha256,
        proof=export.proof,
        bundle_size=export.bundle_bytes,
        bundle_sha256=export.bundle_sha256,
        sealed_size=export.sealed_size,
        waits_for=max(export.snapshot.values()) if export.waits_for_seal else None,
        error=export.error,
        requested_by=export.requester_name,
        created_at=export.created_at,
        finished_at=export.finished_at,
        expires_at=export.expires_at,
        filter_words=export.asked_filter.describe(),
        range_words=range_words,
        detail_url=url if own else None,
        download_url=_download_url(url, export) if own and state == ExportState.READY else None,
        file_url=f"{url}/download" if own and state == ExportState.READY else None,
        cancel_url=f"{url}/cancel" if own and state in UNFINISHED else None,
        retry_url=f"{url}/retry" if own and state in RUN_AGAIN else None,
        scheduled=export.schedule_name is not None,
        **_progress(export),
    )


def _download_url(url: str, export: Export) -> str:
    return f"{url}/bundle" if export.proof else f"{url}/download"


def _progress(export: Export) -> dict[str, Any]:
    done, total = export.rows_done, export.rows_total
    shown: dict[str, Any] = {
        "rows_done": done,
        "rows_total": total,
        "percent": None,
        "seconds_left": None,
    }
    if export.state == ExportState.BUILDING and total:
        # The total was counted just before the snapshot was pinned: it may be passed, not reached.
        shown["percent"] = min(99, 100 * done // total)
        if done and export.started_at is not None:
            taken = (datetime.now(UTC) - export.started_at).total_seconds()
            shown["seconds_left"] = max(1, round(taken * max(0, total - done) / done))
    return shown
