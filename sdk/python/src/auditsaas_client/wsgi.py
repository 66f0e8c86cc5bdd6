"""Records each request of a WSGI application: Flask, Django, Pyramid, …"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Callable, Optional

from .annotations import KEY
from .client import Recorder
from .events import ActorLike
from .reports import logger
from .requests import Activity, Outcome, Request, RequestRecorder

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    ActorOf = Callable[[WSGIEnvironment], Optional[ActorLike]]


class AuditMiddleware:
    """Wraps ``app``; what it answers, streams and raises passes through unchanged.

    Args:
        actor: who sent a request, by its environ, asked when the answer is complete. Whom
            ``annotate`` named goes before; ``REMOTE_USER`` and the client's address come after.
        activity: from the method and the matched route (None if there is none) to an activity.
        include, exclude: patterns of paths, ``*`` matching anything; exclude goes first.
        methods: record only these.
        trusted_proxies: how many proxies stand before the application and add to X-Forwarded-For.
    """

    def __init__(
        self,
        app: WSGIApplication,
        log: Recorder,
        *,
        actor: ActorOf | None = None,
        activity: Activity | None = None,
        include: Iterable[str] = ("*",),
        exclude: Iterable[str] = (),
        methods: Iterable[str] | None = None,
        trusted_proxies: int = 0,
    ) -> None:
        self._app = app
        self._actor = actor
        self._recorder = RequestRecorder(
            log,
            activity=activity,
            include=include,
            exclude=exclude,
            methods=methods,
            trusted_proxies=trusted_proxies,
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method, path = str(environ.get("REQUEST_METHOD", "")), _path(environ)
        if not self._recorder.wants(method, path):
            return self._app(environ, start_response)
        request = self._recorder.arrived(
            method, path, environ.get("REMOTE_ADDR"), _headers(environ)
        )
        exchange = _Exchange(self._recorder, self._actor, environ, request)
        try:
            return _Body(self._app(environ, exchange.watching(start_response)), exchange)
        except BaseException as error:
            exchange.end(error)
            raise


class _Exchange:
    """One request until its end, which is recorded once."""

    def __init__(
        self,
        recorder: RequestRecorder,
        actor: ActorOf | None,
        environ: WSGIEnvironment,
        request: Request,
    ) -> None:
        self.has_sent = False
        self._recorder = recorder
        self._actor = actor
        self._environ = environ
        self._request = request
        self._notes = environ.setdefault(KEY, {})
        self._status_code: int | None = None
        self._route: str | None = None
        self._has_ended = False

    def watching(self, start_response: StartResponse) -> StartResponse:
        def watched(status: str, headers: Any, *exc_info: Any) -> Any:
            if status[:3].isdigit():
                self._status_code = int(status[:3])
            self._route = _route(self._environ)  # Flask forgets it when its part is done
            return start_response(status, headers, *exc_info)

        return watched

    def end(self, error: BaseException | None = None) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        # Until the first bytes the server may still answer 500 in place of what was started.
        code = self._status_code if error is None or self.has_sent else 500
        self._recorder.record(
            self._request,
            Outcome(code, error),
            self._who(),
            self._route or _route(self._environ),
            self._notes,
        )

    def _who(self) -> ActorLike | None:
        try:
            named = self._actor(self._environ) if self._actor is not None else None
        except Exception:  # noqa: BLE001 - logged; the application goes on
            logger.exception("actor failed")
            named = None
        return named or self._environ.get("REMOTE_USER") or None


class _Body:
    """The answer's body, watched to its end (PEP 3333: a server calls ``close`` in any case)."""

    def __init__(self, body: Iterable[bytes], exchange: _Exchange) -> None:
        self._body = body
        self._parts = iter(body)
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            part = next(self._parts, None)
        except BaseException as error:
            self._exchange.end(error)
            raise
        if part is None:
            self._exchange.end()
            raise StopIteration
        self._exchange.has_sent = self._exchange.has_sent or bool(part)
        return part

    def close(self) -> None:
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._exchange.end()


def _path(environ: WSGIEnvironment) -> str:
    """Decode the path; WSGI hands bytes over as Latin-1. The query is left out: it may hold
    secrets."""
    text = str(environ.get("SCRIPT_NAME", "")) + str(environ.get("PATH_INFO", ""))
    return text.encode("latin-1", "replace").decode("utf-8", "replace")


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    names = ("x-forwarded-for", "x-request-id", "user-agent")
    return {name: str(environ.get(f"HTTP_{name.upper().replace('-', '_')}", "")) for name in names}


def _route(environ: WSGIEnvironment) -> str | None:
    """Return the rule that Flask matched; other frameworks give it by ``annotate``."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return None if rule is None else str(rule.rule)
