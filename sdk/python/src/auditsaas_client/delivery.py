"""What the server's answers mean for the events that were sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable

from .reports import FieldError, Reports, Undelivered
from .transport import Answer, Transport, Unreachable

TRY_AGAIN = frozenset({408, 425, 429})
UNREADABLE = frozenset({400, 413, 422})


@dataclass(frozen=True)
class Held:
    """Events that are still to be delivered, and why they were not."""

    lines: list[bytes]
    why: str
    retry_after: float | None = None
    misdirected: bool = False
    """The key or the address is wrong: a person has to act, the events are not at fault."""


class Delivery:
    """Sends lines until each is stored, refused for good, or held for later."""

    def __init__(
        self, transport: Transport, reports: Reports, keep_refused: Callable[[Undelivered], None]
    ) -> None:
        self._transport = transport
        self._reports = reports
        self._keep_refused = keep_refused

    def send(self, lines: Sequence[bytes]) -> Held | None:
        """Send the events; return those to send again later, None when all are settled."""
        work = [list(lines)]
        while work:
            batch = work.pop()
            try:
                answer = self._transport.post(batch)
            except Unreachable as error:
                return Held(_all(batch, work), str(error))
            if _is_result(answer):
                self._settle(batch, answer.body)
            elif answer.status in UNREADABLE and len(batch) > 1:
                half = len(batch) // 2
                work += [batch[half:], batch[:half]]
            elif answer.status in UNREADABLE:
                self.refuse(batch[0], "refused", [FieldError("", _detail(answer))])
            else:
                again = answer.status in TRY_AGAIN or answer.status >= 500
                return Held(_all(batch, work), _detail(answer), answer.retry_after, not again)
        return None

    def refuse(self, line: bytes, reason: str, errors: Sequence[FieldError]) -> None:
        """Report an event that will not be stored."""
        report = Undelivered(json.loads(line), reason, tuple(errors))
        self._reports.undelivered(report)
        self._keep_refused(report)

    def _settle(self, batch: list[bytes], body: dict[str, Any]) -> None:
        rejected = {item["index"]: item["errors"] for item in body["rejected"]}
        conflicts = body.get("conflicts") or []
        delivered = len(batch) - len(rejected) - len(conflicts)
        self._reports.add(delivered=delivered, duplicates=body["duplicates"])
        for index, errors in rejected.items():
            found = [FieldError(str(e["field"]), str(e["message"])) for e in errors]
            self.refuse(batch[index], "refused", found)
        for item in conflicts:
            words = f"names the event {item['id']}, which has other content"
            why = [FieldError("idempotency_key", words)]
            self.refuse(batch[item["index"]], "conflicting", why)


def _is_result(answer: Answer) -> bool:
    """Whether it is the API's account of a batch, rather than some other server's page."""
    return (
        answer.status in (200, 201, 409, 422) and {"rejected", "duplicates"} <= answer.body.keys()
    )


def _all(batch: list[bytes], work: list[list[bytes]]) -> list[bytes]:
    return batch + [line for rest in reversed(work) for line in rest]


def _detail(answer: Answer) -> str:
    detail = answer.body.get("detail") or answer.body.get("title") or ""
    return f"{answer.status} {detail}".strip()[:500]
