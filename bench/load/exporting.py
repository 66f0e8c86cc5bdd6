"""Somebody who asks for a file every ten seconds, watches each and downloads it."""

from __future__ import annotations

import http.client
import itertools
import re
import threading
import time
from dataclasses import dataclass

from bench.load.client import Client, csrf_token
from bench.load.people import SLUG, asked, sign_in
from bench.load.records import Records

EVERY_SECONDS = 10
POLL_SECONDS = 2
LAST_WAIT_SECONDS = 180
WANTED = (
    ("csv", {"range": "last_30_days"}),
    ("jsonl", {"range": "last_7_days"}),
    ("pdf", {"range": "yesterday", "status": "error"}),
    ("xlsx", {"range": "last_week"}),
    ("csv", {"method": "DELETE"}),
)


@dataclass
class Wanted:
    """One file on its way."""

    id: str
    format: str
    asked_at: float
    state: str = "queued"
    seconds: float | None = None
    """From asking until it was seen ready, which is looked at every two seconds."""
    bytes: int = 0


class Exporter(threading.Thread):
    def __init__(self, email: str, port: int, records: Records, over: threading.Event) -> None:
        super().__init__(daemon=True, name="exporter")
        self._email = email
        self._client = Client(port, "203.0.113.200", records)
        self._records = records
        self._over = over
        self.files: list[Wanted] = []
        self.not_taken = 0

    def run(self) -> None:
        sign_in(self._client, self._email)
        page = asked(self._client, self._records, "page", f"/w/{SLUG}/audit-logs")
        token = csrf_token(page) if page else ""
        due = time.monotonic()
        wanted = itertools.cycle(WANTED)
        while not self._over.wait(POLL_SECONDS):
            if time.monotonic() >= due:
                due += EVERY_SECONDS
                self._ask(*next(wanted), token)
            self._look()
        self._wait_for_the_last()

    def _wait_for_the_last(self) -> None:
        deadline = time.monotonic() + LAST_WAIT_SECONDS
        while self._open() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            self._look()

    def _open(self) -> list[Wanted]:
        return [file for file in self.files if file.state in ("queued", "building")]

    def _ask(self, format: str, query: dict[str, str], token: str) -> None:
        began = time.monotonic()
        form = {"format": format, "csrf_token": token} | query
        try:
            answer = self._client.post_form(f"/w/{SLUG}/exports", form)
        except (OSError, http.client.HTTPException) as error:
            self._records.add("export, asked", began, type(error).__name__)
            self.not_taken += 1
            return
        good = answer.status in (200, 303)  # a small one is the answer, and is listed, too
        self._records.add("export, asked", began, None if good else str(answer.status))
        # Nobody else asks for files, so the newest of the list is the one.
        page = asked(self._client, self._records, "export list", f"/w/{SLUG}/exports")
        found = page and re.search(r'data-export-id="([^"]+)"', page.text)
        if good and found:
            self.files.append(Wanted(found[1], format, began))
        else:
            self.not_taken += 1

    def _look(self) -> None:
        for file in self._open():
            path = f"/w/{SLUG}/exports/{file.id}"
            row = asked(self._client, self._records, "export, polled", path, partial=True)
            found = row and re.search(r'data-state="([^"]+)"', row.text)
            if not found:
                continue
            file.state = found[1]
            if file.state == "ready":
                file.seconds = time.monotonic() - file.asked_at
                got = asked(self._client, self._records, "download", f"{path}/download")
                file.bytes = len(got.body) if got else 0
