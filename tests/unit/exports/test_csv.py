import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from auditsaas.accounts.models import User
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.workspaces.models import Workspace
from tests.support.exporting import ask, build_in, cells, ids_on_the_page, parsed_filter
from tests.support.factories import append_events, event_input, make_member, make_workspace

HEADER = (
    b"created_at,activity,status,status_code,method,path,duration_ms,user_name,user_email,user_id,"
    b"user_role,user_agent,platform,ip_address,workspace,request_id,targets,changes,metadata,"
    b"event_id,seq,source"
)
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1", "＋1", "－1", "＠x"]
HARMLESS = [
    'said "hi"',
    "one,\r\ntwo,\nthree\rfour",
    "a\tb=c",
    " =1",
    "'=1",
    "\\.",
    "\\N",
    "",
    "日本語 \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\x01\x1b\x7f\u2028\u202e",
    "x" * 10_000,
]


def exported(
    app: Flask,
    folder: Path,
    person: User,
    workspaces: list[Workspace],
    event_filter: EventFilter | None = None,
    zone: ZoneInfo | None = None,
) -> tuple[Any, bytes]:
    export_id = ask(person, workspaces, event_filter, zone or ZoneInfo("UTC"))
    export = build_in(app, export_id, folder)
    assert export.state == "ready"
    return export, (folder / export.file_key).read_bytes()


def named(name: str, **overrides: Any) -> dict[str, Any]:
    return event_input(actor={"id": "u_1", "name": name}, **overrides)


def test_the_file_starts_with_a_bom_and_the_header_of_the_contract(
    app: Flask, tmp_path: Path, workspace: Workspace, admin: User
) -> None:
    _, content = exported(app, tmp_path, admin, [workspace])
    assert content.startswith(b"\xef\xbb\xbf" + HEADER + b"\r\n")


def test_every_line_ends_in_crlf(
    app: Flask, tmp_path: Path, workspace: Workspace, admin: User
) -> None:
    append_events(workspace, [event_input() for _ in range(3)])
    _, content = exported(app, tmp_path, admin, [workspace])
    assert content.endswith(b"\r\n")
    assert content.count(b"\n") == content.count(b"\r\n") == 4


def test_an_event_is_written_field_by_field(
    app: Flask, tmp_path: Path, workspace: Workspace, admin: User
) -> None:
    event = event_input(
        occurred_at="2026-03-04T05:06:07.891234Z",
        duration_ms=84.5,
        user_agent="curl/8.5.0",
        request_id="req-1",
        targets=[{"type": "invoice", "id": "inv_42"}],
        changes={"total": [1, 2.5]},
        metadata={"plan": "pro", "note": "über"},
    )
    appended = append_events(workspace, [event])
    _, content = exported(app, tmp_path, admin, [workspace])
    assert cells(content)[-1] == {
        "created_at": "2026-03-04T05:06:07.891234+00:00",
        "activity": "invoice.update",
        "status": "success",
        "status_code": "200",
        "method": "POST",
        "path": "/invoices/42",
        "duration_ms": "84.5",
        "user_name": "Ann Lee",
        "user_email": "ann@example.com",
        "user_id": "u_1",
        "user_role": "admin",
        "user_agent": "curl/8.5.0",
        "platform": "Other",
        "ip_address": "203.0.113.7",
        "workspace": workspace.slug,
        "request_id": "req-1",
        "targets": '[{"type":"invoice","id":"inv_42"}]',
        "changes": '{"total":[1,2.5]}',
        "metadata": '{"plan":"pro","note":"über"}',
        "event_id": str(appended.ids[0]),
        "seq": "1",
        "source": "cli",
    }


@pytest.mark.parametrize("text", FORMULAS)
def test_formula_like_text_gets_an_apostrophe(
    app: Flask, tmp_path: Path, workspace: Workspace, admin: User, text: str
) -> None:
    append_events(workspace, [event_input(path=text, user_agent=text, request_id=text)])
    _, content = exported(app, tmp_path, admin, [workspace])
    row = cells(content)[-1]
    assert [row["path"], row["user_agent"], row["request_id"]] == [f"'{text}"] * 3


def test_any_other_text_round_trips(
    app: Flask, tmp_path: Path, workspace: Workspace, admin: User
) -> None:
    append_events(workspace, [event_input(metadata={"note": text}) for text in HARMLESS])
    agents = [text for text in HARMLESS if len(text) <= 2048]
    append_events(workspace, [event_input(user_agent=text) for text in agents])
    _, content = exported(
        app, tmp_path, admin, [workspace], parsed_filter({"activity": "invoice.*"})
    )
    rows = cells(content)[::-1]
    notes = [json.loads(row["metadata"])["note"] for row in rows[: len(HARMLESS)]]
    assert notes == HARMLESS
    assert [row["user_agent"] for row in rows[len(HARMLESS) :]] == agents


def test_line_breaks_inside_cells_are_not_counted_as_rows(
    app: Flask, tmp_path: Path, workspace: Workspace, admin: User
) -> None:
    append_events(workspace, [event_input(user_agent="a\nb\r\nc\n") for _ in range(5)])
    event_filter = parsed_filter({"activity": "invoice.update"})
    export, content = exported(app, tmp_path, admin, [workspace], event_filter)
    assert export.rows_done == len(cells(content)) == 5


def test_times_carry_the_requesters_utc_offset_of_their_own_day(
    app: Flask, tmp_path: Path, workspace: Workspace, admin: User
) -> None:
    moments = ["2026-01-15T12:00:00Z", "2026-07-15T12:00:00Z", "2026-11-01T05:59:59.5Z"]
    moments += ["2026-11-01T06:00:00Z"]
    append_events(workspace, [event_input(occurred_at=moment) for moment in moments])
    event_filter = parsed_filter({"activity": "invoice.update"})
    new_york = ZoneInfo("America/New_York")
    _, content = exported(app, tmp_path, admin, [workspace], event_filter, new_york)
    written = [row["created_at"] for row in cells(content)][::-1]
    expected = [datetime.fromisoformat(moment) for moment in moments]
    assert [datetime.fromisoformat(text) for text in written] == expected
    assert [text[-6:] for text in written] == ["-05:00", "-04:00", "-04:00", "-05:00"]


def test_the_file_has_the_rows_of_the_page_in_the_order_of_the_page(
    app: Flask, tmp_path: Path, workspace: Workspace, admin: User
) -> None:
    statuses = ["success", "error", "error"]
    append_events(
        workspace, [event_input(status=statuses[n % 3], duration_ms=n) for n in range(150)]
    )
    event_filter = parsed_filter({"status": "error", "min_ms": "20"})
    on_the_page = ids_on_the_page([workspace], event_filter)
    _, content = exported(app, tmp_path, admin, [workspace], event_filter)
    assert [row["event_id"] for row in cells(content)] == on_the_page
    assert len(on_the_page) > 50


def test_export_of_several_workspaces_is_one_file_newest_first(app: Flask, tmp_path: Path) -> None:
    workspaces = [make_workspace(), make_workspace()]
    admin = make_member(workspaces[0])
    make_member(workspaces[1], user=admin)
    for number in range(6):
        moment = datetime(2026, 5, 1, 12, number, tzinfo=UTC).isoformat()
        append_events(workspaces[number % 2], [event_input(occurred_at=moment)])
    event_filter = parsed_filter({"activity": "invoice.update"})
    on_the_page = ids_on_the_page(workspaces, event_filter)
    _, content = exported(app, tmp_path, admin, workspaces, event_filter)
    rows = cells(content)
    assert [row["event_id"] for row in rows] == on_the_page
    slugs = [workspaces[1].slug, workspaces[0].slug] * 3
    assert [row["workspace"] for row in rows] == slugs


def test_events_after_the_request_are_left_out(
    app: Flask, tmp_path: Path, workspace: Workspace, admin: User
) -> None:
    append_events(workspace, [event_input(), event_input()])
    export_id = ask(admin, [workspace], parsed_filter({"activity": "invoice.update"}))
    append_events(workspace, [event_input(occurred_at="2026-01-01T00:00:00Z"), event_input()])
    export = build_in(app, export_id, tmp_path)
    assert export.rows_done == 2
