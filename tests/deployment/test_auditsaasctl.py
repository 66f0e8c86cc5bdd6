"""``deploy/auditsaasctl``: settings as systemd reads them, and the services' account."""

from __future__ import annotations

import getpass
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.workers import ROOT

# As in systemd.exec(5), EnvironmentFile=.
SETTINGS = """\
# A comment, and an empty line

; another
BRAND_NAME=Acme & Söhne $HOME `id`
SECRET_KEY='it is "quoted" \\'
SMTP_URL="smtp://u:p@mail:587"
MAIL_FROM=
BASE_URL=https://audit.example.com/?a=b"""
EXPECTED = {
    "BRAND_NAME=Acme & Söhne $HOME `id`",
    'SECRET_KEY=it is "quoted" \\',
    "SMTP_URL=smtp://u:p@mail:587",
    "MAIL_FROM=",
    "BASE_URL=https://audit.example.com/?a=b",
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An installation whose command prints its environment and its words."""
    for folder in ("deploy", ".venv/bin", "etc"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "deploy" / "auditsaasctl", tmp_path / "deploy")
    told = tmp_path / ".venv/bin/auditsaas"
    told.write_text('#!/bin/sh\nenv\nprintf "word: %s\\n" "$@"\n')
    told.chmod(0o755)
    (tmp_path / "etc/auditsaas.env").write_text(SETTINGS)
    (tmp_path / "etc/auditsaas-owner.env").write_text("MIGRATION_DATABASE_URL=owner\n")
    return tmp_path


def run(place: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [place / "deploy/auditsaasctl", *words],
        env={
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "AUDITSAAS_ETC": str(place / "etc"),
            "AUDITSAAS_ACCOUNT": getpass.getuser(),
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_values_are_literal(place: Path) -> None:
    ended = run(place, "export", "acme", "--query", "a b")
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert set(lines) >= EXPECTED
    assert lines[-4:] == ["word: export", "word: acme", "word: --query", "word: a b"]


def test_owner_is_known_only_where_asked_for(place: Path) -> None:
    owner = "MIGRATION_DATABASE_URL=owner"
    assert owner not in run(place, "doctor").stdout
    assert owner in run(place, "--owner", "db", "upgrade").stdout.splitlines()


@pytest.mark.parametrize("line", ["no sign", "A B=1", "BRAND_NAME=it's", "BRAND_NAME=a\\b"])
def test_line_that_is_read_differently_elsewhere_is_refused(place: Path, line: str) -> None:
    (place / "etc/auditsaas.env").write_text(f"{line}\n")
    ended = run(place, "doctor")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "auditsaas.env: " in ended.stderr


def test_settings_that_cannot_be_read_are_a_sentence(place: Path) -> None:
    (place / "etc/auditsaas.env").unlink()
    ended = run(place, "doctor")
    assert ended.returncode == 2
    assert ended.stderr.endswith("auditsaas.env cannot be read; run this as root.\n")
