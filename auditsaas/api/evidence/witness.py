"""``/witness``: this installation as a witness of other logs (C2SP tlog-witness v1).

It asks for no key: a checkpoint is taken when a log that the operator added signed it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from auditsaas.access.waiting import await_body
from auditsaas.evidence.witnesses import cosigning, own_key
from auditsaas.evidence.witnesses.cosigning import Reply
from auditsaas.extensions import db, settings

MAX_BODY: Final = 128 * 1024
"""The 63 hashes of a proof, and a note with sixteen signatures of 5 kB (C2SP signed-note)."""

witness = Blueprint("witness", __name__, url_prefix="/witness")


@witness.post("/add-checkpoint")
def add_checkpoint() -> Response:
    await_body(MAX_BODY)
    body = request.get_data()
    if len(body) > MAX_BODY:
        raise RequestEntityTooLarge
    key = own_key.key(db.session(), settings().secret_keys)
    if key is None:
        return _answer(Reply(404, "No log is known here.\n"))
    reply = cosigning.add(db.session(), key, body, datetime.now(UTC))
    db.session.commit()
    return _answer(reply)


@witness.get("/<name>/checkpoint")
def checkpoint(name: str) -> Response:
    return _answer(cosigning.shown(db.session(), name))


def _answer(reply: Reply) -> Response:
    response = Response(reply.body, reply.status, content_type=reply.content_type)
    response.headers["Cache-Control"] = "no-store"
    return response
