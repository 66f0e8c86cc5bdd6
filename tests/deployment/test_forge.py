"""The files that a forge and an editor read, checked against what they accept."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deployment.test_files import BIN, complaints
from tests.support.workers import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CALLERS = [*WORKFLOWS, ROOT / ".pre-commit-config.yaml", *ROOT.glob("*.md")]
CALLERS += [*(ROOT / "docs").rglob("*.md"), ROOT / ".devcontainer" / "devcontainer.json"]
SCHEMAS = [*((path, "github-workflows") for path in WORKFLOWS)]
SCHEMAS.append((ROOT / ".github" / "dependabot.yml", "dependabot"))


def validate(file: Path, schema: str) -> str:
    return complaints(BIN / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", file)


@pytest.mark.parametrize(("file", "schema"), SCHEMAS, ids=lambda value: getattr(value, "name", ""))
def test_forge_file_matches_its_schema(file: Path, schema: str) -> None:
    assert validate(file, schema) == ""


def test_a_workflow_without_a_machine_is_refused(tmp_path: Path) -> None:
    """The control."""
    wrong = tmp_path / "ci.yml"
    wrong.write_text("on: push\njobs: {lint: {steps: [{run: make lint}]}}\n")
    assert "runs-on" in validate(wrong, "github-workflows")


def test_ci_has_a_job_for_each_kind_of_test() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    assert set(jobs) == {"lint", "unit", "functional", "browser"}


def targets() -> set[str]:
    """The names that make knows."""
    return set(re.findall(r"^([a-z-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))


def called(text: str) -> set[str]:
    """The targets that commands of a text name."""
    return set(re.findall(r"(?:^|[`$;] ?|&& |run: |\" )make ([a-z][a-z-]*)", text, re.MULTILINE))


@pytest.mark.parametrize("file", CALLERS, ids=lambda path: path.name)
def test_every_target_that_is_called_is_in_the_makefile(file: Path) -> None:
    assert called(file.read_text()) - targets() == set()


def test_a_target_that_is_gone_is_noticed() -> None:
    """The control."""
    assert called("run: make gone\n`make lost`\nmake demo # PORT\n") - targets() == {"gone", "lost"}


def test_the_help_of_make_names_every_target() -> None:
    run = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(re.findall(r"^make (\S+) +\S", run.stdout, re.MULTILINE)) == targets()


def test_pre_commit_configuration_is_valid() -> None:
    assert complaints(BIN / "pre-commit", "validate-config", ROOT / ".pre-commit-config.yaml") == ""


def test_the_dev_container_starts_from_files_that_exist() -> None:
    folder = ROOT / ".devcontainer"
    settings = json.loads((folder / "devcontainer.json").read_text())
    assert (folder / settings["build"]["dockerfile"]).exists()
    assert settings["build"]["context"] == ".."
    copied = re.findall(r"^COPY (.+) \S+$", (folder / "Dockerfile").read_text(), re.MULTILINE)
    named = [name for line in copied for name in shlex.split(line)]
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
    sent = (folder / "Dockerfile.dockerignore").read_text().split()
    assert {f"!{name}" for name in named} <= set(sent)
