"""The field by which a form edits a filter, as its fragment and within the schedule's form."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auditsaas.accounts.models import User
from auditsaas.exports.columns import COLUMNS, TITLES
from auditsaas.permissions import Role
from auditsaas.schedules.models import Schedule
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

pytestmark = pytest.mark.usefixtures("no_other_schedules", "signed_in_admin")


EVERY = list(COLUMNS)


@pytest.fixture(scope="module")
def workspace(app: Any) -> Workspace:
    with app.app_context():
        made = make_workspace()
        append_events(made, [event_input(activity="invoice.pay") for _ in range(4)])
        append_events(made, [event_input(status="error", ip="203.0.113.7") for _ in range(3)])
    return made


def ask(client: FlaskClient, log: Workspace, **fields: Any) -> TestResponse:
    data = {"csrf_token": csrf_token(client), **fields}
    return client.post(f"/w/{log.slug}/filter-field", data=data, headers=PARTIAL)


def save(client: FlaskClient, workspace: Workspace, admin: User, **fields: Any) -> TestResponse:
    plan = {"name": "Failures", "format": "csv", "frequency": "daily", "at": "08:00"}
    who = {"time_zone": "UTC", "recipients": [str(admin.id)], "csrf_token": csrf_token(client)}
    return client.post(f"/w/{workspace.slug}/schedules", data=plan | who | fields)


def kept(workspace: Workspace, answer: TestResponse) -> Schedule:
    """The schedule that was saved."""
    assert answer.status_code == 303, answer.text
    with scoped(workspace.id) as session:
        key = (workspace.id, answer.headers["Location"].rpartition("/")[2])
        found = session.get_one(Schedule, key)
        session.expunge_all()
        return found


def words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def test_counts_what_it_finds_and_shows_the_newest(
    client: FlaskClient, workspace: Workspace
) -> None:
    answer = ask(client, workspace, status="error")
    assert answer.status_code == 200
    shown = words(answer.text)
    assert "Status is Error" in shown
    assert "3 events in the last 7 days" in shown
    assert answer.text.count('st st-err">') == 3
    assert 'href="/w/' in answer.text
    assert "status=error" not in shown


def test_counts_of_values_are_those_of_the_other_filters(
    client: FlaskClient, workspace: Workspace
) -> None:
    answer = ask(client, workspace, activity="invoice.pay")
    row = re.search(r'value="success".*?class="c">(\d+)<', answer.text, re.DOTALL)
    assert row
    assert row[1] == "4"


def test_finds_values_by_a_part_of_their_name(client: FlaskClient, workspace: Workspace) -> None:
    with scoped(workspace.id):
        append_events(workspace, [event_input(activity=f"thing.kind{n}") for n in range(15)])
    text = ask(client, workspace, **{"find-activity": "KIND14"}).text
    assert 'value="thing.kind14"' in text
    assert 'value="thing.kind3"' not in text
    assert "Every event" in words(text)


def test_a_value_that_was_not_seen_lately_can_be_chosen(
    client: FlaskClient, workspace: Workspace
) -> None:
    for typed in ("user.*", "report.yearly"):
        text = ask(client, workspace, **{"find-activity": typed}).text
        assert re.search(rf'name="activity"\s+value="{re.escape(typed)}"', text)


def test_a_chosen_value_stays_where_another_is_looked_for(
    client: FlaskClient, workspace: Workspace
) -> None:
    text = ask(client, workspace, activity="invoice.pay", **{"find-user": "nobody\x00"}).text
    assert re.search(r'value="invoice.pay"\s+checked', text)
    assert "Nothing by that name" in text


@pytest.mark.parametrize(
    ("given", "said", "stays"),
    [
        ({"q": "status:eror"}, "not “eror”", 'value="status:eror"'),
        ({"q": "a" * 2001}, "2,000", "a" * 2001),
        ({"ip": "10.0.0.999"}, "is not an IP address", 'value="10.0.0.999"'),
        ({"min_ms": "9", "max_ms": "3"}, "below the shortest", 'value="9"'),
        ({"min_ms": "soon"}, "is not a number", 'value="soon"'),
        ({"user": "Ann\x00Lee"}, "no event can have", "Ann"),
        ({"q": "Ann\x00Lee"}, "", "Ann"),
        ({"method": "x" * 513}, "512", "x" * 513),
        ({"workspace": "elsewhere"}, "only", ""),
        ({"query": "stauts=error"}, "Did you mean “status”?", 'value="stauts=error"'),
        ({"query": "q=" + "a" * 16_000}, "too long", ""),
        ({"view": "1"}, "no such saved view", ""),
    ],
    ids=lambda given: " ".join(given)[:20] if isinstance(given, dict) else "",
)
def test_what_is_wrong_is_said_and_the_words_stay(
    client: FlaskClient, workspace: Workspace, given: dict[str, str], said: str, stays: str
) -> None:
    answer = ask(client, workspace, **given)
    assert answer.status_code == 422
    found = re.search(r'id="filter-found".*?</div>', answer.text, re.DOTALL)
    assert found
    assert said in words(found[0])
    assert "events in the last" not in answer.text
    assert stays in answer.text


def test_a_wrong_filter_leaves_the_others_ticked(client: FlaskClient, workspace: Workspace) -> None:
    text = ask(client, workspace, status="error", platform="Windows 95").text
    assert re.search(r'name="status"\s+value="error"\s+checked', text)
    assert re.search(r'name="platform"\s+value="Windows 95"\s+checked', text)


def test_a_member_without_the_log_is_refused(workspace: Workspace, app: Any) -> None:
    client = app.test_client()
    sign_in(client, make_member(workspace, role=Role.MEMBER))
    assert ask(client, workspace).status_code == 403


def test_terms_that_a_control_says_are_in_it_when_the_form_opens(
    client: FlaskClient, workspace: Workspace
) -> None:
    page = client.get(f"/w/{workspace.slug}/schedules/new?q=status:error+refund").text
    assert re.search(r'name="status"\s+value="error"\s+checked', page)
    assert re.search(r'id="filter-q"\s+name="q"\s+class="[^"]*"\s+value="refund"', page)


def test_an_unknown_parameter_of_the_address_cannot_be_saved(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    page = client.get(f"/w/{workspace.slug}/schedules/new?stauts=error").text
    assert "There is no filter called “stauts”" in page
    box = re.search(r'name="query"\s+value="([^"]*)"\s+checked', page)
    assert box
    assert save(client, workspace, admin, query=box[1]).status_code == 422


def test_a_period_of_the_log_is_left_out_and_said_to_be(
    client: FlaskClient, workspace: Workspace
) -> None:
    new = f"/w/{workspace.slug}/schedules/new"
    for period, named in (
        ("range=last_7_days", "Last 7 Days"),
        ("from=11/01/2026", "Custom range"),
    ):
        assert f"{named} of the log is left out" in words(client.get(f"{new}?{period}").text)
    for none in ("", "?range=all", "?status=error"):
        assert "is left out" not in client.get(new + none).text


def test_a_place_in_the_log_is_no_time_of_day(client: FlaskClient, workspace: Workspace) -> None:
    before = "01a21fcd-a036-7e88-b74c-a66ebdeae90a"
    page = client.get(f"/w/{workspace.slug}/schedules/new?before={before}&at=51").text
    assert 'value="08:00"' in page


def test_the_controls_are_what_is_saved_and_what_an_edit_opens_with(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    given = {"status": "error", "ip": ["203.0.113.7", ""], "min_ms": "", "q": "refund"}
    answer = save(client, workspace, admin, **given)
    assert kept(workspace, answer).query == "status=error&ip=203.0.113.7&q=refund"
    page = client.get(answer.headers["Location"] + "/edit").text
    assert "Status is Error" in words(page)
    assert 'value="203.0.113.7"' in page
    assert 'value="refund"' in page


class TestColumns:
    def test_all_have_titles(self) -> None:
        assert tuple(TITLES) == COLUMNS

    def test_all_in_their_order_are_kept_as_all(
        self, client: FlaskClient, workspace: Workspace, admin: User
    ) -> None:
        answer = save(client, workspace, admin, column_order=EVERY, columns=EVERY)
        assert kept(workspace, answer).columns is None

    def test_are_kept_in_the_order_given(
        self, client: FlaskClient, workspace: Workspace, admin: User
    ) -> None:
        order = ["ip_address", *(name for name in COLUMNS if name != "ip_address")]
        chosen = ["ip_address", "activity"]
        answer = save(client, workspace, admin, column_order=order, columns=chosen)
        assert kept(workspace, answer).columns == chosen
        page = client.get(answer.headers["Location"] + "/edit").text
        assert page.index("IP Address</span>") < page.index("Created At</span>")
        assert "2 of 22, in this order" in words(page)

    def test_move_by_a_button_without_scripts(
        self, client: FlaskClient, workspace: Workspace
    ) -> None:
        data = {"column_order": EVERY, "columns": EVERY, "move": "down:created_at"}
        token = {"csrf_token": csrf_token(client)}
        page = client.post(f"/w/{workspace.slug}/schedules/preview", data=data | token).text
        assert page.index("Activity</span>") < page.index("Created At</span>")

    def test_of_a_format_without_a_choice_do_not_count(
        self, client: FlaskClient, workspace: Workspace, admin: User
    ) -> None:
        given = {"format": "pdf", "column_order": EVERY, "columns": ["activity"]}
        assert kept(workspace, save(client, workspace, admin, **given)).columns is None

    @pytest.mark.parametrize(
        ("columns", "said"),
        [
            ([], "Choose at least one column."),
            (["activity", "activity"], "is named twice"),
            (["nothing"], "There is no column “nothing”"),
        ],
    )
    def test_that_are_none_unknown_or_repeated_are_refused(
        self,
        client: FlaskClient,
        workspace: Workspace,
        admin: User,
        columns: list[str],
        said: str,
    ) -> None:
        answer = save(client, workspace, admin, column_order=EVERY, columns=columns)
        assert answer.status_code == 422
        assert said in words(answer.text)
