"""Go to: what words find, for whom, and that nothing of another workspace is among it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from auditsaas.accounts.models import User
from auditsaas.events.reading import known_people
from auditsaas.permissions import Role
from auditsaas.saved_views import service as saved_views
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    event_input,
    make_member,
    make_user,
    make_workspace,
    scoped,
)
from tests.support.htmx import PARTIAL
from tests.support.reads import counted
from tests.support.scheduling import make_schedule

Browser = Callable[[User], FlaskClient]


def go(client: FlaskClient, words: str, place: Workspace | str = "") -> TestResponse:
    base = place if isinstance(place, str) else f"/w/{place.slug}"
    return client.get(f"/go?{urlencode({'q': words, 'in': base})}")


def hits(answer: TestResponse) -> dict[str, str]:
    """Return the addresses of what was found, by their titles."""
    assert answer.status_code == 200, answer.text
    found = re.findall(
        r'<a href="([^"]+)"><svg.*?</svg><span class="go-title">(.*?)</span>',
        answer.text,
        re.DOTALL,
    )
    plain = {re.sub(r"<[^>]+>", "", title).strip(): url for url, title in found}
    return {title: url.replace("&amp;", "&") for title, url in plain.items()}


def actor(name: str, identifier: str, email: str) -> dict[str, str]:
    return {"id": identifier, "name": name, "email": email}


@pytest.fixture
def filled(acme: Workspace) -> Workspace:
    """Acme, with events of two people, the second of them of a request."""
    dana = actor("Dana Kim", "u_dana", "dana.kim@acme.example")
    bo = actor("Bo Ådahl", "u_bo", "bo@acme.example")
    append_events(
        acme,
        [event_input(actor=dana), event_input(actor=bo, request_id="req_8e0d5c", status="error")],
    )
    return acme


@pytest.fixture
def admin(filled: Workspace) -> User:
    return make_member(filled)


@pytest.fixture
def client_of_admin(browser: Browser, admin: User) -> FlaskClient:
    return browser(admin)


def test_without_words_every_page_is_listed(
    client_of_admin: FlaskClient, filled: Workspace
) -> None:
    found = hits(go(client_of_admin, "", filled))
    assert found["Retention"] == f"/w/{filled.slug}/settings/retention"
    assert found["Sessions"] == "/account/sessions"
    assert found["Who read the log"] == f"/w/{filled.slug}/reads"
    assert "All my workspaces" not in go(client_of_admin, "", filled).text


@pytest.mark.parametrize("words", ["retent", "RETENTION", "legal hold", "hold"])
def test_page_is_found_by_its_name_in_any_case_and_by_other_words(
    client_of_admin: FlaskClient, filled: Workspace, words: str
) -> None:
    url = hits(go(client_of_admin, words, filled))["Retention"]
    assert url == f"/w/{filled.slug}/settings/retention"


def test_page_that_the_role_may_not_open_is_not_found(browser: Browser, filled: Workspace) -> None:
    client = browser(make_member(filled, Role.AUDITOR))
    assert "Retention" not in hits(go(client, "retention", filled))
    assert "Integrity" in hits(go(client, "integrity", filled))


@pytest.mark.parametrize("words", ["dan", "DANA", "kim", "dana.kim@acme", "u_dan"])
def test_user_of_the_log_is_found_by_name_address_and_id(
    client_of_admin: FlaskClient, filled: Workspace, words: str
) -> None:
    found = hits(go(client_of_admin, words, filled))
    assert found["Dana Kim dana.kim@acme.example"] == f"/w/{filled.slug}/audit-logs?user=u_dana"
    assert found["Who read events of Dana Kim"] == f"/w/{filled.slug}/reads?about=u_dana"


@pytest.mark.parametrize("words", ["dan", "DANA K", "dana.kim@acme", "u_dan"])
def test_user_among_very_many_is_found_by_the_beginning(
    client_of_admin: FlaskClient,
    filled: Workspace,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(known_people, "FEW", 1)
    answer = go(client_of_admin, words, filled)
    assert "Dana Kim dana.kim@acme.example" in hits(answer)
    assert "Names that begin so: there are more than" in answer.text
    assert "Dana Kim" not in go(client_of_admin, "kim", filled).text


def test_words_of_a_users_name_are_marked(client_of_admin: FlaskClient, filled: Workspace) -> None:
    assert "<mark>Dan</mark>a Kim" in go(client_of_admin, "dan", filled).text


def test_member_is_found_by_those_who_manage_members(
    browser: Browser, client_of_admin: FlaskClient, filled: Workspace
) -> None:
    noor = make_member(filled, Role.AUDITOR, user=make_user(name="Noor Haddad"))
    url = hits(go(client_of_admin, "noor", filled))[f"Noor Haddad {noor.email}"]
    assert url == f"/w/{filled.slug}/members?{urlencode({'q': noor.email})}"
    assert f"/w/{filled.slug}/members" not in go(browser(noor), "noor", filled).text


def test_saved_view_is_found_by_its_owner_and_shared_ones_by_others(
    browser: Browser, client_of_admin: FlaskClient, filled: Workspace, admin: User
) -> None:
    with scoped(filled.id, user=admin.id) as session:
        for name, shared in (("Night errors", True), ("Night mine", False)):
            saved_views.save(
                session, filled.id, admin.id, name=name, query="", shared=shared, default=False
            )
        session.commit()
    assert {"Night errors", "Night mine"} <= hits(go(client_of_admin, "night", filled)).keys()
    other = hits(go(browser(make_member(filled, Role.AUDITOR)), "night", filled))
    assert "Night errors" in other
    assert "Night mine" not in other


def test_schedule_is_found_by_those_who_may_see_it(
    browser: Browser, client_of_admin: FlaskClient, filled: Workspace, admin: User
) -> None:
    made = make_schedule(filled, admin, datetime.now(UTC), name="Weekly of carriers")
    found = hits(go(client_of_admin, "carriers", filled))
    assert found["Weekly of carriers"] == f"/w/{filled.slug}/schedules/{made}"
    auditor = browser(make_member(filled, Role.AUDITOR))
    assert "Weekly of carriers" not in hits(go(auditor, "carriers", filled))


@pytest.mark.parametrize("typed", ["{id}", "{plain}", "2", "#2", "req_8e0d5c", "  2 "])
def test_event_is_opened_at_once_by_its_id_number_or_request(
    client_of_admin: FlaskClient, filled: Workspace, typed: str
) -> None:
    with scoped(filled.id):
        appended = append_events(filled, [event_input(request_id="another")])
    third = str(appended.ids[0])
    first, second = (go(client_of_admin, number, filled).location for number in ("1", "2"))
    assert first != second
    words = typed.format(id=third, plain=third.replace("-", ""))
    wanted = f"/w/{filled.slug}/audit-logs/{third}" if "{" in typed else second
    assert go(client_of_admin, words, filled).location == wanted


def test_request_of_several_events_opens_the_log_by_it(
    client_of_admin: FlaskClient, filled: Workspace
) -> None:
    append_events(filled, [event_input(request_id="req_77"), event_input(request_id="req_77")])
    location = go(client_of_admin, "req_77", filled).location
    assert location == f"/w/{filled.slug}/audit-logs?q=request%3Areq_77&range=all"
    assert client_of_admin.get(location).text.count("data-event-id") == 2


def test_number_that_several_logs_have_is_a_choice(browser: Browser, filled: Workspace) -> None:
    other = make_workspace("Borealis")
    append_events(other, [event_input()])
    person = make_member(other, user=make_member(filled))
    found = go(browser(person), "1")
    assert found.status_code == 200
    assert found.text.count("Event <mark>1</mark>") == 2
    assert go(browser(person), "1", other).location.startswith(f"/w/{other.slug}/audit-logs/")


def test_number_of_no_event_finds_none(client_of_admin: FlaskClient, filled: Workspace) -> None:
    found = hits(go(client_of_admin, "999999999999999999", filled))
    assert not any(title.startswith("Event 9") for title in found)


def test_other_workspaces_are_found_to_switch_to(browser: Browser, filled: Workspace) -> None:
    other = make_workspace("Borealis Rail")
    person = make_member(other, Role.AUDITOR, user=make_member(filled))
    found = hits(go(browser(person), "boreal", filled))
    assert found["Borealis Rail"] == f"/w/{other.slug}/audit-logs"


@pytest.mark.parametrize("everywhere", [True, False])
def test_nothing_of_another_workspace_is_found(
    browser: Browser, client_of_admin: FlaskClient, filled: Workspace, everywhere: bool
) -> None:
    globex = make_workspace("Globex Hidden")
    spy = actor("Zelda Secret", "u_zelda", "zelda@globex.example")
    appended = append_events(globex, [event_input(actor=spy, request_id="req_zelda9")] * 5)
    boss = make_member(globex, user=make_user(name="Zelda Boss"))
    make_schedule(globex, boss, datetime.now(UTC), name="Zelda weekly")
    with scoped(globex.id, user=boss.id) as session:
        saved_views.save(
            session, globex.id, boss.id, name="Zelda view", query="", shared=True, default=False
        )
        session.commit()
    place = "" if everywhere else filled
    words = ["zelda", "globex", globex.slug, boss.email, "u_zelda", "5"]
    words += ["req_zelda9", *(str(one) for one in appended.ids)]
    for typed in words:
        answer = go(client_of_admin, typed, place)
        found = hits(answer)
        assert not [url for url in found.values() if globex.slug in url and "q=" not in url], typed
        assert not [title for title in found if "Zelda" in title or "Hidden" in title], typed


@pytest.mark.parametrize(
    "place", ["/w/{globex}", "/w/none", "/admin", "/w/", "w/{acme}", "/x/{acme}", "/w/a\x00"]
)
def test_place_of_others_is_not_found(
    client_of_admin: FlaskClient, filled: Workspace, place: str
) -> None:
    base = place.format(globex=make_workspace().slug, acme=filled.slug)
    for address in ("/go", "/go/found"):
        query = urlencode({"q": "a", "in": base})
        assert client_of_admin.get(f"{address}?{query}").status_code == 404


def test_workspace_that_wants_a_second_factor_first_gives_nothing(browser: Browser) -> None:
    strict = make_workspace("Strict")
    append_events(strict, [event_input()])
    with scoped(strict.id) as session:
        chosen = update(Workspace).where(Workspace.id == strict.id)
        session.execute(chosen.values(require_second_factor=True))
        session.commit()
    client = browser(make_member(strict))
    assert "Ann Lee" not in hits(go(client, "ann", strict))
    assert go(client, "1", strict).status_code == 200


@pytest.mark.parametrize(
    "words", ["", " ", "a", "%", "_", "\\", "'", '"', "\x00", "a\x00b", "\u202e", "é" * 200]
)
def test_strange_words_are_answered(
    client_of_admin: FlaskClient, filled: Workspace, words: str
) -> None:
    for place in (filled, ""):
        assert go(client_of_admin, words, place).status_code == 200


@pytest.mark.parametrize("words", ["%", "d%a", "d_na"])
def test_signs_of_patterns_mean_themselves(
    client_of_admin: FlaskClient, filled: Workspace, words: str
) -> None:
    assert "Dana Kim" not in go(client_of_admin, words, filled).text


@pytest.mark.parametrize("length", [201, 5_000])
def test_words_that_are_too_long_are_refused_in_words(
    client_of_admin: FlaskClient, filled: Workspace, length: int
) -> None:
    answer = go(client_of_admin, "x" * length, filled)
    assert answer.status_code == 422
    assert "Type at most 200 characters." in answer.text
    shown = client_of_admin.get(f"/go/found?q={'x' * length}")
    assert (shown.status_code, "Type at most 200 characters." in shown.text) == (200, True)


def test_dialog_is_answered_to_a_page_and_its_list_alone_while_typing(
    client_of_admin: FlaskClient, filled: Workspace
) -> None:
    opened = client_of_admin.get(f"/go?in=/w/{filled.slug}", headers=PARTIAL)
    assert opened.text.lstrip().startswith("<dialog")
    listed = client_of_admin.get(f"/go/found?in=/w/{filled.slug}&q=2", headers=PARTIAL)
    assert listed.text.lstrip().startswith("<ul")
    assert 'data-words="2"' in listed.text
    assert "Event <mark>2</mark>" in listed.text


def test_finding_users_is_recorded_as_suggestions_and_pages_as_nothing(
    client_of_admin: FlaskClient, filled: Workspace
) -> None:
    go(client_of_admin, "", filled)
    assert counted(filled) == []
    go(client_of_admin, "dan", filled)
    [read] = counted(filled)
    assert set(read.parts) == {"suggestions"}


def test_member_without_the_log_finds_pages_of_their_own_alone(
    browser: Browser, filled: Workspace
) -> None:
    client = browser(make_member(filled, Role.MEMBER))
    assert hits(go(client, "dan", filled)) == {}
    assert "Nothing is called “dan”" in go(client, "dan", filled).text
    assert hits(go(client, "my act", filled)) == {"My activity": "/me/activity"}


def test_super_admin_finds_pages_and_searches_and_no_tenants_words(
    browser: Browser, filled: Workspace
) -> None:
    client = browser(make_user(is_super_admin=True))
    found = hits(go(client, "system", "/admin"))
    assert found["System"] == "/admin/system"
    found = hits(go(client, "dana", "/admin"))
    assert found["Search the users for “dana”"] == "/admin/users?q=dana"
    assert "Dana Kim" not in found
    assert hits(go(client, "2", "/admin")).keys() == {
        *("Search the log for “2”", "Search the workspaces for “2”", "Search the users for “2”")
    }


def test_visitor_is_asked_to_sign_in(client: FlaskClient) -> None:
    assert client.get("/go?q=dana").location.startswith("/login?next=")
    assert client.get("/go/found?q=dana").location.startswith("/login")
