"""Errors of the API as ``application/problem+json`` (RFC 9457), each with its cure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from flask import Response

from auditsaas import current_request

DOCS = "/api/docs"
PROBLEM_TYPE = "application/problem+json"


@dataclass(frozen=True)
class ProblemKind:
    """One kind of refusal: what it means, and what a caller does about it."""

    status: int
    title: str
    meaning: str
    cure: str

    @property
    def anchor(self) -> str:
        return self.title.lower().replace(" ", "-")


KINDS = (
    ProblemKind(
        400,
        "Not JSON",
        "The body is not JSON, not UTF-8, not complete gzip, or nests too deeply. Nothing was"
        " stored.",
        "Encode the body with a JSON library, and send all of it.",
    ),
    ProblemKind(
        400,
        "Bad request",
        "The request itself cannot be understood, or its body ended early. Nothing was stored.",
        "Send the whole body, with a Content-Length that is right.",
    ),
    ProblemKind(
        401,
        "Not authenticated",
        "There is no key, or it is mistyped, unknown, expired or revoked.",
        "Send a live key as Authorization: Bearer aud_…. Do not retry with the same key.",
    ),
    ProblemKind(
        403,
        "Not allowed",
        "The key lacks the scope that this call needs, may not be used from the caller's address,"
        " or belongs to a workspace that is suspended; the detail says which.",
        "Make a key with that scope or for that network. Do not retry with the same key.",
    ),
    ProblemKind(
        404,
        "Not found",
        "There is nothing at this address, or nothing of that id in the key's workspace.",
        "Check the address and the id, and that the key belongs to the right workspace.",
    ),
    ProblemKind(
        405,
        "Not allowed here",
        "The address does not take this method.",
        "Use a method that the Allow header names.",
    ),
    ProblemKind(
        408,
        "Too slow",
        "The body came slower than 1,000 bytes a second, or took longer than two minutes. Nothing"
        " was stored.",
        "Send smaller batches, or pack them with gzip.",
    ),
    ProblemKind(
        409,
        "Conflict",
        "An export has no file to download: it is not finished, or it failed or was cancelled.",
        "Ask for the export until its state is ready.",
    ),
    ProblemKind(
        409,
        "Not sealed yet",
        "The event is stored, and no checkpoint covers it yet; or the log has no checkpoint.",
        "Wait as many seconds as Retry-After says, then ask again.",
    ),
    ProblemKind(
        409,
        "Not as sealed",
        "What is stored now is not what was sealed: the event, or hashes of its log, were changed.",
        "Tell an operator, and keep the checkpoints that you have.",
    ),
    ProblemKind(
        409,
        "Other content",
        "The same sender gave other content under the keys and times of the events sent; conflicts"
        " names each event that stands. Nothing was stored, and the conflict is recorded as"
        " event.conflict.",
        "Give every event a key of its own. The same request will be refused again.",
    ),
    ProblemKind(
        410,
        "Began anew",
        "The feed was asked for numbers of another epoch: the log was brought back from a backup,"
        " and numbers that were given before may name other events since.",
        "Forget what was read after the answer's after, and go on with its epoch and after.",
    ),
    ProblemKind(
        410,
        "No longer kept",
        "What proves the oldest numbers of the log was removed for its age; the detail says up to"
        " which number.",
        "Ask from a later number on.",
    ),
    ProblemKind(
        410,
        "Expired",
        "The file of an export was removed when its time was over.",
        "Ask for a new export.",
    ),
    ProblemKind(
        413,
        "Too large",
        "The body, or what it unpacks to, is over 5,000,000 bytes, or holds over 1,000 events or"
        " 200,000 values. Nothing was stored.",
        "Send smaller batches.",
    ),
    ProblemKind(
        415,
        "Unsupported media type",
        "The content type or the content encoding is not one that this address reads.",
        "Send application/json, application/x-ndjson or CloudEvents (application/x-protobuf to"
        " /logs), with gzip, deflate or no encoding.",
    ),
    ProblemKind(
        422,
        "Invalid input",
        "A parameter or a field breaks a rule; errors, or rejected for events, names each one."
        " Nothing was stored.",
        "Mend what is named. The same request will be refused again.",
    ),
    ProblemKind(
        422,
        "No proof is made of this",
        "A proof was asked for of a log that is empty, or not sealed; the detail says which.",
        "Wait until the log is sealed, or ask for the export without proof.",
    ),
    ProblemKind(
        422,
        "Too many numbers",
        "A proof covers at most 2,000,000 numbers of the log, and this range has more.",
        "Choose a range that begins later, or ask for the export without proof.",
    ),
    ProblemKind(
        429,
        "Too many requests",
        "The key has used up its requests of this minute. Nothing was stored.",
        "Wait as many seconds as Retry-After says, then send the same request again.",
    ),
    ProblemKind(
        429,
        "Quota used up",
        "The workspace or the key has used up what it may send or use in this period; the detail"
        " says of what, and how much there is. Nothing was stored.",
        "Wait as many seconds as Retry-After says, then send the same request again; or have the"
        " operator raise the workspace's quota.",
    ),
    ProblemKind(
        429,
        "Too many at once",
        "The key downloads as many files as it may at a time.",
        "Wait until one of them is done.",
    ),
    ProblemKind(
        500,
        "Something failed",
        "The product has a fault. An event may have been stored if it had been sent; with an"
        " idempotency key, sending it again stores it once.",
        "Send the same request again after a growing pause, and tell an operator the request_id.",
    ),
    ProblemKind(
        503,
        "Busy",
        "As many files are downloaded as may be at a time.",
        "Wait as many seconds as Retry-After says, then send the same request again.",
    ),
    ProblemKind(
        503,
        "Unavailable",
        "The database does not answer, or its disk is full; the detail says which. An event may"
        " have been stored if it had been sent; with an idempotency key, sending it again stores"
        " it once.",
        "Wait as many seconds as Retry-After says, then send the same request again.",
    ),
)

_KNOWN = {(kind.status, kind.title): kind for kind in KINDS}


def problem(status: int, title: str, detail: str, **members: Any) -> Response:
    """Build a problem document; ``members`` are added to it (RFC 9457, section 3.2)."""
    kind = _KNOWN.get((status, title))
    body = {
        "type": f"{DOCS}#{kind.anchor}" if kind else "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": current_request.request_id(),
        **members,
    }
    return Response(msgspec.json.encode(body), status, content_type=PROBLEM_TYPE)
