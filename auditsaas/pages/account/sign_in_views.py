"""Sign in, sign out, and the theme switch of the top bar."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from flask import (
    Blueprint,
    Response,
    make_response,
    redirect,
    render_template,
    request,
)
from werkzeug.wrappers import Response as AnyResponse

from auditsaas import current_request
from auditsaas.access.browser import browser_session, signed_in
from auditsaas.access.current import require_person
from auditsaas.access.loaders import my_workspaces
from auditsaas.accounts import attempts, outbox, passkeys, second_factor, sessions
from auditsaas.accounts.attempts import Origin, Standing
from auditsaas.accounts.forms import HOME, SignInForm, own_path
from auditsaas.accounts.models import User
from auditsaas.errors import Invalid
from auditsaas.extensions import db, settings
from auditsaas.pages.navigation.places import landing
from auditsaas.workspaces import account_events

accounts = Blueprint("accounts", __name__)

REFUSED = "That email and password do not match."
UNREADABLE_FACTOR = (
    "Codes of your app can no longer be checked here: the server’s key was changed. Enter a"
    " recovery code, sign in with a passkey, or ask your operator to remove your second factor."
)

THEMES = ("auto", "light", "dark")


@accounts.get("/")
def home() -> AnyResponse:
    """Lead to the log of a person's only workspace, of all of them, or to what else they have."""
    person = signed_in()
    return redirect(landing(person, my_workspaces()) if person else "/login")


@accounts.get("/login")
def sign_in_page() -> AnyResponse:
    if signed_in():
        return redirect(own_path(request.args.get("next", "")) or HOME)
    return make_response(_page(email="", after=request.args.get("next", "")))


@accounts.post("/login")
def sign_in() -> AnyResponse:
    form, facts, session = SignInForm.of(request.form), current_request.facts(), db.session()
    origin = origin_of(form.email)
    standing, pause = attempts.count_sign_in(session, form.email, origin)
    session.commit()
    if pause:
        if pause.left == -1:
            outbox.note_refusal(session, form.email, "too_often", facts)
            db.session.commit()
        return paused(_page(email=form.email, after=form.next, error=pause_words(pause)), pause)
    entered = account_events.sign_in(
        session, form.email, form.password, facts, entering=own_path(form.next) or ""
    )
    if entered is None:
        db.session.commit()
        error = f"{REFUSED} {tries_words(standing)}"
        return make_response(_page(email=form.email, after=form.next, error=error), 401)
    attempts.take_back_sign_in(session, form.email, origin)
    if not entered.awaits_second_factor:
        attempts.forget_sign_ins(session, form.email, origin)
        browser_session().remember(form.email)
    if signed_in():
        sessions.end(session, browser_session().session_id)
    db.session.commit()
    browser_session().rotate(entered.session_id)
    after = own_path(form.next)
    if entered.awaits_second_factor:
        return redirect(
            "/login/second-factor" + (f"?next={quote(after, safe='/')}" if after else "")
        )
    return redirect(after or HOME)


@accounts.get("/login/second-factor")
def second_factor_page() -> AnyResponse:
    if signed_in():
        return redirect(own_path(request.args.get("next", "")) or HOME)
    if sessions.find_awaiting(db.session(), browser_session().session_id) is None:
        return redirect("/login")
    return make_response(_second_factor_page(request.args.get("next", "")))


@accounts.post("/login/second-factor")
def give_second_factor() -> AnyResponse:
    session, facts = db.session(), current_request.facts()
    after = request.form.get("next", "")
    waiting = browser_session().session_id
    user = sessions.find_awaiting(session, waiting)
    if user is None:
        return redirect("/login")
    code = request.form.get("code", "")
    origin = origin_of(user.email)
    standing = second_factor.refused(
        session, user, code, settings().secret_keys, device=origin.device
    )
    if standing is not None:
        return _refuse_code(user, standing, after)
    attempts.forget_sign_ins(session, user.email, origin)
    browser_session().remember(user.email)
    sessions.end(session, waiting)
    session_id = account_events.enter(
        session, user, facts, second_factor=True, entering=own_path(after) or ""
    )
    db.session.commit()
    browser_session().rotate(session_id)
    return redirect(own_path(after) or HOME)


def _refuse_code(user: User, standing: Standing, after: str) -> AnyResponse:
    """Record the refusal, of a pause only the first, and word it."""
    session, facts = db.session(), current_request.facts()
    if standing.left >= -1:
        reason = "too_often" if standing.paused else "second_factor"
        outbox.note_refusal(session, user.email, reason, facts)
        session.commit()
    if standing.paused:
        return paused(_second_factor_page(after, pause_words(standing)), standing)
    if not second_factor.is_readable(user, settings().secret_keys):
        return make_response(_second_factor_page(after, UNREADABLE_FACTOR), 422)
    error = f"That code is not right. {tries_words(standing)}"
    return make_response(_second_factor_page(after, error), 401)


@accounts.post("/logout")
def sign_out() -> AnyResponse:
    person = signed_in()
    if person:
        user = db.session().get_one(User, person.id)
        account_events.sign_out(
            db.session(), user, browser_session().session_id, current_request.facts()
        )
        db.session.commit()
    browser_session().end()
    response = redirect("/login")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@accounts.post("/account/theme")
def choose_theme() -> AnyResponse:
    person = require_person()
    theme = request.form.get("theme", "")
    if theme not in THEMES:
        raise Invalid("A theme is auto, light or dark.")
    db.session().get_one(User, person.id).theme = theme
    db.session.commit()
    if current_request.is_partial():
        return Response(status=204)
    return redirect(own_path(current_request.page_of_origin() or "") or HOME)


def origin_of(email: str) -> Origin:
    """Return where this request comes from, as the limits of an account see it."""
    place = attempts.network_of(current_request.facts().ip)
    return Origin(place, browser_session().devices.of(email))


def pause_words(standing: Standing) -> str:
    minutes = -(-standing.seconds // 60)
    return f"Too many tries. Try again in {minutes} {'minute' if minutes == 1 else 'minutes'}."


def tries_words(standing: Standing) -> str:
    """Word how many tries are left, alike for accounts that exist and those that do not."""
    if standing.left == 0:
        return "No tries left before a 15-minute pause."
    return (
        f"{standing.left} {'try' if standing.left == 1 else 'tries'} left before a 15-minute pause."
    )


def paused(page: str | AnyResponse, standing: Standing) -> AnyResponse:
    """Answer 429 with the page that words the pause."""
    response = make_response(page, 429)
    response.headers["Retry-After"] = str(standing.seconds)
    return response


def _second_factor_page(after: str, error: str | None = None) -> str:
    return render_template("accounts/second_factor.html", next=own_path(after) or "", error=error)


def sign_in_again(after: str, error: str, status: int) -> AnyResponse:
    """Render the sign-in page with a refusal."""
    return make_response(_page(email="", after=after, error=error), status)


def _page(*, email: str, after: str, error: str | None = None) -> str:
    host = urlsplit(settings().base_url).netloc
    return render_template(
        "accounts/login.html",
        email=email,
        next=own_path(after) or "",
        error=error,
        host=host,
        passkeys_work=passkeys.domain_of(settings()) is not None,
    )
