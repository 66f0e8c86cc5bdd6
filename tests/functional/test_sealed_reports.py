"""Each report holds the newest seal of its log, in the mail and in the PDF."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from html import unescape

import pypdf
import pytest
from flask import Flask
from sqlalchemy import select

from auditsaas.accounts.models import User
from auditsaas.evidence.anchors.models import anchors
from auditsaas.evidence.format import notes
from auditsaas.evidence.format.notes import VerifierKey
from auditsaas.evidence.models import checkpoints
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.exports.models import Export
from auditsaas.mail.models import Mail
from auditsaas.notifications.delivery import Reader, letter
from auditsaas.storage.address import storage_at
from auditsaas.workspaces.models import Workspace
from tests.support.factories import append_events, event_input, scoped
from tests.support.scheduling import let_pass, make_schedule, runs_of
from tests.support.sealing import seal, vkey

pytestmark = pytest.mark.usefixtures("no_other_schedules")

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def pdf_text(app: Flask, workspace: Workspace) -> list[str]:
    """The text of each page of the newest report."""
    with scoped(workspace.id) as session:
        export = session.scalars(select(Export).order_by(Export.id.desc()).limit(1)).one()
    storage = storage_at(app.extensions["settings"].storage_url)
    with storage.open(export.file_key or "") as file:
        reader = pypdf.PdfReader(io.BytesIO(file.read()))
    return [page.extract_text() for page in reader.pages]


def mail_of(admin: User) -> Mail:
    with scoped(user=admin.id) as session:
        return session.scalars(select(Mail).where(Mail.user_id == admin.id)).one()


@pytest.fixture
def sealed(app: Flask, workspace: Workspace, admin: User) -> Sealed:
    """The seal of a log from which a report was then made."""
    make_schedule(workspace, admin, START, format="pdf")
    append_events(workspace, [event_input(occurred_at=START.isoformat()) for _ in range(3)])
    made = seal(workspace)
    let_pass(app, START + DAY)
    return made


def test_mail_holds_a_seal_that_its_reader_can_verify(
    app: Flask, workspace: Workspace, admin: User, sealed: Sealed
) -> None:
    mail = mail_of(admin)
    assert notes.checkpoint(mail.context["seal"], VerifierKey.parse(vkey(workspace))).size == (
        sealed.size
    )
    made = letter(mail, Reader("Ann", admin.email), app.extensions["settings"])
    assert mail.context["seal"] in made.text
    assert f"none of the {sealed.size} events" in made.text
    assert mail.context["seal"].split("\n")[2] in unescape(made.html)


def test_pdf_ends_with_the_seal(app: Flask, workspace: Workspace, sealed: Sealed) -> None:
    pages = pdf_text(app, workspace)
    last = "".join(pages[-1].split())
    assert "".join(sealed.note.split()) in last
    assert f"Page{len(pages)}of{len(pages)}" in last
    assert f"Page1of{len(pages)}" in "".join(pages[0].split())


def test_mailed_seal_is_an_anchor_and_stays(workspace: Workspace, sealed: Sealed) -> None:
    with scoped(workspace.id) as session:
        [row] = session.execute(select(anchors)).all()
        kept = select(checkpoints.c.kept).where(checkpoints.c.size == sealed.size)
        assert session.scalar(kept)
    assert (row.kind, row.size, row.state) == ("mail", sealed.size, "made")


def test_report_of_a_log_without_a_seal_is_made_without_one(
    app: Flask, workspace: Workspace, admin: User
) -> None:
    schedule = make_schedule(workspace, admin, START, format="pdf")
    let_pass(app, START + DAY)
    assert [run.state for run in runs_of(workspace, schedule)] == ["sent"]
    assert "Seal" not in "".join(pdf_text(app, workspace))
    made = letter(mail_of(admin), Reader("Ann", admin.email), app.extensions["settings"])
    assert "Keep this mail" not in made.text
