"""Saved views that are renamed, changed, arranged, shared, hidden, copied and removed."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from auditsaas.accounts.models import User
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.permissions import Role
from auditsaas.saved_views import service
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_member,
    make_workspace,
    scoped,
    sign_in,
)
from tests.support.htmx import PARTIAL
from tests.support.scheduling import make_schedule


@pytest.fixture
def acme() -> Workspace:
    workspace = make_workspace()
    append_events(workspace, [event_input(), event_input(status="error")])
    return workspace


@pytest.fixture
def admin(acme: Workspace, client: FlaskClient) -> User:
    member = make_member(acme)
    sign_in(client, member)
    return member


def kept(
    place: Workspace, person: User, name: str, query: str = "status=error", *, shared: bool = False
) -> UUID:
    """Keep a view without a page."""
    with scoped(place.id, user=person.id) as session:
        view = service.save(
            session, place.id, person.id, name=name, query=query, shared=shared, default=False
        )
        session.commit()
        return view.id


def views(workspace: Workspace, path: object = "") -> str:
    return f"/w/{workspace.slug}/views" + (f"/{path}" if path else "")


def post(client: FlaskClient, url: str, **fields: str | list[str]) -> TestResponse:
    return client.post(url, data={"csrf_token": csrf_token(client), **fields})


def log(workspace: Workspace, query: str = "") -> str:
    return f"/w/{workspace.slug}/audit-logs{query}"


def tabs(client: FlaskClient, workspace: Workspace, query: str = "?range=all") -> list[str]:
    """The names above the log, but for that of everything."""
    page = client.get(log(workspace, query)).text
    row = re.search(r'id="views".*?</nav>', page, re.DOTALL)
    assert row is not None
    return re.findall(r">([^<>\n]+)</a>", row[0])[1:]


def recorded(client: FlaskClient, workspace: Workspace) -> list[str]:
    """The names of what was done with views, newest first."""
    page = client.get(log(workspace, "?activity=view.*")).text
    return re.findall(r"(view\.\w+)</", page)


def as_reader(client: FlaskClient, workspace: Workspace) -> User:
    reader = make_member(workspace, Role.AUDITOR)
    sign_in(client, reader)
    return reader


def test_view_is_renamed(client: FlaskClient, acme: Workspace, admin: User) -> None:
    view = kept(acme, admin, "Errors")
    answer = post(client, views(acme, view), name="  Failed   calls ")
    assert answer.headers["Location"] == f"{views(acme)}#v-{view}"
    assert tabs(client, acme) == ["Failed calls"]


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("Slow", 409, "You have a view called Slow already."),
        ("", 422, "A name has 1 to 80 printable characters."),
        ("x" * 81, 422, "A name has 1 to 80 printable characters."),
        ("a\x07", 422, "A name has 1 to 80 printable characters."),
    ],
)
@pytest.mark.parametrize("new", [True, False])
def test_refused_name_is_told_at_its_field_and_the_filter_is_kept(
    client: FlaskClient,
    acme: Workspace,
    admin: User,
    name: str,
    status: int,
    words: str,
    new: bool,
) -> None:
    kept(acme, admin, "Slow", "min_ms=3000")
    url = views(acme) if new else views(acme, kept(acme, admin, "Errors"))
    answer = post(client, url, name=name, query="status=error", default="1")
    assert answer.status_code == status
    assert re.search(r'id="name"[^>]*aria-describedby="name-error"', answer.text)
    assert words in answer.text
    assert re.search(r'name="default"\s+value="1"\s+checked', answer.text)
    assert ('name="query" value="status=error"' in answer.text) is new
    assert "Go to the start" not in answer.text


def test_open_view_takes_the_filter_as_it_is_now(
    client: FlaskClient, acme: Workspace, admin: User
) -> None:
    view = kept(acme, admin, "Errors")
    page = client.get(log(acme, f"?status=error&method=POST&tab={view}")).text
    assert tabs(client, acme, f"?status=error&method=POST&tab={view}") == ["Errors"]
    assert re.search(r"<b[^>]*>Errors</b> · changed", page)
    assert f'action="{views(acme, view)}/filter"' in page
    assert f'href="{log(acme)}?view={view}"' in page
    answer = post(client, f"{views(acme, view)}/filter", query="status=error&method=POST")
    assert answer.headers["Location"] == log(acme, f"?view={view}")
    opened = client.get(log(acme, f"?view={view}")).text
    assert "· changed" not in opened
    assert re.search(r'name="method"\s+value="POST"\s+checked', opened)


def test_address_names_the_open_view_only_where_its_filter_does_not_tell(
    client: FlaskClient, acme: Workspace, admin: User
) -> None:
    view = kept(acme, admin, "Errors")

    def pushed(query: str) -> str:
        return client.get(log(acme, query), headers=PARTIAL).headers["HX-Push-Url"]

    assert pushed(f"?view={view}") == log(acme, "?status=error")
    assert pushed(f"?status=success&tab={view}") == log(acme, f"?status=success&tab={view}")
    assert pushed(f"?range=all&tab={view}") == log(acme, f"?range=all&tab={view}")
    assert pushed("?status=success&tab=nothing") == log(acme, "?status=success")
    assert pushed(f"?status=success&tab={uuid4()}") == log(acme, "?status=success")


@pytest.mark.parametrize(
    "query", ["stauts=error", "range=never", "q=status:odd", "a=" + "x" * 16_000]
)
def test_filter_that_cannot_be_kept_changes_no_view(
    client: FlaskClient, acme: Workspace, admin: User, query: str
) -> None:
    view = kept(acme, admin, "Errors")
    assert post(client, f"{views(acme, view)}/filter", query=query).status_code == 422
    assert post(client, f"{views(acme, view)}/filter").status_code == 422
    assert "· changed" not in client.get(log(acme, f"?status=error&tab={view}")).text


def test_order_is_remembered_and_is_one_person_s(
    client: FlaskClient, acme: Workspace, admin: User
) -> None:
    a, b, c = (kept(acme, admin, name, shared=True) for name in ("A", "B", "C"))
    answer = post(client, views(acme, "order"), order=[str(c), str(a), str(b)])
    assert answer.status_code == 303
    assert tabs(client, acme) == ["C", "A", "B"]
    kept(acme, admin, "AA")
    assert tabs(client, acme) == ["C", "A", "B", "AA"]
    as_reader(client, acme)
    assert tabs(client, acme) == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("move", "order"),
    [
        ("up:1", "BAC"),
        ("down:1", "ACB"),
        ("up:0", "ABC"),
        ("down:2", "ABC"),
        ("over:1", "ABC"),
        ("up:", "ABC"),
    ],
)
def test_button_moves_a_view_by_one(
    client: FlaskClient, acme: Workspace, admin: User, move: str, order: str
) -> None:
    ids = [str(kept(acme, admin, name)) for name in "ABC"]
    way, _, number = move.partition(":")
    moved = ids[int(number)] if number else ""
    url = views(acme, "order")
    fields = {"csrf_token": csrf_token(client), "order": ids, "move": f"{way}:{moved}"}
    answer = client.post(url, data=fields, headers=PARTIAL)
    assert "".join(re.findall(r'fw-600"[^>]*>(\w)</a>', answer.text)) == order
    assert "".join(tabs(client, acme)) == order


def test_order_that_names_what_is_not_here_is_refused(
    client: FlaskClient, acme: Workspace, admin: User
) -> None:
    mine = kept(acme, admin, "Mine")
    other = make_workspace()
    foreign = kept(other, make_member(other), "Theirs", shared=True)
    private = kept(acme, make_member(acme), "Another's")
    for wrong in (str(foreign), str(private), str(uuid4()), "", "' OR 1=1"):
        assert post(client, views(acme, "order"), order=[str(mine), wrong]).status_code == 422
    assert tabs(client, acme) == ["Mine"]


def test_hidden_view_leaves_one_person_s_row_and_stays_usable(
    client: FlaskClient, acme: Workspace, admin: User
) -> None:
    view = kept(acme, admin, "Errors", shared=True)
    post(client, f"{views(acme, view)}/hide", hidden="1")
    assert tabs(client, acme) == []
    assert tabs(client, acme, f"?view={view}") == ["Errors"]
    assert "hidden from your tabs" in client.get(views(acme)).text
    post(client, f"{views(acme, view)}/hide", hidden="0")
    assert tabs(client, acme) == ["Errors"]
    post(client, f"{views(acme, view)}/hide", hidden="1")
    as_reader(client, acme)
    assert tabs(client, acme) == ["Errors"]


def test_copy_is_the_person_s_own_under_the_next_free_name(
    client: FlaskClient, acme: Workspace, admin: User
) -> None:
    view = kept(acme, admin, "Errors", shared=True)
    as_reader(client, acme)
    for _ in range(3):
        assert post(client, f"{views(acme, view)}/copy").status_code == 303
    copies = ["Errors", "Errors (copy 2)", "Errors (copy)"]
    assert sorted(tabs(client, acme)) == sorted(["Errors", *copies])
    page = client.get(views(acme)).text
    assert "3 of 50 views of your own" in page
    assert page.count("Only you") == 3


def test_admin_shares_and_stops_and_both_are_recorded(
    client: FlaskClient, acme: Workspace, admin: User
) -> None:
    view = kept(acme, admin, "Errors")
    post(client, views(acme, view), name="Secret plan")
    assert recorded(client, acme) == []
    post(client, views(acme, view), name="All errors", shared="1")
    assert "Secret plan" not in client.get(log(acme, "?activity=view.*")).text
    reader = as_reader(client, acme)
    assert tabs(client, acme) == ["All errors"]
    assert f"Shared by {admin.name}" in client.get(views(acme)).text
    sign_in(client, admin)
    page = client.get(views(acme, view)).text
    assert f"{reader.name} can no longer use it once you stop sharing" in " ".join(page.split())
    post(client, views(acme, view), name="All errors")
    assert recorded(client, acme) == ["view.unshare", "view.share"]
    sign_in(client, reader)
    assert tabs(client, acme) == []


def test_auditor_shares_nothing(client: FlaskClient, acme: Workspace, admin: User) -> None:
    reader = as_reader(client, acme)
    view = kept(acme, reader, "Errors")
    assert 'name="shared"' not in client.get(views(acme, view)).text
    for url in (views(acme, view), views(acme)):
        answer = post(client, url, name="For all", query="", shared="1")
        assert answer.status_code == 422
        assert "Admins share views with the workspace." in answer.text
    sign_in(client, admin)
    assert tabs(client, acme) == []


def test_maker_who_is_no_admin_any_more_keeps_and_stops_sharing(
    client: FlaskClient, acme: Workspace
) -> None:
    reader = as_reader(client, acme)
    view = kept(acme, reader, "Errors", shared=True)
    assert post(client, views(acme, view), name="Failures", shared="1").status_code == 303
    assert post(client, views(acme, view), name="Failures").status_code == 303
    assert post(client, views(acme, view), name="Failures", shared="1").status_code == 422


def test_admin_changes_what_another_shared(
    client: FlaskClient, acme: Workspace, admin: User
) -> None:
    maker = make_member(acme)
    view = kept(acme, maker, "Errors", shared=True)
    page = client.get(views(acme, view)).text
    assert maker.name in page
    assert 'name="default"' not in page
    post(client, views(acme, view), name="Failures", shared="1")
    post(client, f"{views(acme, view)}/filter", query="status=success")
    assert tabs(client, acme, "?status=success") == ["Failures"]
    assert recorded(client, acme) == ["view.update", "view.update"]
    post(client, views(acme, view), name="Failures")
    assert tabs(client, acme) == []
    sign_in(client, maker)
    assert tabs(client, acme) == ["Failures"]


def test_removing_a_shared_view_says_who_loses_it(
    client: FlaskClient, acme: Workspace, admin: User
) -> None:
    maker, reader = make_member(acme), make_member(acme, Role.AUDITOR)
    view = kept(acme, maker, "Errors", shared=True)
    asked = post(client, f"{views(acme, view)}/remove")
    assert asked.status_code == 200
    words = html.unescape(asked.text)
    assert f"{maker.name} made it." in words
    assert reader.name in words
    assert tabs(client, acme) == ["Errors"]
    assert post(client, f"{views(acme, view)}/remove", confirmed="1").status_code == 303
    assert tabs(client, acme) == []
    assert recorded(client, acme) == ["view.remove"]


def test_reader_uses_a_shared_view_and_changes_nothing_of_it(
    client: FlaskClient, acme: Workspace, admin: User
) -> None:
    view = kept(acme, admin, "Errors", shared=True)
    as_reader(client, acme)
    page = client.get(log(acme, f"?status=error&method=POST&tab={view}")).text
    assert "· changed" in page
    assert "/filter" not in page
    assert client.get(views(acme, view)).status_code == 404
    for path in ("", "/filter", "/remove"):
        answer = post(client, views(acme, view) + path, name="X", query="", confirmed="1")
        assert answer.status_code == 404
    assert tabs(client, acme) == ["Errors"]


def test_private_view_is_nobody_else_s(client: FlaskClient, acme: Workspace, admin: User) -> None:
    view = kept(acme, make_member(acme), "Theirs")
    assert "Theirs" not in client.get(views(acme)).text
    assert client.get(views(acme, view)).status_code == 404
    for path in ("", "/filter", "/copy", "/hide", "/remove"):
        answer = post(client, views(acme, view) + path, name="X", query="", confirmed="1")
        assert answer.status_code == 404


def test_views_over_all_workspaces_are_arranged_and_never_shared(
    client: FlaskClient, acme: Workspace, admin: User
) -> None:
    for name in ("A", "B"):
        assert post(client, "/views", name=name, query="status=error").status_code == 303
    ids = re.findall(r'name="order" value="([^"]+)"', client.get("/views").text)
    post(client, "/views/order", order=ids[::-1])
    page = client.get("/views").text
    assert re.findall(r'name="order" value="([^"]+)"', page) == ids[::-1]
    assert 'name="shared"' not in client.get(f"/views/{ids[0]}").text
    assert post(client, f"/views/{ids[0]}", name="A", shared="1").status_code == 422
    assert post(client, f"/views/{ids[0]}/remove", next="views").status_code == 303
    assert tabs(client, acme) == []


def test_schedule_with_the_same_filter_is_named_before_the_view_is_removed(
    client: FlaskClient, acme: Workspace, admin: User
) -> None:
    view = kept(acme, admin, "Errors", "status=error&range=last_7_days")
    errors = EventFilter(status=("error",))
    make_schedule(acme, admin, datetime.now(UTC), name="Weekly errors", event_filter=errors)
    make_schedule(acme, admin, datetime.now(UTC), name="Weekly all")
    page = client.get(views(acme, view)).text
    assert "Weekly errors" in page
    assert "Weekly all" not in page


def test_limits_are_said_and_held(
    client: FlaskClient, acme: Workspace, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST", 2)
    monkeypatch.setattr(service, "MOST_SHARED", 1)
    view = kept(acme, admin, "Errors", shared=True)
    second = kept(acme, admin, "Slow")
    page = client.get(views(acme)).text
    assert "2 of 2 views of your own, 1 of 1 shared here" in page
    assert post(client, views(acme), name="More", query="").status_code == 409
    assert post(client, f"{views(acme, view)}/copy").status_code == 409
    assert post(client, views(acme, second), name="Slow", shared="1").status_code == 409


def test_menu_carries_the_filter_to_a_schedule_and_into_a_link(
    client: FlaskClient, acme: Workspace, admin: User
) -> None:
    for headers in ({}, PARTIAL):
        answer = client.get(log(acme, "?status=error&range=last_7_days"), headers=headers)
        page = html.unescape(answer.text)
        assert f'href="/w/{acme.slug}/schedules/new?status=error&range=last_7_days"' in page
        link = re.search(r'data-copy="http://[^/]+(/[^"]+)"', page)
        assert link is not None
        assert re.search(r"status=error&from=\d{4}-\d\d-\d\dT\d\d%3A\d\d%3A\d\dZ&to=", link[1])
        assert client.get(link[1]).status_code == 200
    everything = html.unescape(client.get(log(acme, "?range=all")).text)
    assert f'{log(acme)}?range=all"' in everything


CHANGE = text("SELECT change_shared_view(:here, :view, CAST(:change AS jsonb))")


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.MEMBER, None])
def test_database_lets_admins_alone_change_another_s_view(
    engine: Engine, acme: Workspace, admin: User, role: Role | None
) -> None:
    view = kept(acme, admin, "Errors", shared=True)
    other = make_workspace()
    person = make_member(acme, role) if role else make_member(other)
    places = [acme.id] if role else [other.id]
    asked = {"here": acme.id, "view": view, "change": '{"name": "Mine now"}'}
    with tenancy.bind(Scope.of(*places, user=person.id), Session(engine)) as session:
        with pytest.raises(DBAPIError) as refusal:
            session.execute(CHANGE, asked)
        assert isinstance(refusal.value.orig, InsufficientPrivilege)


@pytest.mark.parametrize("change", ['{"name": "Mine now"}', '{"shared": true}', None])
def test_database_lets_no_admin_touch_a_private_view(
    engine: Engine, acme: Workspace, admin: User, change: str | None
) -> None:
    maker = make_member(acme, Role.AUDITOR)
    view = kept(acme, maker, "Errors")
    bound = text("SELECT current_setting('auditsaas.person')")
    with tenancy.bind(Scope.of(acme.id, user=admin.id), Session(engine)) as session:
        session.execute(CHANGE, {"here": acme.id, "view": view, "change": change})
        assert session.scalar(bound) == str(admin.id)
        session.commit()
    with scoped(acme.id, user=maker.id) as session:
        found = service.find(session, acme.id, maker.id, view)
        assert (found.name, found.shared) == ("Errors", False)
