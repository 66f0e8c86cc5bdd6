"""What the database and Redis say of the whole installation, read when somebody asks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import redis
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from auditsaas.db.tenancy import platform_session
from auditsaas.events.maintenance import partitions
from auditsaas.exports.kind import UNFINISHED
from auditsaas.exports.models import Export, ExportState
from config.celery import HEAVY, QUICK, SWEEPS_KEY

REDIS_TIMEOUT_SECONDS = 0.5


class Installation(Collector):
    """The gauges that are the same whichever process is asked. A part that does not answer is 0 in
    ``auditsaas_up``, and its figures are left out rather than guessed."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("auditsaas_up", "Whether a part answers", labels=["part"])
        for part, read in (("database", self._database), ("redis", self._redis)):
            try:
                figures = list(read())
            except (SQLAlchemyError, redis.RedisError, OSError):
                up.add_metric([part], 0)
                continue
            up.add_metric([part], 1)
            yield from figures
        yield up

    def _database(self) -> Iterator[Metric]:
        with platform_session() as session:
            yield _exports(session)
            yield GaugeMetricFamily(
                "auditsaas_export_oldest_pending_seconds",
                "Age of the oldest export that is neither finished nor failed; 0 without one",
                value=oldest_pending(session),
            )
            yield GaugeMetricFamily(
                "auditsaas_partition_horizon_days",
                "For how many days ahead the log has partitions",
                value=partition_horizon_days(session, datetime.now(UTC)),
            )

    def _redis(self) -> Iterator[Metric]:
        timeout = REDIS_TIMEOUT_SECONDS
        with redis.Redis.from_url(
            self._redis_url, socket_timeout=timeout, socket_connect_timeout=timeout
        ) as server:
            depth = GaugeMetricFamily(
                "auditsaas_queue_depth", "Messages that wait for a worker", labels=["queue"]
            )
            for queue in (QUICK, HEAVY):
                depth.add_metric([queue], float(server.llen(queue)))
            yield depth
            swept = server.hvals(SWEEPS_KEY)
            if swept:
                yield GaugeMetricFamily(
                    "auditsaas_sweep_age_seconds",
                    "Time since waiting exports were last looked for",
                    value=max(0.0, time.time() - min(map(float, swept))),
                )


def _exports(session: Session) -> Metric:
    states = select(Export.state, func.count()).group_by(Export.state)
    counted = {row[0]: row[1] for row in session.execute(states)}
    family = GaugeMetricFamily("auditsaas_exports", "Exports by state", labels=["state"])
    for state in ExportState:
        family.add_metric([state.value], counted.get(state, 0))
    return family


def oldest_pending(session: Session) -> float:
    age = func.extract("epoch", func.now() - func.min(Export.created_at))
    return float(session.scalar(select(age).where(Export.state.in_(UNFINISHED))) or 0)


def partition_horizon_days(session: Session, now: datetime) -> float:
    """Days from ``now`` to the end of the last month that follows without a gap; 0 without any."""
    names = set(
        session.scalars(
            text(
                "SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"
                " WHERE i.inhparent = 'events'::regclass"
            )
        )
    )
    months = 0
    while f"events_{partitions.add_months(now, months):%Y_%m}" in names:
        months += 1
    end = partitions.add_months(now, months)
    return (end - now).total_seconds() / 86_400 if months else 0.0
