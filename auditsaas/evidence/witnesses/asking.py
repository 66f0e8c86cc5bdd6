"""Asks one witness to cosign a checkpoint (C2SP tlog-witness v1), and believes what is proven.

A cosignature counts once it is verified. Whatever else a witness says (what size it holds, that a
proof is wrong) is only a reason to ask it for a checkpoint that the log's own key signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from auditsaas.evidence.format import additions, cosignatures, notes
from auditsaas.evidence.format.cosignatures import Cosignature
from auditsaas.evidence.format.notes import MAX_NOTE, Checkpoint, NoteRefused, VerifierKey
from auditsaas.outgoing.errors import AddressRefused, Unanswered
from auditsaas.outgoing.policy import Policy
from auditsaas.outgoing.request import Answer, Limits, Outgoing, send

CLOCKS_DIFFER: Final = timedelta(minutes=10)
"""A cosignature of later than this is of a clock, or a witness, that is wrong."""
LONGEST_WAIT: Final = timedelta(hours=6)

Proof = Callable[[int], Sequence[bytes]]
"""From an old size to the proof that the checkpoint's tree grew from it."""


@dataclass(frozen=True)
class Head:
    """A checkpoint that witnesses are asked to cosign."""

    checkpoint: Checkpoint
    note: str
    keys: Collection[VerifierKey]
    """The log's own, past ones too."""


@dataclass(frozen=True)
class Asked:
    """A witness as it was when it was asked."""

    url: str
    key: VerifierKey
    last_size: int
    """The size that it cosigned last, as its own signature shows; 0 where it has none."""


@dataclass(frozen=True)
class Held:
    """A checkpoint of this log that a witness showed, signed by the log's own key."""

    checkpoint: Checkpoint
    note: str


class WitnessFailed(Exception):
    """A witness did not cosign; ``str()`` is a sentence."""

    def __init__(
        self, sentence: str, *, wait: timedelta = timedelta(), held: Held | None = None
    ) -> None:
        super().__init__(sentence)
        self.wait = wait
        """What it asks for until it is asked again."""
        self.held = held
        """A checkpoint that it holds and that does not lead to this one, where it showed it."""


def cosign(policy: Policy, asked: Asked, head: Head, proof: Proof, now: datetime) -> Cosignature:
    """Ask a witness for its cosignature, from what it holds; a second time where that is another.

    Raises:
        WitnessFailed: it gave none.
    """
    size = head.checkpoint.size
    if asked.last_size > size:
        raise _conflicting(policy, asked, head, f"cosigned {asked.last_size:,} events before")
    answer = _add(policy, asked, head, proof, asked.last_size)
    if answer.status == 409:
        held = _size_of(answer)
        if held == asked.last_size:
            raise WitnessFailed("It refuses the size that it says it holds.")
        if held < asked.last_size:
            raise WitnessFailed(
                f"It cosigned {asked.last_size:,} events and now says that it holds {held:,}: it"
                " went back, and is not believed until it is added anew."
            )
        if held > size:
            raise _conflicting(policy, asked, head, f"says that it holds {held:,} events")
        answer = _add(policy, asked, head, proof, held)
    if answer.status == 422:
        raise _conflicting(policy, asked, head, "does not find this log in the one it holds")
    if answer.status != 200:
        raise _refused(answer, now)
    return _cosignature(asked, head, answer, now)


def show(policy: Policy, asked: Asked, origin: str, keys: Collection[VerifierKey]) -> Held | None:
    """Ask a witness for the checkpoint that it holds; None where it shows none of this log's."""
    name = hashlib.sha256(origin.encode()).hexdigest()
    url = f"{asked.url.rstrip('/')}/{name}/checkpoint"
    try:
        answer = send(policy, Outgoing(url=url, method="GET"), Limits(answer_bytes=MAX_NOTE))
        if answer.status != 200 or not answer.is_whole:
            return None
        note = answer.body.decode()
        return Held(notes.checkpoint(note, *keys), note)
    except (AddressRefused, Unanswered, NoteRefused, UnicodeDecodeError):
        return None


def _add(policy: Policy, asked: Asked, head: Head, proof: Proof, old: int) -> Answer:
    size = head.checkpoint.size
    path = proof(old) if 0 < old < size else ()
    body = additions.body(old, path, head.note)
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    url = f"{asked.url.rstrip('/')}/add-checkpoint"
    try:
        answer = send(policy, Outgoing(url=url, headers=headers, body=body))
    except (AddressRefused, Unanswered) as error:
        raise WitnessFailed(str(error)) from error
    if not answer.is_whole:
        raise WitnessFailed("It answers with more than a witness has to say.")
    return answer


def _cosignature(asked: Asked, head: Head, answer: Answer, now: datetime) -> Cosignature:
    """Return the cosignature among the lines of an answer, verified."""
    lines = answer.text.removesuffix("\n").split("\n")
    try:
        found = cosignatures.cosignatures(head.checkpoint.text, lines, asked.key)
    except NoteRefused as error:
        raise WitnessFailed(f"It answered with what is no signature of its: {error}.") from error
    if not found:
        raise WitnessFailed("It answered without a signature of the key that it was added with.")
    seconds = found[0].seconds
    if seconds is not None and seconds > (now + CLOCKS_DIFFER).timestamp():
        raise WitnessFailed("It cosigned in the future: its clock, or this one, is wrong.")
    return found[0]


def _size_of(answer: Answer) -> int:
    """Read the size that a witness says it holds."""
    size = additions.SIZE.fullmatch(answer.text)
    if not size:
        raise WitnessFailed("It holds another size and does not say which.")
    return int(size[1])


def _conflicting(policy: Policy, asked: Asked, head: Head, says: str) -> WitnessFailed:
    """Build the failure of a witness that holds what this checkpoint does not follow from."""
    held = show(policy, asked, head.checkpoint.origin, head.keys)
    if held is None:
        shown = "It shows no checkpoint of this log for it."
    else:
        shown = f"It shows a checkpoint of {held.checkpoint.size:,} events with this log's key."
    return WitnessFailed(f"It {says}; this log has {head.checkpoint.size:,}. {shown}", held=held)


def _refused(answer: Answer, now: datetime) -> WitnessFailed:
    """Build the failure of any other status."""
    words = {
        400: "It does not understand the request (400).",
        403: "It does not know the key of this log (403): its operator adds it anew.",
        404: "It does not know this log (404): its operator adds the log's key.",
        429: "It is asked too often (429).",
    }
    sentence = words.get(answer.status, f"It answered with the status {answer.status}.")
    return WitnessFailed(sentence, wait=_retry_after(answer.headers.get("retry-after", ""), now))


def _retry_after(text: str, now: datetime) -> timedelta:
    """Read how long the other side asks to wait, in seconds or until a time; bounded."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        return min(timedelta(seconds=int(text)), LONGEST_WAIT)
    try:
        until = datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return timedelta()
    return min(max(until - now, timedelta()), LONGEST_WAIT)
