"""What is typed finds a text in any case and spelling, wherever the text stands."""

from __future__ import annotations

from typing import Any
from unicodedata import normalize

import pytest
from flask.testing import FlaskClient

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.support.factories import append_events, event_input, make_member, sign_in

TEXT = "Élodie Иван ÄRGER"
SPELLINGS = [TEXT, TEXT.lower(), TEXT.upper(), normalize("NFD", TEXT)]
TYPED = [*SPELLINGS, *(word for spelling in SPELLINGS for word in spelling.split())]
PERSON = {"id": "u_2", "name": "Sam Roe", "email": "sam@example.com"}


def holding(text: str) -> dict[str, dict[str, Any]]:
    """Events that hold a text in one place each."""
    return {
        "path": {"path": f"/{text}"},
        "actor id": {"actor": {"id": text}},
        "actor name": {"actor": PERSON | {"name": text}},
        "actor email": {"actor": PERSON | {"email": f"{text}@example.com"}},
        "user agent": {"user_agent": f"{text}/1.0"},
        "request": {"request_id": text},
        "activity": {"activity": text},
        "target": {"targets": [{"type": "file", "id": "f_1", "name": text}]},
        "metadata": {"metadata": {"note": text}},
        "before": {"changes": {"name": [text, "Sam"]}},
        "after": {"changes": {"name": ["Sam", text]}},
    }


KEYED = {
    "path": 'path:"/{}"',
    "path, by its beginning": 'path:"/{}*"',
    "target": 'target:"{}"',
    "metadata": 'meta.note:"{}"',
}


def found(client: FlaskClient, key: str, q: str) -> list[str]:
    """Ids of the events that the API answers."""
    headers = {"Authorization": f"Bearer {key}"}
    answer = client.get("/api/v1/events", query_string={"q": q}, headers=headers)
    assert answer.status_code == 200, answer.text
    return sorted(event["id"] for event in answer.get_json()["data"])


def spelt(acme: Workspace, place: str) -> list[str]:
    """Ids of events that hold the text in one place, a spelling each, beside one that does not."""
    append_events(acme, [event_input(path="/elodie")])
    made = append_events(acme, [event_input(**holding(one)[place]) for one in SPELLINGS])
    return sorted(map(str, made.ids))


@pytest.mark.parametrize("place", holding(""))
def test_words_find_a_text_in_any_spelling(
    client: FlaskClient, acme: Workspace, key: str, place: str
) -> None:
    stored = spelt(acme, place)
    assert {typed: found(client, key, f'"{typed}"') for typed in TYPED} == dict.fromkeys(
        TYPED, stored
    )


@pytest.mark.parametrize("kind", KEYED)
def test_a_key_finds_a_text_in_any_spelling(
    client: FlaskClient, acme: Workspace, key: str, kind: str
) -> None:
    stored = spelt(acme, kind.partition(",")[0])
    assert {typed: found(client, key, KEYED[kind].format(typed)) for typed in SPELLINGS} == (
        dict.fromkeys(SPELLINGS, stored)
    )


@pytest.mark.parametrize("typed", SPELLINGS)
def test_a_negated_word_excludes_a_text_in_any_spelling(
    client: FlaskClient, acme: Workspace, key: str, typed: str
) -> None:
    stored = spelt(acme, "metadata")
    others = found(client, key, f'-"{typed}"')
    assert len(others) == 1
    assert not set(others) & set(stored)


@pytest.fixture
def reader(client: FlaskClient, acme: Workspace) -> User:
    """An admin who is signed in."""
    user = make_member(acme)
    sign_in(client, user)
    return user


@pytest.mark.usefixtures("reader")
def test_page_and_count_agree_on_a_text(client: FlaskClient, acme: Workspace) -> None:
    stored = spelt(acme, "actor name")
    base, query = f"/w/{acme.slug}/audit-logs", {"q": TEXT.upper()}
    assert client.get(base, query_string=query).text.count("data-event-id=") == len(stored)
    count = client.get(f"{base}/count", query_string=query).text
    assert 'data-count="4" data-exact="true"' in count


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("typed", ["élodie", "ÉLODIE", normalize("NFD", "Élodie"), "иван"])
def test_the_user_finder_and_suggestions_find_a_name_in_any_spelling(
    client: FlaskClient, acme: Workspace, typed: str
) -> None:
    actor = {"id": "u_7", "name": "Élodie Иван", "email": "elodie@example.com"}
    append_events(acme, [event_input(actor=actor)])
    base = f"/w/{acme.slug}/audit-logs"
    users = client.get(f"{base}/users", query_string={"term": typed}).get_json()
    assert "Élodie Иван" in str(users)
    suggested = client.get(f"{base}/suggest", query_string={"q": f"user:{typed}"}).text
    assert "Élodie Иван" in suggested


SAME_NAME = [
    {"id": "u_ann", "name": "Ánn Lee", "email": "ann@example.com"},
    {"id": "u_ann_2", "name": "ÁNN LEE", "email": "ann.lee@example.com"},
]


@pytest.fixture
def namesakes(acme: Workspace) -> list[str]:
    """Ids of the events of two people of one name, beside one of another."""
    append_events(acme, [event_input(actor=PERSON)])
    made = append_events(acme, [event_input(actor=one) for one in SAME_NAME])
    return sorted(map(str, made.ids))


@pytest.mark.parametrize("typed", ["Ánn Lee", "ánn lee", normalize("NFD", "ÁNN LEE")])
def test_user_finds_everybody_of_a_name_in_any_spelling(
    client: FlaskClient, key: str, namesakes: list[str], typed: str
) -> None:
    assert found(client, key, f'user:"{typed}"') == namesakes
    assert not set(found(client, key, f'-user:"{typed}"')) & set(namesakes)
    headers = {"Authorization": f"Bearer {key}"}
    answer = client.get("/api/v1/events", query_string={"user": typed}, headers=headers)
    assert sorted(event["id"] for event in answer.get_json()["data"]) == namesakes


def test_user_finds_by_an_address_in_any_case(
    client: FlaskClient, key: str, namesakes: list[str]
) -> None:
    (one,) = found(client, key, "user:ANN@EXAMPLE.COM")
    assert one in namesakes


@pytest.mark.usefixtures("reader", "namesakes")
@pytest.mark.parametrize(
    ("query", "chip"),
    [
        ({"user": "ánn lee"}, "ánn lee (2 people)"),
        ({"q": 'user:"ánn lee"'}, "ánn lee (2 people)"),
        ({"user": "u_ann"}, "Ánn Lee"),
    ],
)
def test_chip_shows_the_number_of_people_of_a_name(
    client: FlaskClient, acme: Workspace, query: dict[str, str], chip: str
) -> None:
    base = f"/w/{acme.slug}/audit-logs"
    page = client.get(base, query_string=query, follow_redirects=True).text
    assert chip in page


def test_user_filter_ignores_former_names(client: FlaskClient, acme: Workspace, key: str) -> None:
    for name in ("Ann Lee", "Ann Roe"):
        append_events(acme, [event_input(actor=PERSON | {"name": name})])
    assert found(client, key, 'user:"ann lee"') == []
    assert len(found(client, key, 'user:"ann roe"')) == 2
