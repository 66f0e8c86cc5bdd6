"""Go to: a page, a person, a saved view, a schedule or an event, by typing what it is called."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from auditsaas import current_request
from auditsaas.errors import Invalid
from auditsaas.pages.go_to import asked as asking
from auditsaas.pages.go_to import events, finding

go_to = Blueprint("go_to", __name__)


@go_to.get("/go")
def show() -> ResponseReturnValue:
    """Show the page, or the dialog where a page asks for it."""
    if current_request.is_partial():
        return _answer("go_to/_dialog.html")
    return _answer("go_to/page.html", opens=True)


@go_to.get("/go/found")
def found() -> ResponseReturnValue:
    """Show what the words find, as the dialog lists it while they are typed."""
    return _answer("go_to/_list.html")


def _answer(template: str, *, opens: bool = False) -> ResponseReturnValue:
    """Answer with what is found; an event that the words name alone is opened at once."""
    place = request.args.get("in", "")
    try:
        asked = asking.read()
    except Invalid as error:
        shown = render_template(template, words="", place=place, sections=[], error=str(error))
        # Where its list stands the dialog shows this, and takes no other status.
        return shown, error.status if opens else 200
    address = events.at_once(asked) if opens and asked.words else None
    if address is not None:
        return redirect(address, 303)
    return render_template(
        template, words=asked.words, place=place, sections=finding.find(asked), error=None
    )
