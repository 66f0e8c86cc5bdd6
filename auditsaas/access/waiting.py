"""Lets callers who are slow hold no thread of the pages; see ``config/lanes.py``.

Where the server has no lanes (a test's client), bodies are here and files are sent where they are
asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any, Final

from flask import request
from werkzeug.datastructures import MultiDict

from auditsaas.errors import TooOften
from auditsaas.extensions import db
from config.connections.places import Taken
from config.connections.visit import AWAIT_BODY, CUT_AFTER, KEPT, USE_FILES

SOON_SECONDS, LATER_SECONDS = 10, 30
FORM: Final = "form"
"""The form of a request, in what its passes keep."""


class TooManyAtOnce(TooOften):
    title = "Too many at once"


class Busy(TooOften):
    status = 503
    title = "Busy"
    reason = "bodies on their way"


def await_body(most: int, before: Callable[[], None] | None = None) -> None:
    """Return when the body is here, or more of it than ``most`` bytes.

    Where it is still on its way, ``before`` is called, which may refuse it; then the request is
    asked again from its beginning, later. So call this before anything was done, once the caller is
    known.
    """
    wait = request.environ.get(AWAIT_BODY)

    def let_go() -> None:
        if before is not None:
            before()
        db.session.rollback()  # a slow sender must not hold a database connection

    if wait is not None and announces_body():
        wait(most, let_go)


def announces_body() -> bool:
    """Tell whether the request has a body."""
    return bool(request.content_length) or "Transfer-Encoding" in request.headers


def use_files(caller: str) -> None:
    """Go on in a thread for files; the request is asked again there, from its beginning.

    What was read of a form by then is kept for that, and what was written is not.

    Raises:
        TooManyAtOnce: ``caller`` has as many as one may have.
        Busy: no thread is free.
    """
    use = request.environ.get(USE_FILES)
    if use is not None and "form" in vars(request):
        kept()[FORM] = request.form
    taken = Taken.YES if use is None else use(caller)
    if taken is Taken.OWN_FULL:
        raise TooManyAtOnce(
            "You send or download several files already. Wait until one of them is done.",
            SOON_SECONDS,
        )
    if taken is Taken.ALL_FULL:
        raise Busy(
            "Too many files are sent and downloaded just now. Try again in a moment.",
            LATER_SECONDS,
        )


def cut_after() -> Callable[[], int | None]:
    """Return what tells, after this request, how much of an answer went that its reader cut."""
    told: Callable[[], int | None] = request.environ.get(CUT_AFTER, lambda: None)
    return told


def take_up_form() -> None:
    """Give the request the form that an earlier pass of it read from its body."""
    form = kept().get(FORM)
    if form is not None:
        vars(request).update(form=form, files=MultiDict(), stream=BytesIO())


def kept() -> dict[str, Any]:
    """Return what an earlier pass of this request left, to be added to."""
    found: dict[str, Any] = request.environ.setdefault(KEPT, {})
    return found
