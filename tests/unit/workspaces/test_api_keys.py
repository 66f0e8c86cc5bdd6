from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select, text, update
from sqlalchemy.orm import Session

from auditsaas.errors import Invalid
from auditsaas.permissions import ApiScope
from auditsaas.workspaces.api_keys import authenticate_key, create_api_key
from auditsaas.workspaces.models import ApiKey
from tests.support import factories
from tests.support.factories import make_api_key, make_workspace

pytestmark = pytest.mark.usefixtures("engine")

NOW = datetime.now(UTC)


def test_key_authenticates_with_its_workspace_and_scopes(session: Session) -> None:
    workspace = make_workspace()
    secret = make_api_key(workspace, {ApiScope.EVENTS_WRITE})
    access = authenticate_key(secret, session)
    assert access is not None
    assert access.workspace_id == workspace.id
    assert access.scopes == {ApiScope.EVENTS_WRITE}
    assert session.scalars(select(ApiKey.workspace_id)).all() == [workspace.id]


def test_secret_is_not_stored_in_plain_text(owner_engine: Engine) -> None:
    secret = make_api_key(make_workspace())
    with owner_engine.connect() as connection:
        rows = connection.execute(text("SELECT k::text FROM api_keys AS k")).scalars().all()
    assert secret not in "".join(rows)
    assert secret.rpartition("_")[2] not in "".join(rows)


def test_keys_are_unique() -> None:
    workspace = make_workspace()
    assert len({make_api_key(workspace) for _ in range(5)}) == 5


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key[:-1] + ("0" if key[-1] != "0" else "1"),
        lambda key: key[:20] + ("0" if key[20] != "0" else "1") + key[21:],
        lambda key: key + "0",
        lambda key: key[:-1],
        lambda key: f" {key}",
        lambda key: key.upper(),
        lambda key: "",
        lambda key: "aud_",
        lambda key: "é" * 55,
        lambda key: key[:10] + "\x00" + key[11:],
    ],
)
def test_altered_key_is_refused(session: Session, spoil: object) -> None:
    secret = make_api_key(make_workspace())
    assert authenticate_key(spoil(secret), session) is None  # type: ignore[operator]


def test_known_public_id_with_a_wrong_secret_is_refused(session: Session) -> None:
    """Both keys are whole, checksum included; only the stored hash tells them apart."""
    workspace = make_workspace()
    first, second = make_api_key(workspace), make_api_key(workspace)
    with factories.as_owner(workspace.id) as own:
        rows = {key.public_id: key for key in own.scalars(select(ApiKey))}
        one, two = (rows[key.split("_")[1]] for key in (first, second))
        one.secret_hash = two.secret_hash
        own.commit()
    assert authenticate_key(first, session) is None


@pytest.mark.parametrize(
    ("column", "when"),
    [("revoked_at", NOW), ("expires_at", NOW - timedelta(seconds=1))],
)
def test_revoked_or_expired_key_is_refused(session: Session, column: str, when: datetime) -> None:
    workspace = make_workspace()
    secret = make_api_key(workspace)
    with factories.scoped(workspace.id) as own:
        own.execute(update(ApiKey).values({column: when}))
        own.commit()
    assert authenticate_key(secret, session) is None


def test_key_use_is_recorded_at_most_once_a_minute(session: Session) -> None:
    workspace = make_workspace()
    secret = make_api_key(workspace)
    for seconds in (0, 59, 60):
        authenticate_key(secret, session, NOW + timedelta(seconds=seconds))
        session.commit()
        noted = session.scalar(select(ApiKey.last_used_at))
        assert noted == NOW + timedelta(seconds=60 if seconds == 60 else 0)


def test_a_key_without_a_scope_is_refused(session: Session) -> None:
    with pytest.raises(Invalid, match="at least one scope"):
        create_api_key(session, make_workspace().id, name="Key", scopes=frozenset())
