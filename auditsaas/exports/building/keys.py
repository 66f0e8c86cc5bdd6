"""Names the files of an export in storage: each attempt has its own."""

from __future__ import annotations

from auditsaas.exports.formats import format_called
from auditsaas.exports.kind import ExportClaim

BUNDLE = "proof.zip"


def file_key(claim: ExportClaim, fence: int | None = None) -> str:
    """Name the file of an attempt, of this one where none is given."""
    named = f"{_attempt(claim, fence)}.{format_called(claim.row.format).extension}"
    return f"{named}.gz" if claim.row.gzip else named


def bundle_key(claim: ExportClaim, fence: int | None = None) -> str:
    """Name the archive of an attempt that holds its file and the proof."""
    return f"{_attempt(claim, fence)}.{BUNDLE}"


def _attempt(claim: ExportClaim, fence: int | None) -> str:
    return f"exports/{claim.id}/{claim.fence if fence is None else fence}"
