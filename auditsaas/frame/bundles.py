"""Scripts and styles that pages load together, each group of files as one answer.

A bundle is the text of its files in their order, made when it is first asked for and again where
one of them has changed, packed once, and addressed by its content.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import brotli
from flask import Flask, Response, request, url_for
from werkzeug.wrappers import Response as AnyResponse

STATIC: Final = Path(__file__).resolve().parents[1] / "static"

BUNDLES: Final[Mapping[str, tuple[str, ...]]] = {
    "bundles/page.css": ("vendor/tabler-core-1.6.1/tabler.subset.min.css", "app.css"),
    "bundles/page.js": (
        "vendor/htmx-4.0.1/htmx.min.js",
        "away.js",
        "app.js",
        "arrows.js",
        "go.js",
    ),
    "bundles/log.js": (
        "filters.js",
        "find-fields.js",
        "log.js",
        "suggest.js",
        "narrow.js",
        "drag.js",
    ),
    # tom-select's own skin comes before Tabler's of it.
    "bundles/finders.css": (
        "vendor/tom-select-2.6.2/tom-select.bootstrap5.min.css",
        "vendor/tabler-core-1.6.1/tabler-vendors.subset.min.css",
    ),
    "bundles/finders.js": ("vendor/tom-select-2.6.2/tom-select.base.min.js", "finders.js"),
}
"""The files of each bundle, by its path below ``/static``. ``page`` is what every page loads,
``log`` what the pages with events add, ``finders`` what a find-and-add field loads when it is
first used."""

MIMETYPES: Final = {".css": "text/css", ".js": "text/javascript"}
BROTLI_QUALITY: Final = 9
"""Within a tenth of the smallest, in a tenth of its time."""

_OWN_URL: Final = re.compile(r'url\("(vendor/[^"]+)"\)')


@dataclass(frozen=True)
class Bundle:
    content: bytes
    packed: bytes
    """By brotli."""
    version: str


def install(app: Flask) -> None:
    """Serve bundles beside the files of ``/static``."""

    def send(filename: str) -> AnyResponse:
        return _answer(filename) if filename in BUNDLES else app.send_static_file(filename)

    app.view_functions["static"] = send


def version(filename: str) -> str | None:
    """Return the digest that addresses a bundle or a static file; None where there is none."""
    if filename in BUNDLES:
        return bundle(filename).version
    path = STATIC / filename
    return _digest_of(path, path.stat().st_mtime_ns) if path.is_file() else None


def bundle(name: str) -> Bundle:
    """Return a bundle of its files as they are now."""
    paths = tuple(STATIC / part for part in BUNDLES[name])
    return _made(paths, tuple(path.stat().st_mtime_ns for path in paths))


def _answer(name: str) -> AnyResponse:
    found = bundle(name)
    packs = request.accept_encodings["br"] > 0
    response = Response(
        found.packed if packs else found.content, mimetype=MIMETYPES[Path(name).suffix]
    )
    if packs:
        response.headers["Content-Encoding"] = "br"
    response.headers["Cache-Control"] = "no-cache"
    response.set_etag(f"{found.version}:br" if packs else found.version)
    return response.make_conditional(request)


@lru_cache(maxsize=32)
def _made(paths: tuple[Path, ...], _modified: tuple[int, ...]) -> Bundle:
    # A script may end without its semicolon, or in a comment.
    between = "\n;\n" if paths[0].suffix == ".js" else "\n"
    text = between.join(_text(path) for path in paths)
    content = text.encode()
    return Bundle(content, brotli.compress(content, quality=BROTLI_QUALITY), _digest(content))


def _text(path: Path) -> str:
    """Read a file, with the addresses in it as they are seen from a bundle."""
    return _OWN_URL.sub(
        lambda found: f'url("{url_for("static", filename=found[1])}")', path.read_text("utf-8")
    )


@lru_cache(maxsize=256)
def _digest_of(path: Path, _modified: int) -> str:
    return _digest(path.read_bytes())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
