"""The feed after a restore: no reader takes a number for an event that it no longer names."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from auditsaas import own_actions
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.maintenance.epochs import FIRST, Epochs
from auditsaas.operations.transfer import new_epoch
from auditsaas.permissions import ApiScope
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    OwnerSessions,
    append_events,
    event_input,
    make_api_key,
    make_workspace,
)


class Reader:
    """Follows a log as docs/api.md says: what it keeps is what it goes on from."""

    def __init__(self, client: FlaskClient, workspace: Workspace) -> None:
        key = make_api_key(workspace, {ApiScope.EVENTS_READ})
        self._client = client
        self._headers = {"Authorization": f"Bearer {key}"}
        self.at: dict[str, int] = {"after": 0}
        self.has: dict[int, str] = {}

    def ask(self, **args: Any) -> TestResponse:
        return self._client.get("/api/v1/events/feed", query_string=args, headers=self._headers)

    def read(self) -> int:
        """Take the next answer; its status."""
        answer = self.ask(**self.at)
        body = answer.json
        assert body is not None
        if answer.status_code == 410:
            self.at = {"after": body["after"], "epoch": body["epoch"]}
            self.has = {seq: name for seq, name in self.has.items() if seq <= body["after"]}
        else:
            self.at = {"after": body["last_seq"], "epoch": body["epoch"]}
            self.has |= {event["seq"]: event["activity"] for event in body["data"]}
        return answer.status_code


@pytest.fixture
def log() -> Workspace:
    made = make_workspace()
    write(made, "kept", 3)
    return made


@pytest.fixture
def reader(client: FlaskClient, log: Workspace) -> Reader:
    return Reader(client, log)


def write(workspace: Workspace, activity: str, number: int) -> None:
    append_events(workspace, [event_input(activity=f"{activity}.{n}") for n in range(number)])


def restore(workspace: Workspace, seq: int) -> None:
    """Leave the log as a backup has it that was taken when its newest number was ``seq``."""
    with OwnerSessions() as session:
        tenancy.bind(Scope.of(workspace.id), session)
        values = {"w": workspace.id, "seq": seq}
        session.execute(text("DELETE FROM events WHERE workspace_id = :w AND seq > :seq"), values)
        session.execute(text("UPDATE log_heads SET seq = :seq WHERE workspace_id = :w"), values)
        session.commit()


def begin_epoch() -> None:
    with OwnerSessions() as session:
        new_epoch.begin(session, own_actions.operator("root"))
        session.commit()


def in_log(reader: Reader) -> dict[int, str]:
    body = reader.ask(limit=1000).json
    assert body is not None
    return {event["seq"]: event["activity"] for event in body["data"]}


def test_reader_of_another_epoch_is_told_and_ends_with_what_the_log_holds(
    reader: Reader, log: Workspace
) -> None:
    write(log, "lost", 2)
    assert reader.read() == 200
    restore(log, 3)
    begin_epoch()
    write(log, "new", 4)
    assert [reader.read() for _ in range(2)] == [410, 200]
    assert reader.has == in_log(reader)
    assert [name for name in reader.has.values() if name.startswith("lost")] == []


def test_without_an_epoch_a_reader_takes_numbers_for_what_they_no_longer_name(
    reader: Reader, log: Workspace
) -> None:
    """The control: what the command is for."""
    write(log, "lost", 2)
    reader.read()
    restore(log, 3)
    write(log, "new", 4)
    assert reader.read() == 200
    assert reader.has != in_log(reader)


def test_reader_ahead_of_the_log_begins_anew_where_no_epoch_was_begun(
    reader: Reader, log: Workspace
) -> None:
    write(log, "lost", 2)
    reader.read()
    restore(log, 3)
    assert [reader.read() for _ in range(2)] == [410, 200]
    assert reader.has == in_log(reader)


def test_reader_that_was_told_is_not_told_again(reader: Reader, log: Workspace) -> None:
    reader.read()
    begin_epoch()
    assert [reader.read() for _ in range(3)] == [410, 200, 200]


def test_waiting_reader_of_another_epoch_is_told_at_once(reader: Reader, log: Workspace) -> None:
    begin_epoch()
    answer = reader.ask(after=3, epoch=FIRST, wait=20)
    assert answer.status_code == 410
    assert answer.json is not None
    assert answer.json["title"] == "Began anew"


def test_new_epoch_is_an_event_of_the_log(reader: Reader) -> None:
    begin_epoch()
    assert in_log(reader)[4] == "log.restore"


@pytest.mark.parametrize(
    ("begun", "epoch", "seq"),
    [
        ([(20, 100)], FIRST, 100),
        ([(20, 100), (30, 80)], FIRST, 80),
        ([(20, 80), (30, 100)], FIRST, 80),
        ([(20, 80), (30, 100)], 20, 100),
        ([(30, 70)], 20, 0),  # of a restore that this backup does not know
    ],
)
def test_shared_numbers_end_with_the_earliest_restore_since(
    begun: list[tuple[int, int]], epoch: int, seq: int
) -> None:
    assert Epochs.of(begun).shared_through(epoch) == seq
