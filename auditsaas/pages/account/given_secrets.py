"""Checks the password and the code that a signed-in person gives again, and words refusals."""

from __future__ import annotations

from dataclasses import dataclass

from flask import make_response
from werkzeug.wrappers import Response as AnyResponse

from auditsaas.accounts import attempts, passwords, second_factor
from auditsaas.accounts.attempts import Standing
from auditsaas.accounts.models import User
from auditsaas.extensions import db, settings
from auditsaas.pages.account.sign_in_views import UNREADABLE_FACTOR, pause_words, paused

WRONG_PASSWORD = "That is not your password."  # noqa: S105
WRONG_CODE = "That code is not right. Enter the one shown now, or a recovery code."


@dataclass(frozen=True)
class Wrong:
    """A secret that was not taken, and the state of its limit, if it has one."""

    words: str
    standing: Standing | None = None

    def answer(self, page: str | AnyResponse, status: int = 422) -> AnyResponse:
        """Answer with the page that says so: with ``status``, or 429 once tries are paused."""
        if self.standing is not None and self.standing.paused:
            return paused(page, self.standing)
        return make_response(page, status)


def wrong_password(user: User, password: str) -> Wrong | None:
    """Refuse a wrong password, or too many tries; None for the right one.

    A right one takes back its own try. Those before it count until ``forget_wrong_passwords``, for
    the password alone may not be all that is asked.
    """
    session = db.session()
    standing = attempts.count(session, attempts.PASSWORD, str(user.id))
    session.commit()
    if standing.paused:
        return Wrong(pause_words(standing), standing)
    if not passwords.matches(password, user.password_hash):
        return Wrong(WRONG_PASSWORD, standing)
    attempts.take_back(session, attempts.PASSWORD, str(user.id))
    session.commit()
    return None


def forget_wrong_passwords(user: User) -> None:
    """Clear the tries, in the transaction of the act that asked for the password."""
    attempts.forget(db.session(), attempts.PASSWORD, str(user.id))


def wrong_code(user: User, code: str) -> Wrong | None:
    """Refuse a wrong code, or too many tries; None for the right one, which is used up."""
    standing = second_factor.refused(db.session(), user, code, settings().secret_keys)
    if standing is None:
        return None
    if standing.paused:
        return Wrong(pause_words(standing), standing)
    readable = second_factor.is_readable(user, settings().secret_keys)
    return Wrong(WRONG_CODE if readable else UNREADABLE_FACTOR, standing)
