"""Authenticates API calls: checks the key, its scope and its rate limit for every call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from time import perf_counter
from typing import cast

from flask import g, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest

from auditsaas import own_actions
from auditsaas.access import log_reading
from auditsaas.access.log_reading import ReadableLog
from auditsaas.access.waiting import await_body
from auditsaas.api.blueprint import api, log_tiles
from auditsaas.api.ingest.unpacking import MAX_BODY_BYTES, TooLarge
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.errors import DomainError, Forbidden
from auditsaas.extensions import db
from auditsaas.permissions import ApiScope
from auditsaas.quotas import current
from auditsaas.quotas.known import SECONDS
from auditsaas.quotas.spending import QuotaSpent, Spender
from auditsaas.reads.reading import Reader
from auditsaas.workspaces import remembered_keys
from auditsaas.workspaces.api_keys import KeyAccess, authenticate_key, well_formed
from auditsaas.workspaces.models import Workspace


class Rate(StrEnum):
    """Kinds of call that are counted apart."""

    INGEST = "ingest"
    READ = "read"
    EXPORT = "export"


@dataclass(frozen=True)
class Call:
    """The scopes that a call needs of its key, and the rate limit that it counts against."""

    scopes: tuple[ApiScope, ...]
    rate: Rate


WRITES = (ApiScope.EVENTS_WRITE,)
READS = (ApiScope.EVENTS_READ,)
EXPORTS = (ApiScope.EXPORTS, ApiScope.EVENTS_READ)
"""A file holds what its caller could read."""

SEND_A_KEY = "Send a valid key as Authorization: Bearer aud_…."

MAX_FRAMING = 2_000_000
"""Bytes that the sizes of chunks may take beside the body itself."""

OPEN = frozenset({"api.openapi_document"})
CALLS = {
    "api.post_events": Call(WRITES, Rate.INGEST),
    "api.post_logs": Call(WRITES, Rate.INGEST),
    "api.list_events": Call(READS, Rate.READ),
    "api.follow_events": Call(READS, Rate.READ),
    "api.get_event": Call(READS, Rate.READ),
    "api.get_event_proof": Call(READS, Rate.READ),
    "api.get_tree": Call(READS, Rate.READ),
    "api.get_consistency": Call(READS, Rate.READ),
    "api.list_tree_keys": Call(READS, Rate.READ),
    "api.post_export": Call(EXPORTS, Rate.EXPORT),
    "api.get_export": Call(EXPORTS, Rate.READ),
    "api.download_export": Call(EXPORTS, Rate.READ),
    "api.download_bundle": Call(EXPORTS, Rate.READ),
}
LOG_CALLS = {"log_tiles.read": Call(READS, Rate.READ)}
"""Calls at addresses of a log, which need no key where its workspace made them public."""


def call_of(endpoint: str | None) -> Call | None:
    """Return the call of an endpoint; None of one that takes no keys."""
    return CALLS.get(endpoint or "") or LOG_CALLS.get(endpoint or "")


class Unauthenticated(DomainError):
    status = 401
    title = "Not authenticated"


def presented_key() -> str | None:
    """Return the key that the request carries, if it is written like one."""
    if "presented_key" not in g:
        g.presented_key = _read_key()
    return cast(str | None, g.presented_key)


def _read_key() -> str | None:
    """Read the key; `Token token=…` is how clients of Retraced send theirs."""
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    secret = secret.strip()
    if kind.lower() == "token":
        kind, secret = "bearer", secret.removeprefix("token=").strip('"')
    return secret if kind.lower() == "bearer" and well_formed(secret) else None


def key_access() -> KeyAccess:
    """Return the key of this request; its workspace is bound to the session."""
    return cast(KeyAccess, g.key_access)


def key_workspace() -> Workspace:
    """Return the workspace that the key belongs to."""
    return db.session().get_one(Workspace, key_access().workspace_id)


def workspace_slug() -> str:
    """Return the slug of the key's workspace."""
    return key_workspace().slug


@api.before_request
def _check_key() -> None:
    """Check key and scope. Raises Unauthenticated or Forbidden, also for an unlisted call."""
    if request.endpoint in OPEN:
        return
    call = CALLS[request.endpoint or ""]
    if not _recalled(call):
        authorise(call)
    _receive_body()
    if call.scopes == READS:
        _note_reader(key_access())


def authorise(call: Call) -> KeyAccess:
    """Authenticate the key of this request for a call, and bind its workspace to the session.

    Raises:
        Unauthenticated: there is none, or none that is live.
        Forbidden: it lacks a scope, may not be used from here, or its workspace is suspended.
        QuotaSpent: it has used up the work of a minute.
    """
    secret = presented_key()
    if secret is None:
        raise Unauthenticated(SEND_A_KEY)
    access = authenticate_key(secret, address=request.remote_addr)
    if access is None:
        raise Unauthenticated(SEND_A_KEY)
    for scope in call.scopes:
        if scope not in access.scopes:
            raise Forbidden(f"This key does not have the scope {scope}.")
    if access.use_noted:
        db.session.commit()
    remembered_keys.remember(secret, access)
    _begin_work(access)
    return access


def _recalled(call: Call) -> bool:
    """Tell whether the key is remembered, and may send; what refuses is always asked for anew.

    ``prove_key`` is then to be called before anything is answered, unless an append proved it.
    """
    secret = presented_key() if call.rate is Rate.INGEST else None
    access = remembered_keys.recall(secret, request.remote_addr) if secret is not None else None
    if access is None or not access.scopes.issuperset(call.scopes):
        return False
    try:
        _begin_work(access)
    except QuotaSpent:
        return False
    tenancy.bind(Scope.of(access.workspace_id))
    g.key_is_recalled = True
    return True


def is_recalled() -> bool:
    """Tell whether this request's key is only remembered, and not proven yet."""
    return bool(g.get("key_is_recalled"))


def note_proven() -> None:
    """Note that a statement checked the key, and found it as it is remembered."""
    g.key_is_recalled = False


def prove_key() -> KeyAccess:
    """Return the key of this request as it is now. Raises what ``authorise`` does."""
    if is_recalled():
        note_proven()
        remembered_keys.forget(presented_key() or "")
        authorise(CALLS[request.endpoint or ""])
    return key_access()


def spender_of(access: KeyAccess) -> Spender:
    return Spender(workspace_id=access.workspace_id, own=access.quotas or {}, key_id=access.key_id)


def _begin_work(access: KeyAccess) -> None:
    """Refuse a key that has used up the work of a minute; a call's own is counted at its end."""
    current.refuse_spent(SECONDS, spender_of(access))
    g.key_access = access
    g.setdefault("began_work", perf_counter())


@api.teardown_request
@log_tiles.teardown_request
def _count_work(_error: BaseException | None) -> None:
    began = g.pop("began_work", None)
    if began is not None and not g.get("waited"):
        current.note(SECONDS, spender_of(key_access()), int((perf_counter() - began) * 1000))


def _note_reader(access: KeyAccess) -> None:
    reader = own_actions.application(access.key_id, name=access.name)
    readable = ReadableLog(recording=access.read_recording)
    log_reading.may_read(Reader(id=reader.id, name=reader.name), {access.workspace_id: readable})


def _receive_body() -> None:
    """Receive the body of a known caller, and keep it for the view.

    Raises:
        BadRequest: the sender stopped, or its chunks make no sense (RFC 9112, section 7).
        TooLarge: it does not end within the limit.
    """
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise TooLarge(f"The body is larger than {MAX_BODY_BYTES:,} bytes.")
    # At the limit itself a body without a length would be cut in silence.
    request.max_content_length = MAX_BODY_BYTES + 1
    await_body(MAX_BODY_BYTES + MAX_FRAMING)
    try:
        body = request.get_data()
    except (OSError, ParseException) as error:
        raise BadRequest("The body ended early, or its chunks are broken.") from error
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(f"The body is larger than {MAX_BODY_BYTES:,} bytes.")
