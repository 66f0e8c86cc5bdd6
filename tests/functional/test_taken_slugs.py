"""What a slug that is taken tells, and for how long a workspace can hold names it gave up."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, text
from werkzeug.test import TestResponse

from auditsaas.accounts import attempts
from auditsaas.accounts.models import User
from auditsaas.events.models import events
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.own_actions import COPY_OF
from auditsaas.workspaces.models import FormerSlug, Workspace
from tests.support import factories
from tests.support.factories import csrf_token, make_member, make_workspace, unique

pytestmark = pytest.mark.usefixtures("signed_in_admin")


def rename(client: FlaskClient, workspace: Workspace, slug: str) -> TestResponse:
    with factories.Sessions() as session:
        now = session.get_one(Workspace, workspace.id).slug
    form = {"slug": slug, "csrf_token": csrf_token(client)}
    return client.post(f"/w/{now}/settings", data=form)


def former_of(workspace: Workspace) -> set[str]:
    with factories.Sessions() as session:
        found = select(FormerSlug.slug).where(FormerSlug.tenant == workspace.id)
        return set(session.scalars(found))


def let_pass_90_days(engine: Engine, workspace: Workspace) -> None:
    with engine.begin() as owner:
        owner.execute(text("ALTER TABLE former_slugs NO FORCE ROW LEVEL SECURITY"))
        owner.execute(
            text("UPDATE former_slugs SET reserved_until = now() - interval '1 s' WHERE tenant=:t"),
            {"t": workspace.id},
        )
        owner.execute(text("ALTER TABLE former_slugs FORCE ROW LEVEL SECURITY"))


def refused(workspace_id: Any) -> list[Any]:
    with factories.scoped(workspace_id) as session:
        asked = select(events).where(
            events.c.activity == "workspace.update", events.c.status == "error"
        )
        return list(session.execute(asked.order_by(events.c.seq)).all())


@pytest.fixture
def renamed(app: Flask) -> tuple[Workspace, str]:
    """Another workspace, and the slug that it gave up."""
    other, browser = make_workspace(), app.test_client()
    factories.sign_in(browser, make_member(other))
    assert rename(browser, other, unique("moved")).status_code == 303
    return other, other.slug


def test_taken_slugs_are_told_alike_and_recorded(
    client: FlaskClient, workspace: Workspace, admin: User, renamed: tuple[Workspace, str]
) -> None:
    now, formerly = make_workspace().slug, renamed[1]
    told = [rename(client, workspace, slug).text.replace(slug, "…") for slug in (now, formerly)]
    assert all("The slug … is taken." in page for page in told)
    assert [row.metadata["slug"] for row in refused(workspace.id)] == [now, formerly]
    assert {row.actor_id for row in refused(workspace.id)} == {str(admin.id)}
    copies = [row for row in refused(SYSTEM_WORKSPACE_ID) if row.metadata["slug"] == formerly]
    assert copies[0].metadata[COPY_OF]["id"] == str(workspace.id)


def test_eleventh_slug_of_a_day_is_refused(client: FlaskClient, workspace: Workspace) -> None:
    taken = make_workspace().slug
    for _ in range(attempts.SLUGS.most):
        assert rename(client, workspace, taken).status_code == 409
    answer = rename(client, workspace, unique("free"))
    assert (answer.status_code, "Try again in 24 hours" in answer.text) == (429, True)
    form = {"name": "Still saved", "csrf_token": csrf_token(client)}
    assert client.post(f"/w/{workspace.slug}/settings", data=form).status_code == 303


def test_renaming_reserves_three_slugs_at_most(client: FlaskClient, workspace: Workspace) -> None:
    slugs = [workspace.slug, *(unique("squat") for _ in range(5))]
    for slug in slugs[1:]:
        assert rename(client, workspace, slug).status_code == 303
    assert former_of(workspace) == set(slugs[2:5])
    assert make_workspace(slug=slugs[0]).slug == slugs[0]


def test_former_slug_may_be_taken_after_its_time(
    client: FlaskClient,
    workspace: Workspace,
    renamed: tuple[Workspace, str],
    owner_engine: Engine,
) -> None:
    other, slug = renamed
    assert rename(client, workspace, slug).status_code == 409
    let_pass_90_days(owner_engine, other)
    assert rename(client, workspace, slug).location == f"/w/{slug}/settings?saved=1"
    assert former_of(other) == set()


def test_new_workspace_may_take_a_former_slug_after_its_time(
    renamed: tuple[Workspace, str], owner_engine: Engine
) -> None:
    let_pass_90_days(owner_engine, renamed[0])
    assert make_workspace(slug=renamed[1]).slug == renamed[1]


def test_former_slug_leads_on_until_it_is_taken(
    client: FlaskClient, workspace: Workspace, owner_engine: Engine
) -> None:
    before, now = workspace.slug, unique("moved")
    rename(client, workspace, now)
    let_pass_90_days(owner_engine, workspace)
    assert client.get(f"/w/{before}/members").location == f"/w/{now}/members"


@pytest.mark.parametrize("page", ["audit-logs", "members", "settings", "exports"])
def test_existing_and_unknown_workspaces_are_alike_to_strangers(
    client: FlaskClient, renamed: tuple[Workspace, str], page: str
) -> None:
    there, formerly, never = make_workspace().slug, renamed[1], unique("never")
    answers = [client.get(f"/w/{slug}/{page}") for slug in (there, formerly, never)]
    assert [answer.status_code for answer in answers] == [404] * 3
    texts = {answer.text.replace(answer.headers["X-Request-ID"], "…") for answer in answers}
    shown = {text.partition("<main")[2].partition("</main>")[0] for text in texts}
    assert len(shown) == 1
