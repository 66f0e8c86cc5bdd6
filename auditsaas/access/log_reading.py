"""Records that a request read a log: in one place, whatever route or fragment it was.

The connections themselves notice a statement that reads a log, so no view can forget to say so.
What views add is the filter, the rows and the events that they show. Once the answer is made, its
reading is counted in each log that it was made of, in the transaction that read it.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from flask import g, has_request_context, request
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from auditsaas import current_request
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.errors import DomainError
from auditsaas.events.filter.canonical import reaches
from auditsaas.events.filter.event_filter import EMPTY, EventFilter
from auditsaas.extensions import db
from auditsaas.metrics import READS_UNRECORDED
from auditsaas.own_activities import Activity
from auditsaas.reads import counting
from auditsaas.reads.reading import TELLS_NO_EVENT, Reader, Reading
from auditsaas.workspaces.models import ReadRecording

LOG: Final = re.compile(
    r"(?:FROM|JOIN|,)\s+(?:events|event_counts|event_days|actors|actor_emails|actor_names)\b(?!\.)"
)
"""Where a statement reads what a log holds, or what is kept beside it."""
POLLS: Final = frozenset({"tail", "feed"})
"""Parts that are asked again and again; what shows nothing is counted by the hour always."""
PARTS: Final = {
    "account.activity": "own events",
    "account.my_event": "event",
    "api.follow_events": "feed",
    "api.get_event": "event",
    "api.get_event_proof": "proof",
    "api.list_events": "rows",
    "audit_logs.event_as_super_admin": "event",
    "audit_logs.log": "rows",
    "audit_logs.related": "related",
    "audit_logs.suggest": "suggestions",
    "erasures.ask": "count",
    "erasures.look": "count",
    "event_proofs": "proof",
    "exports": "preflight",
    "filter_field": "count",
    "findings": "findings",
    "go_to": "suggestions",
    "integrity": "findings",
    "log_reads.index": "reads",
    "log_reads.of_event": "read by",
    "members": "members",
    "schedules": "count",
    "workspace_settings": "count",
}
"""What a route, or each of a blueprint's, reads; a fragment is called as in its address."""
AS_EXPORTS: Final = frozenset(
    {
        *("exports.ask", "exports.retry", "exports.download", "exports.download_bundle"),
        *("schedules.download_run", "schedules.download_bundle"),
    }
)
"""Routes whose reading is recorded as an export, asked for or downloaded."""

log = logging.getLogger(__name__)


class Unrecorded(DomainError):
    """The workspace's reads are to be recorded one by one, and this one could not be."""

    status = 503
    title = "Not recorded"
    reason = "reading not recorded"


@dataclass(frozen=True, kw_only=True)
class ReadableLog:
    """A log that the request may read, and how reads of it are recorded."""

    slug: str = ""
    role: str | None = None
    recording: str = ReadRecording.HOURLY


@dataclass(kw_only=True)
class _Noted:
    """The reading of the request under way, as far as known."""

    reader: Reader
    logs: Mapping[UUID, ReadableLog]
    touched: set[UUID] = field(default_factory=set)
    """The workspaces in scope when a log was read."""
    chosen: set[UUID] = field(default_factory=set)
    """Those of them that the view chose, where it says so."""
    filter: EventFilter = EMPTY
    pages: int = 0
    rows: Counter[UUID] = field(default_factory=Counter)
    opened: tuple[UUID, UUID] | None = None
    others: bool = False
    """Whether anything but reads was among the rows."""


def install(engines: Iterable[Engine]) -> None:
    """Notice what these connections read."""
    for engine in engines:
        event.listen(engine, "before_cursor_execute", _notice)


def may_read(reader: Reader, logs: Mapping[UUID, ReadableLog]) -> None:
    """Say who asks, and which logs this request may read."""
    g.log_reading = _Noted(reader=reader, logs=logs)


def chosen(workspace_ids: Iterable[UUID]) -> None:
    """Say which logs of those in scope are read."""
    if (noted := _noted()) is not None:
        noted.chosen.update(workspace_ids)


def asked(event_filter: EventFilter) -> None:
    """Say by which filter the log is read."""
    if (noted := _noted()) is not None:
        noted.filter = event_filter


def shown(rows: Sequence[Any], *, pages: int = 0) -> None:
    """Say which events are shown in a list, and whether they are a page of the log."""
    if (noted := _noted()) is not None:
        noted.pages += pages
        noted.rows.update(row.workspace_id for row in rows)
        noted.others |= any(row.activity != Activity.LOG_READ for row in rows)


def shown_reads(workspace_id: UUID, number: int) -> None:
    """Say that a page of reads of this log is shown, and nothing else of it."""
    if (noted := _noted()) is not None:
        noted.pages += 1
        noted.rows[workspace_id] += number


def opened(workspace_id: UUID, event_id: UUID) -> None:
    """Say which event is shown in full."""
    if (noted := _noted()) is not None:
        noted.opened = (workspace_id, event_id)


def record(status_code: int) -> None:
    """Count the reading that an answer of this status was made of, and commit.

    Raises:
        Unrecorded: it could not be, and a workspace wants no reading of its log without.
    """
    noted = _noted()
    if noted is None or not noted.touched or status_code >= 300:
        return
    if request.endpoint in AS_EXPORTS:
        return
    readings = [_reading(noted, workspace_id) for workspace_id in _read(noted)]
    single = [one for one in readings if _wanted_singly(noted, one)]
    try:
        _keep(readings, single, status_code)
    except SQLAlchemyError:
        db.session.rollback()
        READS_UNRECORDED.inc(len(readings))
        log.exception("%s: the reading was not recorded", current_request.request_id())
        if single:
            raise Unrecorded(
                "Every reading of this log is recorded, and this one could not be. Try again."
            ) from None


def _keep(readings: Sequence[Reading], single: Sequence[Reading], status_code: int) -> None:
    session = db.session()
    if request.method not in ("GET", "HEAD"):
        session.rollback()  # what is left of another view's work is not ours to commit
    _widen(session, {one.workspace_id for one in readings})
    if single:
        counting.append_now(session, single, current_request.facts(), status_code=status_code)
        # Before the counts, after which a commit does not wait for the disk.
        session.commit()
    counting.count(session, [one for one in readings if one not in single])
    session.commit()


def _widen(session: Session, workspace_ids: set[UUID]) -> None:
    scope = session.info.get("scope") or Scope()
    if not workspace_ids <= scope.workspaces:
        tenancy.bind(Scope.of(*workspace_ids, user=scope.user), session)


def _read(noted: _Noted) -> set[UUID]:
    """Select the logs that were read, less those whose workspace wants no record of it."""
    read = (noted.chosen & noted.touched or noted.touched) & noted.logs.keys()
    return {one for one in read if noted.logs[one].recording != ReadRecording.OFF}


def _reading(noted: _Noted, workspace_id: UUID) -> Reading:
    there = noted.logs[workspace_id]
    address = current_request.facts().ip
    if there.slug and not reaches(noted.filter, there.slug):
        # The filter is of other workspaces; of this one the values that it offers were read.
        return Reading(
            workspace_id=workspace_id,
            reader=noted.reader,
            role=there.role,
            part="facets",
            address=address,
        )
    where, event_id = noted.opened or (None, None)
    return Reading(
        workspace_id=workspace_id,
        reader=noted.reader,
        role=there.role,
        filter=noted.filter,
        part=_part(),
        pages=noted.pages,
        rows=noted.rows[workspace_id],
        opened=event_id if where == workspace_id else None,
        address=address,
    )


def _wanted_singly(noted: _Noted, reading: Reading) -> bool:
    """Tell whether it is an event of its own; one that showed reads alone would make the next."""
    if noted.logs[reading.workspace_id].recording != ReadRecording.EVERY:
        return False
    if noted.rows and not noted.others:
        return False
    return bool(noted.rows) or reading.part not in POLLS


def _part() -> str:
    endpoint = request.endpoint or ""
    named = PARTS.get(endpoint) or PARTS.get(endpoint.partition(".")[0])
    if named is not None:
        return named
    noted = _noted()
    if noted is not None and noted.opened is not None:
        return "event"
    return str((request.view_args or {}).get("fragment", endpoint))


def _noted() -> _Noted | None:
    noted: _Noted | None = g.get("log_reading")
    return noted


@lru_cache(maxsize=4096)
def reads_log(statement: str) -> bool:
    """Tell whether a statement reads a log."""
    return LOG.search(statement) is not None


def _notice(
    _connection: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool
) -> None:
    if context is not None and context.execution_options.get(TELLS_NO_EVENT):
        return
    if reads_log(statement) and has_request_context() and (noted := _noted()) is not None:
        scope = db.session().info.get("scope")
        if isinstance(scope, Scope):
            noted.touched |= scope.workspaces
