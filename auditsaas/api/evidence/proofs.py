"""Evidence: the head of the log's tree, its keys, and proofs of what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from flask import Response, request

from auditsaas.access import log_reading
from auditsaas.api.access import key_access, workspace_slug
from auditsaas.api.answers import Parameters, answer
from auditsaas.api.blueprint import api
from auditsaas.api.problems import problem
from auditsaas.errors import NotFound
from auditsaas.events.reading import pages
from auditsaas.events.stored import stored_event
from auditsaas.evidence.format import merkle
from auditsaas.evidence.format.notes import base64
from auditsaas.evidence.format.tlog_proof import SUFFIX
from auditsaas.evidence.tree import checked_proofs, checkpoints, keys
from auditsaas.evidence.tree.checked_proofs import AGAIN_AFTER, NotSealed
from auditsaas.evidence.tree.keys import LogKey
from auditsaas.evidence.witnesses import holders, registry
from auditsaas.extensions import db, settings

GONE = (
    "There is no event of this id in the key's workspace. Of an event that retention removed, an"
    " export with proof shows that it was old enough to go; by itself nothing is left to prove."
)


@api.get("/tree")
def get_tree() -> Response:
    Parameters(request.args, ()).check()
    session, workspace_id = db.session(), key_access().workspace_id
    sealed = checkpoints.newest(session, workspace_id)
    now = checkpoints.state(session, workspace_id)
    cosigned = holders.cosigned(session, workspace_id)
    return answer(
        {
            "origin": _origin(keys.verifier_keys(session, workspace_id)),
            "size": sealed.size if sealed else 0,
            "root": base64(sealed.root if sealed else merkle.EMPTY),
            "note": holders.whole_note(session, workspace_id, sealed) if sealed else None,
            "sealed_at": sealed.at if sealed else None,
            "last_seq": now.log_seq,
            "behind_since": now.lag_since,
            "state": now.state,
            "reason": now.reason,
            "cosigned_size": cosigned.size if cosigned else 0,
            "cosigners": [
                {
                    "name": one.name,
                    "key": one.vkey,
                    "required": one.required,
                    "size": one.last_size,
                    "at": one.last_at,
                }
                for one in registry.listed(session, workspace_id)
            ],
        }
    )


@api.get("/tree/consistency")
def get_consistency() -> Response:
    session, workspace_id = db.session(), key_access().workspace_id
    head = checked_proofs.sealed_head(session, workspace_id)
    parameters = Parameters(request.args, ("from", "to"))
    size = parameters.whole("to", head.size, 1, head.size)
    old = parameters.whole("from", 0, 1, size)
    if "from" not in request.args:
        parameters.refuse("from", "is required: the size of the checkpoint that you kept")
    parameters.check()
    proven = checked_proofs.consistency(session, workspace_id, old, size)
    return answer(
        {
            "from": proven.old,
            "from_root": base64(proven.old_root),
            "to": proven.size,
            "to_root": base64(proven.root),
            "proof": [base64(one) for one in proven.path],
        }
    )


@api.get("/tree/keys")
def list_tree_keys() -> Response:
    Parameters(request.args, ()).check()
    found = keys.verifier_keys(db.session(), key_access().workspace_id)
    return answer(
        {
            "origin": _origin(found),
            "keys": [
                {"key": str(one.verifier), "made_at": one.made_at, "retired_at": one.retired_at}
                for one in found
            ],
        }
    )


@api.get("/events/<uuid:event_id>/proof")
def get_event_proof(event_id: UUID) -> Response:
    Parameters(request.args, ()).check()
    session, workspace_id = db.session(), key_access().workspace_id
    row = pages.event(session, workspace_id, event_id)
    if row is None:
        raise NotFound(GONE)
    log_reading.opened(row.workspace_id, row.id)
    event = stored_event(row, workspace_slug())
    proof = checked_proofs.event_proof(session, workspace_id, event)
    response = Response(proof.text, content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{event_id}{SUFFIX}"'
    return response


def _origin(found: Sequence[LogKey]) -> str:
    """Return the log's name: its newest key's, or the one that a first key would have."""
    if found:
        return found[-1].origin
    return keys.origin(settings().base_url, key_access().workspace_id)


@api.errorhandler(NotSealed)
def _not_sealed(error: NotSealed) -> Response:
    db.session.rollback()
    response = problem(error.status, error.title, str(error))
    response.headers["Retry-After"] = str(AGAIN_AFTER)
    return response
