"""Applications that send events all the time, and send again what was not acknowledged."""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec

from auditsaas.demo.activity import generate
from bench.load.client import Client
from bench.load.records import Records

SENDERS = 4
BATCH = 25
PER_SECOND = 500
POOL = 4_000
RETRY_SECONDS = 0.25
GIVE_UP_SECONDS = 120


class Sender(threading.Thread):
    """Every batch has its keys before it is sent first, so that sending it again is harmless."""

    def __init__(
        self, number: int, keys: list[str], port: int, records: Records, over: threading.Event
    ) -> None:
        super().__init__(daemon=True, name=f"sender-{number}")
        self._number = number
        self._keys = keys
        self._client = Client(port, f"198.51.100.{number + 1}", records)
        self._records = records
        self._over = over
        made = generate(seed=number, total=POOL, now=datetime.now(UTC), days=1)
        self._pool = [event for _, event in islice(made, POOL)]
        self.acknowledged: Counter[int] = Counter()
        """How many events by the number of their workspace."""
        self.given_up = 0
        self.refused: set[str] = set()
        """What the answers that did not take a batch said."""

    def run(self) -> None:
        pause = SENDERS * BATCH / PER_SECOND
        due = time.monotonic()
        number = 0
        while not self._over.wait(max(0.0, due - time.monotonic())):
            due += pause
            self._deliver(number)
            number += 1

    def _deliver(self, number: int) -> None:
        workspace = number % len(self._keys)
        body = msgspec.json.encode({"events": self._batch(number)})
        began = time.monotonic()
        while not self._posted(workspace, body):
            if time.monotonic() - began > GIVE_UP_SECONDS:
                self.given_up += BATCH
                return
            time.sleep(RETRY_SECONDS)
        self.acknowledged[workspace] += BATCH
        self._records.add("ingest, with retries", began)

    def _batch(self, number: int) -> list[dict[str, Any]]:
        first = number * BATCH
        now = datetime.now(UTC).isoformat()
        return [
            self._pool[(first + n) % POOL]
            | {"occurred_at": now, "idempotency_key": f"load-{self._number}-{first + n}"}
            for n in range(BATCH)
        ]

    def _posted(self, workspace: int, body: bytes) -> bool:
        headers = {
            "Authorization": f"Bearer {self._keys[workspace]}",
            "Content-Type": "application/json",
        }
        began = time.monotonic()
        try:
            answer = self._client.send("POST", "/api/v1/events", body, headers, repeatable=True)
        except (OSError, http.client.HTTPException) as error:
            self._records.add("ingest", began, type(error).__name__)
            return False
        good = answer.status in (200, 201) and not msgspec.json.decode(answer.body)["rejected"]
        self._records.add("ingest", began, None if good else str(answer.status))
        if not good and len(self.refused) < 5:
            detail = re.search(r'"(?:detail|message)":"([^"]{1,200})', answer.text)
            self.refused.add(f"{answer.status}: {detail[1] if detail else 'nothing readable'}")
        return good
