"""``auditsaas doctor`` as machines ask it: some checks, as JSON, by its exit code."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from auditsaas.cli import cli
from auditsaas.operations.doctor import CHECKS
from config.settings import Settings
from tests.support.workers import process_environment

Doctor = Callable[..., Result]


@pytest.fixture
def doctor(settings: Settings) -> Doctor:
    def run(*words: str, **environment: str) -> Result:
        runner = CliRunner(env={**process_environment(settings), **environment})
        return runner.invoke(cli, ["doctor", *words])

    return run


@pytest.mark.parametrize(
    ("words", "storage", "code"),
    [
        (["--only", "clock"], None, 0),
        (["--only", "clock", "--strict"], None, 0),
        (["--only", "settings"], None, 0),
        (["--only", "settings", "--strict"], None, 3),
        (["--only", "settings,storage"], "file:///proc/nowhere", 1),
        (["--only", "settings,storage", "--strict"], "file:///proc/nowhere", 1),
        (["--only", "settings,storage", "--json"], "file:///proc/nowhere", 1),
        (["--only", "settings", "--strict", "--json"], None, 3),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_exit_code_tells_the_worst(
    doctor: Doctor, words: list[str], storage: str | None, code: int
) -> None:
    told = doctor(*words, **({"STORAGE_URL": storage} if storage else {}))
    assert told.exit_code == code, told.output


def test_json_is_one_object_of_the_names_that_are_documented(doctor: Doctor) -> None:
    answer = json.loads(doctor("--json", "--only", "storage,settings").stdout)
    assert list(answer) == ["version", "checked_at", "verdict", "findings"]
    assert answer["verdict"] == "warn"
    assert [each["check"] for each in answer["findings"]] == ["settings", "storage"]
    well = {"check": "storage", "part": "storage", "verdict": "ok"}
    assert answer["findings"][1] == {
        **well,
        "words": "writes, reads and deletes",
        "remedy": None,
    }
    assert answer["findings"][0]["remedy"].startswith("Set AUDITSAAS_ENV=production")


def test_only_makes_the_named_checks_alone(doctor: Doctor) -> None:
    told = doctor("--only", " policies , clock ")
    assert [line.split(":")[0].split()[1] for line in told.output.splitlines()] == [
        "clock",
        "policies",
    ]


@pytest.mark.parametrize("only", ["policy", "clock,nothing", "", ","])
def test_unknown_check_is_refused_with_those_that_there_are(doctor: Doctor, only: str) -> None:
    told = doctor("--only", only)
    assert told.exit_code == 2
    assert told.stderr.startswith("Error: There is no check ")
    assert "row-level-security, policies, functions" in told.stderr


def test_checks_have_names_of_their_own() -> None:
    names = [check.name for check in CHECKS]
    assert len(names) == len({*names})


def test_check_that_goes_wrong_is_a_finding_and_ends_no_other(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from auditsaas.exports.writers.pdf import coverage

    def gone() -> list[str]:
        raise RuntimeError("the fonts are gone")

    monkeypatch.setattr(coverage, "undrawn_scripts", gone)
    told = doctor("--only", "pdf-fonts,storage,mail")
    assert told.exit_code == 1
    assert "fail  pdf-fonts: could not be looked at: the fonts are gone" in told.output
    assert "mail: SMTP_URL is not set" in told.output
