"""People and their sessions: small global tables, without a workspace."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, INET, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from auditsaas.db.columns import Timestamp
from auditsaas.db.ids import new_id
from auditsaas.extensions import Base


class User(Base):
    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(Text, unique=True)
    """In lower case; how a person signs in."""
    name: Mapped[str] = mapped_column(Text)
    password_hash: Mapped[str | None] = mapped_column(Text)
    is_super_admin: Mapped[bool] = mapped_column(server_default=text("false"))
    """Only the owner of the tables can write it."""
    disabled_at: Mapped[datetime | None] = mapped_column(Timestamp)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
    time_zone: Mapped[str | None] = mapped_column(Text)
    date_format: Mapped[str] = mapped_column(Text, default="MM/DD/YYYY")
    clock: Mapped[str] = mapped_column(Text, default="24")
    theme: Mapped[str] = mapped_column(Text, default="auto")
    density: Mapped[str] = mapped_column(Text, default="comfortable")
    single_key_shortcuts: Mapped[bool] = mapped_column(default=True)
    default_period: Mapped[str | None] = mapped_column(Text)
    """The period that the log opens with; None as the workspace has it."""
    view_rows: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    """The order of saved views, and which are hidden, by the place: see ``saved_views/rows.py``."""
    hidden_columns: Mapped[list[str]] = mapped_column(ARRAY(Text), default=lambda: ["source"])
    workspace_inside: Mapped[bool] = mapped_column(default=False)
    """Whether the log of one workspace has a column of it, too."""
    totp_secret: Mapped[str | None] = mapped_column(Text)
    """Encrypted; it counts once ``totp_confirmed_at`` is set."""
    totp_confirmed_at: Mapped[datetime | None] = mapped_column(Timestamp)
    totp_last_step: Mapped[int | None] = mapped_column(BigInteger)
    """The 30 s step of the last code taken, so that no code is taken twice."""


class SignInSession(Base):
    """A browser that is signed in. The cookie holds a random id; only its SHA-256 is kept."""

    __tablename__ = "sessions"

    id_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    last_seen_at: Mapped[datetime] = mapped_column(Timestamp)
    expires_at: Mapped[datetime] = mapped_column(Timestamp)
    ip: Mapped[str | None] = mapped_column(INET)
    user_agent: Mapped[str | None] = mapped_column(Text)
    confirmed_at: Mapped[datetime | None] = mapped_column(Timestamp)
    """When the person last showed who they are: at sign-in, or when asked again."""
    second_factor_at: Mapped[datetime | None] = mapped_column(Timestamp)
    awaits_second_factor: Mapped[bool] = mapped_column(default=False)
    """Only the password was given: the session does not sign in yet."""

    user: Mapped[User] = relationship(lazy="joined")


class PasswordReset(Base):
    """A link to choose a new password; it goes when it is used."""

    __tablename__ = "password_resets"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    expires_at: Mapped[datetime] = mapped_column(Timestamp)


class Attempts(Base):
    """Recent attempts under one limit: sign-ins to an account, from an address."""

    __tablename__ = "attempts"

    subject: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    n: Mapped[int] = mapped_column()
    began_at: Mapped[datetime] = mapped_column(Timestamp)


class AccountOutbox(Base):
    """A refused sign-in, or a request for a reset link, for a worker; see ``outbox``."""

    __tablename__ = "account_outbox"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Of the request: ``RequestFacts`` without its clock."""
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))


class RecoveryCode(Base):
    """Signs in once in place of the second factor; only its hash is kept."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)


class Passkey(Base):
    """The public key of a passkey on a person's device or in their password manager."""

    __tablename__ = "passkeys"

    credential_id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(Text)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    last_used_at: Mapped[datetime | None] = mapped_column(Timestamp)


class PasskeyChallenge(Base):
    """The challenge that a browser is to sign; one at a time for each session cookie."""

    __tablename__ = "passkey_challenges"

    session_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    challenge: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(Timestamp)


class SentForm(Base):
    """A form that was acted on, and where what it made is; see ``sent_forms``."""

    __tablename__ = "sent_forms"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """The hash of the form's token and of what was sent with it."""
    address: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
