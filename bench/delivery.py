"""Applications that send events and send again what was not taken, and the proof of their delivery:
what was acknowledged is stored, once, and the sequence has no gap.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import psycopg

from bench import engines
from config.settings import Settings

BATCH = 10
RETRY_SECONDS = 0.1
MOST_RETRY_SECONDS = 1.0
"""No sender waits longer for its next try, whatever the answer advises."""
TIMEOUT_SECONDS = 20.0


@dataclass
class Sent:
    """What one writer sent and was told; events are named by their keys."""

    number: int
    acknowledged: dict[str, str] = field(default_factory=dict)
    """Key → the id that was answered."""
    attempts: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Answers that say in words to send it again, by their status."""
    wrong: Counter[str] = field(default_factory=Counter)
    """Answers that the API does not promise."""
    cut: int = 0
    """Requests without an answer."""

    def batch(self, size: int) -> list[dict[str, object]]:
        occurred_at = datetime.now(UTC).isoformat()
        first = len(self.acknowledged)
        return [
            {
                "activity": "durability.check",
                "status": "success",
                "actor": {"id": f"writer-{self.number}"},
                "occurred_at": occurred_at,
                "idempotency_key": f"{self.number}-{first + n}",
            }
            for n in range(size)
        ]


@dataclass(frozen=True)
class Findings:
    """What was in the log in the end, beside what had been promised."""

    acknowledged: int
    attempts: int
    lost: int
    doubled: int
    unasked: int
    """Events that no writer was told of; a retry would have found them."""
    gaps: int
    counted: bool
    """Whether the hourly counts add up to the events."""
    refused: Counter[str]
    wrong: Counter[str]
    cut: int

    @property
    def kept(self) -> bool:
        broken = self.lost or self.doubled or self.unasked or self.gaps or self.wrong
        return not broken and self.counted

    @property
    def failed(self) -> Counter[str]:
        """Requests whose sender was told nothing, or what the API does not promise."""
        return self.wrong + Counter({"without an answer": self.cut})


class Senders:
    """Writers that send batches one after the other, each until it is taken."""

    def __init__(
        self,
        address: tuple[str, int],
        key: str,
        writers: int,
        batch: int = BATCH,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._address, self._batch = address, batch
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            **(headers or {}),
        }
        self._sent = [Sent(number) for number in range(writers)]
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(s,)) for s in self._sent]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each writer deliver its batch, and return then."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def give_up(self) -> None:
        """Let no writer begin another batch."""
        self._over.set()

    def progress(self) -> list[int]:
        """Return how many events of each writer were acknowledged."""
        return [len(sent.acknowledged) for sent in self._sent]

    def findings(self, settings: Settings, workspace: UUID) -> Findings:
        with engines.superuser(settings) as connection:
            stored = dict(_rows(connection, "SELECT idempotency_key, count(*) FROM events"))
            ids = dict(_rows(connection, "SELECT idempotency_key, min(id::text) FROM events"))
            last, gaps, counted, events = connection.execute(
                "SELECT (SELECT seq FROM log_heads WHERE workspace_id = %(w)s),"
                " (SELECT max(seq) - count(DISTINCT seq) FROM events WHERE workspace_id = %(w)s),"
                " (SELECT sum(n) FROM event_counts WHERE workspace_id = %(w)s),"
                " (SELECT count(*) FROM events WHERE workspace_id = %(w)s)",
                {"w": workspace},
            ).fetchone() or (0, 0, 0, 0)
        told = {key: id_ for sent in self._sent for key, id_ in sent.acknowledged.items()}
        return Findings(
            acknowledged=len(told),
            attempts=sum(sent.attempts for sent in self._sent),
            lost=sum(1 for key, id_ in told.items() if ids.get(key) != id_),
            doubled=sum(1 for count in stored.values() if count != 1),
            unasked=len(stored.keys() - told.keys()),
            gaps=int(str(gaps or 0)),
            counted=last == counted == events,
            refused=sum((sent.refused for sent in self._sent), Counter()),
            wrong=sum((sent.wrong for sent in self._sent), Counter()),
            cut=sum(sent.cut for sent in self._sent),
        )

    def _write(self, sent: Sent) -> None:
        pause = threading.Event()
        while not self._over.is_set():
            batch = sent.batch(self._batch)
            body = json.dumps({"events": batch}).encode()
            answer = self._posted(sent, body)
            while isinstance(answer, float):
                pause.wait(answer)
                answer = self._posted(sent, body)
            keys = (str(event["idempotency_key"]) for event in batch)
            sent.acknowledged.update(zip(keys, answer, strict=True))

    def _posted(self, sent: Sent, body: bytes) -> list[str] | float:
        """Return the ids of a batch that was accepted or was there, or when to try again."""
        sent.attempts += 1
        connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", "/api/v1/events", body, self._headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            sent.cut += 1
            return RETRY_SECONDS
        finally:
            connection.close()
        if answer.status in (200, 201):
            ids: list[str] = json.loads(text)["ids"]
            return ids
        advised = answer.headers["Retry-After"]
        if answer.status in (429, 503) and advised and b'"detail"' in text:
            sent.refused[str(answer.status)] += 1
            return min(float(advised), MOST_RETRY_SECONDS)
        sent.wrong[f"HTTP {answer.status}"] += 1
        return RETRY_SECONDS


def _rows(
    connection: psycopg.Connection[tuple[object, ...]], select: str
) -> Iterator[tuple[str, object]]:
    for key, value in connection.execute(
        f"{select} WHERE idempotency_key IS NOT NULL GROUP BY idempotency_key"
    ):
        yield str(key), value
