"""Senders cannot keep out each other's events by keys of idempotency; both contents stand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, case, func, select, update

from auditsaas.accounts.models import User
from auditsaas.db.ids import TAIL_BITS
from auditsaas.events.event_sources import EventSource, of_key
from auditsaas.events.maintenance import retention
from auditsaas.events.models import contested_events, events
from auditsaas.events.writing.outcome import Appended
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    Sessions,
    append_events,
    as_owner,
    event_input,
    make_api_key,
    make_workspace,
    scoped,
    store_unrecorded,
)
from tests.support.importing import counts, look, run
from tests.support.log_state import counts_are_exact

FIRST, SECOND, THIRD = (of_key(uuid4()) for _ in range(3))
WHEN = datetime.now(UTC).replace(microsecond=123_000) - timedelta(hours=1)


@pytest.fixture
def acme(engine: Engine) -> Workspace:
    return make_workspace()


def keyed(key: str = "order-1-paid", **fields: Any) -> dict[str, Any]:
    return event_input(idempotency_key=key, occurred_at=WHEN.isoformat(), **fields)


def send(acme: Workspace, source: EventSource, *batch: dict[str, Any]) -> Appended:
    return append_events(acme, batch, source)


def rows(acme: Workspace) -> list[Any]:
    with scoped(acme.id) as session:
        return list(session.execute(select(events).order_by(events.c.seq)))


def one_id_one_source_one_path(acme: Workspace) -> list[tuple[str, str]]:
    return [(row.source, row.path) for row in rows(acme)]


def test_key_taken_in_advance_suppresses_no_event(acme: Workspace) -> None:
    [taken] = send(acme, FIRST, keyed(path="/harmless")).ids
    true = send(acme, SECOND, keyed(path="/paid"))
    assert (true.accepted, true.duplicates, true.conflicts) == (1, 0, 0)
    assert one_id_one_source_one_path(acme) == [(FIRST, "/harmless"), (SECOND, "/paid")]
    [difference] = true.differences.values()
    assert (difference.id, difference.beside) == (taken, true.ids[0])


def test_key_with_other_content_of_the_same_sender_is_a_conflict(acme: Workspace) -> None:
    """The control: what stands beside another does so for its sender's sake alone."""
    send(acme, FIRST, keyed(path="/harmless"))
    again = send(acme, FIRST, keyed(path="/paid"))
    assert (again.accepted, again.conflicts) == (0, 1)
    assert len(rows(acme)) == 1


def test_event_that_stands_beside_another_is_stored_once(acme: Workspace) -> None:
    send(acme, FIRST, keyed(path="/a"))
    stored = send(acme, SECOND, keyed(path="/b"))
    again = send(acme, SECOND, keyed(path="/b"), keyed("other"))
    assert (again.accepted, again.duplicates) == (1, 1)
    assert again.ids[0] == stored.ids[0]
    differs = send(acme, SECOND, keyed(path="/c"))
    assert (differs.accepted, differs.conflicts, differs.ids) == (0, 1, stored.ids)


@pytest.mark.parametrize("sender", [FIRST, SECOND, THIRD], ids=["first", "second", "third"])
@pytest.mark.parametrize(("path", "place"), [("/a", 0), ("/b", 1)])
def test_content_that_stands_is_a_duplicate_from_any_sender(
    acme: Workspace, sender: EventSource, path: str, place: int
) -> None:
    stored = [*send(acme, FIRST, keyed(path="/a")).ids, *send(acme, SECOND, keyed(path="/b")).ids]
    again = send(acme, sender, keyed(path=path))
    assert (again.accepted, again.duplicates, again.conflicts) == (0, 1, 0)
    assert again.ids[0] == stored[place]


def test_batch_of_new_known_and_contested_events_is_numbered_without_a_gap(
    acme: Workspace,
) -> None:
    send(acme, FIRST, keyed("a"), keyed("b"), keyed("c"))
    batch = [keyed("a", path="/x"), keyed("n"), keyed("b"), keyed("a", path="/y"), keyed("c")]
    sent = send(acme, SECOND, *batch, keyed("a", path="/x"), keyed("c", path="/x"))
    assert sent.new == (True, True, False, False, False, False, True)
    assert sent.conflicting == (False, False, False, True, False, False, False)
    assert (sent.ids[5], sent.first_seq, sent.last_seq) == (sent.ids[0], 4, 6)
    assert [row.seq for row in rows(acme)] == [1, 2, 3, 4, 5, 6]
    assert counts_are_exact(acme)


def test_contents_of_many_senders_at_once_each_stand_once(acme: Workspace) -> None:
    senders = [of_key(uuid4()) for _ in range(6)]

    def keep(place: int) -> Appended:
        return send(acme, senders[place % 6], keyed(path=f"/{place % 6}"))

    with ThreadPoolExecutor(6) as pool:
        kept = list(pool.map(keep, range(24)))
    assert sum(each.accepted for each in kept) == 6
    assert sum(each.duplicates for each in kept) == 18
    assert {(row.source, row.path) for row in rows(acme)} == {
        (sender, f"/{place}") for place, sender in enumerate(senders)
    }


def test_id_of_an_event_beside_another_is_in_its_instant_and_not_foreseeable(
    acme: Workspace,
) -> None:
    [asked] = send(acme, FIRST, keyed(path="/a")).ids
    found = {send(acme, of_key(uuid4()), keyed(path=f"/{n}")).ids[0] for n in range(3)}
    assert {each.int >> TAIL_BITS for each in found} == {asked.int >> TAIL_BITS}
    assert len(found) == 3


def test_event_from_before_sources_were_recorded_is_not_doubled(acme: Workspace) -> None:
    event = keyed(path="/a") | {"occurred_at": (WHEN - timedelta(days=9)).isoformat()}
    [stored] = store_unrecorded(acme, [event])
    again = send(acme, FIRST, event)
    assert (again.duplicates, again.ids) == (1, (stored,))
    other = send(acme, FIRST, event | {"path": "/b"})
    assert (other.accepted, other.conflicts) == (1, 0)


def test_event_that_an_upload_took_first_stands_beside_it(acme: Workspace, tmp_path: Path) -> None:
    [identity] = send(acme, FIRST, keyed(path="/a")).ids
    path = tmp_path / "ours.csv"
    path.write_text(
        "created_at,activity,status,user_id,path,event_id\r\n"
        f"{WHEN.isoformat()},invoice.update,success,u_1,/b,{identity}\r\n"
        f"{WHEN.isoformat()},invoice.update,success,u_1,/c,{identity}\r\n"
    )
    foreseen, outcome = look(acme, path), run(acme, path)
    assert foreseen == outcome
    assert (counts(outcome), outcome.contested) == ((1, 0, 0, 1), 1)
    assert str(outcome).endswith("1 beside another sender's event of the same id")


def limit_retention_to(acme: Workspace) -> None:
    """Give the workspace 30 days of retention, and every other one none."""
    with Sessions.begin() as session:
        known = session.scalars(select(Workspace.id)).all()
    with as_owner(*known) as session:
        days = case((Workspace.id == acme.id, 30), else_=None)
        session.execute(update(Workspace).values(retention_days=days, legal_hold=False))
        session.commit()


def test_removed_event_is_forgotten_as_contested(acme: Workspace, owner_engine: Engine) -> None:
    old = keyed() | {"occurred_at": (WHEN - timedelta(days=60)).isoformat()}
    send(acme, FIRST, old)
    send(acme, SECOND, old | {"path": "/b"}, keyed())
    limit_retention_to(acme)
    retention.apply(owner_engine, datetime.now(UTC))
    with scoped(acme.id) as session:
        assert session.scalar(select(func.count()).select_from(contested_events)) == 0
    assert len(rows(acme)) == 1


def post(client: FlaskClient, key: str, *batch: dict[str, Any]) -> Any:
    headers = {"Authorization": f"Bearer {key}"}
    return client.post("/api/v1/events", json={"events": batch}, headers=headers).json


def test_both_events_say_that_the_other_exists(
    client: FlaskClient, workspace: Workspace, signed_in_admin: User
) -> None:
    keys = make_api_key(workspace), make_api_key(workspace)
    first = post(client, keys[0], keyed(path="/a"))["ids"][0]
    answer = post(client, keys[1], keyed(path="/b"))
    second = answer["ids"][0]
    assert (answer["accepted"], answer["contested"]) == (1, [{"index": 0, "id": first}])
    for one, other in ((first, second), (second, first)):
        headers = {"Authorization": f"Bearer {keys[0]}"}
        event = client.get(f"/api/v1/events/{one}", headers=headers).json
        assert event is not None
        assert event["contested_with"] == [other]
        page = client.get(f"/w/{workspace.slug}/audit-logs/{one}").text
        assert f"/w/{workspace.slug}/audit-logs/{other}" in page


def test_contested_event_is_recorded_with_both_ids_and_hashes(
    client: FlaskClient, acme: Workspace
) -> None:
    first = post(client, make_api_key(acme), keyed(path="/a"))["ids"][0]
    second = post(client, make_api_key(acme), keyed(path="/b"))["ids"][0]
    [told] = [row.metadata for row in rows(acme) if row.activity == "event.contested"]
    [contents] = told["contents"]
    assert (told["contested"], contents["id"], contents["beside"]) == (1, first, second)
    assert contents["given"] != contents["standing"]


def test_contested_event_is_stored_by_a_strict_request(
    client: FlaskClient, acme: Workspace
) -> None:
    post(client, make_api_key(acme), keyed(path="/a"))
    headers = {"Authorization": f"Bearer {make_api_key(acme)}"}
    batch = {"events": [keyed(path="/b"), keyed("n")]}
    answer = client.post("/api/v1/events?strict=true", json=batch, headers=headers)
    assert answer.json is not None
    assert (answer.status_code, answer.json["accepted"]) == (201, 2)


def test_conflict_in_a_strict_request_undoes_what_would_stand_beside_another(
    client: FlaskClient, acme: Workspace
) -> None:
    key, other = make_api_key(acme), make_api_key(acme)
    post(client, key, keyed("a"), keyed("b"))
    post(client, other, keyed("b", path="/x"))
    headers = {"Authorization": f"Bearer {other}"}
    batch = {"events": [keyed("a", path="/y"), keyed("b", path="/z")]}
    answer = client.post("/api/v1/events?strict=true", json=batch, headers=headers)
    assert answer.json is not None
    assert (answer.status_code, answer.json["accepted"], answer.json["contested"]) == (409, 0, [])
    with scoped(acme.id) as session:
        assert session.scalar(select(func.count()).select_from(contested_events)) == 1
