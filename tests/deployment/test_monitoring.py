"""Alert rules and dashboard: every expression parses, and asks for what /metrics has."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import promql_parser
import pytest
import yaml
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families
from promql_parser import AggregateExpr, Expr, Matcher, MatchOp, VectorSelector
from redis import Redis

from auditsaas import metrics
from auditsaas.exports.models import ExportState
from auditsaas.jobs import liveness
from auditsaas.jobs.job_log import TIMETABLE
from auditsaas.operations.figures.processes import Web
from auditsaas.operations.kinds import KINDS
from config.celery import BEAT_KEY, QUEUES, RUNS_KEY, SWEEPS_KEY
from config.settings import Settings
from tests.architecture.test_docs import anchors
from tests.support.workers import ROOT

RULES = ROOT / "deploy" / "prometheus" / "auditsaas.rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "auditsaas.json"
OPERATE = ROOT / "docs" / "operate.md"
PROMETHEUS_OWN = {"up": {"job", "instance"}}
TARGET = {"job", "instance"}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
VALUES: Mapping[str, set[str]] = {
    "class": {"53100", "53300", "57014", "hung", "pool", "away"},
    "kind": {kind.name for kind in KINDS},
    "outcome": {"accepted", "duplicate", "conflict", "refused", "replica", "behind", "away"},
    "part": {"database", "redis"},
    "queue": set(QUEUES),
    "reason": {"not ready"},
    "state": {"waiting", "retrying", "failed", *(state.value for state in ExportState)},
    "status": {"500", "503"},
    "task": set(TIMETABLE),
}


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.fixture(scope="module")
def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


@pytest.fixture
def told(client: FlaskClient, settings: Settings) -> Mapping[str, set[str]]:
    """The labels of every name that a query may ask for, of a web whose installation runs."""
    with Redis.from_url(settings.redis_url) as redis:
        liveness.note_beat(redis)
        liveness.note_run(redis, "jobs.sweep")
        redis.hset(SWEEPS_KEY, "exports", "1")
        redis.config_set("maxmemory", 256_000_000)
        text = client.get("/metrics").text
        redis.config_set("maxmemory", 0)
        redis.delete(BEAT_KEY, RUNS_KEY, SWEEPS_KEY)
    processes = CollectorRegistry()
    processes.register(Web(os.getpid()))
    return {**PROMETHEUS_OWN, **names(text), **names(generate_latest(processes).decode())}


COUNTED = {
    metric._name: set(metric._labelnames)
    for metric in vars(metrics).values()
    if isinstance(metric, MetricWrapperBase)
}
"""Labels of what may not have been counted yet."""


def names(text: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        labels = {label for sample in family.samples for label in sample.labels}
        labels |= COUNTED.get(family.name, set())
        for suffix in SUFFIXES.get(family.type, ("",)):
            found[f"{family.name}{suffix}"] = labels | TARGET
    return found


def expressions(text: str) -> Iterator[Expr]:
    """Every part of a query; raises ValueError where it is none."""
    # What Grafana puts in for its variables.
    text = re.sub(r"\$__rate_interval", "1m", text).replace("$instance", ".*")
    found: list[Expr] = []
    promql_parser.walk(promql_parser.parse(text), found.append)
    yield from found


def wrong(query: str, told: Mapping[str, set[str]]) -> list[str]:
    """List the names, labels and values in a query that there are not."""
    found: list[str] = []
    known: set[str] = set()
    parts = list(expressions(query))
    for part in parts:
        if isinstance(part, VectorSelector):
            labels = told.get(part.name or "")
            found += [f"{part.name}"] if labels is None else []
            known |= labels or set()
            found += [m.name for m in part.matchers.matchers if m.name not in known | {"le"}]
            found += [f"{m.name}={m.value}" for m in part.matchers.matchers if is_unknown(m)]
    for part in parts:
        if isinstance(part, AggregateExpr) and part.modifier is not None:
            found += [label for label in part.modifier.labels if label not in known | {"le"}]
    return found


def is_unknown(matcher: Matcher) -> bool:
    exact = matcher.op in (MatchOp.Equal, MatchOp.NotEqual)
    values = VALUES.get(matcher.name)
    return exact and values is not None and matcher.value not in values


def test_every_alert_asks_for_figures_that_there_are(
    rules: list[dict[str, Any]], told: Mapping[str, set[str]]
) -> None:
    assert len(rules) > 20
    assert {rule["alert"]: w for rule in rules if (w := wrong(rule["expr"], told))} == {}


def test_every_panel_asks_for_figures_that_there_are(
    panels: list[dict[str, Any]], told: Mapping[str, set[str]]
) -> None:
    asked = [(p["title"], t["expr"]) for p in panels for t in p.get("targets", ())]
    assert len(asked) > 30
    assert {title: w for title, expr in asked if (w := wrong(expr, told))} == {}


def test_every_figure_of_the_product_is_on_the_dashboard_or_in_an_alert(
    rules: list[dict[str, Any]], panels: list[dict[str, Any]], told: Mapping[str, set[str]]
) -> None:
    asked = str([rule["expr"] for rule in rules]) + str([p.get("targets") for p in panels])
    families = {re.sub("_(total|bucket|count|sum)$", "", name) for name in told}
    unseen = {name for name in families if name not in asked and not name.endswith("_created")}
    assert {name for name in unseen if name.startswith("auditsaas_")} == {
        "auditsaas_export_oldest_pending_seconds"  # that of jobs, for one kind
    }


def test_every_alert_has_a_runbook_and_says_how_urgent_it_is(rules: list[dict[str, Any]]) -> None:
    known = anchors(OPERATE)
    for rule in rules:
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (page, anchor in known) == ("docs/operate.md", True), rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
    assert len({rule["alert"] for rule in rules}) == len(rules)


def test_every_runbook_belongs_to_an_alert(rules: list[dict[str, Any]]) -> None:
    chapter = OPERATE.read_text().partition("\n## Runbooks\n")[2]
    headings = {
        h.lower().replace(" ", "-") for h in re.findall(r"^### (.+)$", chapter, re.MULTILINE)
    }
    linked = {rule["annotations"]["runbook"].partition("#")[2] for rule in rules}
    assert headings == linked


def test_what_stands_still_pages_within_a_minute(rules: list[dict[str, Any]]) -> None:
    """Ten seconds of silence, a scrape and an evaluation of 15 s each, and the rule's own time."""
    named = {rule["alert"]: rule.get("for", "0s") for rule in rules}
    still = ("NoWorker", "NoBeat", "RedisFull", "DatabaseFull")
    assert {name: named[f"AuditSaaS{name}"] for name in still} == {
        "NoWorker": "15s",
        "NoBeat": "0s",  # its silence is 30 s
        "RedisFull": "0s",
        "DatabaseFull": "0s",
    }


def test_panels_have_numbers_of_their_own_and_do_not_overlap(panels: list[dict[str, Any]]) -> None:
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [tuple(panel["gridPos"][side] for side in "xywh") for panel in panels]
    cells = [(c, r) for x, y, w, h in places for c in range(x, x + w) for r in range(y, y + h)]
    assert len(set(cells)) == len(cells)
    assert max(column for column, _ in cells) < 24


@pytest.mark.parametrize(
    ("query", "mistakes"),
    [
        ("auditsaas_wokers == 0", ["auditsaas_wokers"]),
        ('auditsaas_up{part="databse"}', ["part=databse"]),
        ('auditsaas_up{prat="redis"}', ["prat"]),
        ("sum by (ueue) (auditsaas_queue_depth)", ["ueue"]),
    ],
)
def test_mistake_in_a_query_is_detected(
    query: str, mistakes: list[str], told: Mapping[str, set[str]]
) -> None:
    """The control."""
    assert wrong(query, told) == mistakes


def test_broken_query_does_not_parse() -> None:
    """The control."""
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        list(expressions("sum(rate(auditsaas_up[5m])"))
