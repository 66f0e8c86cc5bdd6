"""Requests an export of the events that match now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import PRESETS
from auditsaas.events.reading import pages, totals
from auditsaas.events.reading.totals import Count
from auditsaas.exports import service
from auditsaas.exports.asking import with_proof
from auditsaas.exports.formats import Format, Options
from auditsaas.exports.limits import ROW_LIMITS, refuse_too_many
from auditsaas.exports.models import Export
from auditsaas.exports.quota import refuse_more
from auditsaas.exports.requester import Requester
from auditsaas.own_activities import Activity
from config.settings import Settings

NO_OPTIONS = Options()


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """A requested file: its requester, filter, format and options."""

    requester: Requester
    workspaces: Sequence[UUID]
    event_filter: EventFilter
    zone: ZoneInfo
    format: Format
    options: Options = NO_OPTIONS
    row_limits: Mapping[str, int] = field(default_factory=lambda: ROW_LIMITS)
    reader: Session | None = None
    """The platform session of a super-admin, through which the file is then built, too."""
    status_code: int | None = 303
    """Of the answer to the HTTP request; None where a schedule asks."""
    since: Mapping[UUID, int] | None = None
    """The ``seq`` of each workspace after which events from before the period belong in it, too."""
    schedule_name: str | None = None
    settings: Settings | None = None
    """Of the installation, where a quota bounds who asks; None for schedules and operators."""
    counted: Count | None = None
    """The matching events, where they have been counted before."""
    proof: bool = False
    """Whether a proof is to go with the file."""


def request_export(session: Session, asked: ExportRequest) -> Export:
    """Store and record a request for one file; the caller commits, then sends the message.

    The scope of ``session`` must hold the workspaces and the person.

    Raises:
        TooManyRows: a file of this format cannot hold what matches.
        NoProof: a proof was asked for, and none can be made of this.
        QuotaSpent: too many exports of the workspace, or of who asks, wait or run.
    """
    if asked.settings is not None:
        refuse_more(session, asked.settings, asked.workspaces, asked.requester)
    reader = asked.reader or session
    if asked.proof:
        asked = _with_proof(session, asked)
    count = asked.counted or totals.count(reader, asked.workspaces, asked.event_filter)
    refuse_too_many(asked.format.key, count, asked.row_limits)
    export = _export(asked, pages.heads(reader, asked.workspaces), count)
    session.add(export)
    session.flush()
    service.record(
        session, Activity.EXPORT_REQUESTED, export, asked.requester, status_code=asked.status_code
    )
    return export


def _with_proof(session: Session, asked: ExportRequest) -> ExportRequest:
    """Let people be meant as events name them, which are then counted anew."""
    plan = with_proof.plan(
        session,
        asked.workspaces,
        asked.event_filter,
        through_platform=asked.reader is not None,
        may_wait=asked.schedule_name is not None,  # a schedule that is refused is paused
    )
    meant = replace(asked.event_filter, as_written=plan.event_filter.as_written)
    count = totals.count(session, asked.workspaces, plan.event_filter)
    return replace(asked, event_filter=meant, counted=count)


def _export(asked: ExportRequest, heads: Mapping[UUID, int], count: Count) -> Export:
    requester, period = asked.requester, asked.event_filter.period
    meant = asked.event_filter.as_written
    since = None if asked.since is None else {str(key): seq for key, seq in asked.since.items()}
    return Export(
        workspace_ids=list(asked.workspaces),
        requested_by=requester.person.id if requester.person else None,
        requested_by_key=requester.key.key_id if requester.key else None,
        through_platform=asked.reader is not None,
        format=asked.format.key,
        query=_pinned_query(asked.event_filter),
        since=since,
        schedule_name=asked.schedule_name,
        starts_at=period.start,
        ends_at=period.end,
        time_zone=asked.zone.key,
        columns=list(asked.options.columns) or None,
        gzip=asked.options.gzip,
        proof=asked.proof,
        proof_user=meant.user if meant else None,
        snapshot={str(workspace): heads.get(workspace, 0) for workspace in asked.workspaces},
        rows_total=count.total if count.exact else None,
    )


def _pinned_query(event_filter: EventFilter) -> str:
    """Return the filter to store: dates as instants, presets as they are."""
    if event_filter.range in PRESETS:
        return event_filter.query_string()
    return event_filter.with_period(event_filter.period).query_string()
