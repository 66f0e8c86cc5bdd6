"""Bundles: several scripts or styles as one file, packed once."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator
from pathlib import Path

import brotli
import pytest
from flask.testing import FlaskClient

from auditsaas.frame import bundles
from auditsaas.frame.bundles import BUNDLES, STATIC


@pytest.mark.parametrize("name", BUNDLES)
def test_bundle_holds_its_files_whole_and_in_order(client: FlaskClient, name: str) -> None:
    shown = client.get(f"/static/{name}").text
    at = 0
    for part in BUNDLES[name]:
        text = (STATIC / part).read_text().replace('url("vendor/', 'url("/static/vendor/')
        begin = text.split(".woff2")[0]
        at = shown.index(begin, at) + len(begin)


@pytest.mark.parametrize("name", [name for name in BUNDLES if name.endswith(".js")])
def test_script_of_a_bundle_is_ended_before_the_next_begins(client: FlaskClient, name: str) -> None:
    shown = client.get(f"/static/{name}").text
    for part in BUNDLES[name][1:]:
        before, _, _ = shown.partition((STATIC / part).read_text())
        assert before.endswith("\n;\n")


@pytest.mark.parametrize("name", BUNDLES)
def test_bundle_is_the_same_in_every_encoding(client: FlaskClient, name: str) -> None:
    def get(encoding: str) -> bytes:
        answer = client.get(f"/static/{name}", headers={"Accept-Encoding": encoding})
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert answer.headers.get("Content-Encoding", "identity") == encoding
        return answer.data

    plain = get("identity")
    assert brotli.decompress(get("br")) == plain
    assert gzip.decompress(get("gzip")) == plain


def test_bundle_that_is_known_is_not_sent_again(client: FlaskClient) -> None:
    for encoding in ("identity", "br"):
        asked = {"Accept-Encoding": encoding}
        tag = client.get("/static/bundles/page.css", headers=asked).headers["ETag"]
        again = client.get("/static/bundles/page.css", headers=asked | {"If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b""), encoding


def test_font_of_the_style_is_the_one_that_is_preloaded(client: FlaskClient) -> None:
    [preloaded] = re.findall(r"/static/[^\"]+woff2[^\"]*", client.get("/login").text)
    assert f'url("{preloaded}")' in client.get("/static/bundles/page.css").text


@pytest.fixture
def touched() -> Iterator[Path]:
    """Give a file of a bundle to change, and put its times back."""
    path = STATIC / "app.js"
    kept = path.stat()
    yield path
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))


def test_bundle_is_made_anew_where_a_file_changed(client: FlaskClient, touched: Path) -> None:
    client.get("/static/bundles/page.js")
    made = bundles._made.cache_info().misses
    client.get("/static/bundles/page.js")
    assert bundles._made.cache_info().misses == made
    os.utime(touched, ns=(0, 0))
    client.get("/static/bundles/page.js")
    assert bundles._made.cache_info().misses == made + 1


def test_name_of_no_bundle_is_not_found(client: FlaskClient) -> None:
    assert client.get("/static/bundles/other.js").status_code == 404
