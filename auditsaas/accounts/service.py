"""Accounts: people and their addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from auditsaas.accounts import passwords
from auditsaas.accounts.models import User
from auditsaas.errors import Conflict, Invalid
from auditsaas.formatting.one_line import one_line

MAX_EMAIL = 254
MAX_NAME = 100

# RFC 5321 allows far more; this is what mail providers and browsers (type=email) agree on.
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")


def create_user(
    session: Session,
    email: str,
    *,
    name: str | None = None,
    password: str,
    about: Iterable[str] = (),
    is_super_admin: bool = False,
) -> User:
    """Create a person who can sign in; a super-admin in a session of the tables' owner.

    Words ``about`` the person, beside name and address, make the password weaker.

    Raises:
        Invalid: the address, the name or the password cannot be used.
        Conflict: an account has the address.
    """
    address = normal_email(email)
    if address is None:
        raise Invalid(f"{email[:MAX_EMAIL]!r} is not an email address.")
    name = checked_name(name or address.partition("@")[0])
    passwords.refuse_weak(password, owner=(address, name), about=about)
    user = User(
        email=address,
        name=name,
        password_hash=passwords.hashed(password),
    )
    if is_super_admin:
        user.is_super_admin = True
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError as error:
        raise Conflict(f"{address} has an account already.") from error
    return user


def checked_name(name: str) -> str:
    """Write a person's name on one line.

    Raises:
        Invalid: it says nothing, or too much, or holds what cannot be seen.
    """
    return one_line(name, "A name", MAX_NAME)


def find_by_email(session: Session, email: str) -> User | None:
    address = normal_email(email)
    return session.scalar(select(User).where(User.email == address)) if address else None


def super_admins(session: Session, *, but: Sequence[UUID] = ()) -> Sequence[UUID]:
    """List the active super-admins, without some of them."""
    return session.scalars(
        select(User.id)
        .where(User.is_super_admin, User.disabled_at.is_(None), User.id.not_in(but))
        .order_by(User.id)
    ).all()


def normal_email(email: str) -> str | None:
    """Return the address as accounts keep it; None where ``email`` is no address."""
    address = email.strip()
    if len(address) > MAX_EMAIL or not _EMAIL.fullmatch(address):
        return None
    return address.lower()
