"""The page that tells who read a workspace's log, and the drawer's part of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from auditsaas.access import current, log_reading, page_scope
from auditsaas.access.loaders import WorkspaceAccess, load_workspace
from auditsaas.current_request import is_partial
from auditsaas.errors import FieldError, NotFound
from auditsaas.events.filter.event_filter import EventFilter, FilterError
from auditsaas.events.filter.period import PRESETS
from auditsaas.events.reading import pages
from auditsaas.events.search.parser import Term, unparse
from auditsaas.pages.audit_log.log_scope import url_with
from auditsaas.pages.reads.presenter import ShownRead, present
from auditsaas.permissions import Permission
from auditsaas.reads import history
from auditsaas.reads.history import READS, About, History
from auditsaas.text import storable

log_reads = Blueprint("log_reads", __name__, url_prefix="/w/<slug>")

FIELDS = ("about", "reader", "range")
LONGEST = 200
IN_DRAWER = 5


@log_reads.get("/reads")
def index(slug: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.LOG_READ)
    asked, before = _asked()
    wanted = _wanted(asked["reader"], asked["range"])
    log_reading.asked(_with_words(wanted, asked["about"]))
    session = page_scope.reading_session()
    about = history.about(session, access.id, asked["about"])
    found = history.page(session, access.id, wanted=wanted, about=about, before=before)
    log_reading.shown_reads(access.id, len(found.waiting) + len(found.reads))
    base, given = f"/w/{access.slug}/reads", [pair for pair in asked.items() if pair[1]]
    further = [*given, ("before", str(found.before))]
    return render_template(
        f"reads/{'_reads' if is_partial() else 'list'}.html",
        workspace=access,
        asked=asked,
        ranges=PRESETS,
        reads=_shown(access, found),
        searched_back_to=found.searched_back_to,
        more_waiting=found.more_waiting,
        recording=access.workspace.read_recording,
        all_url=base,
        newest_url=url_with(base, given) if before is not None else None,
        older_url=url_with(base, further) if found.before is not None else None,
    )


@log_reads.get("/audit-logs/<uuid:event_id>/read-by")
def of_event(slug: str, event_id: UUID) -> ResponseReturnValue:
    """Render who opened an event last, for its drawer."""
    access = load_workspace(slug, Permission.LOG_READ)
    session = page_scope.reading_session()
    if pages.event(session, access.id, event_id) is None:
        raise NotFound("There is no such event.")
    everything = f"/w/{access.slug}/reads?about={event_id}"
    if not is_partial():
        return redirect(everything)
    opened = About(event_id=event_id)
    found = history.page(session, access.id, about=opened, limit=IN_DRAWER)
    shown = _shown(access, found)
    return render_template(
        "reads/_read_by.html",
        reads=shown[:IN_DRAWER],
        more=len(shown) > IN_DRAWER or found.before is not None or found.more_waiting,
        searched_back_to=found.searched_back_to,
        all_url=everything,
    )


def _shown(access: WorkspaceAccess, found: History) -> list[ShownRead]:
    me, viewer = current.require_person().id, current.viewer()
    base = f"/w/{access.slug}/audit-logs"
    reads = (*found.waiting, *found.reads)
    return [present(read, found.opened, base, viewer, me) for read in reads]


def _asked() -> tuple[dict[str, str], UUID | None]:
    """Read the address; raises FilterError for what is unknown, too long or no cursor."""
    errors = [
        FieldError(name[:40], f"There is no filter called “{name[:40]}” here.")
        for name in request.args
        if name not in (*FIELDS, "before")
    ]
    asked = {name: request.args.get(name, "").strip() for name in FIELDS}
    errors += [
        FieldError(name, f"Up to {LONGEST} characters that events can have.")
        for name, value in asked.items()
        if len(value) > LONGEST or not storable(value)
    ]
    text = request.args.get("before", "")
    try:
        before = UUID(text) if text else None
    except ValueError:
        errors.append(FieldError("before", "is not where a page of this list ended."))
    if errors:
        raise FilterError(errors)
    return asked, before


def _wanted(reader: str, period: str) -> EventFilter:
    """Narrow the reads by who read, and when; raises FilterError for an unknown period."""
    pairs = [(name, value) for name, value in (("user", reader), ("range", period)) if value]
    chosen = EventFilter.from_args(
        MultiDict(pairs), zone=current.viewer().zone, now=datetime.now(UTC)
    )
    return replace(chosen, activity=READS.activity, source=READS.source)


def _with_words(wanted: EventFilter, about: str) -> EventFilter:
    """Add the words that reads are looked for by: so the reading of this page is recorded."""
    if not about:
        return wanted
    words = Term(False, None, (about,), "=", 0, 0, quoted=True)
    return replace(wanted, q=unparse([words]), terms=(words,))
