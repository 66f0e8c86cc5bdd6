"""The Celery app of beat: ``celery --app tasks.beat beat``.

A clock sends names. So it loads no task, no page and no database, and takes half of a worker's
memory.
"""

from __future__ import annotations

from celery import Celery

from auditsaas import logs

with logs.starting():
    from config.celery import CONSUMER_TRANSPORT, SETTINGS
    from config.start import load
    from tasks import process  # noqa: F401  # connects its signals

    settings = load()

celery = Celery("auditsaas")  # type: ignore[no-untyped-call]  # Celery ships no types
celery.conf.update(SETTINGS)
celery.conf.include = ()
celery.conf.broker_url = settings.redis_url
celery.conf.broker_transport_options = CONSUMER_TRANSPORT
