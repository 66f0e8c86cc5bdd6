"""One kept connection to the server, over the standard library."""

from __future__ import annotations

import gzip
import http.client
import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .backoff import retry_after_seconds
from .version import __version__

EVENTS_PATH = "/api/v1/events"
USER_AGENT = f"auditsaas-client/{__version__}"
MAX_ANSWER_BYTES = 4_000_000
# Level 1 halves the time of the default for a few per cent of size.
GZIP_LEVEL = 1


class Unreachable(Exception):
    """No answer came: the name, the connection, the time or the answer itself failed."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]
    """Empty unless the answer is a JSON object."""
    retry_after: float | None
    """Seconds from now, where the server asks for them."""


class Transport:
    """Posts batches. Used by one thread at a time."""

    def __init__(
        self, url: str, key: str, timeout: float, ssl_context: ssl.SSLContext | None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ValueError(f"url must be like https://audit.example.com, not {url!r}")
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("key must be the secret of an API key, like aud_…")
        self._https = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._path = parts.path.rstrip("/") + EVENTS_PATH
        self._key = key
        self._timeout = timeout
        self._ssl_context = ssl_context
        self._connection: http.client.HTTPConnection | None = None

    def post(self, lines: Sequence[bytes]) -> Answer:
        """Send one batch and read the answer.

        Raises:
            Unreachable: there was none; the batch may or may not have been stored.
        """
        body = gzip.compress(b"\n".join(lines), GZIP_LEVEL, mtime=0)
        kept = self._connection is not None
        try:
            try:
                return self._exchange(body)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                # A kept connection ends whenever the server likes; that says nothing about it.
                if not kept:
                    raise
                self.close()
                return self._exchange(body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise Unreachable(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, body: bytes) -> Answer:
        if self._connection is None:
            self._connection = self._connect()
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Content-Type": "application/x-ndjson",
            "Content-Encoding": "gzip",
            "Accept": "application/json",
            "User-Agent": USER_AGENT,
        }
        self._connection.request("POST", self._path, body, headers)
        response = self._connection.getresponse()
        content = response.read(MAX_ANSWER_BYTES + 1)
        if response.length:  # bytes that were announced and are still missing
            raise http.client.IncompleteRead(content, response.length)
        if response.will_close:
            self.close()
        retry_after = retry_after_seconds(response.getheader("Retry-After"))
        return Answer(response.status, _object(content), retry_after)

    def _connect(self) -> http.client.HTTPConnection:
        if not self._https:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        context = self._ssl_context or ssl.create_default_context()
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=self._timeout, context=context
        )


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
