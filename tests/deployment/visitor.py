"""A browser or program that uses an installation, through its proxy or directly."""

from __future__ import annotations

import http.client
import json
import re
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

HOST = "audit.example.com"
CLIENT = "127.0.0.7"
"""Where visitors come from; the servers are at 127.0.0.1."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Visitor:
    """Keeps cookies; sends the Referer that the CSRF check over https asks for.

    Over ``tls`` no certificate is checked, for the one of the tests names no public host.
    ``forwarded`` says what a proxy would, to a web without one. ``like`` another, it has the same
    cookies, as a browser whose requests go to several machines.
    """

    def __init__(
        self,
        port: int,
        *,
        tls: bool = False,
        forwarded: bool = False,
        like: Visitor | None = None,
    ) -> None:
        self._port = port
        self._tls = tls
        self._forwarded = forwarded
        self._cookies: dict[str, str] = like._cookies if like else {}

    def get(self, path: str, **headers: str) -> Answer:
        return self._send("GET", path, None, headers)

    def post(self, path: str, form: dict[str, str], **headers: str) -> Answer:
        kind = {"Content_Type": "application/x-www-form-urlencoded"}
        return self._send("POST", path, urlencode(form).encode(), kind | headers)

    def post_json(self, path: str, value: object, **headers: str) -> Answer:
        kind = {"Content_Type": "application/json"}
        return self._send("POST", path, json.dumps(value).encode(), kind | headers)

    def upload(self, path: str, form: dict[str, str], name: str, content: str) -> Answer:
        parts = [("", field, value) for field, value in form.items()]
        parts.append((f'; filename="{name}"', "file", content))
        body = "".join(
            f'--cut\r\nContent-Disposition: form-data; name="{field}"{more}\r\n\r\n{value}\r\n'
            for more, field, value in parts
        )
        kind = {"Content_Type": "multipart/form-data; boundary=cut"}
        return self._send("POST", path, f"{body}--cut--\r\n".encode(), kind)

    def csrf_token(self, path: str) -> str:
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get(path).text)
        assert found, path
        return found[1]

    def sign_in(self, email: str, password: str) -> Answer:
        token = self.csrf_token("/login")
        form = {"email": email, "password": password, "csrf_token": token}
        return self.post("/login", form)

    def _send(self, method: str, path: str, body: bytes | None, given: dict[str, str]) -> Answer:
        headers = {"Host": HOST, "Referer": f"https://{HOST}/"}
        headers |= {name.replace("_", "-"): value for name, value in given.items()}
        if self._forwarded:
            headers |= {"X-Forwarded-For": CLIENT, "X-Forwarded-Proto": "https"}
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self._cookies.items())
        connection = self._connection()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        return Answer(answer.status, answer.headers, answer.read())

    def _connection(self) -> http.client.HTTPConnection:
        place = ("127.0.0.1", self._port)
        if not self._tls:
            return http.client.HTTPConnection(*place, timeout=30)
        return http.client.HTTPSConnection(
            *place,
            timeout=30,
            source_address=(CLIENT, 0),
            context=ssl._create_unverified_context(),  # noqa: S323
        )


def is_ready(port: int) -> bool:
    try:
        return Visitor(port).get("/readyz").status == 200
    except OSError:
        return False
