"""HTTP as a browser speaks it behind the proxy: one kept connection, cookies, its own address."""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from bench.load.records import Records
from tests.deployment.visitor import HOST

TIMEOUT_SECONDS = 60
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
GONE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    location: str = ""

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


@dataclass
class Client:
    port: int
    address: str
    """Where it seems to be, as the proxy tells."""
    records: Records
    cookies: dict[str, str] = field(default_factory=dict)
    _connection: http.client.HTTPConnection | None = None

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        repeatable: bool = False,
    ) -> Answer:
        """One answer; raises OSError or HTTPException where there is none.

        A kept connection that the server has closed meanwhile is opened again, once, for what may
        be sent twice (RFC 9110, 9.2.2): every GET, and what says so.
        """
        kept = self._connection is not None
        try:
            return self._sent(method, path, body, headers or {})
        except GONE:
            self.close()
            if not kept or not (repeatable or method == "GET"):
                raise
            self.records.reopened += 1
            return self._sent(method, path, body, headers or {})

    def post_form(self, path: str, form: dict[str, str]) -> Answer:
        """By a new connection, for a form that met a closed one may not be sent again."""
        self.close()
        return self.send("POST", path, urlencode(form).encode(), FORM)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _sent(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=TIMEOUT_SECONDS
            )
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        all_headers = self._front() | ({"Cookie": cookies} if cookies else {}) | headers
        try:
            self._connection.request(method, path, body, all_headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        self._remember(answer)
        if answer.will_close:
            self.close()
        return Answer(answer.status, content, answer.headers.get("Location", ""))

    def _front(self) -> dict[str, str]:
        return {
            "Host": HOST,
            "Referer": f"https://{HOST}/",
            "X-Forwarded-For": self.address,
            "X-Forwarded-Proto": "https",
        }

    def _remember(self, answer: Any) -> None:
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value


def csrf_token(page: Answer) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    if not found:
        raise RuntimeError(f"no form on a page: {page.status} {page.text[:200]!r}")
    return found[1]
