"""From the invitation an admin sends to the membership it makes, and every link that makes none."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email import message_from_string
from email.policy import default

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text, update
from werkzeug.test import TestResponse

from auditsaas.accounts import attempts
from auditsaas.accounts.models import User
from auditsaas.events.models import events
from auditsaas.jobs.runner import run
from auditsaas.mail.models import Mail
from auditsaas.notifications import delivery
from auditsaas.own_actions import RequestFacts, person
from auditsaas.permissions import Role
from auditsaas.workspaces import invitations
from auditsaas.workspaces.acting_member import ActingMember
from auditsaas.workspaces.invitations import Sent
from auditsaas.workspaces.models import Invitation, Membership, Workspace
from tests.support import factories
from tests.support.factories import csrf_token, make_user, make_workspace, unique

STRONG = "seven purple otters juggling"


def acting_member(workspace: Workspace, admin: User) -> ActingMember:
    facts = RequestFacts(
        method="POST", path="/", ip="127.0.0.1", user_agent=None, request_id="r", started=0
    )
    actor = person(admin.id, name=admin.name, email=admin.email)
    return ActingMember(
        workspace_id=workspace.id, user_id=admin.id, actor=actor, role="admin", facts=facts
    )


def send(workspace: Workspace, admin: User, email: str, role: Role = Role.AUDITOR) -> Sent:
    with factories.scoped(workspace.id) as session:
        sent = invitations.invite(session, acting_member(workspace, admin), email, role)
        session.commit()
    return sent


def ask_to_join(client: FlaskClient, workspace: Workspace, email: str) -> TestResponse:
    form = {"email": email, "role": "auditor", "csrf_token": csrf_token(client)}
    return client.post(f"/w/{workspace.slug}/members/invite", data=form)


def only_invitation(workspace: Workspace, email: str) -> Sent:
    """The open invitation of an address, without its link."""
    with factories.scoped(workspace.id) as session:
        found = select(Invitation).where(Invitation.email == email, Invitation.revoked_at.is_(None))
        return Sent(session.scalars(found).one(), "")


def accept(client: FlaskClient, token: str, **fields: str) -> TestResponse:
    data = {"name": "New Person", "password": STRONG, **fields, "csrf_token": csrf_token(client)}
    return client.post(f"/invitations/{token}", data=data)


def role_of(workspace: Workspace, email: str) -> str | None:
    with factories.scoped(workspace.id) as session:
        return session.scalar(
            select(Membership.role)
            .join(User, User.id == Membership.user_id)
            .where(Membership.workspace_id == workspace.id, User.email == email)
        )


def change(workspace: Workspace, sent: Sent, **values: object) -> None:
    with factories.scoped(workspace.id) as session:
        session.execute(
            update(Invitation).where(Invitation.id == sent.invitation.id).values(values)
        )
        session.commit()


def test_invited_person_creates_an_account_and_is_signed_in(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    email = f"{unique('new')}@example.com"
    sent = send(workspace, admin, email)
    assert "Create account and join" in client.get(f"/invitations/{sent.token}").text
    answer = accept(client, sent.token)
    assert (answer.status_code, answer.location) == (303, f"/w/{workspace.slug}/audit-logs")
    assert client.get(answer.location).status_code == 200
    assert role_of(workspace, email) == "auditor"


def test_joining_is_recorded_for_the_new_member_without_secrets(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    email = f"{unique('new')}@example.com"
    sent = send(workspace, admin, email)
    accept(client, sent.token)
    with factories.scoped(workspace.id) as session:
        rows = session.execute(
            select(events).where(events.c.workspace_id == workspace.id).order_by(events.c.seq)
        ).all()
    invited, joined = rows
    assert (invited.activity, invited.actor_id) == ("member.invite", str(admin.id))
    assert (joined.activity, joined.actor_email) == ("member.join", email)
    assert joined.changes == {"role": [None, "auditor"]}
    assert sent.token not in str(rows)


def test_existing_user_signs_in_and_joins(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    user = make_user()
    token = send(workspace, admin, user.email.upper(), Role.MEMBER).token
    assert f"/login?next=/invitations/{token}" in client.get(f"/invitations/{token}").text
    assert accept(client, token).location == f"/login?next=/invitations/{token}"
    assert role_of(workspace, user.email) is None
    factories.sign_in(client, user)
    assert accept(client, token).location == "/me/activity"
    assert role_of(workspace, user.email) == "member"


def test_invitation_of_another_person_is_refused(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    other, invited = make_user(), make_user()
    factories.sign_in(client, other)
    for email in (invited.email, f"{unique('new')}@example.com"):
        token = send(workspace, admin, email).token
        assert "You are signed in as" in client.get(f"/invitations/{token}").text
        accept(client, token)
        assert role_of(workspace, email) is None
    assert role_of(workspace, other.email) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"expires_at": datetime.now(UTC) - timedelta(seconds=1)}, "has expired"),
        ({"revoked_at": datetime.now(UTC)}, "was revoked"),
        ({"accepted_at": datetime.now(UTC)}, "was used already"),
    ],
)
def test_expired_or_used_link_is_explained(
    client: FlaskClient,
    workspace: Workspace,
    admin: User,
    values: dict[str, object],
    words: str,
) -> None:
    email = f"{unique('new')}@example.com"
    sent = send(workspace, admin, email)
    change(workspace, sent, **values)
    for answer in (client.get(f"/invitations/{sent.token}"), accept(client, sent.token)):
        assert answer.status_code == 410
        assert words in answer.text
    assert role_of(workspace, email) is None


def test_a_link_works_once(client: FlaskClient, workspace: Workspace, admin: User) -> None:
    token = send(workspace, admin, f"{unique('new')}@example.com").token
    assert accept(client, token).status_code == 303
    assert "was used already" in accept(client, token).text


@pytest.mark.parametrize("token", ["x", "A" * 43, "%00" * 20, "a" * 2000, "..%2f..%2fetc"])
def test_forged_link_is_explained(client: FlaskClient, token: str) -> None:
    answer = client.get(f"/invitations/{token}")
    assert answer.status_code == 404
    assert "Set-Cookie" not in answer.headers or "session" in answer.headers["Set-Cookie"]


def test_resending_invalidates_the_earlier_link(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    email = f"{unique('new')}@example.com"
    first = send(workspace, admin, email)
    with factories.scoped(workspace.id) as session:
        again = invitations.resend(session, acting_member(workspace, admin), first.invitation.id)
        session.commit()
    assert "A newer invitation" in accept(client, first.token).text
    assert accept(client, again.token).status_code == 303


def test_second_invitation_of_an_address_and_of_a_member_are_refused(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    factories.sign_in(client, admin)
    email = f"{unique('new')}@example.com"
    address = f"/w/{workspace.slug}/members/invite"
    form = {"email": email, "role": "member", "csrf_token": csrf_token(client)}
    assert client.post(address, data=form).status_code == 200
    assert "is invited already" in client.post(address, data=form).text
    assert "is a member already" in client.post(address, data={**form, "email": admin.email}).text
    assert client.post(address, data={**form, "email": "no address"}).status_code == 422


def test_link_is_shown_to_copy_once_to_who_invites(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    factories.sign_in(client, admin)
    email, page = f"{unique('new')}@example.com", f"/w/{workspace.slug}/members"
    form = {"email": email, "role": "auditor", "csrf_token": csrf_token(client), "once": "c" * 43}
    shown = [client.post(f"{page}/invite", data=form).text for _ in range(2)]
    one, other = (re.findall(r"/invitations/([\w-]{43})", each) for each in shown)
    assert set(one) == set(other)
    assert "/invitations/" + one[0] not in client.get(page).text
    again = resend(client, workspace, only_invitation(workspace, email)).text
    (newer,) = set(re.findall(r"/invitations/([\w-]{43})", again))
    assert app.test_client().get(f"/invitations/{one[0]}").status_code == 410
    assert accept(app.test_client(), newer).status_code == 303


def test_the_invitation_comes_by_mail_and_its_link_opens_it(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    factories.sign_in(client, admin)
    email = f"{unique('new')}@example.com"
    form = {"email": email, "role": "auditor", "csrf_token": csrf_token(client)}
    client.post(f"/w/{workspace.slug}/members/invite", data=form)
    with factories.scoped(workspace.id) as session:
        mail = session.scalars(select(Mail).where(Mail.address == email)).one()
    settings = app.extensions["settings"]
    with app.app_context():
        run(delivery.mail_job(settings), mail.id)
    written = (settings.data_dir / "mail" / f"{mail.id}.eml").read_text()
    letter = message_from_string(written, policy=default)
    assert letter["Subject"] == f"{admin.name} invites you to {workspace.name}"
    body = letter.get_body(("plain",))
    assert body is not None
    token = re.search(r"/invitations/([A-Za-z0-9_-]{43})", body.get_content())
    assert token is not None
    assert accept(app.test_client(), token[1]).status_code == 303


def test_a_revoked_invitation_leaves_the_list(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    sent = send(workspace, admin, f"{unique('new')}@example.com")
    factories.sign_in(client, admin)
    page = f"/w/{workspace.slug}/members"
    assert sent.invitation.email in client.get(page).text
    form = {"csrf_token": csrf_token(client)}
    client.post(f"{page}/invitations/{sent.invitation.id}/revoke", data=form)
    assert sent.invitation.email not in client.get(page).text
    again = client.post(f"{page}/invitations/{sent.invitation.id}/resend", data=form)
    assert again.status_code == 404


@pytest.mark.parametrize("password", ["short", "password1234", "aaaaaaaaaaaaaaaa", "acmeacmeacme"])
def test_a_weak_password_is_refused_and_the_link_still_works(
    client: FlaskClient, workspace: Workspace, admin: User, password: str
) -> None:
    token = send(workspace, admin, f"{unique('new')}@example.com").token
    assert accept(client, token, password=password).status_code == 422
    assert accept(client, token).status_code == 303


def test_fifty_concurrent_accepts_create_one_account_and_membership(
    app: Flask, workspace: Workspace, admin: User
) -> None:
    email = f"{unique('new')}@example.com"
    token = send(workspace, admin, email).token
    browsers = [app.test_client() for _ in range(50)]
    tokens = [csrf_token(browser) for browser in browsers]

    def take(i: int) -> int:
        data = {"name": "New Person", "password": STRONG, "csrf_token": tokens[i]}
        return browsers[i].post(f"/invitations/{token}", data=data).status_code

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(take, range(50)))
    assert answers.count(303) == 1
    assert set(answers) == {303, 410}
    with factories.scoped(workspace.id) as session:
        joined = session.scalar(
            select(func.count()).where(
                events.c.workspace_id == workspace.id, events.c.activity == "member.join"
            )
        )
        assert joined == 1
        assert session.scalar(select(func.count()).where(User.email == email)) == 1


def test_only_the_hash_of_a_token_is_stored(workspace: Workspace, admin: User) -> None:
    token = send(workspace, admin, f"{unique('new')}@example.com").token
    with factories.scoped(workspace.id) as session:
        kept = session.execute(
            text(
                "SELECT i::text, l::text FROM invitations i"
                " JOIN invitation_lookups l USING (token_hash)"
            )
        ).all()
    assert kept
    assert token not in str(kept)
    assert token.encode().hex() not in str(kept)


def test_an_invitation_is_behind_the_tenancy_wall(workspace: Workspace, admin: User) -> None:
    sent = send(workspace, admin, f"{unique('new')}@example.com")
    for scope in ([], [make_workspace().id]):
        with factories.scoped(*scope) as session:
            assert session.get(Invitation, (workspace.id, sent.invitation.id)) is None


def resend(client: FlaskClient, workspace: Workspace, sent: Sent) -> TestResponse:
    address = f"/w/{workspace.slug}/members/invitations/{sent.invitation.id}/resend"
    return client.post(address, data={"csrf_token": csrf_token(client)})


def mails_to(workspace: Workspace, email: str) -> int:
    with factories.scoped(workspace.id) as session:
        return session.scalar(select(func.count()).where(Mail.address == email)) or 0


@pytest.mark.usefixtures("signed_in_admin")
def test_fourth_invitation_to_an_address_within_the_hour_is_refused_in_words(
    client: FlaskClient, workspace: Workspace
) -> None:
    email = f"{unique('new')}@example.com"
    ask_to_join(client, workspace, email)
    sent = only_invitation(workspace, email)
    assert [resend(client, workspace, sent).status_code for _ in range(2)] == [200, 200]
    answer = resend(client, workspace, sent)
    assert answer.status_code == 429
    assert f"{email} was sent 3 invitations within an hour. Try again in 60 minutes." in answer.text
    assert 3590 <= int(answer.headers["Retry-After"]) <= 3600
    assert mails_to(workspace, email) == 3


@pytest.mark.usefixtures("signed_in_admin")
def test_revoking_an_invitation_does_not_free_its_address(
    client: FlaskClient, workspace: Workspace
) -> None:
    email = f"{unique('new')}@example.com"
    for _ in range(3):
        assert ask_to_join(client, workspace, email).status_code == 200
        change(workspace, only_invitation(workspace, email), revoked_at=datetime.now(UTC))
    refused = ask_to_join(client, workspace, f" {email.upper()} ")
    assert refused.status_code == 429
    assert mails_to(workspace, email) == 3


def test_refused_invitation_counts_for_nothing(
    client: FlaskClient, workspace: Workspace, signed_in_admin: User
) -> None:
    email = f"{unique('new')}@example.com"
    ask_to_join(client, workspace, email)
    answers = [ask_to_join(client, workspace, email).status_code for _ in range(5)]
    assert answers == [409] * 5
    assert resend(client, workspace, only_invitation(workspace, email)).status_code == 200


@pytest.mark.usefixtures("signed_in_admin")
def test_workspace_sends_a_hundred_invitations_a_day(
    client: FlaskClient, workspace: Workspace
) -> None:
    with factories.scoped(workspace.id) as session:
        for _ in range(99):
            attempts.count(session, attempts.WORKSPACE_INVITATIONS, str(workspace.id))
        session.commit()
    emails = [f"{unique('new')}@example.com" for _ in range(2)]
    answers = [ask_to_join(client, workspace, email) for email in emails]
    assert [answer.status_code for answer in answers] == [200, 429]
    words = "This workspace sent 100 invitations within a day. Try again in 24 hours."
    assert words in answers[1].text
    assert mails_to(workspace, emails[1]) == 0


def test_invitations_of_one_workspace_leave_anothers_alone(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    email, other = f"{unique('new')}@example.com", make_workspace()
    first = send(workspace, admin, email)
    with factories.scoped(workspace.id) as session:
        for _ in range(2):
            invitations.resend(session, acting_member(workspace, admin), first.invitation.id)
        session.commit()
    assert send(other, admin, email).invitation.email == email
