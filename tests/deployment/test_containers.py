"""The containers of docker-compose.yml: none has more rights, room or reach than it needs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from tests.deployment.test_files import COMPOSE, LONG_RUNNING, ONCE, PRODUCT
from tests.support.workers import ROOT

DIGEST = re.compile(r"^[a-z/]+:v?\d+(\.\d+)+[a-z-]*@sha256:[0-9a-f]{64}$")
OUTWARD = {"web", "worker-quick", "mail"}
"""Those that are reached from outside, or send mail."""


@pytest.fixture(scope="module")
def compose() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return found


@pytest.fixture(scope="module")
def services(compose: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = compose["services"]
    return found


@pytest.fixture(params=sorted(LONG_RUNNING | ONCE | {"mail"}))
def service(request: pytest.FixtureRequest, services: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = services[request.param]
    return found


def test_every_service_is_among_those_looked_at(services: Mapping[str, Any]) -> None:
    assert set(services) == LONG_RUNNING | ONCE | {"mail"}


def test_service_is_confined(service: Mapping[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}


def test_no_service_but_a_folders_preparation_is_root(services: Mapping[str, Any]) -> None:
    image = re.findall(r"^USER (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    accounts = {name: each.get("user", image[-1]) for name, each in services.items()}
    assert {name for name, user in accounts.items() if user.startswith("0")} == {"storage-folder"}
    prepares = services["storage-folder"]
    assert prepares["network_mode"] == "none"
    assert prepares["entrypoint"] == ["chown", "-R", services["storage"]["user"], "/data"]
    capable = {name for name, each in services.items() if "cap_add" in each}
    assert capable == {"storage-folder"}


def test_service_has_a_limit_of_memory_and_processes(services: Mapping[str, Any]) -> None:
    endless = {
        name
        for name, each in services.items()
        if not re.fullmatch(r"\d+[mg]", str(each.get("mem_limit"))) or not each.get("pids_limit")
    }
    assert endless == set()


def test_images_of_others_are_named_by_version_and_digest(services: Mapping[str, Any]) -> None:
    images = {each["image"] for each in services.values()} - {"auditsaas:${VERSION:-latest}"}
    assert len(images) == 4
    assert [image for image in images if not DIGEST.match(image)] == []


@pytest.mark.parametrize(
    ("image", "mended"),
    [("redis", (7, 4, 9)), ("postgres", (16, 11)), ("axllent/mailpit", (1, 30, 6))],
)
def test_images_are_no_older_than_what_mended_their_known_holes(
    services: Mapping[str, Any], image: str, mended: tuple[int, ...]
) -> None:
    named = {each["image"].partition("@")[0] for each in services.values()}
    versions = [re.findall(r"\d+", one.partition(":")[2]) for one in named if f"{image}:" in one]
    assert len(versions) == 1
    assert tuple(map(int, versions[0])) >= mended


def test_only_what_is_reached_or_sends_mail_has_a_way_out(compose: Mapping[str, Any]) -> None:
    networks, services = compose["networks"], compose["services"]
    inward = {name for name, each in networks.items() if each and each.get("internal")}
    assert set(networks) - inward == {"front"}
    assert {n for n, each in services.items() if "front" in each.get("networks", ())} == OUTWARD
    apart = {name: each for name, each in services.items() if "networks" not in each}
    assert {name: each["network_mode"] for name, each in apart.items()} == {
        "storage-folder": "none",
        "bucket": "service:storage",
    }


def test_servers_are_reached_by_those_that_need_them(services: Mapping[str, Any]) -> None:
    assert services["postgres"]["networks"] == services["redis"]["networks"] == ["back"]
    assert services["storage"]["networks"] == ["files"]
    keeps_files = {name for name in PRODUCT if "files" in services[name]["networks"]}
    assert keeps_files == {"web", "worker-quick", "worker-heavy"}


def test_nothing_but_the_web_and_the_catcher_is_published_and_on_loopback(
    services: Mapping[str, Any],
) -> None:
    ports = {name: each["ports"] for name, each in services.items() if "ports" in each}
    assert ports == {"web": ["127.0.0.1:8000:8000"], "mail": ["127.0.0.1:8025:8025"]}


def test_mail_catcher_starts_for_trials_only(services: Mapping[str, Any]) -> None:
    profiles = {name: each["profiles"] for name, each in services.items() if "profiles" in each}
    assert profiles == {"mail": ["trial"]}
    assert services["web"]["environment"]["SMTP_URL"] == "${SMTP_URL:-}"
    assert "mail" not in str([each.get("depends_on") for each in services.values()])


def test_the_stores_key_opens_one_bucket_and_nothing_else_is_reached(
    services: Mapping[str, Any],
) -> None:
    script = services["storage"]["command"][0]
    written = re.search(r"printf '(.+?)'", script, re.DOTALL)
    assert written is not None
    identities = json.loads(written[1])["identities"]
    bucket = services["web"]["environment"]["STORAGE_URL"].removeprefix("s3://")
    assert [one["name"] for one in identities] == ["auditsaas"]
    assert {action.partition(":")[2] for action in identities[0]["actions"]} == {bucket}
    assert "Admin" not in script
    assert "-ip.bind=127.0.0.1" in script
    assert f"-name {bucket}\n" in services["bucket"]["command"][0].replace('"', "\n")
