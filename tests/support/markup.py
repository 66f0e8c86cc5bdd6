"""Pages as a browser reads them: without the white space that only the source has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

TOKENS = re.compile(
    r"""(?P<kept><(?P<name>pre|textarea|script|style)\b.*?</(?P=name)\s*>)"""
    r"""|(?P<tag><(?P<close>/?)(?P<tag_name>[a-zA-Z][\w-]*)(?:"[^"]*"|'[^']*'|[^>"'])*>)"""
    r"""|(?P<text>[^<]+|<)""",
    re.DOTALL,
)
BETWEEN_VALUES = re.compile(r"""("[^"]*"|'[^']*')|\s+""")
# White space beside these is seen; beside any other element it is not.
TEXT = {"a", "abbr", "b", "bdi", "br", "code", "del", "em", "i", "ins", "kbd", "label", "mark"}
TEXT |= {"small", "span", "strong", "sub", "sup", "time", "u"}
BOXES = {"button", "select", "svg"}  # inline outside, blocks inside
INLINE = TEXT | BOXES | {"img", "input", "meter", "progress", "textarea"}


def squeezed(html: str) -> str:
    """Return the markup without the white space that no browser shows or hands to a script."""
    pieces = list(_pieces(html))
    shown = []
    for number, (text, *_) in enumerate(pieces):
        if text.isspace() or not text.startswith("<"):
            before = pieces[number - 1][2] if number else True
            after = pieces[number + 1][1] if number + 1 < len(pieces) else True
            text = text.lstrip() if before else text
            text = text.rstrip() if after else text
        shown.append(text)
    return "".join(shown)


def _pieces(html: str) -> Iterator[tuple[str, bool, bool]]:
    """Cut the page; with whether white space before and after each piece is not seen."""
    for found in TOKENS.finditer(html):
        if found["kept"]:
            yield found["kept"], found["name"] != "textarea", found["name"] != "textarea"
        elif found["tag"]:
            name, closes = found["tag_name"].lower(), bool(found["close"])
            block, box = name not in INLINE, name in BOXES
            yield _tag(found["tag"]), block or (box and closes), block or (box and not closes)
        else:
            yield re.sub(r"[ \t\r\n]+", " ", found["text"]), False, False


def _tag(text: str) -> str:
    spaced = BETWEEN_VALUES.sub(lambda found: found[1] or " ", text)
    return re.sub(r" (/?>)$", r"\1", spaced)


class ReadPage(TestResponse):
    @cached_property
    def text(self) -> str:
        text = self.get_data(as_text=True)
        return squeezed(text) if self.mimetype == "text/html" else text


class PageClient(FlaskClient):
    """A client whose answers read as a browser reads them; ``data`` stays what was sent."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.response_wrapper = type("Answer", (ReadPage, self.response_wrapper), {})
