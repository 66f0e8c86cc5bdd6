"""One version: the one in pyproject.toml is what every place shows."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import auditsaas_client
import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from auditsaas.cli import cli
from auditsaas.version import version
from tests.support.factories import make_user, sign_in
from tests.support.workers import ROOT

PACKAGES = {
    "auditsaas": ROOT / "pyproject.toml",
    "auditsaas-client": ROOT / "sdk/python/pyproject.toml",
}


def declared(package: str) -> str:
    return str(tomllib.loads(PACKAGES[package].read_text())["project"]["version"])


@pytest.mark.parametrize("package", PACKAGES)
def test_installed_package_has_the_declared_version(package: str) -> None:
    assert metadata.version(package) == declared(package)


def test_product_and_client_have_the_same_version() -> None:
    assert version() == declared("auditsaas") == auditsaas_client.__version__


def test_client_works_from_copied_sources_without_installation(
    tmp_path: Path,
) -> None:
    shutil.copytree(ROOT / "sdk/python/src/auditsaas_client", tmp_path / "auditsaas_client")
    program = "import sys; sys.path[:0] = sys.argv[1:]; import auditsaas_client as client;"
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"{program} print(client.__version__)", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout, run.stderr) == ("unknown\n", "")


def test_no_source_file_states_the_version_by_hand() -> None:
    written = [
        str(path.relative_to(ROOT))
        for folder in ("auditsaas", "config", "tasks", "sdk/python/src")
        for path in (ROOT / folder).rglob("*.py")
        if f'{version()}"' in path.read_text()
    ]
    assert written == []


def test_the_newest_release_in_the_changelog_is_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.findall(r"^## \[(.+?)\]", changelog, re.MULTILINE)[:2] == ["Unreleased", version()]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_carries_its_license(package: str) -> None:
    about = metadata.metadata(package)
    assert (about["License-Expression"], about["License-File"]) == ("MIT", "LICENSE")
    text = PACKAGES[package].with_name("LICENSE").read_text()
    assert text.startswith("MIT License")
    assert "the AuditSaaS authors" in text


def test_command_line_shows_its_version() -> None:
    result = CliRunner(env={"DATABASE_URL": "unused"}).invoke(cli, ["--version"])
    assert (result.exit_code, result.output) == (0, f"AuditSaaS {declared('auditsaas')}\n")


def test_health_check_shows_the_version(client: FlaskClient) -> None:
    assert client.get("/healthz").text == f"ok {declared('auditsaas')}\n"


def test_the_api_document_is_of_this_version(client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").get_json()
    assert document["info"]["version"] == declared("auditsaas")


def test_the_system_page_shows_the_version(client: FlaskClient) -> None:
    sign_in(client, make_user(is_super_admin=True))
    page = client.get("/admin/system").text
    [row] = re.findall(r'data-part="Version".+?</tr>', page, re.DOTALL)
    assert f"AuditSaaS {declared('auditsaas')}" in row
