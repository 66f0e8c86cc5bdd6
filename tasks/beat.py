"""The Celery app of beat: ``celery --app tasks.beat beat``.

A clock sends names. So it loads no task, no page and no database, and takes half of a worker's
memory.
"""

from __future__ import annotations

import time
from typing import Any

from celery import Celery
from celery.signals import before_task_publish

from auditsaas import logs

with logs.starting():
    from config.celery import CONSUMER_TRANSPORT, SENT_AT, SETTINGS
    from config.start import load
    from tasks import process  # noqa: F401  # connects its signals

    settings = load()

celery = Celery("auditsaas")  # type: ignore[no-untyped-call]  # Celery ships no types
celery.conf.update(SETTINGS)
celery.conf.include = ()
celery.conf.broker_url = settings.redis_url
celery.conf.broker_transport_options = CONSUMER_TRANSPORT


@before_task_publish.connect(weak=False)  # type: ignore[no-untyped-call,untyped-decorator]  # Celery ships no types
def _say_when(headers: dict[str, Any], **_: Any) -> None:
    """Say in a message when it was sent, as the web does."""
    headers[SENT_AT] = time.time()
