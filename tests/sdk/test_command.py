"""The command ``auditlog`` of the client, installed as its package says, and alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from auditsaas_client import command

from auditsaas.evidence.verifier import auditlog_verify
from tests.support.proofs import MISUSED, PROVEN, REFUSED, Bundle, Log
from tests.support.workers import ROOT

CLIENT = ROOT / "sdk/python/src/auditsaas_client"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Log.of(9).by_status()


@pytest.fixture
def files(bundle: Bundle, tmp_path: Path) -> list[str]:
    for name, content in (
        ("events.jsonl", b"".join(bundle.rows)),
        ("events.proof", bundle.proof),
        ("KEY.txt", bundle.key.encode()),
    ):
        (tmp_path / name).write_bytes(content)
    return [str(tmp_path / name) for name in ("events.jsonl", "events.proof", "KEY.txt")]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["auditlog", *arguments])
    return command.main()


def test_client_carries_the_verifier_of_the_product() -> None:
    """Run make verifier after a change."""
    source = Path(auditlog_verify.__file__).read_bytes()
    assert (CLIENT / "auditlog_verify.py").read_bytes() == source


def test_verify_answers_as_the_verifier_does(
    files: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "verify", *files) == PROVEN
    assert "Proven and complete" in capsys.readouterr().out
    changed = Path(files[0]).read_bytes().replace(b"POST", b"GET", 1)
    Path(files[0]).write_bytes(changed)
    assert run(monkeypatch, "verify", *files) == REFUSED
    assert "line 1 of the file (number 3): method is not" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["verify"], ["verify", "a", "b"], ["sign", "a"]])
def test_wrong_call_shows_the_usage(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *arguments) == MISUSED
    assert "auditlog verify FILE PROOF KEY" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["verify", "--help"]])
def test_help_is_no_mistake(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, *arguments) == PROVEN


def test_package_installs_both_commands() -> None:
    scripts = metadata.entry_points(group="console_scripts")
    found = {script.name: script.load() for script in scripts if script.name[:8] == "auditlog"}
    assert found == {"auditlog": command.main, "auditlog-verify": command.verify}


def test_verifier_of_the_client_runs_from_copied_sources(files: list[str], tmp_path: Path) -> None:
    shutil.copytree(CLIENT, tmp_path / "auditsaas_client")
    program = [sys.executable, "-m", "auditsaas_client.auditlog_verify", *files]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (PROVEN, b"")
