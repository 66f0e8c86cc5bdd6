"""Any input: no 5xx, and exactly what the answer calls accepted is stored."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from auditsaas.workspaces.models import Workspace
from tests.support.cases import cases
from tests.support.factories import event_input, make_api_key, make_workspace
from tests.support.hostile import (
    HOSTILE_TEXTS,
    HOSTILE_TIMES,
    KINDS,
    PACKINGS,
    encoded,
    hostile_events,
    spoilt,
)
from tests.support.log_state import in_log

CASES = 40
OCCURRED = "2026-11-16T10:00:00Z"

many = settings(
    max_examples=cases(CASES),
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Caller:
    """A workspace without other writers, and what its log must hold by now."""

    def __init__(self, client: FlaskClient, workspace: Workspace) -> None:
        self.client = client
        self.workspace = workspace
        self.key = make_api_key(workspace)
        self.accepted = 0

    def post(self, body: bytes, **headers: str) -> TestResponse:
        answer = self.client.post(
            "/api/v1/events",
            data=body,
            headers={"Authorization": f"Bearer {self.key}"}
            | {name.replace("_", "-"): value for name, value in headers.items()},
        )
        self.holds(answer)
        return answer

    def get(self, address: str, query: Any) -> TestResponse:
        answer = self.client.get(
            f"/api/v1{address}",
            query_string=query,
            headers={"Authorization": f"Bearer {self.key}"},
        )
        self.holds(answer)
        return answer

    def holds(self, answer: TestResponse) -> None:
        """Check that the answer is one of the contract's, and the log grew by what it accepted."""
        assert answer.status_code < 500, answer.text
        # What is in conflict is told by an event of its own.
        self.accepted += bool((answer.json or {}).get("conflicts"))
        if answer.status_code >= 400:
            assert answer.mimetype == "application/problem+json"
            assert (answer.json or {}).get("accepted", 0) == 0
        elif answer.request.method == "POST":
            assert answer.json is not None
            assert answer.status_code == (201 if answer.json["accepted"] else 200)
            self.accepted += answer.json["accepted"]
        assert in_log(self.workspace) == (self.accepted,) * 3


@pytest.fixture
def caller(client: FlaskClient, engine: Engine) -> Caller:
    return Caller(client, make_workspace())


def test_any_body_is_stored_whole_or_refused(caller: Caller) -> None:
    seen: dict[int, int] = {}

    @many
    @given(spoilt(), st.sampled_from(KINDS), st.sampled_from(sorted(PACKINGS)))
    def post(body: bytes, kind: str, packing: str) -> None:
        answer = caller.post(PACKINGS[packing](body), Content_Type=kind, Content_Encoding=packing)
        seen[answer.status_code] = seen.get(answer.status_code, 0) + 1

    post()
    assert {400, 415, 422, 201} <= set(seen), seen


def test_any_event_is_stored_whole_or_refused(caller: Caller) -> None:
    seen: dict[int, int] = {}

    @many
    @given(st.lists(hostile_events(), min_size=1, max_size=3))
    def post(hostile: list[Any]) -> None:
        answer = caller.post(
            encoded({"events": [*hostile, event_input()]}), Content_Type="application/json"
        )
        seen[answer.status_code] = seen.get(answer.status_code, 0) + 1

    post()
    assert {201, 400} <= set(seen), seen


PARAMETERS = ["status", "activity", "ip", "user", "min_ms", "from", "to", "range", "q", "limit"]
PARAMETERS += ["cursor", "after", "wait", "workspace", "colour", "\x00", "platform", "method"]
arguments = st.one_of(
    st.text(max_size=20),
    st.sampled_from([*HOSTILE_TEXTS, *HOSTILE_TIMES, "1e400", "9" * 5000, "-1", "::1/129", '"']),
    st.sampled_from(
        ["ms:>", "meta.:x", "-", "activity:*", "ip:1", '"open', "(a OR b)", "code:2xx"]
    ),
).map(lambda text: text.encode("utf-8", "replace").decode())


def test_any_query_is_answered_or_refused(caller: Caller) -> None:
    caller.post(encoded(event_input()), Content_Type="application/json")

    @settings(many, max_examples=cases(25))
    @given(
        st.sampled_from(["/events", "/events/feed", "/events/x", "/exports/1/download"]),
        st.lists(st.tuples(st.sampled_from(PARAMETERS), arguments), max_size=4),
    )
    def get(address: str, query: list[tuple[str, str]]) -> None:
        caller.get(address, [(name, value) for name, value in query if name != "wait"])

    get()


def test_any_authorization_header_is_answered_or_refused(caller: Caller) -> None:
    header = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=90)

    @settings(many, max_examples=cases(15))
    @given(header | header.map("Bearer aud_{}".format))
    def post(value: str) -> None:
        answer = caller.client.post(
            "/api/v1/events", json=event_input(), headers={"Authorization": value}
        )
        assert answer.status_code == 401

    post()
    assert in_log(caller.workspace) == (0, 0, 0)


def test_idempotency_key_stands_for_one_event_whatever_is_sent_under_it(caller: Caller) -> None:
    def sent(**fields: Any) -> dict[str, Any]:
        event = event_input(idempotency_key="k", occurred_at=OCCURRED, **fields)
        answer = caller.post(encoded(event), Content_Type="application/json")
        assert answer.json is not None
        names = ("accepted", "duplicates", "conflicts", "ids")
        return {name: answer.json[name] for name in names}

    first = sent(path="/first")
    again = sent(path="/other", status="error")
    assert (first["accepted"], again["accepted"], again["duplicates"]) == (1, 0, 0)
    assert again["conflicts"] == [{"index": 0, "id": first["ids"][0]}]
    assert sent(path="/first")["duplicates"] == 1
    kept = caller.get(f"/events/{first['ids'][0]}", "")
    assert kept.json is not None
    assert (kept.json["path"], kept.json["status"]) == ("/first", "success")


def test_batch_with_repeated_events_stores_only_the_new_ones(caller: Caller) -> None:
    def keyed(*names: str) -> bytes:
        return encoded(
            {"events": [event_input(idempotency_key=n, occurred_at=OCCURRED) for n in names]}
        )

    caller.post(keyed("a", "b"), Content_Type="application/json")
    answer = caller.post(keyed("c", "b", "c", "d"), Content_Type="application/json")
    assert answer.json is not None
    assert (answer.json["accepted"], answer.json["duplicates"]) == (2, 2)
    assert answer.json["ids"][0] == answer.json["ids"][2]
