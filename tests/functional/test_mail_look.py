"""Every mail, over real SMTP: text first, the same in the product's look beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path

import pytest

from auditsaas.mail import outbox, transport
from auditsaas.mail.transport import Server
from auditsaas.notifications.delivery import TEMPLATES
from config.settings import Settings
from tests.support.factories import unique
from tests.support.letters import FACTS, written
from tests.support.smtp import TAKE, MailServer, mail_server

BRAND = "Ledger & Log"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_server(tmp_path_factory.mktemp("smtp")) as running:
        running.becomes(TAKE)
        yield running


@pytest.fixture(params=sorted(FACTS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def got(kind: str, settings: Settings, server: MailServer) -> EmailMessage:
    """The mail as its reader's server took it."""
    to = f"{unique('reader')}@example.com"
    sent = written(kind, replace(settings, brand_name=BRAND), to)
    transport.send(Server.of(server.url), sent)
    (arrived,) = server.received(to)
    return arrived


class Html(HTMLParser):
    """Collects what a mail's HTML says, leads to and asks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.styles = ""
        self._in: str = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in = tag
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value for name, value in attrs if name == "href" and value}
        self.styles += "".join(value or "" for name, value in attrs if name == "style")

    def handle_data(self, data: str) -> None:
        if self._in == "style":
            self.styles += data
        else:
            self.words += data.split()


def parts(mail: EmailMessage) -> tuple[str, Html]:
    text, html = (str(part.get_content()) for part in mail.iter_parts())
    return text, Html(html)


def test_every_template_of_a_mail_is_looked_at() -> None:
    kinds = {path.name.partition(".")[0] for path in Path(TEMPLATES).glob("*.subject.txt")}
    assert kinds == {kind.partition(".")[0] for kind in FACTS}
    assert outbox.KINDS.keys() | outbox.HOLDING_SECRETS <= FACTS.keys()


def test_text_comes_first_and_html_beside_it(got: EmailMessage) -> None:
    assert got.get_content_type() == "multipart/alternative"
    types = [part.get_content_type() for part in got.iter_parts()]
    assert types == ["text/plain", "text/html"]
    assert [part.get_content_charset() for part in got.iter_parts()] == ["utf-8", "utf-8"]


def test_both_bodies_lead_to_the_same_places(got: EmailMessage, settings: Settings) -> None:
    text, html = parts(got)
    in_text = set(re.findall(r"https?://\S+", text))
    assert in_text == html.links
    assert all(link.startswith(settings.base_url + "/") for link in html.links)


def test_both_bodies_say_what_it_is_about(got: EmailMessage, kind: str) -> None:
    text, html = parts(got)
    facts = FACTS[kind]
    for name in ("title", "workspace", "by", "inviter", "until", "period", "kept_until"):
        said = str(facts.get(name, ""))
        if kind == "report.failed" and name in ("workspace", "kept_until"):
            continue
        if name == "workspace" and kind.startswith("access"):
            said = str(facts["title"])
        assert " ".join(said.split()) in " ".join(text.split()), name
        assert " ".join(said.split()) in " ".join(html.words), name


def test_nothing_is_fetched_or_run_by_opening_it(got: EmailMessage) -> None:
    _, html = parts(got)
    assert html.tags.isdisjoint({"img", "script", "link", "iframe", "object", "svg", "form"})
    assert html.attributes.isdisjoint({"src", "srcset", "background", "action"})
    assert not re.search(r"url\(|@import|expression", html.styles)
    assert not any(part.get_filename() for part in got.walk())


def test_it_wears_the_brand_and_follows_dark_colours(got: EmailMessage) -> None:
    _, html = parts(got)
    assert BRAND in " ".join(html.words)
    assert "prefers-color-scheme: dark" in html.styles
    assert "h1" in html.tags
    assert got["From"] == f"{BRAND} <auditsaas@localhost>"


def test_text_has_no_markup_and_no_gaps(got: EmailMessage) -> None:
    text, _ = parts(got)
    assert not re.search(r"<[a-z/]|&[a-z]+;|\{\{|\n\n\n", text)
