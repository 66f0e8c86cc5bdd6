"""Splits one line of an Apache or nginx access log into its fields.

Understood is ``[vhost] client ident user [time] "request" status bytes``, with or without
``"referrer" "agent"`` and further fields after them. Where a server did not escape a quote, or a
line was cut before its last one, the nearest sensible reading is taken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from auditsaas.events.importers.bounds import few
from auditsaas.events.importers.outcome import LineError
from auditsaas.events.importers.times import shown
from auditsaas.text import normal_address

_TIME = re.compile(
    r" \[(?P<time>[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [-+][0-9]{4})\] \""
)
_QUOTED = r"[^\"\\]*+(?:\\.[^\"\\]*+)*+"
_ANSWER = r"\" (?P<code>[0-9]{3}|-) (?P<bytes>[0-9]{1,18}|-)(?= |$)"
_REQUEST = re.compile(rf"(?P<request>{_QUOTED}){_ANSWER}", re.DOTALL)
# For servers that write a quote of the request as it came.
_LOOSE_REQUEST = re.compile(rf"(?P<request>.*?){_ANSWER}", re.DOTALL)
_FIELD = re.compile(rf" \"(?P<text>{_QUOTED})\"(?= |$)", re.DOTALL)
_LOOSE_FIELD = re.compile(r" \"(?P<text>.*?)(?:\"(?= \")|\"$|$)", re.DOTALL)
_EXTRA = re.compile(rf"\"({_QUOTED})\"|([^ ]+)", re.DOTALL)
_ESCAPES = re.compile(r"(?:\\x[0-9A-Fa-f]{2})+|\\(?P<plain>[\"\\])")
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F)}
_BLANK = {"-", "", '""'}


@dataclass(frozen=True)
class WebLine:
    """The fields of a line as text; None where the log has none (``-``)."""

    client: str
    time: str
    request: str | None
    code: str
    size: int | None
    vhost: str | None = None
    ident: str | None = None
    user: str | None = None
    referrer: str | None = None
    agent: str | None = None
    extra: tuple[str, ...] = ()


def split(raw: bytes) -> WebLine:
    """Split a line into its fields; ``request`` keeps its escapes, the others are unescaped.

    Raises:
        LineError: the line has another shape.
    """
    line = _unwrapped(readable(raw))
    time = _TIME.search(line)
    if time is None:
        raise LineError("no [time] followed by a quoted request")
    start = time.end()
    answer = _REQUEST.match(line, start) or _LOOSE_REQUEST.match(line, start)
    if answer is None:
        raise LineError("no status code and size after the request")
    vhost, client, ident, user = _parties(line[: time.start()])
    referrer, agent, extra = _rest(line, answer.end())
    return WebLine(
        client=client,
        time=time["time"],
        request=None if answer["request"] in _BLANK else answer["request"],
        code=answer["code"],
        size=None if answer["bytes"] == "-" else int(answer["bytes"]),
        vhost=vhost,
        ident=ident,
        user=user,
        referrer=referrer,
        agent=agent,
        extra=extra,
    )


def readable(raw: bytes) -> str:
    r"""Write bytes that are not UTF-8, and control characters, as ``\xNN``, which can be stored."""
    return _visible(raw.decode("utf-8", "backslashreplace"))


def unescaped(text: str) -> str:
    r"""Replace ``\"`` and ``\xNN`` (of Apache and nginx) by what they stand for, if readable."""
    return _ESCAPES.sub(_unescape, text) if "\\" in text else text


def _unescape(match: re.Match[str]) -> str:
    if match["plain"]:
        return match["plain"]
    return readable(bytes.fromhex(match[0].replace("\\x", "")))


def _visible(text: str) -> str:
    if text.isprintable():
        return text
    return text.translate(_CONTROLS)


def _unwrapped(line: str) -> str:
    if not (line.startswith('"') and line.endswith('"') and len(line) > 1):
        return line
    inner = line[1:-1]
    return inner.replace('""', '"') if '""' in inner else inner.replace('\\"', '"')


def _parties(head: str) -> tuple[str | None, str, str | None, str | None]:
    """Split the virtual host, client, ident and user before the time."""
    words = head.split(" ")
    vhost = None
    if len(words) > 3 and not normal_address(words[0]) and _is_client(words):
        vhost = words.pop(0)
    while len(words) > 3 and words[0].endswith(","):
        words[:2] = [f"{words[0]} {words[1]}"]
    if not words[0]:
        raise LineError("no client and user before the time")
    if len(words) < 2:
        raise LineError(
            f"no ident and user (- -) between the client {shown(words[0])} and the time", near=1
        )
    ident, user = words[1], " ".join(words[2:])
    return (
        vhost,
        words[0],
        None if ident in _BLANK else ident,
        None if user in _BLANK else unescaped(user),
    )


def _is_client(words: list[str]) -> bool:
    """Tell whether the second word is the client, the first being a virtual host."""
    if words[0].endswith(","):
        return False
    return bool(normal_address(words[1])) or (words[1] != "-" and words[2] == "-")


def _rest(line: str, position: int) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Read the referrer, the agent, and what follows them."""
    texts: list[str | None] = []
    while len(texts) < 2:
        match = _FIELD.match(line, position) or _LOOSE_FIELD.match(line, position)
        if match is None:
            break
        texts.append(None if match["text"] in _BLANK else unescaped(match["text"]))
        position = match.end()
    referrer, agent = [*texts, None, None][:2]
    extra = tuple(
        unescaped(match[1] or match[2])
        for match in few(_EXTRA.finditer(line, position))
        if match[1] or match[2]
    )
    return referrer, agent, extra if any(text != "-" for text in extra) else ()
