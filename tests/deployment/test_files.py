"""The files that a deployment starts from, read by those who will read them there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from config import refusals
from tests.support.workers import ROOT

BIN = Path(sys.executable).parent
COMPOSE = ROOT / "docker-compose.yml"
SYSTEMD = ROOT / "deploy" / "systemd"
UNITS = sorted(SYSTEMD.glob("*.service"))
SOCKET = SYSTEMD / "auditsaas-web.socket"
PRODUCT = {"web", "worker-quick", "worker-heavy", "maintenance", "beat"}
LONG_RUNNING = PRODUCT | {"postgres", "redis", "storage"}
ONCE = {"migrate", "bucket", "storage-folder"}


def complaints(*command: str | Path, given: str | None = None) -> str:
    """Return a checker's complaints about a file; '' where it is right."""
    run = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if run.returncode == 0:
        return ""
    return run.stdout + run.stderr or f"ended with {run.returncode}"


@pytest.fixture(scope="module")
def services() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


@pytest.mark.parametrize("path", ["Dockerfile", ".devcontainer/Dockerfile"])
def test_hadolint_passes_on_the_dockerfile(path: str) -> None:
    assert complaints(BIN / "hadolint", ROOT / path) == ""


def test_hadolint_detects_a_mistake() -> None:
    """The control."""
    wrong = "FROM python:latest\nRUN sudo apt-get install curl\n"
    assert "DL3007" in complaints(BIN / "hadolint", "-", given=wrong)


def test_image_runs_unprivileged_with_a_health_check() -> None:
    instructions = re.findall(r"^([A-Z]+) (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    said: dict[str, list[str]] = {}
    for word, rest in instructions:
        said.setdefault(word, []).append(rest)
    assert said["USER"] == ["10001"]
    assert "HEALTHCHECK" in said
    assert [image for image in said["FROM"] if not re.search(r":\d+\.\d+\.\d+-", image)] == []


def validate(file: Path) -> str:
    checker = BIN / "check-jsonschema"
    return complaints(checker, "--builtin-schema", "vendor.compose-spec", file)


def test_the_compose_file_follows_the_specification() -> None:
    assert validate(COMPOSE) == ""


def test_compose_schema_detects_a_mistake(tmp_path: Path) -> None:
    """The control."""
    wrong = tmp_path / "compose.yml"
    wrong.write_text(COMPOSE.read_text().replace("restart: unless-stopped", "restarts: always"))
    assert "restarts" in validate(wrong)


def test_every_compose_service_is_pinned_and_has_a_health_check(
    services: Mapping[str, Any],
) -> None:
    assert set(services) >= LONG_RUNNING | ONCE
    images = {name: service["image"] for name, service in services.items()}
    ours = "auditsaas:${VERSION:-latest}"
    floating = [n for n, i in images.items() if i != ours and not re.search(r":[^:]*\d\.?\d", i)]
    assert floating == []
    unwatched = [n for n in services if n not in ONCE and not services[n].get("healthcheck")]
    assert [name for name in unwatched if name != "web"] == []  # the image's own check is web's


def test_redis_keeps_its_queue_and_evicts_nothing(services: Mapping[str, Any]) -> None:
    words = " ".join(services["redis"]["command"])
    assert "--appendonly yes" in words
    assert "--maxmemory-policy noeviction" in words


def test_nothing_starts_before_the_migrations(services: Mapping[str, Any]) -> None:
    for name in PRODUCT:
        awaited = services[name]["depends_on"]["migrate"]
        assert awaited == {"condition": "service_completed_successfully"}


def test_only_migrations_and_maintenance_are_told_the_owner(services: Mapping[str, Any]) -> None:
    ours = PRODUCT | {"migrate"}
    told = {name for name in ours if "OWNER_PASSWORD" in str(services[name]["environment"])}
    assert told == {"migrate", "maintenance"}


def test_only_the_maintenance_unit_reads_the_owner_and_as_an_account_of_its_own() -> None:
    units = {unit.stem: unit.read_text() for unit in UNITS}
    told = {name for name, text in units.items() if "auditsaas-owner.env" in text}
    assert told == {"auditsaas-maintenance"}
    accounts = {
        name: re.findall(r"^User=(.+)$", text, re.MULTILINE) for name, text in units.items()
    }
    others = [account for name, account in accounts.items() if name != "auditsaas-maintenance"]
    assert accounts["auditsaas-maintenance"] == ["auditsaas-maintenance"]
    assert ["auditsaas-maintenance"] not in others


def example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_example_names_every_variable_of_the_compose_file_and_no_other() -> None:
    asked = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", COMPOSE.read_text())) - {"VERSION"}
    assert set(example()) == asked


def test_unedited_example_environment_is_refused(services: Mapping[str, Any]) -> None:
    """Each replace-me reaches a setting that refuses it."""
    values = example()
    environment = {
        name: re.sub(r"\$\{(\w+)[^}]*\}", lambda m: values.get(m[1], ""), str(value))
        for name, value in services["web"]["environment"].items()
    }
    sentence = refusals.refusal(environment)
    assert sentence is not None
    assert refusals.PLACEHOLDER in sentence


@pytest.mark.parametrize("unit", [*UNITS, SOCKET], ids=lambda unit: unit.name)
def test_systemd_accepts_the_unit(unit: Path, tmp_path: Path) -> None:
    assert verify(unit, tmp_path) == ""


def test_systemd_detects_a_mistake(tmp_path: Path) -> None:
    """The control."""
    wrong = tmp_path / "wrong.service"
    wrong.write_text(UNITS[0].read_text().replace("Restart=always", "Restart=perhaps"))
    assert "perhaps" in verify(wrong, tmp_path / "checked")


def verify(unit: Path, folder: Path) -> str:
    """Return systemd's complaints about a unit, whose programs are here, not where they will be."""
    folder.mkdir(exist_ok=True)
    name = unit.name.replace("@", "@quick")
    if unit.stem == SOCKET.stem:
        for other in (SOCKET, SOCKET.with_suffix(".service")):
            (folder / other.name).write_text(here(other))
    (folder / name).write_text(here(unit))
    run = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", folder / name],
        capture_output=True,
        text=True,
        check=False,
    )
    return "\n".join(line for line in run.stderr.splitlines() if name in line)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_unit_leaves_a_process_little_to_do_harm_with(unit: Path, tmp_path: Path) -> None:
    """Of 100 that systemd counts; the control is a unit with nothing but its command."""
    assert exposed(unit, tmp_path, most=20) == ""
    bare = tmp_path / "bare.service"
    bare.write_text("[Service]\nExecStart=/bin/true\n")
    assert exposed(bare, tmp_path, most=20)
    words = unit.read_text()
    assert "MemoryMax=" in words
    assert "TasksMax=" in words


def exposed(unit: Path, folder: Path, most: int) -> str:
    (folder / "u.service").write_text(here(unit))
    options = ("--offline=true", "--no-pager", f"--threshold={most}")
    return complaints("systemd-analyze", "security", *options, folder / "u.service")


def here(unit: Path) -> str:
    return unit.read_text().replace("/opt/auditsaas/.venv/bin", str(BIN)).replace("%i", "quick")


def test_socket_unit_listens_where_nginx_asks() -> None:
    listens = re.findall(r"^ListenStream=(.+)$", SOCKET.read_text(), re.MULTILINE)
    nginx = (ROOT / "deploy" / "nginx" / "auditsaas.conf").read_text()
    assert listens == re.findall(r"^\s*server (\S+:\d+)", nginx, re.MULTILINE)
