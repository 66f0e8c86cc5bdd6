"""Background work on the trees over the logs: the queue ``tree``, whose tasks are short."""

from __future__ import annotations

from auditsaas.evidence.tree import sweeping
from auditsaas.evidence.tree.keys import Keyring
from auditsaas.extensions import settings
from auditsaas.jobs.queue import task


@task("tree.sweep")
def sweep() -> int:
    """Grow the trees that are behind their logs; return how many turns grew one."""
    return sweeping.sweep(Keyring.of(settings()))
