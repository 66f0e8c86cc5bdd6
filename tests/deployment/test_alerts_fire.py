"""Each alert, evaluated by Prometheus' own tool: silent while all is well, and heard in time."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deployment.test_monitoring import RULES

HEALTHY = 120
"""Seconds before it breaks; scrapes and evaluations are 15 s apart."""
SERIES_END = 400
MINUTE = 60


@dataclass(frozen=True)
class Case:
    """Series by name, each with a value while well and from then on; heard within ``seconds``."""

    series: dict[str, tuple[str, str]]
    seconds: int


def gauge(name: str, well: float, broken: float, seconds: int = 15) -> Case:
    return Case({name: (str(well), f"{broken}x{SERIES_END}")}, seconds)


def counter(name: str, step: float, seconds: int = 15) -> Case:
    return Case({name: ("0", f"{step}+{step}x{SERIES_END}")}, seconds)


def slow(name: str, labels: str) -> Case:
    """A histogram whose observations all come to lie in the bucket above the one before."""
    rising = f"10+10x{SERIES_END}"
    return Case(
        {
            f'{name}_bucket{{{labels}le="0.05"}}': ("0", f"0x{SERIES_END}"),
            f'{name}_bucket{{{labels}le="2.5"}}': ("0", rising),
            f'{name}_bucket{{{labels}le="+Inf"}}': ("0", rising),
        },
        11 * MINUTE,
    )


DAY = 86_400
CASES = {
    "WebAway": gauge('up{job="auditsaas", instance="web"}', 1, 0, 30),
    "DatabaseAway": gauge('auditsaas_up{part="database"}', 1, 0, 30),
    "DatabaseHung": counter('auditsaas_database_errors_total{class="hung"}', 1),
    "DatabaseFull": gauge("auditsaas_database_takes_writes", 1, 0, 0),
    "ClocksDiffer": gauge("auditsaas_clock_ahead_seconds", 0, 3, 75),
    "RedisAway": gauge('auditsaas_up{part="redis"}', 1, 0, 15),
    "RedisFull": Case(
        {
            "auditsaas_redis_memory_used_bytes": ("100", f"250x{SERIES_END}"),
            "auditsaas_redis_memory_max_bytes": ("256", f"256x{SERIES_END}"),
        },
        0,
    ),
    "NoWorker": gauge('auditsaas_workers{queue="heavy"}', 1, 0, 15),
    # Silent from the first second on, so that it has been for 30 s two scrapes later.
    "NoBeat": Case({"auditsaas_beat_age_seconds": ("2", f"17+15x{SERIES_END}")}, 15),
    "SweepLate": Case(
        {'auditsaas_job_sweep_age_seconds{kind="mails"}': ("3", f"18+15x{SERIES_END}")}, 45
    ),
    "Unavailable": counter('auditsaas_unavailable_total{reason="database away"}', 5, 30),
    # The first failure of a route is the first value of its series.
    "Faults": Case(
        {'auditsaas_request_seconds_count{route="/login", status="500"}': ("_", f"1x{SERIES_END}")},
        0,
    ),
    "LogForked": gauge("auditsaas_logs_forked", 0, 1, 0),
    "SealsLate": gauge("auditsaas_seal_lag_seconds", 3, 90, MINUTE),
    "WordsLate": gauge("auditsaas_words_late_logs", 0, 2, 15 * MINUTE),
    "SealMismatch": gauge("auditsaas_seal_mismatches", 0, 1, 0),
    "ReadsUnrecorded": counter("auditsaas_reads_unrecorded_total", 1),
    "JobsWait": gauge('auditsaas_job_oldest_pending_seconds{kind="exports"}', 5, 601),
    "JobsAbandoned": gauge('auditsaas_jobs_abandoned{kind="imports"}', 0, 1, 2 * MINUTE),
    "JobsFail": gauge('auditsaas_jobs_failed_last_day{kind="exports"}', 1, 9),
    "MailRefused": Case(
        {
            'auditsaas_mails{state="retrying"}': ("0", f"2x{SERIES_END}"),
            "auditsaas_mail_oldest_seconds": ("0", f"650x{SERIES_END}"),
        },
        0,
    ),
    "MailGivenUp": gauge('auditsaas_mails{state="failed"}', 0, 1),
    "ReportsLate": gauge("auditsaas_schedule_lateness_seconds", 0, 601),
    "ReplicaUnused": counter('auditsaas_replica_reads_total{outcome="behind"}', 9, 11 * MINUTE),
    "DiskScarce": Case(
        {
            'auditsaas_disk_free_bytes{disk="storage"}': ("50", f"9x{SERIES_END}"),
            'auditsaas_disk_size_bytes{disk="storage"}': ("100", f"100x{SERIES_END}"),
        },
        MINUTE,
    ),
    "PartitionsRunOut": gauge("auditsaas_partition_horizon_days", 90, 34),
    "RetentionLate": gauge(
        'auditsaas_task_age_seconds{task="maintenance.apply_retention"}', 100, 1.2 * DAY
    ),
    "PartitionsLate": gauge(
        'auditsaas_task_age_seconds{task="maintenance.make_partitions"}', 100, 0.6 * DAY
    ),
    "ConnectionsScarce": Case(
        {
            "auditsaas_database_connections": ("20", f"95x{SERIES_END}"),
            "auditsaas_database_connections_max": ("100", f"100x{SERIES_END}"),
        },
        MINUTE,
    ),
    "PoolExhausted": gauge('auditsaas_pool_waiting{pool="app"}', 0, 3, MINUTE),
    "PagesSlow": slow("auditsaas_request_seconds", 'route="/w/<slug>/audit-logs", '),
    "AppendsWait": slow("auditsaas_append_lock_wait_seconds", ""),
    "QueueGrows": gauge('auditsaas_queue_depth{queue="quick"}', 0, 101, 10 * MINUTE),
    "TwoVersions": Case(
        {
            'auditsaas_build_info{version="1.0.0"}': ("1", f"1x{SERIES_END}"),
            'auditsaas_build_info{version="1.1.0"}': ("_", f"1x{SERIES_END}"),
        },
        60 * MINUTE,
    ),
}
PAGES_WITHIN = 30
"""Beside ten seconds of silence, a scrape and an evaluation, it makes less than a minute."""


def firing(alert: str, at: int, number: int) -> dict[str, Any]:
    return {
        "expr": f'count(ALERTS{{alertname="AuditSaaS{alert}", alertstate="firing"}})',
        "eval_time": f"{at}s",
        "exp_samples": [{"labels": "{}", "value": number}] if number else [],
    }


def evaluate(folder: Path, alert: str, case: Case, *, number: int = 1) -> str:
    """Return Prometheus' complaints; '' where the alert is silent, and then heard in time."""
    series = [
        {"series": name, "values": f"{' '.join([well] * (HEALTHY // 15))} {broken}"}
        for name, (well, broken) in case.series.items()
    ]
    expected = [firing(alert, HEALTHY - 15, 0), firing(alert, HEALTHY + case.seconds, number)]
    tested = {"interval": "15s", "input_series": series, "promql_expr_test": expected}
    file = folder / "test.yml"
    file.write_text(
        yaml.safe_dump(
            {"rule_files": [str(RULES)], "evaluation_interval": "15s", "tests": [tested]}
        )
    )
    run = subprocess.run(
        ["promtool", "test", "rules", file], capture_output=True, text=True, check=False
    )
    return "" if run.returncode == 0 else run.stdout + run.stderr


def test_every_alert_has_a_case() -> None:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    named = {rule["alert"] for group in groups for rule in group["rules"]}
    assert named == {f"AuditSaaS{alert}" for alert in CASES}


@pytest.mark.parametrize("alert", CASES)
def test_alert_is_silent_while_all_is_well_and_heard_in_time(alert: str, tmp_path: Path) -> None:
    assert evaluate(tmp_path, alert, CASES[alert]) == ""


@pytest.mark.parametrize("alert", ["NoWorker", "NoBeat", "RedisFull", "RedisAway", "DatabaseFull"])
def test_what_stands_still_or_is_full_pages_within_a_minute(alert: str) -> None:
    assert CASES[alert].seconds <= PAGES_WITHIN


def test_beat_that_was_never_heard_of_is_told(tmp_path: Path) -> None:
    unheard = Case({'auditsaas_up{part="redis"}': ("_", f"1x{SERIES_END}")}, 0)
    assert evaluate(tmp_path, "NoBeat", unheard) == ""


def test_alert_that_is_not_heard_is_detected(tmp_path: Path) -> None:
    """The control."""
    well = gauge('auditsaas_workers{queue="heavy"}', 1, 1, MINUTE)
    assert "FAILED" in evaluate(tmp_path, "NoWorker", well)


def test_promtool_accepts_the_rules() -> None:
    run = subprocess.run(
        ["promtool", "check", "rules", RULES], capture_output=True, text=True, check=False
    )
    assert (run.returncode, "SUCCESS" in run.stdout) == (0, True)
