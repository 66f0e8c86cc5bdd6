"""Checks what the product proves, with nothing but the log's key."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from auditsaas.evidence.format import leaf, merkle
from auditsaas.evidence.format.notes import Checkpoint, VerifierKey, checkpoint
from auditsaas.evidence.format.tlog_proof import TlogProof
from auditsaas.evidence.verifier import auditlog_verify
from auditsaas.workspaces.models import Workspace
from tests.support.factories import OwnerSessions

VERIFIER = auditlog_verify.__file__


def opened(note: str, vkey: str) -> Checkpoint:
    """The head that a note says, if the key signed it."""
    return checkpoint(note, VerifierKey.parse(vkey))


def leaf_of(event: Mapping[str, Any], extra: Mapping[str, Any]) -> bytes:
    """The leaf of an event that the API gave, made with the extra data of its proof."""
    if "seed" in extra:
        return leaf.leaf_hash(event["seq"], leaf.preimage_of(event, b64decode(extra["seed"])))
    erased = {int(slot): b64decode(hashed) for slot, hashed in extra["erased"].items()}
    salted = zip(map(b64decode, extra["salts"]), leaf.parts_of(event), strict=True)
    slots = [
        erased.get(slot) or leaf.slot_hash(slot, salt, part)
        for slot, (salt, part) in enumerate(salted)
    ]
    kept = leaf.preimage(leaf.micros_of(event["occurred_at"]), leaf.fields_hash(slots))
    return leaf.leaf_hash(event["seq"], kept)


def check_event(event: Mapping[str, Any], proof_text: str, vkey: str) -> Checkpoint:
    """Check that an event is in the log as written; return the head that it is under.

    Raises:
        NoteRefused, ProofRefused: it is not.
    """
    proof = TlogProof.parse(proof_text)
    head = opened(proof.note, vkey)
    assert proof.index == event["seq"] - 1
    hashed = leaf_of(event, proof.extra)
    merkle.check_inclusion(proof.index, head.size, hashed, proof.path, head.root)
    return head


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def get(client: FlaskClient, key: str, address: str, **args: Any) -> TestResponse:
    return client.get(f"/api/v1{address}", query_string=args, headers=bearer(key))


def events_of(client: FlaskClient, key: str) -> list[dict[str, Any]]:
    answer = get(client, key, "/events/feed", limit=1000)
    assert answer.json is not None
    return list(answer.json["data"])


TABLE = re.compile(r"(?:UPDATE|DELETE FROM) (\w+)")


def changed(workspace: Workspace, statement: str, seq: int = 2) -> None:
    """Change the log as the owner of its tables can, whom no policy stops for long."""
    found = TABLE.match(statement)
    assert found is not None
    with OwnerSessions.begin() as session:
        session.execute(text("SET LOCAL lock_timeout = '10s'"))  # what holds it never lets go
        session.execute(text(f"ALTER TABLE {found[1]} NO FORCE ROW LEVEL SECURITY"))  # ours
        of = "workspace_id = :workspace" + (f" AND seq = {seq}" if found[1] == "events" else "")
        result = session.execute(text(f"{statement} WHERE {of}"), {"workspace": workspace.id})
        assert result.rowcount > 0  # type: ignore[attr-defined]  # of a cursor
        session.execute(text(f"ALTER TABLE {found[1]} FORCE ROW LEVEL SECURITY"))  # ours


def verified(folder: Path, event: dict[str, Any], proof: str, known: str) -> tuple[int, str]:
    """The end and the words of the verifier, asked as a stranger does with three files."""
    files = {"event.json": json.dumps(event), "event.tlog-proof": proof, "key.txt": known}
    for name, held in files.items():
        (folder / name).write_text(held)
    run = subprocess.run(
        [sys.executable, VERIFIER, *files], cwd=folder, capture_output=True, text=True, check=False
    )
    return run.returncode, run.stdout
