"""Passkeys (WebAuthn): a device or password manager signs a challenge, and the person shows it who
they are by finger, face or PIN. So one is both factors at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from webauthn.helpers import base64url_to_bytes, parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from auditsaas import tokens
from auditsaas.accounts.models import Passkey, PasskeyChallenge, User
from auditsaas.errors import Invalid
from config.settings import Settings

ASKED_FOR = timedelta(minutes=5)
MAX_PASSKEYS = 20
MAX_NAME = 60
MALFORMED = (WebAuthnException, ValueError, KeyError, TypeError, RecursionError)
"""Errors that the parser raises for an answer that is not one; it may be anything."""

REFUSED = "The passkey was not accepted. Try again."


def domain_of(settings: Settings) -> str | None:
    """Return the domain that passkeys are bound to; None for a bare IP address."""
    host = urlsplit(settings.base_url).hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return host or None
    return None


def list_passkeys(session: Session, user_id: UUID) -> Sequence[Passkey]:
    asked = select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.created_at)
    return session.scalars(asked).all()


def registration_options(session: Session, user: User, browser_id: str, settings: Settings) -> str:
    """Return the options for registering a passkey, as JSON.

    Raises:
        Invalid: passkeys cannot be used here, or there are enough of them.
    """
    known = list_passkeys(session, user.id)
    if len(known) >= MAX_PASSKEYS:
        raise Invalid(f"An account has up to {MAX_PASSKEYS} passkeys.")
    options = webauthn.generate_registration_options(
        rp_id=_domain(settings),
        rp_name=settings.brand_name,
        user_id=user.id.bytes,
        user_name=user.email,
        user_display_name=user.name,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one.credential_id) for one in known],
    )
    _remember(session, browser_id, options.challenge)
    return webauthn.options_to_json(options)


def register(
    session: Session, user: User, browser_id: str, answer: str, name: str, settings: Settings
) -> Passkey:
    """Verify and store a new passkey's public key.

    Raises:
        Invalid: the answer is not one to what was asked of this browser just now.
    """
    name = " ".join(name.split()) or "Passkey"
    if len(name) > MAX_NAME or not name.isprintable():
        raise Invalid(f"A passkey's name has up to {MAX_NAME} printable characters.")
    try:
        made = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=_asked(session, browser_id),
            expected_rp_id=_domain(settings),
            expected_origin=settings.base_url,
            require_user_verification=True,
        )
    except MALFORMED as error:
        raise Invalid(REFUSED) from error
    if session.get(Passkey, made.credential_id) is not None:
        raise Invalid("This passkey is known already.")
    passkey = Passkey(
        credential_id=made.credential_id,
        user_id=user.id,
        name=name,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        created_at=datetime.now(UTC),
    )
    session.add(passkey)
    session.flush()
    return passkey


def sign_in_options(session: Session, browser_id: str, settings: Settings) -> str:
    """Return the options for signing in by passkey, as JSON, without naming any account.

    Raises:
        Invalid: passkeys cannot be used here.
    """
    options = webauthn.generate_authentication_options(
        rp_id=_domain(settings), user_verification=UserVerificationRequirement.REQUIRED
    )
    _remember(session, browser_id, options.challenge)
    return webauthn.options_to_json(options)


def whose(session: Session, browser_id: str, answer: str, settings: Settings) -> User:
    """Verify the answer to this browser's challenge; return the person who signed it.

    Raises:
        Invalid: the answer is of no person who may sign in.
    """
    try:
        challenge = _asked(session, browser_id)
        credential = parse_authentication_credential_json(answer)
        passkey = session.get(
            Passkey, credential.raw_id, with_for_update=True, populate_existing=True
        )
        if passkey is None:
            raise Invalid(REFUSED)
        seen = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=_domain(settings),
            expected_origin=settings.base_url,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except MALFORMED as error:
        raise Invalid(REFUSED) from error
    user = session.get(User, passkey.user_id)
    if user is None or user.disabled_at is not None:
        raise Invalid(REFUSED)
    passkey.sign_count, passkey.last_used_at = seen.new_sign_count, datetime.now(UTC)
    return user


def remove(session: Session, user_id: UUID, name_in_form: str) -> bool:
    """Delete one of a person's passkeys; return whether it existed."""
    try:
        credential_id = base64url_to_bytes(name_in_form)
    except ValueError:
        return False
    gone = delete(Passkey).where(Passkey.user_id == user_id, Passkey.credential_id == credential_id)
    return session.scalar(gone.returning(Passkey.user_id)) is not None


def _domain(settings: Settings) -> str:
    domain = domain_of(settings)
    if domain is None:
        raise Invalid("Passkeys need an address with a name, such as https://audit.example.com.")
    return domain


def _remember(session: Session, browser_id: str, challenge: bytes) -> None:
    now = datetime.now(UTC)
    session.execute(delete(PasskeyChallenge).where(PasskeyChallenge.expires_at < now))
    values = {"challenge": challenge, "expires_at": now + ASKED_FOR}
    session.execute(
        insert(PasskeyChallenge)
        .values(session_hash=_session_hash(browser_id), **values)
        .on_conflict_do_update(index_elements=["session_hash"], set_=values)
    )


def _asked(session: Session, browser_id: str) -> bytes:
    """Take this browser's challenge, which can be used once."""
    challenge: bytes | None = session.scalar(
        delete(PasskeyChallenge)
        .where(
            PasskeyChallenge.session_hash == _session_hash(browser_id),
            PasskeyChallenge.expires_at > datetime.now(UTC),
        )
        .returning(PasskeyChallenge.challenge)
    )
    if challenge is None:
        raise Invalid("That took too long. Try again.")
    return challenge


def _session_hash(browser_id: str) -> bytes:
    return tokens.digest(f"passkey{browser_id}")
