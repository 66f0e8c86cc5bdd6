"""The second factor: codes of an authenticator app (RFC 6238), and recovery codes in its place."""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

import pyotp
import segno
from cryptography.fernet import InvalidToken
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from auditsaas import tokens
from auditsaas.accounts import attempts, encryption
from auditsaas.accounts.attempts import Standing
from auditsaas.accounts.models import RecoveryCode, User
from auditsaas.errors import Conflict
from config.secret_keys import SecretKeys

log = logging.getLogger(__name__)

STEP_SECONDS = 30
STEPS_AROUND = (-1, 0, 1)
"""A code of the step before or after is taken too: clocks differ, and people type."""

RECOVERY_CODES = 10
RECOVERY_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
RECOVERY_LENGTH = 24
"""119 random bits; from 112 on a plain hash is enough to keep them (ASVS 5.0, 6.5.2)."""


def begin(user: User, keys: SecretKeys) -> None:
    """Create a pending secret, inactive until one of its codes is confirmed.

    Raises:
        Conflict: the person has a second factor already.
    """
    if user.totp_confirmed_at is not None:
        raise Conflict("You have a second factor already. Remove it first.")
    user.totp_secret = encryption.seal(keys, pyotp.random_base32())
    user.totp_last_step = None


def setup_secret(user: User, keys: SecretKeys) -> str | None:
    """Return the pending secret, to be shown; None without one that can be read."""
    return None if user.totp_confirmed_at is not None else _secret(user, keys)


def is_readable(user: User, keys: SecretKeys) -> bool:
    """Tell whether codes of the person's app can be checked: not after a change of all keys."""
    return user.totp_secret is None or _secret(user, keys) is not None


def setup_picture(secret: str, email: str, brand: str) -> str:
    """Draw a QR code of the secret as SVG markup, for an authenticator app to photograph."""
    address = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=brand)
    code = segno.make(address, error="m", micro=False)
    return code.svg_inline(scale=4, border=4, dark="#000", light="#fff", omitsize=True)


def confirm(session: Session, user: User, code: str, keys: SecretKeys) -> Sequence[str] | None:
    """Make the waiting secret count if ``code`` is one of it; the recovery codes, shown once."""
    if user.totp_confirmed_at is not None or not _takes(user, code, keys):
        return None
    user.totp_confirmed_at = datetime.now(UTC)
    return renew_recovery_codes(session, user)


def refused(
    session: Session, user: User, code: str, keys: SecretKeys, *, device: str | None = None
) -> Standing | None:
    """Use up a code of the app or a recovery code; return None, or the attempts left if refused.

    Commits the attempt before the code is looked at, so that no caller can forget to count it, and
    clears the attempts in the caller's transaction once a code is right. Locks the person's row, so
    that one code cannot serve two who ask at once. The tries of a known ``device`` are counted
    apart from those of others who have the password.
    """
    counted = device or str(user.id)
    standing = attempts.count(session, attempts.CODE, counted)
    session.commit()
    if standing.paused:
        return standing
    session.refresh(user, with_for_update={"key_share": True})
    if user.totp_confirmed_at is None:
        return standing
    if not (_takes(user, code, keys) or _uses_recovery_code(session, user, code)):
        return standing
    attempts.forget(session, attempts.CODE, counted)
    return None


def remove(session: Session, user: User) -> None:
    user.totp_secret = user.totp_confirmed_at = user.totp_last_step = None
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))


def renew_recovery_codes(session: Session, user: User) -> Sequence[str]:
    """Replace the recovery codes by ten new ones; only their hashes are stored."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    codes = [_new_code() for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(user_id=user.id, code_hash=_code_hash(code)) for code in codes)
    session.flush()
    return codes


def recovery_codes_left(session: Session, user: User) -> int:
    counted = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user.id)
    return session.scalar(counted) or 0


def _secret(user: User, keys: SecretKeys) -> str | None:
    """Open the secret of the person's app; None without one, or where no key opens it."""
    if user.totp_secret is None:
        return None
    try:
        return encryption.unseal(keys, user.totp_secret)
    except InvalidToken:
        log.warning("No SECRET_KEY of this process opens the second factor of user %s", user.id)
        return None


def _takes(user: User, code: str, keys: SecretKeys) -> bool:
    typed = "".join(code.split())
    if not (typed.isascii() and typed.isdigit() and len(typed) == 6):
        return False
    secret = _secret(user, keys)
    if secret is None:
        return False
    totp = pyotp.TOTP(secret)
    now = int(datetime.now(UTC).timestamp()) // STEP_SECONDS
    for step in (now + around for around in STEPS_AROUND):
        fresh = user.totp_last_step is None or step > user.totp_last_step
        if hmac.compare_digest(totp.generate_otp(step), typed) and fresh:
            user.totp_last_step = step
            return True
    return False


def _uses_recovery_code(session: Session, user: User, code: str) -> bool:
    used = session.scalar(
        delete(RecoveryCode)
        .where(RecoveryCode.user_id == user.id, RecoveryCode.code_hash == _code_hash(code))
        .returning(RecoveryCode.user_id)
    )
    return used is not None


def _new_code() -> str:
    text = "".join(secrets.choice(RECOVERY_ALPHABET) for _ in range(RECOVERY_LENGTH))
    return "-".join(text[at : at + 4] for at in range(0, RECOVERY_LENGTH, 4))


def _code_hash(code: str) -> bytes:
    plain = "".join(code.lower().replace("-", "").split())[:64]
    return tokens.digest(plain)
