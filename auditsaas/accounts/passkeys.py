"""Passkeys (WebAuthn): a device or password manager signs a challenge, and the person shows it who
they are by finger, face or PIN. So one is both factors at once.

The library is loaded by the first who uses one: with its certificates it takes 15 MB.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auditsaas import tokens
from auditsaas.accounts.models import Passkey, PasskeyChallenge, User
from auditsaas.errors import Invalid
from config.settings import Settings

ASKED_FOR = timedelta(minutes=5)
MAX_PASSKEYS = 20
MAX_NAME = 60
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
    import webauthn
    from webauthn.helpers import structs

    known = list_passkeys(session, user.id)
    if len(known) >= MAX_PASSKEYS:
        raise Invalid(f"An account has up to {MAX_PASSKEYS} passkeys.")
    options = webauthn.generate_registration_options(
        rp_id=_domain(settings),
        rp_name=settings.brand_name,
        user_id=user.id.bytes,
        user_name=user.email,
        user_display_name=user.name,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            structs.PublicKeyCredentialDescriptor(id=one.credential_id) for one in known
        ],
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
    import webauthn

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
    except _malformed() as error:
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
    import webauthn
    from webauthn.helpers import structs

    options = webauthn.generate_authentication_options(
        rp_id=_domain(settings), user_verification=structs.UserVerificationRequirement.REQUIRED
    )
    _remember(session, browser_id, options.challenge)
    return webauthn.options_to_json(options)


def whose(session: Session, browser_id: str, answer: str, settings: Settings) -> User:
    """Verify the answer to this browser's challenge; return the person who signed it.

    Raises:
        Invalid: the answer is of no person who may sign in.
    """
    import webauthn
    from webauthn.helpers import parse_authentication_credential_json

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
    except _malformed() as error:
        raise Invalid(REFUSED) from error
    user = session.get(User, passkey.user_id)
    if user is None or user.disabled_at is not None:
        raise Invalid(REFUSED)
    passkey.sign_count, passkey.last_used_at = seen.new_sign_count, datetime.now(UTC)
    return user


def name_in_forms(passkey: Passkey) -> str:
    """Return how forms name a passkey: its id in base64url, without padding."""
    return urlsafe_b64encode(passkey.credential_id).rstrip(b"=").decode()


def remove(session: Session, user_id: UUID, name_in_form: str) -> bool:
    """Delete one of a person's passkeys; return whether it existed."""
    try:
        credential_id = urlsafe_b64decode(name_in_form + "=" * (-len(name_in_form) % 4))
    except ValueError:
        return False
    gone = delete(Passkey).where(Passkey.user_id == user_id, Passkey.credential_id == credential_id)
    return session.scalar(gone.returning(Passkey.user_id)) is not None


def _malformed() -> tuple[type[Exception], ...]:
    """Return the errors of the parser for an answer that is not one; it may be anything."""
    from webauthn.helpers.exceptions import WebAuthnException

    return (WebAuthnException, ValueError, KeyError, TypeError, RecursionError)


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
