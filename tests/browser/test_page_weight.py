"""What a first visit to the log costs, as a browser counts it: requests, and bytes as they came."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.support.factories import append_events, event_input, make_member, make_workspace

MOST_REQUESTS = 15
MOST_BYTES = 150_000
MOST_BYTES_AGAIN = 30_000


@dataclass
class Traffic:
    """Requests by their addresses, and the bytes of each with its headers."""

    addresses: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.sizes.get(key, 0) for key in self.addresses)

    def told(self) -> dict[str, int | None]:
        return {address: self.sizes.get(key) for key, address in self.addresses.items()}


def watch(page: Page, *, cold: bool) -> Traffic:
    """Count what is loaded from now on."""
    seen = Traffic()
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    if cold:
        session.send("Network.clearBrowserCache")

    def asked(event: dict[str, Any]) -> None:
        if not event["request"]["url"].startswith("data:"):
            seen.addresses[event["requestId"]] = event["request"]["url"]

    def came(event: dict[str, Any]) -> None:
        seen.sizes[event["requestId"]] = int(event["encodedDataLength"])

    session.on("Network.requestWillBeSent", asked)
    session.on("Network.loadingFinished", came)
    return seen


def visit_log(visitor: Visitor, address: str, *, cold: bool) -> Traffic:
    visitor.page.goto("about:blank")
    seen = watch(visitor.page, cold=cold)
    visitor.open(address)
    expect(visitor.page.locator("#histogram a").first).to_be_attached()
    expect(visitor.page.locator("#facets .c").first).to_be_attached()
    visitor.page.wait_for_load_state("networkidle")
    return seen


def test_visits_to_the_log_take_few_requests_and_bytes(visitor: Visitor) -> None:
    workspace = make_workspace("Acme Freight")
    events = [event_input(activity=f"a.{n % 9}", duration_ms=n, path=f"/{n}") for n in range(100)]
    append_events(workspace, events)
    visitor.sign_in(make_member(workspace), "/account")
    address = f"/w/{workspace.slug}/audit-logs"
    first = visit_log(visitor, address, cold=True)
    assert 5 < len(first.addresses) <= MOST_REQUESTS, first.told()
    assert 60_000 < first.total <= MOST_BYTES, first.told()
    again = visit_log(visitor, address, cold=False)
    assert 0 < again.total <= MOST_BYTES_AGAIN, again.told()
