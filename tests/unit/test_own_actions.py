from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import select

from auditsaas import own_actions
from auditsaas.events.models import events
from auditsaas.events.schema import ActorInput, TargetInput
from auditsaas.own_actions import RequestFacts
from auditsaas.own_activities import ACTIVITIES, Activity
from tests.support.factories import make_workspace, scoped

pytestmark = pytest.mark.usefixtures("engine")

ACTOR = ActorInput(id="u_1", name="Ann Lee")
FACTS = RequestFacts(
    method="POST",
    path="/w/acme/exports",
    ip="203.0.113.7",
    user_agent="Firefox",
    request_id="req-1",
    started=time.perf_counter(),
)


def test_every_activity_is_described_and_has_a_status() -> None:
    assert set(ACTIVITIES) == set(Activity)
    assert all(kind.description and kind.statuses for kind in ACTIVITIES.values())


def test_an_action_in_two_workspaces_is_an_event_in_each_with_the_role_there() -> None:
    acme, globex = make_workspace(), make_workspace()
    with scoped(acme.id, globex.id) as session:
        own_actions.record(
            session,
            Activity.EXPORT_REQUESTED,
            workspaces={acme.id: "admin", globex.id: "auditor"},
            actor=ACTOR,
            facts=FACTS,
            status_code=302,
            targets=[TargetInput(type="export", id="x1")],
        )
        rows = session.execute(
            select(events.c.workspace_id, events.c.actor_role, events.c.targets)
        ).all()
    assert {row.workspace_id: row.actor_role for row in rows} == {
        acme.id: "admin",
        globex.id: "auditor",
    }
    assert rows[0].targets == [{"type": "export", "id": "x1"}]


def test_a_status_that_an_activity_never_has_is_refused() -> None:
    workspace = make_workspace()
    with scoped(workspace.id) as session, pytest.raises(ValueError, match="is never success"):
        own_actions.record(session, Activity.EXPORT_FAILED, workspaces=[workspace.id], actor=ACTOR)


def test_a_hostile_path_and_agent_are_stored_within_the_contract() -> None:
    workspace = make_workspace()
    hostile = replace(FACTS, path="/\x00" + "x" * 5000, user_agent="\ud800" * 3000)
    with scoped(workspace.id) as session:
        own_actions.record(
            session,
            Activity.EXPORT_REQUESTED,
            workspaces=[workspace.id],
            actor=ACTOR,
            facts=hostile,
        )
        event = session.execute(select(events)).one()
    assert len(event.path) == 4096
    assert event.path.startswith("/\N{REPLACEMENT CHARACTER}x")
    assert event.user_agent == "?" * 2048


def test_actions_in_the_same_workspaces_never_deadlock() -> None:
    ids = [make_workspace().id for _ in range(4)]

    def act(order: list[UUID]) -> None:
        for _ in range(10):
            with scoped(*ids) as session:
                own_actions.record(
                    session, Activity.EXPORT_REQUESTED, workspaces=order, actor=ACTOR
                )
                session.commit()

    with ThreadPoolExecutor() as pool:
        list(pool.map(act, [ids, ids[::-1]] * 2))
    with scoped(*ids) as session:
        assert len(session.execute(select(events.c.id)).all()) == 160
