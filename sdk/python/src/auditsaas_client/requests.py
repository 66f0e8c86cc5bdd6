"""From an HTTP request and its end to one event; what both middlewares share."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Callable, Optional
from uuid import uuid4

from .addresses import client_address
from .client import Recorder
from .events import ActorLike
from .reports import logger

MAX_ACTIVITY = 128
Activity = Callable[[str, Optional[str]], str]

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_PARAMETER = re.compile(r"[<>{}()*?\\\[\]]|^:")
_VERSION = re.compile(r"v\d+")


@dataclass(frozen=True)
class Request:
    """A request as it arrived, before the application could change anything."""

    method: str
    path: str
    ip: str | None
    user_agent: str
    request_id: str
    started: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True)
class Outcome:
    """How the request ended: ``status_code`` as sent, None if nothing was sent."""

    status_code: int | None
    error: BaseException | None = None
    gone: bool = False
    """The client went away before the answer."""


class RequestRecorder:
    """Decides which requests are recorded, and as what."""

    def __init__(
        self,
        log: Recorder,
        *,
        activity: Activity | None,
        include: Iterable[str],
        exclude: Iterable[str],
        methods: Iterable[str] | None,
        trusted_proxies: int,
    ) -> None:
        self._log = log
        self._activity = activity or route_activity
        self._include = tuple(include)
        self._exclude = tuple(exclude)
        self._methods = None if methods is None else {method.upper() for method in methods}
        self._trusted_proxies = trusted_proxies

    def wants(self, method: str, path: str) -> bool:
        if self._methods is not None and method.upper() not in self._methods:
            return False
        if any(fnmatchcase(path, pattern) for pattern in self._exclude):
            return False
        return any(fnmatchcase(path, pattern) for pattern in self._include)

    def arrived(
        self, method: str, path: str, peer: str | None, headers: Mapping[str, str]
    ) -> Request:
        """``headers`` by lower-case name; those of one name joined by commas."""
        return Request(
            method=storable(method, 32),
            path=storable(path, 4096),
            ip=client_address(peer, headers.get("x-forwarded-for", ""), self._trusted_proxies),
            user_agent=storable(headers.get("user-agent", ""), 2048),
            request_id=storable(headers.get("x-request-id", ""), 128) or uuid4().hex,
        )

    def record(
        self,
        request: Request,
        outcome: Outcome,
        actor: ActorLike | None,
        route: str | None,
        notes: Mapping[str, Any],
    ) -> None:
        """Record the event, unless the application said to skip it. Never raises."""
        try:
            if not notes.get("skip"):
                self._record(request, outcome, actor, route, notes)
        except Exception:  # noqa: BLE001 - logged; the application goes on
            logger.exception("A request was not recorded")

    def _record(
        self,
        request: Request,
        outcome: Outcome,
        actor: ActorLike | None,
        route: str | None,
        notes: Mapping[str, Any],
    ) -> None:
        code = outcome.status_code or (499 if outcome.gone else 500)
        metadata = dict(notes.get("metadata") or {})
        if outcome.error is not None:
            metadata["exception"] = type(outcome.error).__name__
        self._log.record(
            notes.get("activity") or self._activity_of(request.method, notes.get("route") or route),
            "error" if code >= 400 or outcome.error is not None else "success",
            notes.get("actor") or actor or request.ip or "anonymous",
            method=request.method,
            path=request.path,
            status_code=code if 100 <= code <= 599 else None,
            ip=request.ip,
            user_agent=request.user_agent or None,
            duration_ms=round((time.perf_counter() - request.started) * 1000, 3),
            request_id=request.request_id,
            targets=notes.get("targets"),
            changes=notes.get("changes"),
            metadata=metadata or None,
        )

    def _activity_of(self, method: str, route: str | None) -> str:
        try:
            return self._activity(method, route)
        except Exception:  # noqa: BLE001 - logged; the application goes on
            logger.exception("activity failed")
            return route_activity(method, route)


def route_activity(method: str, route: str | None) -> str:
    """`invoices.lines.post` for POST `/api/v1/invoices/<id>/lines`; `http.post` without a route.

    Addresses themselves are not used: the ids in them would make each request an activity.
    """
    verb = re.sub(r"[^a-z0-9-]+", "", method.lower()) or "request"
    words = [re.sub(r"[^a-z0-9_-]+", "", word) for word in _nouns(route or "")]
    noun = ".".join(word for word in words if word) or "http"
    return f"{noun[: MAX_ACTIVITY - len(verb) - 1]}.{verb}"


def _nouns(route: str) -> list[str]:
    words = [word.strip("^$") for word in route.lower().split("/")]
    fixed = [word for word in words if word and not _PARAMETER.search(word)]
    while fixed and (fixed[0] == "api" or _VERSION.fullmatch(fixed[0])):
        del fixed[0]
    return fixed


def storable(text: str, limit: int) -> str:
    """Make a text storable: cut, and without NUL and halves of surrogate pairs."""
    return _UNSTORABLE.sub("\ufffd", text[:limit])
