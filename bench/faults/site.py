"""An installation whose processes run as they are shipped, with senders and an operator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from bench.delivery import Findings, Senders
from bench.faults.disk import Disk
from bench.faults.installation import Installation
from bench.faults.sight import Operator
from tests.support import factories
from tests.support.serving import WebProcess
from tests.support.workers import eventually

DEADLINES, LIMITS, LANES = "deadlines", "limits", "lanes"
"""The cures that a web can be started without."""
LIVE_WORKER = 'auditsaas_workers{queue="quick"} 1'
WARM = 5
"""How many events each writer had acknowledged before a fault strikes."""


@dataclass
class Site:
    made: Installation
    web: WebProcess
    operator: Operator
    workspace: UUID
    key: str
    variables: dict[str, str]
    database_disk: Disk | None = None
    """PostgreSQL's, where it has a small one of its own."""

    def senders(self, writers: int, batch: int) -> Senders:
        return Senders(self.web.address, self.key, writers, batch)

    def start_background(self) -> None:
        """Start worker and beat; return once the figures tell of both."""
        self.made.start_as_shipped(**self.variables)

        def heard_of() -> bool:
            figures = self.operator.ask("/metrics")
            return LIVE_WORKER in figures and "auditsaas_sweep_age_seconds" in figures

        eventually(heard_of, "a worker and beat that are heard of")

    def findings(self, senders: Senders) -> Findings:
        return senders.findings(self.made.settings, self.workspace)


@contextmanager
def site(
    made: Installation, disk: Disk | None = None, *, careless: str = "", **variables: str
) -> Iterator[Site]:
    """Start the web of an installation, without one of its cures where ``careless`` names it."""
    entry = "bench.faults.careless:app" if careless else "wsgi:app"
    web = WebProcess(
        made.settings, made.folder / "web.log", entry=entry, CARELESS=careless, **variables
    )
    workspace = factories.make_workspace("Under fire")
    key = factories.make_api_key(workspace)
    web.start()
    try:
        operator = Operator(made, web, **variables)
        yield Site(made, web, operator, workspace.id, key, variables, disk)
    finally:
        web.kill()


def warm_up(senders: Senders) -> None:
    """Start the senders; return once each of them was answered."""
    senders.start()
    eventually(lambda: min(senders.progress()) >= WARM, "senders that are all answered")


def await_recovery(senders: Senders) -> None:
    """Return once each sender was answered again."""
    before = senders.progress()
    eventually(
        lambda: all(now > then for now, then in zip(senders.progress(), before, strict=True)),
        "senders that are all answered again",
    )
