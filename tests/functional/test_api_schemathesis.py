"""Requests made from the OpenAPI document, good and bad; each answer is judged by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, CheckFunction, GenerationMode
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from sqlalchemy import Engine

from auditsaas.api import feed
from auditsaas.api.calls import DESCRIBED
from auditsaas.exports.building.build import export_job
from auditsaas.jobs.runner import run
from auditsaas.storage.address import storage_at
from tests.support.cases import cases
from tests.support.factories import event_input, make_api_key, make_workspace
from tests.support.log_state import in_log
from tests.support.sealing import seal

CASES = {"api.post_events": 20, "api.post_export": 8}
CASES_OF_OTHERS = 10
REFUSES_MORE, TAKES_MORE = positive_data_acceptance, negative_data_rejection
UNSAID_RULES = {
    # Rules that no schema says: an event is not from before 1970, an address is one, …
    "api.post_events": [REFUSES_MORE],
    # And of a parameter's values those do not count that are empty, or there twice.
    "api.list_events": [REFUSES_MORE, TAKES_MORE],
    "api.post_export": [REFUSES_MORE, TAKES_MORE],
    # Of a size that the tree has not reached, and of one below the other.
    "api.get_consistency": [REFUSES_MORE],
    # Of an epoch that is over, and of an event further on than the log is.
    "api.follow_events": [REFUSES_MORE],
}
GOOD = {"api.post_events": 201, "api.post_export": 202}

UNTAUGHT = FeedbackSources()
"""What was answered before does not change what is asked, so a failure can be had again."""

few = settings(
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@dataclass
class Caller:
    """A workspace with an event and an export that is ready, and what its log must hold."""

    key: str
    workspace: Any
    known: dict[str, str]
    """By call, an id that there is."""
    in_log: int
    answers: Counter[int] = field(default_factory=Counter)

    def headers(self) -> dict[str, str]:
        # The answer is looked at as it comes; what packs it is tested elsewhere.
        return {"Authorization": f"Bearer {self.key}", "Accept-Encoding": "identity"}

    def call(self, case: Case, *, unless: Iterable[CheckFunction] = ()) -> None:
        answer = case.call(headers=self.headers())
        # Of a batch the good events are taken, and the bad ones named.
        partly = case.method == "POST" and answer.status_code in (200, 201)
        partly = partly and bool(answer.json().get("rejected"))
        excluded = [*unless, *([TAKES_MORE] if partly else [])]
        case.validate_response(answer, headers=self.headers(), excluded_checks=excluded)
        self.answers[answer.status_code] += 1
        if case.path.endswith("/logs"):
            self.in_log = in_log(self.workspace)[0]  # the answer counts what was not stored
        elif answer.status_code in (200, 201, 409) and case.method == "POST":
            account = answer.json()
            self.in_log += account["accepted"] + bool(account["conflicts"])
        elif answer.status_code == 202 or case.path.endswith(("/download", "/bundle")):
            self.in_log += answer.status_code in (200, 202, 206)  # its own record
        assert in_log(self.workspace) == (self.in_log,) * 3


@pytest.fixture(scope="module")
def schema(app: Flask) -> Any:
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)


@pytest.fixture
def caller(app: Flask, client: FlaskClient, engine: Engine) -> Caller:
    workspace = make_workspace()
    made = Caller(make_api_key(workspace), workspace, {}, 0)
    event = client.post("/api/v1/events", json=event_input(), headers=made.headers()).json
    asked = {"format": "jsonl", "proof": True}
    export = client.post("/api/v1/exports", json=asked, headers=made.headers()).json
    assert event is not None
    assert export is not None
    seal(workspace)
    with app.app_context():
        run(export_job(storage_at(app.extensions["settings"].storage_url)), UUID(export["id"]))
    made.known = {
        "api.get_event": event["ids"][0],
        "api.get_event_proof": event["ids"][0],
        "api.get_export": export["id"],
        "api.download_export": export["id"],
        "api.download_bundle": export["id"],
    }
    made.in_log = in_log(workspace)[0]
    return made


@pytest.fixture(autouse=True)
def _full_waiting_room() -> Iterator[None]:
    """The limit of waiting requests is reached, so a feed answers at once."""
    others = [uuid4() for _ in range(feed.MAX_WAITING)]
    assert all(feed._places.take(one) for one in others)
    yield
    for one in others:
        feed._places.give_back(one)


@pytest.mark.parametrize("endpoint", DESCRIBED)
def test_valid_request_is_answered_as_documented(
    schema: Any, caller: Caller, endpoint: str
) -> None:
    described = DESCRIBED[endpoint]
    known = {"id": caller.known[endpoint]} if endpoint in caller.known else None
    requests = schema[described.path][described.method].as_strategy(
        path_parameters=known, feedback=UNTAUGHT
    )

    @settings(few, max_examples=cases(CASES.get(endpoint, CASES_OF_OTHERS)))
    @given(requests)
    def call(case: Case) -> None:
        caller.call(case, unless=UNSAID_RULES.get(endpoint, ()))

    call()
    assert caller.answers[GOOD.get(endpoint, 200)], caller.answers


@pytest.mark.parametrize("endpoint", DESCRIBED)
def test_invalid_request_is_refused_as_documented_and_stores_nothing(
    schema: Any, caller: Caller, endpoint: str
) -> None:
    described = DESCRIBED[endpoint]
    requests = schema[described.path][described.method].as_strategy(
        generation_mode=GenerationMode.NEGATIVE, feedback=UNTAUGHT
    )

    @settings(few, max_examples=cases(CASES.get(endpoint, CASES_OF_OTHERS)))
    @given(requests)
    def call(case: Case) -> None:
        caller.call(case, unless=UNSAID_RULES.get(endpoint, ()))

    call()
    assert sum(caller.answers[status] for status in (400, 401, 404, 415, 422))
