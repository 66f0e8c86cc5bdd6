"""Keeps checkpoints in an object store that removes none before its day (S3 Object Lock).

Each is an object named by its size, so the last one in a listing is the greatest. Whether the lock
holds is asked of the store after the object is there: a bucket without it must not look like one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote

from auditsaas.evidence.anchors.receipt import AnchorFailed, Later, Receipt
from auditsaas.evidence.format import notes
from auditsaas.evidence.format.notes import NoteRefused, VerifierKey
from auditsaas.outgoing.errors import AddressRefused, Unanswered
from auditsaas.outgoing.policy import Policy
from auditsaas.outgoing.request import Answer, Outgoing, send
from auditsaas.outgoing.s3 import Access, signed

MODE: Final = "COMPLIANCE"
UNTIL: Final = "x-amz-object-lock-retain-until-date"
_KEY: Final = re.compile(r"<Key>([^<]{1,1024})</Key>")
_CODE: Final = re.compile(r"<Code>([A-Za-z.]{1,60})</Code>")


@dataclass(frozen=True)
class Bucket:
    """A bucket by its address, the folder of a log in it, and the key that opens it."""

    url: str
    """With the bucket's name in its path, or in its host."""
    folder: str
    access: Access
    retain_days: int


def put(policy: Policy, bucket: Bucket, size: int, note: str) -> Receipt:
    """Keep a checkpoint, and return what the store says of it once its lock was seen.

    Raises:
        AnchorFailed: it is not kept, or not locked.
    """
    body, now = note.encode(), datetime.now(UTC)
    until = (now + timedelta(days=bucket.retain_days)).replace(microsecond=0)
    digest = hashlib.sha256(body).digest()
    headers = {
        "Content-Type": "text/plain; charset=utf-8",
        "x-amz-sdk-checksum-algorithm": "SHA256",  # a lock asks for a checksum
        "x-amz-checksum-sha256": notes.base64(digest),
        "x-amz-object-lock-mode": MODE,
        UNTIL: f"{until:%Y-%m-%dT%H:%M:%SZ}",
    }
    url = f"{bucket.url}/{_key(bucket, size)}"
    answer = _asked(policy, bucket, Outgoing(url=url, method="PUT", headers=headers, body=body))
    _check_lock(policy, bucket, url, until)
    told = {
        "url": url,
        "version": answer.headers.get("x-amz-version-id"),
        "sha256": digest.hex(),
        "retain_until": until.isoformat(),
    }
    return Receipt(json.dumps(told).encode(), now)


def later(policy: Policy, bucket: Bucket, size: int, keys: Collection[VerifierKey]) -> Later | None:
    """Look for checkpoints of more than ``size`` events, as after a restore; return the greatest.

    Raises:
        AnchorFailed: the store cannot be asked.
    """
    after, found = _key(bucket, size), None
    while True:
        url = f"{bucket.url}?list-type=2&prefix={_q(bucket.folder)}%2F&start-after={_q(after)}"
        answer = _asked(policy, bucket, Outgoing(url=f"{url}&max-keys=100", method="GET"))
        listed = _KEY.findall(answer.text)
        if not listed:
            break
        after = found = listed[-1]
    if found is None:
        return None
    answer = _asked(policy, bucket, Outgoing(url=f"{bucket.url}/{quote(found)}", method="GET"))
    try:
        return Later(notes.checkpoint(answer.text, *keys), answer.text)
    except NoteRefused:
        return None


def _check_lock(policy: Policy, bucket: Bucket, url: str, until: datetime) -> None:
    told = _asked(policy, bucket, Outgoing(url=url, method="HEAD")).headers
    mode, day = told.get("x-amz-object-lock-mode"), told.get(UNTIL)
    if mode != MODE or _time(day or "") < until:
        raise AnchorFailed("The store kept the checkpoint, and does not lock it as it was asked.")


def _time(text: str) -> datetime:
    """Read a time as a store writes it; the beginning of all where it is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _asked(policy: Policy, bucket: Bucket, outgoing: Outgoing) -> Answer:
    """Send a signed request. Raise AnchorFailed for all but a yes."""
    try:
        answer = send(policy, signed(outgoing, bucket.access))
    except (AddressRefused, Unanswered) as error:
        raise AnchorFailed(str(error)) from error
    if answer.status not in (200, 204):
        code = _CODE.search(answer.text)
        said = f", {code[1]}" if code else ""
        raise AnchorFailed(f"The store refused the checkpoint ({answer.status}{said}).")
    return answer


def _key(bucket: Bucket, size: int) -> str:
    return f"{bucket.folder}/{size:015}.txt"


def _q(text: str) -> str:
    return quote(text, safe="")
