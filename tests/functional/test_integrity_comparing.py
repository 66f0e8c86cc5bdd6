"""A checkpoint that was kept elsewhere, compared with today's log on its page."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auditsaas.accounts.models import User
from auditsaas.evidence.checking import service
from auditsaas.evidence.format.notes import Checkpoint
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_member,
    make_workspace,
    scoped,
)
from tests.support.sealing import own_key, seal

Compare = Callable[[str], TestResponse]


@pytest.fixture
def kept(acme: Workspace) -> str:
    """A checkpoint of the log, which went on since."""
    append_events(acme, [event_input()] * 3)
    note = seal(acme).note
    append_events(acme, [event_input()] * 300)
    seal(acme)
    return note


@pytest.fixture
def compare(browser: Callable[[User], FlaskClient], acme: Workspace, kept: str) -> Compare:
    client = browser(make_member(acme, Role.AUDITOR))

    def posted(text: str) -> TestResponse:
        form = {"csrf_token": csrf_token(client), "checkpoint": text}
        return client.post(f"/w/{acme.slug}/integrity/compare", data=form)

    return posted


def outcome(answer: TestResponse) -> tuple[int, str]:
    [found] = re.findall(r'data-compared="([^"]*)"', answer.text)
    return answer.status_code, str(found)


def test_checkpoint_that_was_kept_fits_however_it_was_pasted(compare: Compare, kept: str) -> None:
    for text in (kept, f"\n {kept} \n", kept.replace("\n", "\r\n")):
        assert outcome(compare(text)) == (200, "fits")


@pytest.mark.parametrize("size", [2, 10_000])
def test_signed_checkpoint_that_the_log_contradicts_is_told(
    compare: Compare, acme: Workspace, size: int
) -> None:
    key = own_key(acme)
    note = Checkpoint(key.name, size, bytes(32)).signed_by(key)
    answer = compare(note)
    assert outcome(answer) == (200, "contradicts")
    assert 'data-verdict="mismatch"' in answer.text
    with scoped(acme.id) as session:
        [found] = service.findings(session, acme.id)
    assert (found.kind, found.found["kept"]["size"]) == ("checkpoint", size)


def test_text_that_is_no_checkpoint_of_the_log_is_refused(
    compare: Compare, acme: Workspace, kept: str
) -> None:
    other = make_workspace()
    append_events(other, [event_input()])
    for text in ("", "<b>", kept.replace("\n4\n", "\n5\n"), seal(other).note):
        assert outcome(compare(text)) == (422, "refused")
    with scoped(acme.id) as session:
        assert service.count(session, acme.id) == 0
