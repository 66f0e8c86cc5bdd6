"""The manifests in deploy/kubernetes: valid, confined, and with the product's own names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import kubernetes_validate
import pytest
import yaml

from config import settings
from tests.architecture.test_docs import read_settings
from tests.deployment.test_files import COMPOSE
from tests.support.workers import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
BASE = FOLDER / "base"
OLDEST = "1.29"
OF_LIBRARIES = {"AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "TMPDIR"}
OF_GUNICORN = {"GUNICORN_CMD_ARGS"}
SECRETS = {
    "DATABASE_URL": "postgresql://auditsaas_app:p@db.example.com/auditsaas?sslmode=verify-full",
    "PLATFORM_DATABASE_URL": "postgresql://auditsaas_platform:p@db.example.com/a?sslmode=require",
    "REDIS_URL": "rediss://:a-long-password@queue.example.com:6379/0",
    "SECRET_KEY": "0f9d3c7be2a8461577c1e5d08b94af62",
    "SMTP_URL": "smtps://auditsaas:p@mail.example.com:465",
}
"""Such as the secret ``auditsaas`` holds."""


def documents(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    files = sorted(set(BASE.glob("*.yaml")) - {BASE / "kustomization.yaml"})
    return [each for file in files for each in documents(file.read_text())]


def works(manifests: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What runs pods, by its component."""
    return {
        each["metadata"]["labels"]["app.kubernetes.io/component"]: each
        for each in manifests
        if each["kind"] in ("Deployment", "Job")
    }


def pod(work: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = work["spec"]["template"]["spec"]
    return found


def container(work: dict[str, Any]) -> dict[str, Any]:
    (found,) = pod(work)["containers"]
    return dict(found)


@pytest.fixture(params=["web", "worker-quick", "worker-heavy", "maintenance", "beat", "migrate"])
def work(request: pytest.FixtureRequest, manifests: list[dict[str, Any]]) -> dict[str, Any]:
    return works(manifests)[request.param]


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_every_manifest_follows_the_schema(manifests: list[dict[str, Any]], version: str) -> None:
    for each in manifests:
        kubernetes_validate.validate(each, version, strict=True)
    assert len(manifests) > 10


def test_mistake_in_a_manifest_is_detected() -> None:
    """The control."""
    wrong = (BASE / "beat.yaml").read_text().replace("readOnlyRootFilesystem", "readOnlyRoot")
    with pytest.raises(kubernetes_validate.ValidationError, match="readOnlyRoot"):
        kubernetes_validate.validate(documents(wrong)[0], OLDEST, strict=True)


def test_kustomization_lists_every_file() -> None:
    listed = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
    assert set(listed) == {file.name for file in BASE.glob("*.yaml")} - {"kustomization.yaml"}
    example = yaml.safe_load((FOLDER / "example" / "kustomization.yaml").read_text())
    assert example["resources"] == ["../base"]
    assert [image["name"] for image in example["images"]] == ["auditsaas"]


def test_every_pod_is_confined(work: dict[str, Any]) -> None:
    rules = pod(work)["securityContext"]
    assert rules["runAsNonRoot"] is True
    assert rules["runAsUser"] == int(re.findall(r"uid (\d+)", (ROOT / "Dockerfile").read_text())[0])
    assert rules["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod(work)["automountServiceAccountToken"] is False
    assert pod(work)["enableServiceLinks"] is False
    own = container(work)["securityContext"]
    assert own["allowPrivilegeEscalation"] is False
    assert own["readOnlyRootFilesystem"] is True
    assert own["capabilities"] == {"drop": ["ALL"]}


def test_every_pod_has_bounds_and_writes_to_volumes_of_its_own(work: dict[str, Any]) -> None:
    resources = container(work)["resources"]
    assert set(resources["requests"]) == {"cpu", "memory"}
    assert "memory" in resources["limits"]
    mounted = {each["name"]: each["mountPath"] for each in container(work)["volumeMounts"]}
    assert mounted == {"tmp": "/tmp", "data": "/var/lib/auditsaas"}
    assert all(volume["emptyDir"]["sizeLimit"] for volume in pod(work)["volumes"])


def megabytes(words: str) -> int:
    number, unit = re.findall(r"^(\d+)([mg]|[MG]i)$", words)[0]
    return int(number) * (1024 if unit[0] in "gG" else 1)


def test_pods_have_the_memory_of_containers(work: dict[str, Any]) -> None:
    name = work["metadata"]["labels"]["app.kubernetes.io/component"]
    service = yaml.safe_load(COMPOSE.read_text())["services"][name]
    limit = container(work)["resources"]["limits"]["memory"]
    assert megabytes(limit) == megabytes(service["mem_limit"])


def test_only_migrate_and_maintenance_are_told_the_owner(manifests: list[dict[str, Any]]) -> None:
    told = {name for name, work in works(manifests).items() if "auditsaas-owner" in str(work)}
    assert told == {"migrate", "maintenance"}


def test_no_secret_is_written_down(manifests: list[dict[str, Any]]) -> None:
    assert "Secret" not in {each["kind"] for each in manifests}
    settled = next(each for each in manifests if each["kind"] == "ConfigMap")["data"]
    assert [name for name in settled if re.search("KEY|TOKEN|PASSWORD|_URL$", name)] == [
        "BASE_URL",
        "STORAGE_URL",
    ]


def environment(work: dict[str, Any], manifests: list[dict[str, Any]]) -> dict[str, str]:
    """The variables of its container; secrets have invented values."""
    settled = next(each for each in manifests if each["kind"] == "ConfigMap")["data"]
    named = [each.values() for each in container(work)["envFrom"]]
    assert [one["name"] for each in named for one in each] == ["auditsaas-settings", "auditsaas"]
    own = {one["name"]: one.get("value", "") for one in container(work).get("env", ())}
    if settings.OWNER in own:
        own[settings.OWNER] = "postgresql://auditsaas_owner:p@db.example.com/a?sslmode=require"
    return {**SECRETS, **settled, **own}


def test_settings_are_those_that_the_product_reads_and_a_production_takes_them(
    work: dict[str, Any], manifests: list[dict[str, Any]]
) -> None:
    found = environment(work, manifests)
    assert set(found) - read_settings() == set(found) & (OF_LIBRARIES | OF_GUNICORN)
    assert settings.load(found).production


def test_secrets_that_the_settings_file_lists_are_settings() -> None:
    head = (BASE / "settings.yaml").read_text().partition("apiVersion")[0]
    listed = set(re.findall(r"[A-Z][A-Z_]{4,}", head))
    assert listed >= set(SECRETS)
    assert listed - read_settings() == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


def words(service: Mapping[str, Any]) -> list[str]:
    """A compose service's command, with the numbers of its example."""
    return [re.sub(r"\$\{\w+:-(\d+)\}", r"\1", word) for word in service["command"]]


def test_commands_are_those_of_the_compose_file(manifests: list[dict[str, Any]]) -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    found = works(manifests)
    for name in set(found) - {"web"}:
        made = container(found[name])
        assert made["command"] + made.get("args", []) == words(services[name]), name
    assert "command" not in container(found["web"])  # the image's own


def test_web_is_restarted_by_healthz_and_served_by_readyz(manifests: list[dict[str, Any]]) -> None:
    web = container(works(manifests)["web"])
    paths = {name: probe["httpGet"]["path"] for name, probe in web.items() if "Probe" in name}
    assert paths == {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }
    assert web["readinessProbe"]["timeoutSeconds"] > 3  # within which /readyz answers
    assert web["ports"] == [{"name": "http", "containerPort": 8000}]


def test_pods_have_as_long_to_end_as_containers(work: dict[str, Any]) -> None:
    name = work["metadata"]["labels"]["app.kubernetes.io/component"]
    grace = yaml.safe_load(COMPOSE.read_text())["services"][name].get("stop_grace_period", "10s")
    assert pod(work).get("terminationGracePeriodSeconds", 30) >= int(grace.removesuffix("s"))


def selectors(manifests: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, str]]]:
    for each in manifests:
        chosen = (
            each["spec"].get("selector") or each["spec"].get("podSelector")
            if "spec" in each
            else None
        )
        if chosen is not None:
            yield each["kind"], chosen.get("matchLabels", chosen)


def test_every_selector_matches_pods(manifests: list[dict[str, Any]]) -> None:
    labels = [work["spec"]["template"]["metadata"]["labels"] for work in works(manifests).values()]
    found = list(selectors(manifests))
    assert {"Service", "PodDisruptionBudget", "NetworkPolicy", "Deployment"} <= {
        k for k, _ in found
    }
    for kind, chosen in found:
        assert any(chosen.items() <= each.items() for each in labels), (kind, chosen)


def test_what_has_a_budget_runs_more_than_once_and_never_less_in_an_update(
    manifests: list[dict[str, Any]],
) -> None:
    budgets = [each for each in manifests if each["kind"] == "PodDisruptionBudget"]
    assert {each["metadata"]["name"] for each in budgets} == {
        "auditsaas-web",
        "auditsaas-worker-quick",
    }
    for budget in budgets:
        spec = works(manifests)[budget["metadata"]["name"].removeprefix("auditsaas-")]["spec"]
        assert spec["replicas"] > budget["spec"]["minAvailable"]
        assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
