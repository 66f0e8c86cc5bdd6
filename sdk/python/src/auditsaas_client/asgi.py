"""Records each request of an ASGI application: FastAPI, Starlette, Django, …"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Iterable, MutableMapping
from typing import Any, Callable, Optional, Union

from .annotations import KEY
from .client import Recorder
from .events import ActorLike
from .reports import logger
from .requests import Activity, Outcome, Request, RequestRecorder

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
ActorOf = Callable[[Scope], Union[Optional[ActorLike], Awaitable[Optional[ActorLike]]]]


class AuditMiddleware:
    """Wraps ``app``; what it answers, streams and raises passes through unchanged.

    Args:
        log: of either kind.
        actor: who sent a request, by its scope, asked when the answer is complete; may be a
            coroutine function. Whom ``annotate`` named goes before; the client's address comes
            after.
        activity: from the method and the matched route (None if there is none) to an activity.
        include, exclude: patterns of paths, ``*`` matching anything; exclude goes first.
        methods: record only these.
        trusted_proxies: how many proxies stand before the application and add to X-Forwarded-For.
    """

    def __init__(
        self,
        app: App,
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._recorder.wants(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        peer = scope.get("client")
        request = self._recorder.arrived(
            scope["method"], scope["path"], peer[0] if peer else None, _headers(scope)
        )
        exchange = _Exchange(self._recorder, self._actor, scope, request)
        try:
            await self._app(scope, receive, exchange.watching(send))
        except BaseException as error:
            await exchange.end(error)
            raise
        await exchange.end()


class _Exchange:
    """One request until its end, which is recorded once."""

    def __init__(
        self, recorder: RequestRecorder, actor: ActorOf | None, scope: Scope, request: Request
    ) -> None:
        self._recorder = recorder
        self._actor = actor
        self._scope = scope
        self._request = request
        self._notes = scope.setdefault(KEY, {})
        self._status_code: int | None = None
        self._has_ended = False

    def watching(self, send: Send) -> Send:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._status_code = message["status"]
            await send(message)
            if _is_last(message):
                await self.end()

        return watched

    async def end(self, error: BaseException | None = None) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        gone = isinstance(error, asyncio.CancelledError)
        self._recorder.record(
            self._request,
            Outcome(self._status_code, error, gone),
            None if gone else await self._who(),
            _route(self._scope),
            self._notes,
        )

    async def _who(self) -> ActorLike | None:
        if self._actor is None:
            return None
        try:
            named = self._actor(self._scope)
            return await named if inspect.isawaitable(named) else named
        except Exception:  # noqa: BLE001 - logged; the application goes on
            logger.exception("actor failed")
            return None


def _is_last(message: Message) -> bool:
    kind = message["type"]
    if kind == "http.response.body":
        return not message.get("more_body", False)
    return bool(kind == "http.response.pathsend")


def _headers(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("utf-8", "replace")
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _route(scope: Scope) -> str | None:
    """Return the pattern that FastAPI matched; other frameworks give it by ``annotate``."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else None
