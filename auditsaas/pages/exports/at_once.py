"""Answers who asks for a small export with its file, built and sent by one thread for files."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from auditsaas.access.waiting import use_files
from auditsaas.db import tenancy
from auditsaas.errors import TooOften
from auditsaas.events.reading import totals
from auditsaas.exports import service
from auditsaas.exports.asking.at_once import is_at_once
from auditsaas.exports.asking.request import ExportRequest
from auditsaas.exports.building.build import job_at_once
from auditsaas.exports.building.opening import InstallationOptions
from auditsaas.exports.formats import Format
from auditsaas.exports.models import Export, ExportState
from auditsaas.extensions import settings
from auditsaas.jobs import runner
from auditsaas.pages.exports.export_scope import ExportScope
from auditsaas.storage.address import storage_at


def has_thread(scope: ExportScope, chosen: Format, *, proof: bool) -> bool:
    """Go on in a thread for files where the file may be small; tell whether it is one.

    Call it before anything is read or written, for the request is asked again there. Where no
    thread is free, a worker builds the file.
    """
    if not chosen.at_once or proof:
        return False
    try:
        use_files(f"person {scope.person.id}")
    except TooOften:
        return False
    return True


def counted(scope: ExportScope, asked: ExportRequest) -> tuple[ExportRequest, bool]:
    """Count the rows of a file, and tell whether it is built at once."""
    reader = asked.reader or scope.session
    count = totals.count(reader, asked.workspaces, asked.event_filter)
    return replace(asked, counted=count), is_at_once(asked.format, count, proof=asked.proof)


def build(scope: ExportScope, export_id: UUID) -> Export:
    """Build the file of an export that was committed; return the export as it is afterwards.

    It is a job like any other: what fails here is tried again by a worker, and what takes too long
    is left to one.
    """
    bound = scope.session.info["scope"]
    made = settings()
    options = InstallationOptions(brand=made.brand_name)
    runner.run(job_at_once(storage_at(made.storage_url), options), export_id)
    tenancy.bind(bound, scope.session)
    return service.find(scope.session, scope.visible, export_id)


def is_built(export: Export) -> bool:
    return export.state == ExportState.READY
