"""What a workspace is told of super-admins' looks: which, how often, and with which figures."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import ProgrammingError

from auditsaas.events.models import events
from auditsaas.events.reading.facets import known_actors
from auditsaas.platform_access.telling import AT_ONCE
from auditsaas.workspaces.models import Workspace
from tasks.platform_access import tell_looks
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_user,
    make_workspace,
    say_why,
    scoped,
    sign_in,
    unique,
)
from tests.support.htmx import PARTIAL
from tests.support.left_over import end_all_looks


@pytest.fixture(autouse=True, scope="module")
def _no_looks_of_others(owner_engine: Engine) -> None:
    end_all_looks(owner_engine)


@pytest.fixture
def above(client: FlaskClient, engine: Engine) -> FlaskClient:
    """The browser of a super-admin who has said why for all workspaces."""
    sign_in(client, make_user(name="Robin Ross", is_super_admin=True))
    say_why(client, reason="Incident review")
    return client


@pytest.fixture
def acme(app: Flask) -> Workspace:
    """A workspace with three events of an actor whom no other workspace knows."""
    workspace = make_workspace()
    actor = {"id": unique("u"), "name": "Hana Kobayashi", "email": address_of(workspace)}
    statuses = ("success", "success", "error")
    append_events(workspace, [event_input(status=each, actor=actor) for each in statuses])
    return workspace


@pytest.fixture
def globex(app: Flask) -> Workspace:
    workspace = make_workspace("Globex")
    append_events(workspace, [event_input()])
    return workspace


def address_of(workspace: Workspace) -> str:
    return f"hana@{workspace.slug}.invalid"


def ask(client: FlaskClient, part: str, **filters: Any) -> str:
    query = urlencode(filters, doseq=True)
    answer = client.get(f"/admin/audit-logs{part}?{query}", headers=PARTIAL)
    assert answer.status_code in (200, 204)
    return answer.text


def counted(client: FlaskClient, **filters: Any) -> int:
    found = re.search(r'data-count="(\d+)"', ask(client, "/count", **filters))
    assert found is not None
    return int(found[1])


def told(workspace: Workspace, *keys: str) -> list[Any]:
    """What the log tells of looks, oldest first: the values of these keys."""
    with scoped(workspace.id) as session:
        found = select(events.c.metadata).where(
            events.c.workspace_id == workspace.id, events.c.activity.like("platform.%")
        )
        looks = session.scalars(found.order_by(events.c.seq)).all()
    return [tuple(look[key] for key in keys) for look in looks if "look" in look]


def tell_all(app: Flask) -> None:
    with app.app_context():
        tell_looks()


def end_the_hour(owner_engine: Engine, workspace_id: UUID) -> None:
    """Let the looks of a workspace be of an hour that is over."""
    with owner_engine.begin() as connection:
        bound = text("SELECT set_config('auditsaas.workspaces', :id, true)")
        connection.execute(bound, {"id": f"{{{workspace_id}}}"})
        connection.execute(text("UPDATE platform_looks SET hour = hour - interval '2 hours'"))


PARTS = ("/count", "/histogram", "/latency", "/facets", "/without", "/tail", "")


@pytest.mark.parametrize("part", PARTS)
def test_named_workspace_is_told_of_each_part_before_its_answer(
    above: FlaskClient, acme: Workspace, part: str
) -> None:
    ask(above, part, workspace=acme.slug, status="error")
    [(kind, words, query)] = told(acme, "look", "filter", "query")
    assert kind == (part.removeprefix("/") or "rows")
    assert (words, query) == ("Status is Error", "status=error")


def test_event_tells_how_much_was_shown(above: FlaskClient, acme: Workspace) -> None:
    for part in ("/count", "/histogram", "/latency", ""):
        ask(above, part, workspace=acme.slug, user=address_of(acme))
    assert told(acme, "look", "shown") == [
        ("count", 3),
        ("histogram", 3),
        ("latency", 3),
        ("rows", 3),
    ]


def test_address_read_by_counts_leaves_an_event_for_each_question(
    above: FlaskClient, acme: Workspace
) -> None:
    """An address is taken out of a workspace one character at a time; none of it is unseen."""
    tail = "lid"
    for letter in (".", "x", "a"):
        counted(above, workspace=acme.slug, q=f'"{letter}{tail}"')
    assert told(acme, "query", "shown") == [
        (urlencode({"q": f"{letter}{tail}"}), shown)
        for letter, shown in ((".", 0), ("x", 0), ("a", 3))
    ]


def test_search_of_all_tells_those_it_finds_and_counts_in_the_others(
    app: Flask, above: FlaskClient, acme: Workspace, globex: Workspace
) -> None:
    for _ in range(3):
        assert counted(above, user=address_of(acme)) == 3
    assert told(acme, "look", "shown") == [("count", 3)]
    assert told(globex, "look") == []
    tell_all(app)
    [(kind, query, shown)] = told(globex, "look", "query", "shown")
    assert (kind, query, shown) == ("search", "", 0)
    assert told(acme, "look") == [("count",)]


def test_search_that_finds_nothing_is_told_everywhere_without_its_words(
    app: Flask, above: FlaskClient, acme: Workspace, globex: Workspace
) -> None:
    assert counted(above, user=unique("nobody")) == 0
    tell_all(app)
    assert told(acme, "look", "query") == told(globex, "look", "query") == [("search", "")]


def test_unfiltered_page_tells_only_the_workspaces_of_its_rows(
    app: Flask, above: FlaskClient, acme: Workspace
) -> None:
    append_events(make_workspace(), [event_input() for _ in range(60)])
    ask(above, "", limit=25)
    tell_all(app)
    assert told(acme, "look") == []


def test_repeats_of_an_hour_are_one_more_event_with_their_number(
    app: Flask, above: FlaskClient, acme: Workspace, owner_engine: Engine
) -> None:
    for _ in range(5):
        counted(above, workspace=acme.slug)
    tell_all(app)
    assert told(acme, "look", "looks") == [("count", 1)]
    end_the_hour(owner_engine, acme.id)
    for _ in range(2):
        tell_all(app)
    assert told(acme, "look", "looks") == [("count", 1), ("count", 5)]


def test_look_taken_once_is_told_once(
    app: Flask, above: FlaskClient, acme: Workspace, owner_engine: Engine
) -> None:
    counted(above, workspace=acme.slug)
    end_the_hour(owner_engine, acme.id)
    tell_all(app)
    assert told(acme, "looks") == [(1,)]


def test_another_filter_or_person_is_another_look(
    app: Flask, above: FlaskClient, acme: Workspace
) -> None:
    counted(above, workspace=acme.slug)
    counted(above, workspace=acme.slug, status="error")
    other = app.test_client()
    sign_in(other, make_user(is_super_admin=True))
    say_why(other)
    counted(other, workspace=acme.slug)
    assert told(acme, "query", "looks") == [("", 1), ("status=error", 1), ("", 1)]


def test_each_event_that_is_opened_is_told_by_its_id(above: FlaskClient, acme: Workspace) -> None:
    say_why(above, acme.slug)
    opened = append_events(acme, [event_input(), event_input()]).ids
    for each in opened:
        url = f"/admin/audit-logs/{acme.slug}/{each}?q=status:success"
        assert above.get(url, headers=PARTIAL).status_code == 200
    assert told(acme, "look", "query", "looks") == [
        ("event", f"event={each}", 1) for each in opened
    ]


def test_no_workspace_is_told_the_name_of_another(
    above: FlaskClient, acme: Workspace, globex: Workspace
) -> None:
    both = [acme.slug, globex.slug]
    counted(above, workspace=both, q=f"workspace:{acme.slug},{globex.slug} status:success")
    for workspace in (acme, globex):
        [(words, query)] = told(workspace, "filter", "query")
        assert query == "status=success"
        assert acme.slug not in words
        assert globex.slug not in words


def test_person_known_in_several_workspaces_is_told_of_in_each(
    app: Flask, above: FlaskClient, acme: Workspace, globex: Workspace
) -> None:
    actor = {"id": unique("shared"), "name": "Ann Lee"}
    for workspace in (acme, globex):
        append_events(workspace, [event_input(actor=actor)])
    ask(above, "/facets", user=actor["id"], activity="nothing.such")
    tell_all(app)
    assert told(acme, "look") == told(globex, "look") == [("facets",)]
    with scoped(acme.id, globex.id) as session:
        known = known_actors(session, [globex.id, acme.id], [actor["id"]])
    assert [each.workspace_id for each in known] == [acme.id, globex.id]  # the newest last


def test_very_many_workspaces_are_noted_first_and_told_in_the_background(
    app: Flask, above: FlaskClient
) -> None:
    word = unique("many")
    many = [make_workspace(name=f"{word} {n}") for n in range(AT_ONCE + 5)]
    assert above.get(f"/admin/workspaces?q={word}").status_code == 200
    assert {len(told(each)) for each in many} == {0}
    tell_all(app)
    kinds = {look for each in many for look in told(each, "look")}
    assert kinds == {("figures of workspaces",)}
    assert {len(told(each)) for each in many} == {1}


def test_answer_that_cannot_be_told_does_not_leave(
    above: FlaskClient, acme: Workspace, owner_engine: Engine, app: Flask
) -> None:
    role = owner_engine.url.username or ""
    with owner_engine.begin() as connection:
        grantee = connection.scalar(
            text(
                "SELECT grantee FROM information_schema.role_table_grants WHERE table_name ="
                " 'platform_looks' AND privilege_type = 'INSERT' AND grantee <> :owner"
            ),
            {"owner": role},
        )
        connection.execute(text(f'REVOKE INSERT ON platform_looks FROM "{grantee}"'))
    try:
        with pytest.raises(ProgrammingError, match="permission denied"):
            counted(above, workspace=acme.slug)
    finally:
        with owner_engine.begin() as connection:
            connection.execute(text(f'GRANT INSERT ON platform_looks TO "{grantee}"'))
    assert counted(above, workspace=acme.slug) == 3


def test_looks_cannot_be_taken_back_by_the_role_that_notes_them(
    above: FlaskClient, acme: Workspace
) -> None:
    counted(above, workspace=acme.slug)
    with scoped(acme.id) as session:
        gone = text("DELETE FROM platform_looks WHERE workspace_id = :id RETURNING 1")
        assert session.execute(gone, {"id": acme.id}).all() == []
        with pytest.raises(ProgrammingError, match="permission denied"):
            session.execute(text("UPDATE platform_looks SET query = ''"))


@pytest.mark.parametrize("reason", ["x" * 10_000, "Case\x07 4711", "Case \u202e4711"])
def test_reason_that_is_too_long_or_cannot_be_seen_is_refused(
    above: FlaskClient, acme: Workspace, reason: str
) -> None:
    form = {"csrf_token": csrf_token(above), "reason": reason, "workspace": acme.slug}
    answer = above.post("/admin/access", data=form)
    assert answer.status_code == 422
    assert told(acme) == []


def test_reason_with_markup_is_shown_as_it_was_typed(above: FlaskClient, acme: Workspace) -> None:
    typed = '<script>alert(1)</script> & "case" 4711'
    say_why(above, acme.slug, reason=typed)
    ask(above, "/count", workspace=acme.slug, user="<b>")
    with scoped(acme.id) as session:
        found = select(events.c.id, events.c.metadata).where(
            events.c.workspace_id == acme.id, events.c.activity == "platform.access"
        )
        first, *_ = session.execute(found.order_by(events.c.seq)).all()
    assert first.metadata["reason"] == typed
    page = above.get(f"/admin/audit-logs/{acme.slug}/{first.id}").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
