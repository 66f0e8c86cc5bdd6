"""Twenty admins who read the log: filters, older pages, single events, with time to think."""

from __future__ import annotations

import http.client
import random
import re
import threading
import time
from urllib.parse import urlencode

from bench.load.client import PARTIAL, Answer, Client, csrf_token
from bench.load.place import PASSWORD
from bench.load.records import Records

THINK_SECONDS = (2.0, 6.0)
SLUG = "big"
FILTERS = (
    {"status": "error"},
    {"method": "DELETE"},
    {"activity": "invoice.*"},
    {"activity": "user.login", "status": "error"},
    {"range": "last_7_days"},
    {"range": "last_month", "method": "POST"},
    {"platform": "iOS", "range": "last_30_days"},
    {"q": "ms:>500 -status:success"},
)
OLDER = 5
"""How many pages deep somebody goes who looks for something old."""


class Admin(threading.Thread):
    def __init__(
        self, number: int, email: str, port: int, records: Records, over: threading.Event
    ) -> None:
        super().__init__(daemon=True, name=email)
        self._email = email
        self._chance = random.Random(number)
        self._client = Client(port, f"203.0.113.{number + 1}", records)
        self._records = records
        self._over = over
        self._log = f"/w/{SLUG}/audit-logs"
        self.is_in = False

    def run(self) -> None:
        sign_in(self._client, self._email)
        self.is_in = True
        actions = (self._look, self._look, self._filter, self._filter, self._go_back, self._go_deep)
        while not self._over.wait(self._chance.uniform(*THINK_SECONDS)):
            self._chance.choice(actions)()

    def _look(self) -> None:
        """The whole page, then what it loads by itself, then perhaps one of its events."""
        page = self._get("page", self._log)
        self._figures("")
        self._open_one_of(page)

    def _filter(self) -> None:
        query = urlencode(self._chance.choice(FILTERS))
        page = self._get("filter", f"{self._log}?{query}", partial=True)
        self._figures(query)
        self._open_one_of(page)

    def _go_back(self) -> None:
        path = self._log
        for _ in range(OLDER):
            page = self._get("older", path, partial=True)
            older = _older(page) if page else None
            if not older or self._over.wait(self._chance.uniform(0.5, 1.5)):
                return
            path = older

    def _go_deep(self) -> None:
        """To a moment of the last year, as a link or the histogram leads there."""
        moment = time.time() - self._chance.uniform(30, 330) * 86400
        cursor = f"{int(moment * 1000):012x}"
        cursor = f"{cursor[:8]}-{cursor[8:]}-7000-8000-000000000000"
        self._get("deep", f"{self._log}?before={cursor}", partial=True)

    def _figures(self, query: str) -> None:
        for part in ("count", "facets", "histogram"):
            self._get(part, f"{self._log}/{part}?{query}", partial=True)

    def _open_one_of(self, page: Answer | None) -> None:
        found = re.findall(r'data-event-id="([^"]+)"', page.text) if page else []
        if not found or self._over.wait(self._chance.uniform(0.5, 2)):
            return
        self._get("event", f"{self._log}/{self._chance.choice(found)}", partial=True)

    def _get(self, kind: str, path: str, *, partial: bool = False) -> Answer | None:
        return asked(self._client, self._records, kind, path, partial=partial)


def asked(
    client: Client, records: Records, kind: str, path: str, *, partial: bool = False
) -> Answer | None:
    """The answer where it is the right one; how it went is recorded."""
    began = time.monotonic()
    try:
        answer = client.send("GET", path, headers=PARTIAL if partial else None)
    except (OSError, http.client.HTTPException) as error:
        records.add(kind, began, type(error).__name__)
        return None
    right = answer.status == 200
    records.add(kind, began, None if right else f"{answer.status}{answer.location}")
    return answer if right else None


def sign_in(client: Client, email: str) -> None:
    token = csrf_token(client.send("GET", "/login"))
    form = {"email": email, "password": PASSWORD, "csrf_token": token}
    answer = client.post_form("/login", form)
    if answer.status not in (302, 303):
        raise RuntimeError(f"{email} is not signed in: {answer.status}")


def _older(page: Answer) -> str | None:
    found = re.search(r'href="([^"]*[?&](?:amp;)?before=[^"]+)"', page.text)
    return found[1].replace("&amp;", "&") if found else None
