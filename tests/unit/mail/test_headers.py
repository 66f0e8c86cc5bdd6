"""Headers of mails, whatever is in the texts that they are made of."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import default
from email.utils import parseaddr
from typing import Any

import pytest

from auditsaas.mail.headers import one_line
from auditsaas.mail.transport import Letter, MailRefused, composed

LETTER = Letter(
    message_id="019aa000-0000-7000-8000-000000000001",
    sender_name="AuditSaaS",
    sender="audit@acme.example",
    to_name="Ann Lee",
    to="ann@acme.example",
    subject="Your export is ready",
    text="It is ready.",
    html="<p>It is ready.</p>",
    written_at=datetime(2026, 11, 19, 12, tzinfo=UTC),
)
HEADERS = {
    b"subject", b"from", b"to", b"date", b"message-id", b"auto-submitted", b"mime-version",
    b"content-type",
}  # fmt: skip
TEXTS = {
    "q word": "=?utf-8?q?a=0D=0ABcc:_evil@x.example?=",
    "b word": "=?utf-8?b?DQpCY2M6IGV2aWxAeC5leGFtcGxl?=",
    "word between long text": f"{'a' * 80} =?utf-8?q?=0ABcc:_e@x.example?= {'b' * 80}",
    "utf-7 word": "=?utf-7?q?+AA0ACg-Bcc:x?=",
    "line separator": "\u2028Bcc: x",
    "word of a body": "=?us-ascii?q?=0D=0A=0D=0A<script>?=",
    "long text": "x" * 3000,
    "word of a NUL": "=?utf-8?q?=00?=",
    "next line": "\x85Bcc: x@x",
    "vertical tab": "a\x0bBcc: x",
    "line breaks": "a\r\nBcc: evil@x.example\r\n\r\nHello",
    "words side by side": "=?utf-8?q?a?= =?utf-8?q?=0D=0ABcc:_x?=",
    "word in capitals": "=?UTF-8?Q?=0D=0ABcc:_x?=",
    "word with a language": "=?utf-8*en?q?=0D=0ABcc:_x?=",
    "beginning of a word": "=?utf-8?q?=0D=0ABcc",
    "quotes": '"Ann" <evil@x.example>, \\',
    "quoted word": '"=?utf-8?q?=0D=0ABcc:_x?="',
    "other letters": "Zoë Ōkubo 大久保 🦊" * 20,
    "ends in a backslash": "Ann\\",
    "comment": "Ann (=?utf-8?q?=0D=0ABcc:_x?=)",
}
FIELDS = ("subject", "to_name", "sender_name", "request_id")


def changed(field: str, text: str) -> Letter:
    values: dict[str, Any] = {field: text}
    return replace(LETTER, **values)


def head_of(letter: Letter) -> bytes:
    head, _, body = composed(letter).as_bytes().partition(b"\r\n\r\n")
    assert body.startswith(b"--===")
    return head


def shown(letter: Letter, name: str) -> tuple[str, str]:
    """A header's name and address as a mailbox shows them (RFC 2047, 6.2)."""
    raw = message_from_bytes(composed(letter).as_bytes())[name]
    text, address = parseaddr(raw)
    return str(make_header(decode_header(text))), address


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_no_text_makes_a_header_or_a_line_of_its_own(text: str, field: str) -> None:
    head = head_of(changed(field, text))
    lines = head.split(b"\r\n")
    names = {line.partition(b":")[0].lower() for line in lines if not line.startswith(b" ")}
    assert names == HEADERS | ({b"x-request-id"} if field == "request_id" else set())
    assert not re.search(rb"[\r\n\x00\x0b\x85]", b"".join(lines))
    assert max(map(len, lines)) <= 998


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_name_is_shown_as_it_was_typed(text: str) -> None:
    letter = replace(LETTER, to_name=text, sender_name=text)
    assert shown(letter, "To") == (one_line(text), LETTER.to)
    assert shown(letter, "From") == (one_line(text), LETTER.sender)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_subject_is_shown_as_it_was_typed(text: str) -> None:
    raw = composed(replace(LETTER, subject=text)).as_bytes()
    got = message_from_bytes(raw, policy=default)["Subject"]
    assert str(got) == one_line(text)


def test_mail_without_names_shows_the_addresses() -> None:
    letter = replace(LETTER, to_name="", sender_name="\x00")
    assert shown(letter, "To") == ("", LETTER.to)
    assert shown(letter, "From") == ("", LETTER.sender)


@pytest.mark.parametrize("field", ["to", "sender"])
@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "ann@",
        "@x.example",
        "a b@x.example",
        "a@x.example\r\nBcc: b@x.example",
        "a@x.example, b@x.example",
        "<a@x.example>",
        "a@b@x.example",
        "a@x.example\x00",
    ],
)
def test_mail_to_or_from_no_address_is_refused(address: str, field: str) -> None:
    with pytest.raises(MailRefused):
        composed(changed(field, address))


def test_address_that_looks_like_an_encoded_word_is_not_decoded() -> None:
    address = "=?utf-8?q?a=0d=0abcc=3a_x?=@x.example"
    assert f"<{address}>".encode() in head_of(replace(LETTER, to=address))
