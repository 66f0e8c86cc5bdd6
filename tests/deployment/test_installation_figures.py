"""The figures of an installation in the form of production, whose processes all run."""

from __future__ import annotations

import pytest

from tests.deployment.installation import Installation
from tests.deployment.visitor import Visitor
from tests.support.workers import eventually


@pytest.fixture
def operator(installation: Installation) -> Visitor:
    """Asks the web itself, as Prometheus does."""
    return Visitor(installation.port)


def read(operator: Visitor, installation: Installation) -> dict[str, float]:
    answer = operator.get("/metrics", Authorization=f"Bearer {installation.metrics_token}")
    assert answer.status == 200
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_every_worker_and_beat_are_heard_of(operator: Visitor, installation: Installation) -> None:
    task = 'auditsaas_task_age_seconds{task="jobs.sweep"}'
    eventually(lambda: task in read(operator, installation), "a sweep that ended well")
    found = read(operator, installation)
    alive = {name: value for name, value in found.items() if "auditsaas_workers" in name}
    # A worker of heavy takes imports as well.
    expected = {"quick": 1, "heavy": 1, "imports": 2, "maintenance": 1, "tree": 1}
    assert alive == {f'auditsaas_workers{{queue="{q}"}}': n for q, n in expected.items()}
    assert found["auditsaas_beat_age_seconds"] < 30


def test_processes_and_pools_of_one_web_are_added_up(
    operator: Visitor, installation: Installation
) -> None:
    found = read(operator, installation)
    processes = 1 + len(installation.children("web"))
    assert found["auditsaas_processes"] == processes == 3
    assert found["process_resident_memory_bytes"] > processes * 20_000_000
    assert found["process_cpu_seconds_total"] > 0
    assert found["process_open_fds"] > 0
    assert found['auditsaas_pool_size{pool="app"}'] == 2 * 16
