"""A schedule with the history of its reports, and the file of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import quote
from uuid import UUID

from flask import Response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from auditsaas.access import current
from auditsaas.access.once import acts_once
from auditsaas.accounts.models import User
from auditsaas.current_request import is_partial
from auditsaas.errors import NotFound
from auditsaas.exports import service as exports
from auditsaas.exports.kind import EXPORTS
from auditsaas.exports.models import Export
from auditsaas.extensions import db
from auditsaas.jobs.turns import send_in_turn
from auditsaas.notifications.service import mark_read
from auditsaas.pages.exports.download import (
    SentFile,
    ask_again_if_large,
    bundle_of,
    cut_recorder,
    file_of,
    send_file,
)
from auditsaas.pages.schedules import presenter, schedule_scope
from auditsaas.pages.schedules.blueprint import schedules
from auditsaas.pages.schedules.schedule_scope import ScheduleScope
from auditsaas.schedules import service
from auditsaas.schedules.models import RunState, ScheduleRun

PAGE_SIZE = 25


@schedules.get("/w/<slug>/schedules/<uuid:schedule_id>")
def detail(slug: str, schedule_id: UUID) -> ResponseReturnValue:
    scope, viewer = schedule_scope.load(slug), current.viewer()
    schedule = scope.find(schedule_id)
    url = f"{scope.base_url}/{schedule_id}"
    zone = schedule.timetable.zone
    local = presenter.in_zone(viewer, zone)
    found = service.history(scope.session, schedule, limit=PAGE_SIZE + 1, before=_before())
    exported = _exports(scope, found[:PAGE_SIZE])
    names = _names(scope, [*(run.asked_by for run in found if run.asked_by), *schedule.recipients])
    allowed = {user.id for user in service.readers(scope.session, scope.access.id)}
    mark_read(scope.session, scope.person.id, url=url)
    context = {
        "schedule": presenter.present(schedule, slug, scope.access.name, viewer, scope.now),
        "may_change": scope.may_change(schedule),
        "runs": presenter.next_runs(
            schedule.timetable.next_runs(3, schedule.next_due_at, schedule.covered_until),
            zone,
            viewer,
        ),
        "zone_viewer": local,
        "covered_until": presenter.moment(schedule.covered_until, local),
        "people": [(names[key], key in allowed) for key in schedule.recipients if key in names],
        "history": [
            presenter.present_run(run, exported.get(run.export_id), names, url, local)
            for run in found[:PAGE_SIZE]
        ],
        "older_url": _older(url, found),
        "list_url": scope.base_url,
        "polls": _before() is None,
    }
    template = "_now" if is_partial() else "detail"
    page = render_template(f"schedules/{template}.html", **context)
    db.session.commit()
    return page


@schedules.get("/w/<slug>/schedules/<uuid:schedule_id>/runs/<uuid:run_id>")
def show_run(slug: str, schedule_id: UUID, run_id: UUID) -> ResponseReturnValue:
    """Redirect from a notification to the report's row; as a fragment, the row polls itself."""
    scope, run, export = _report(slug, schedule_id, run_id)
    url = f"{scope.base_url}/{schedule_id}"
    if is_partial():
        return _row(scope, run, export, url)
    mark_read(scope.session, scope.person.id, url=f"{url}/runs/{run_id}")
    db.session.commit()
    return redirect(f"{url}#run-{run_id}")


@schedules.get("/w/<slug>/schedules/<uuid:schedule_id>/runs/<uuid:run_id>/download")
def download_run(slug: str, schedule_id: UUID, run_id: UUID) -> ResponseReturnValue:
    """Download the report's file, as the schedule's owner, a recipient or an admin."""
    return _sent(slug, schedule_id, run_id, file_of)


@schedules.get("/w/<slug>/schedules/<uuid:schedule_id>/runs/<uuid:run_id>/bundle")
def download_bundle(slug: str, schedule_id: UUID, run_id: UUID) -> ResponseReturnValue:
    """Download the report's file with its proof, as the file alone."""
    return _sent(slug, schedule_id, run_id, bundle_of)


def _sent(
    slug: str,
    schedule_id: UUID,
    run_id: UUID,
    chosen: Callable[[Export, list[str]], SentFile],
) -> Response:
    scope, _, export = _report(slug, schedule_id, run_id)
    ask_again_if_large(scope.session, export)
    sent = chosen(export, [scope.access.slug])

    def record(status_code: int, part: str | None) -> None:
        exports.record_download(
            scope.session,
            export,
            scope.requester,
            status_code=status_code,
            part=part,
            with_proof=sent.has_proof,
        )
        url = f"{scope.base_url}/{schedule_id}/runs/{run_id}"
        mark_read(scope.session, scope.person.id, url=url)
        db.session.commit()

    return send_file(
        sent,
        caller=f"person {scope.person.id}",
        record=record,
        record_cut=cut_recorder(export, scope.requester),
    )


@schedules.post("/w/<slug>/schedules/<uuid:schedule_id>/runs/<uuid:run_id>/retry")
@acts_once
def retry_run(slug: str, schedule_id: UUID, run_id: UUID) -> ResponseReturnValue:
    """Build the same file once more; a report that failed is then sent."""
    scope, run, export = _report(slug, schedule_id, run_id)
    scope.find_own(schedule_id)
    exports.run_again(scope.session, export, scope.requester)
    if run.state == RunState.FAILED:
        run.state = RunState.BUILDING
    db.session.commit()
    send_in_turn(EXPORTS, export)
    return redirect(f"{scope.base_url}/{schedule_id}", 303)


def _report(
    slug: str, schedule_id: UUID, run_id: UUID
) -> tuple[ScheduleScope, ScheduleRun, Export]:
    scope = schedule_scope.load(slug)
    run = service.find_run(scope.session, scope.find(schedule_id), run_id)
    export = _exports(scope, [run]).get(run.export_id)
    if export is None:
        raise NotFound("This report's file is no longer known.")
    return scope, run, export


def _row(scope: ScheduleScope, run: ScheduleRun, export: Export, url: str) -> str:
    schedule = scope.find(run.schedule_id)
    local = presenter.in_zone(current.viewer(), schedule.timetable.zone)
    names = _names(scope, [run.asked_by] if run.asked_by else [])
    return render_template(
        "schedules/_report_row.html",
        run=presenter.present_run(run, export, names, url, local),
        may_change=scope.may_change(schedule),
        zone_viewer=local,
    )


def _older(url: str, found: Sequence[ScheduleRun]) -> str | None:
    if len(found) <= PAGE_SIZE:
        return None
    return f"{url}?before={quote(found[PAGE_SIZE - 1].due_at.isoformat())}"


def _exports(scope: ScheduleScope, found: Sequence[ScheduleRun]) -> dict[UUID, Export]:
    ids = [run.export_id for run in found]
    rows = scope.session.scalars(
        select(Export).where(Export.id.in_(ids), Export.workspace_ids == [scope.access.id])
    )
    return {export.id: export for export in rows}


def _names(scope: ScheduleScope, ids: list[UUID]) -> dict[UUID, str]:
    rows = scope.session.execute(select(User.id, User.name).where(User.id.in_(ids)))
    return {row.id: row.name for row in rows}


def _before() -> datetime | None:
    try:
        found = datetime.fromisoformat(request.args.get("before", ""))
    except ValueError:
        return None
    return found if found.tzinfo else None
