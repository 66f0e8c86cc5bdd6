"""The page that tells who read a log, what it finds, and the drawer's part of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select

from auditsaas.accounts.models import User
from auditsaas.events.models import events
from auditsaas.permissions import ApiScope, Role
from auditsaas.reads.models import log_reads
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_api_key,
    make_member,
    make_user,
    make_workspace,
    say_why,
    scoped,
)
from tests.support.htmx import PARTIAL
from tests.support.reads import HOUR, appended, counted, flush, let_pass, record_by

Browser = Callable[[User], FlaskClient]
DANA = {"id": "u_dana", "name": "Dana Kim", "email": "dana.kim@acme.example"}


@pytest.fixture
def log(acme: Workspace) -> list[UUID]:
    """An event of Dana's, and one of Ann Lee's."""
    return list(append_events(acme, [event_input(actor=DANA), event_input()]).ids)


@pytest.fixture
def nora(acme: Workspace) -> User:
    return make_member(acme, Role.AUDITOR, make_user(name="Nora Vale"))


@pytest.fixture
def auditor(browser: Browser, nora: User, log: list[UUID]) -> FlaskClient:
    return browser(nora)


@pytest.fixture
def admin(browser: Browser, acme: Workspace) -> FlaskClient:
    return browser(make_member(acme, Role.ADMIN, make_user(name="Olaf Brink")))


def read(client: FlaskClient, acme: Workspace, rest: str = "") -> None:
    assert client.get(f"/w/{acme.slug}/audit-logs{rest}").status_code == 200


def listed(client: FlaskClient, acme: Workspace, query: str = "") -> str:
    answer = client.get(f"/w/{acme.slug}/reads?{query}", headers=PARTIAL)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_page_lists_counted_and_appended_reads_in_words(
    app: Flask, auditor: FlaskClient, admin: FlaskClient, acme: Workspace, log: list[UUID]
) -> None:
    read(auditor, acme, "?user=u_dana")
    read(auditor, acme, f"/{log[0]}?user=u_dana")
    for _ in range(2):
        page = listed(admin, acme)
        assert "Nora Vale" in page
        assert "User is u_dana" in page
        assert f"/w/{acme.slug}/audit-logs?user=u_dana" in page
        assert f"/w/{acme.slug}/audit-logs/{log[0]}" in page
        let_pass(acme, HOUR)
        flush(app)


def test_reading_the_page_is_a_read_too(admin: FlaskClient, acme: Workspace) -> None:
    listed(admin, acme, "about=Dana+Kim")
    listed(admin, acme, "about=Dana+Kim")
    (only,) = counted(acme)
    assert (only.parts, only.pages) == (["reads"], 2)
    assert "dana+kim" in only.query


@pytest.mark.parametrize("about", ["Dana Kim", "dana.KIM@acme.example", "u_dana"])
@pytest.mark.parametrize("late", [False, True])
def test_reads_about_a_person_are_found_by_any_of_their_names(
    app: Flask,
    auditor: FlaskClient,
    admin: FlaskClient,
    acme: Workspace,
    log: list[UUID],
    about: str,
    late: bool,
) -> None:
    read(auditor, acme, "?user=dana.kim@acme.example")
    read(auditor, acme, f"/{log[0]}?method=POST")
    read(auditor, acme, f"/{log[1]}?status=success")
    if late:
        let_pass(acme, HOUR)
        flush(app)
    page = listed(admin, acme, f"about={about}")
    assert "User is dana.kim@acme.example" in page
    assert "HTTP method is POST" in page
    assert "Status is Success" not in page


def test_reads_about_an_event_are_those_that_opened_it(
    app: Flask, auditor: FlaskClient, admin: FlaskClient, acme: Workspace, log: list[UUID]
) -> None:
    read(auditor, acme, f"/{log[0]}?method=POST")
    read(auditor, acme, "?status=success")
    let_pass(acme, HOUR)
    flush(app)
    assert "HTTP method is POST" in listed(admin, acme, f"about={log[0]}")
    assert "Nobody was recorded" in listed(admin, acme, f"about={log[1]}")


def test_reader_and_range_narrow_the_reads(
    app: Flask, auditor: FlaskClient, admin: FlaskClient, client: FlaskClient, acme: Workspace
) -> None:
    read(auditor, acme)
    secret = make_api_key(acme, {ApiScope.EVENTS_READ})
    client.get("/api/v1/events", headers={"Authorization": f"Bearer {secret}"})
    for _ in range(2):
        only_key = listed(admin, acme, "reader=test+key")
        assert 'data-reader="Test key"' in only_key
        assert 'data-reader="Nora Vale"' not in only_key
        assert 'data-reader="Nora Vale"' not in listed(admin, acme, "range=last_month")
        let_pass(acme, HOUR)
        flush(app)


def test_pages_follow_one_another_without_loss_or_repetition(
    app: Flask, acme: Workspace, admin: FlaskClient
) -> None:
    queries = [f"Filter{number:03}" for number in range(120)]
    for query in queries:
        read(admin, acme, f"?user={query}")
    let_pass(acme, HOUR)
    flush(app)
    seen: list[str] = []
    url: str | None = f"/w/{acme.slug}/reads"
    while url:
        page = admin.get(url, headers=PARTIAL).text
        seen += [query for query in queries if f"User is {query}" in page]
        older = [part for part in page.split('href="') if "before=" in part.split('"')[0]]
        url = older[-1].split('"')[0].replace("&amp;", "&") if older else None
    assert sorted(seen) == queries


@pytest.mark.parametrize("query", ["before=x", "about=%00", "range=nonsense", "status=error"])
def test_address_that_makes_no_sense_is_refused(
    admin: FlaskClient, acme: Workspace, query: str
) -> None:
    assert admin.get(f"/w/{acme.slug}/reads?{query}").status_code == 422


def test_drawer_tells_who_opened_the_event(
    auditor: FlaskClient, admin: FlaskClient, acme: Workspace, log: list[UUID]
) -> None:
    url = f"/w/{acme.slug}/audit-logs/{log[0]}"
    assert f"{url}/read-by" in auditor.get(url, headers=PARTIAL).text
    part = admin.get(f"{url}/read-by", headers=PARTIAL).text
    assert "Nora Vale" in part
    assert f"/w/{acme.slug}/reads?about={log[0]}" in part
    other = admin.get(f"/w/{acme.slug}/audit-logs/{log[1]}/read-by", headers=PARTIAL).text
    assert "Nora Vale" not in other
    assert admin.get(f"{url}/read-by").location == f"/w/{acme.slug}/reads?about={log[0]}"


def test_forged_read_of_a_key_is_not_listed(
    admin: FlaskClient, client: FlaskClient, acme: Workspace, key: str
) -> None:
    forged = event_input(activity="log.read", actor={"id": "u", "name": "Mallory Forge"})
    sent = client.post("/api/v1/events", json=forged, headers={"Authorization": f"Bearer {key}"})
    assert sent.status_code == 201
    assert "Mallory" not in listed(admin, acme)


def test_look_of_a_super_admin_is_listed_with_its_reason(
    browser: Browser, admin: FlaskClient, acme: Workspace, log: list[UUID]
) -> None:
    above = browser(make_user(name="Nadia Brandt", is_super_admin=True))
    say_why(above, acme.slug, reason="ticket 5521")
    assert above.get(f"/admin/audit-logs?workspace={acme.slug}").status_code == 200
    page = listed(admin, acme)
    assert "Nadia Brandt" in page
    assert "from outside" in page
    assert "ticket 5521" in page
    assert [row.reader for row in counted(acme) if row.name == "Nadia Brandt"] == []


def test_text_of_a_filter_is_shown_as_text(
    auditor: FlaskClient, admin: FlaskClient, acme: Workspace
) -> None:
    read(auditor, acme, "?q=%3Cscript%3Ealert(1)%3C/script%3E")
    page = listed(admin, acme)
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_admin_switches_recording_and_the_change_is_recorded(
    admin: FlaskClient, acme: Workspace
) -> None:
    form = {"csrf_token": csrf_token(admin), "read_recording": "off"}
    assert admin.post(f"/w/{acme.slug}/settings", data=form).status_code == 303
    read(admin, acme)
    assert counted(acme) == []
    with scoped(acme.id) as session:
        made = select(events.c.changes).where(
            events.c.workspace_id == acme.id, events.c.activity == "workspace.update"
        )
        assert session.scalars(made).one() == {"read_recording": ["hourly", "off"]}
    assert "not recorded now" in admin.get(f"/w/{acme.slug}/reads").text
    wrong = admin.post(f"/w/{acme.slug}/settings", data=form | {"read_recording": "sometimes"})
    assert wrong.status_code == 422


def test_own_activity_lists_own_reads(app: Flask, auditor: FlaskClient, acme: Workspace) -> None:
    read(auditor, acme)
    let_pass(acme, HOUR)
    flush(app)
    mine = auditor.get("/me/activity").text
    assert str(appended(acme)[0].id) in mine
    assert "your reading of their logs too" in mine


def test_member_and_stranger_see_no_reads(browser: Browser, acme: Workspace) -> None:
    member = browser(make_member(acme, Role.MEMBER))
    stranger = browser(make_member(make_workspace()))
    assert member.get(f"/w/{acme.slug}/reads").status_code == 403
    assert stranger.get(f"/w/{acme.slug}/reads").status_code == 404


def test_search_that_takes_long_says_how_far_back_it_came(
    app: Flask, admin: FlaskClient, acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from auditsaas.reads import history

    for number in range(12):
        read(admin, acme, f"?user=Filter{number}")
    let_pass(acme, timedelta(hours=1))
    flush(app)
    record_by(acme, "off")
    monkeypatch.setattr(history, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(history, "BATCH", 5)
    page = listed(admin, acme, "about=Filter2")
    assert "Keep searching" in page


def count_copies(acme: Workspace, copies: int) -> None:
    """Count the read that waits as often by other readers."""
    [row] = counted(acme)
    with scoped(acme.id) as session:
        others = [{**row._mapping, "reader": f"reader-{n}", "id": uuid4()} for n in range(copies)]
        session.execute(insert(log_reads), others)
        session.commit()


@pytest.mark.parametrize(("copies", "told"), [(499, False), (500, True)])
def test_page_says_when_more_reads_are_counted_than_it_looks_through(
    auditor: FlaskClient, admin: FlaskClient, acme: Workspace, copies: int, told: bool
) -> None:
    read(auditor, acme)
    count_copies(acme, copies)
    assert ("More reads of this hour" in listed(admin, acme)) is told
