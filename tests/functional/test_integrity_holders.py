"""Those who hold what was sealed, on the page of a log and at an event."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert

from auditsaas.accounts.models import User
from auditsaas.db.ids import new_id
from auditsaas.evidence.anchors import reports
from auditsaas.evidence.anchors.models import anchor_places, anchors
from auditsaas.evidence.format.cosignatures import CosigningKey
from auditsaas.evidence.format.notes import split
from auditsaas.evidence.models import tree_heads
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.evidence.witnesses.models import cosignatures, known_heads, witnesses
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Workspace
from tests.support.factories import append_events, event_input, make_member, scoped
from tests.support.sealing import seal, vkey

Browser = Callable[[User], FlaskClient]
KEY = CosigningKey("witness.example", bytes(range(32)))


@pytest.fixture
def sealed(acme: Workspace) -> Sealed:
    append_events(acme, [event_input()] * 3)
    return seal(acme)


@pytest.fixture
def auditor(browser: Browser, acme: Workspace, sealed: Sealed) -> FlaskClient:
    return browser(make_member(acme, Role.AUDITOR))


def witness(acme: Workspace, name: str = "Brandt & Osei", **columns: Any) -> UUID:
    """A witness of the log, as it is after it was asked."""
    now = datetime.now(UTC)
    known = {
        "id": new_id(),
        "name": name,
        "vkey": str(KEY.verifier),
        "url": "https://witness.example",
    }
    known |= {"next_try_at": now, "added_at": now}
    with scoped(acme.id) as session:
        session.execute(insert(witnesses).values(workspace_id=acme.id, **{**known, **columns}))
        session.commit()
    return known["id"]  # type: ignore[return-value]


def cosigned(acme: Workspace, by: UUID, size: int, ago: timedelta, line: str = "") -> None:
    row = {"workspace_id": acme.id, "witness_id": by, "size": size, "line": line}
    with scoped(acme.id) as session:
        session.execute(insert(cosignatures).values(**row, at=datetime.now(UTC) - ago))
        session.commit()


def page(client: FlaskClient, acme: Workspace) -> str:
    answer = client.get(f"/w/{acme.slug}/integrity")
    assert answer.status_code == 200, answer.text
    return answer.text


def state(html: str) -> str:
    [one] = re.findall(r'data-holder="[^"]*" data-state="([^"]*)"', " ".join(html.split()))
    return str(one)


def test_log_without_a_witness_says_so_and_how_to_get_one(
    auditor: FlaskClient, acme: Workspace
) -> None:
    shown = page(auditor, acme)
    assert "there is no witness" in " ".join(re.sub("<[^>]+>", "", shown).split())
    assert f"auditsaas tree witness add {acme.slug}" in shown


def test_witness_that_cosigned_all_of_it_agrees(
    auditor: FlaskClient, acme: Workspace, sealed: Sealed
) -> None:
    by = witness(acme, required=True, last_size=sealed.size, last_at=sealed.at)
    line = KEY.line(split(sealed.note)[0], 1679315147)
    cosigned(acme, by, sealed.size, timedelta(minutes=1), line)
    cosigned(acme, by, sealed.size - 1, timedelta(hours=30))
    shown = page(auditor, acme)
    assert state(shown) == "holds"
    for said in ("Brandt &amp; Osei", "Witness, required", "1 witness holds it all"):
        assert said in shown
    assert 'aria-label="1 in the last 24 hours"' in " ".join(shown.split())
    kept = auditor.get(f"/w/{acme.slug}/integrity/checkpoint").text
    assert kept == sealed.note + line


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, "waits"),
        ({"last_size": 1, "last_at": datetime.now(UTC)}, "behind"),
        ({"failing_since": datetime.now(UTC), "last_error": "It is away <b>"}, "silent"),
    ],
)
def test_witness_that_does_not_hold_all_of_it_says_why(
    auditor: FlaskClient, acme: Workspace, columns: dict[str, Any], expected: str
) -> None:
    witness(acme, **columns)
    shown = page(auditor, acme)
    assert state(shown) == expected
    assert "holds it all" not in shown
    assert ("It is away &lt;b&gt;" in shown) is (expected == "silent")


def test_witness_that_holds_another_history_disagrees(
    auditor: FlaskClient, acme: Workspace, sealed: Sealed
) -> None:
    witness(acme, "Customs EU")
    held: dict[str, Any] = {"holder": "the witness Customs EU", "size": 2, "root": bytes(32)}
    held["note"] = f"{vkey(acme).partition('+')[0]}\n"
    with scoped(acme.id) as session:
        here = {"workspace_id": acme.id}
        session.execute(insert(known_heads).values(**here, **held, at=datetime.now(UTC)))
        forked = tree_heads.update().where(tree_heads.c.workspace_id == acme.id)
        session.execute(forked.values(state="forked", reason="Customs EU holds another history."))
        session.commit()
    assert state(page(auditor, acme)) == "disagrees"


@pytest.mark.parametrize(
    ("kind", "config", "where", "word"),
    [
        (
            "s3",
            {"url": "https://store.example/b", "retain_days": 2555},
            "locked for 2,555",
            "Locked",
        ),
        ("tsa", {"url": "https://tsa.example"}, "https://tsa.example, RFC 3161", "Stamped"),
        ("workspace", {"workspace": "x", "slug": "globex"}, "The log of globex", "Kept"),
    ],
)
def test_anchor_says_where_it_is_and_what_became_of_it(
    auditor: FlaskClient,
    acme: Workspace,
    sealed: Sealed,
    kind: str,
    config: dict[str, Any],
    where: str,
    word: str,
) -> None:
    known = {"id": new_id(), "kind": kind, "name": "Vault", "config": config, "hours": 1}
    times = {"next_try_at": sealed.at, "added_at": sealed.at, "last_at": sealed.at}
    made = {"id": new_id(), "place_id": known["id"], "kind": kind, "at": sealed.at}
    with scoped(acme.id) as session:
        here = {"workspace_id": acme.id}
        place = insert(anchor_places).values(**here, **known, **times, last_size=sealed.size)
        session.execute(place)
        session.execute(insert(anchors).values(**here, **made, size=sealed.size, state="made"))
        session.commit()
    shown = page(auditor, acme)
    assert state(shown) == "holds"
    for said in (where, word, "Hourly", "1 in the last 24 hours"):
        assert said in " ".join(shown.split())
    assert "holds it all" not in shown


def test_mails_with_reports_are_a_holder_once_one_was_sent(
    auditor: FlaskClient, acme: Workspace, sealed: Sealed
) -> None:
    assert 'data-holder="Mail"' not in page(auditor, acme)
    with scoped(acme.id) as session:
        reports.mailed(session, acme.id, sealed, new_id())
        session.commit()
    assert 'data-holder="Mail" data-state="holds"' in " ".join(page(auditor, acme).split())


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"last_size": 10**6}, "held by 1 witness."),
        ({"last_size": 0}, "No witness has seen it yet."),
    ],
)
def test_event_says_how_many_witnesses_hold_it(
    browser: Browser, acme: Workspace, columns: dict[str, Any], said: str
) -> None:
    [event] = append_events(acme, [event_input()]).ids
    seal(acme)
    witness(acme, **columns)
    shown = browser(make_member(acme)).get(f"/w/{acme.slug}/audit-logs/{event}").text
    assert said in shown
    assert ("Held by" in shown) is (columns["last_size"] > 0)
