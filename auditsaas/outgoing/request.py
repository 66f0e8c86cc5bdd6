"""One request to an address that a person typed, and what came back.

The name is resolved once, every address it has is checked, and the connection goes to a checked
one while TLS verifies the name: a name that leads elsewhere a moment later leads nowhere. Nothing
is followed, nothing is taken from the environment, and what comes back is bounded in bytes and
time, whatever the other side does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Final

from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from auditsaas.outgoing import failures
from auditsaas.outgoing.connection import connect
from auditsaas.outgoing.deadline import Deadline
from auditsaas.outgoing.errors import AddressRefused, Unanswered
from auditsaas.outgoing.policy import Policy, check
from auditsaas.outgoing.typed import TypedAddress

AGENT: Final = "AuditSaaS"
NOT_OURS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection"})
"""Headers that this module writes itself."""

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_TEXT: Final = re.compile(r"[\t -~]{0,8000}")


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """A request to a typed address."""

    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Answer:
    """An answer, of whatever status; a redirect is one like another."""

    status: int
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes
    """As it came, up to the limit."""
    is_whole: bool
    """Whether nothing came beyond the limit."""

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The most time and bytes that a request may take."""

    connect_seconds: float = 5
    all_seconds: float = 20
    answer_bytes: int = 64 * 1024


LIMITS: Final = Limits()


def send(policy: Policy, outgoing: Outgoing, limits: Limits = LIMITS) -> Answer:
    """Send a request to a typed address and return the answer, whatever its status.

    Raises:
        AddressRefused: the address is not spoken to, or a header cannot be sent.
        Unanswered: it could not be reached, or gave no answer in form and time.
    """
    headers = _headers(outgoing.headers)
    deadline = Deadline(limits.all_seconds)
    checked = check(policy, outgoing.url, seconds=min(limits.connect_seconds, deadline.left))
    connection = connect(policy, checked, limits.connect_seconds, deadline)
    connection.timeout = deadline.left
    try:
        with deadline.over(connection.sock):
            answer = _exchange(connection, checked.typed, outgoing, headers, limits)
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        raise Unanswered(failures.sentence(checked.typed, error, deadline), sent=True) from error
    finally:
        connection.close()
    if deadline.has_passed:  # what was cut off may look like an answer's end
        raise Unanswered(failures.too_late(checked.typed), sent=True)
    return answer


def _exchange(
    connection: HTTPConnection,
    typed: TypedAddress,
    outgoing: Outgoing,
    headers: Mapping[str, str],
    limits: Limits,
) -> Answer:
    connection.request(
        outgoing.method,
        typed.target,
        body=outgoing.body or None,
        headers={**headers, "Host": typed.netloc, "Connection": "close"},
        preload_content=False,
        decode_content=False,
    )
    answer = connection.getresponse()
    body = _bounded(answer, limits.answer_bytes + 1)
    return Answer(
        answer.status,
        {name.lower(): text for name, text in answer.headers.items()},
        body[: limits.answer_bytes],
        len(body) <= limits.answer_bytes,
    )


def _bounded(answer: BaseHTTPResponse, most: int) -> bytes:
    """Read an answer's bytes as they come, packed or not, up to ``most``."""
    read = bytearray()
    while len(read) < most:
        chunk = answer.read(most - len(read), decode_content=False)
        if not chunk:
            break
        read += chunk
    return bytes(read)


def _headers(given: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that are sent, none of which can begin another."""
    for name, text in given.items():
        if not _NAME.fullmatch(name) or not _TEXT.fullmatch(text):
            raise AddressRefused(
                f"The header {name[:100]!r} holds what a header cannot: a line break, or a letter"
                " outside of ASCII."
            )
    own = {name: text for name, text in given.items() if name.lower() not in NOT_OURS}
    return {"User-Agent": AGENT} | own
