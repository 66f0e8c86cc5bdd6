"""Files with their proof: built from real events, opened, and checked by the product's verifier."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask

from auditsaas.accounts.models import User
from auditsaas.evidence.bundles.readme import VERIFIER
from auditsaas.workspaces.models import Workspace
from tests.support import sealing
from tests.support.exporting import ask, build_in, parsed_filter
from tests.support.factories import event_input

ORACLE = Path(__file__).parents[3] / "shared" / "oracles" / "verify_export.py"
"""A verifier that was written apart from the product; where it is not there, tests do without."""

COMPLETE, REFUSED, CALLED_WRONGLY, INCOMPLETE = 0, 1, 2, 3
"""What the verifier ends with."""


@dataclass(frozen=True)
class Opened:
    """An archive of a file and its proof, as its recipient sees it."""

    files: Mapping[str, bytes]
    """By name within the folder."""
    vkey: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.jsonl.splitlines()]

    @property
    def jsonl(self) -> bytes:
        return self.part("")[0]

    @property
    def proof(self) -> list[dict[str, Any]]:
        return self.part("")[1]

    def part(self, name: str) -> tuple[bytes, list[dict[str, Any]]]:
        """Return the JSONL and the proof's lines of the piece that is called so."""
        packed = self.files.get(f"audit-logs.{name}jsonl.gz")
        body = gzip.decompress(packed) if packed else self.files[f"audit-logs.{name}jsonl"]
        lines = gzip.decompress(self.files[f"audit-logs.{name}proof.gz"])
        return body, [json.loads(line) for line in lines.splitlines()]


@dataclass(frozen=True)
class Answer:
    """What a verifier said, and what it ended with."""

    code: int
    words: str


def every_kind() -> list[dict[str, Any]]:
    """Events of every field, with texts and numbers that are hard to write alike."""
    people = [
        {"id": "u_1", "name": "Élodie 🦊", "email": "Elodie@Example.com", "role": "admin"},
        {"id": "u_2", "name": "Bo", "role": "member", "status": "disabled"},
        {"id": "u_3"},
    ]
    hard: list[Any] = [2**70, 1e-7, 1e16, 1e21, -0.0, 0.1, 12345678901234567890, None, "\u2028\x7f"]
    made = []
    for n in range(36):
        event = event_input(
            occurred_at=f"2026-03-{n % 28 + 1:02}T12:00:{n:02}.{n:03}Z",
            activity=("user.login", "invoice.update", "user.logout", "ünïcode.täg 🦊")[n % 4],
            status="error" if n % 5 == 0 else "success",
            actor=people[n % 3],
            method=("GET", "POST", None)[n % 3],
            ip=("203.0.113.7", "2001:db8::1", "203.0.113.200", None)[n % 4],
            user_agent=(
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120.0",
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Safari/604.1",
                None,
            )[n % 3],
            duration_ms=(84, 0.1, 1e-5, 3.5)[n % 4],
            metadata={"hard": hard[n % len(hard)], "\ue000": 1, "\U00010000": n} if n % 2 else None,
            changes={"total": [n, n + 0.5]} if n % 4 == 0 else None,
            targets=[{"type": "invoice", "id": f"in_{n}", "name": "Ä"}] if n % 3 == 0 else None,
        )
        made.append({key: value for key, value in event.items() if value is not None})
    return made


@dataclass(frozen=True)
class Proving:
    """Builds files with proof of one workspace."""

    app: Flask
    person: User
    workspace: Workspace
    folder: Path

    def made(self, args: dict[str, Any] | None = None, **asked: Any) -> Any:
        """Seal the log, ask for a file with proof and build it; the export's row."""
        asked = {"format": "jsonl", **asked}
        wanted = parsed_filter(args)
        export_id = ask(self.person, [self.workspace], wanted, proof=True, **asked)
        sealing.seal(self.workspace)
        return build_in(self.app, export_id, self.folder)

    def opened(self, args: dict[str, Any] | None = None, **asked: Any) -> Opened:
        """Build a file with proof and open its archive."""
        row = self.made(args, **asked)
        assert row.state == "ready", row.error
        return self.open(row)

    @staticmethod
    def run(command: str, folder: Path) -> Answer:
        """Run a command of an archive's README in the folder where it was unpacked."""
        program, *arguments = command.split()
        assert program == "python3"
        done = subprocess.run(
            [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
        return Answer(done.returncode, done.stdout + done.stderr)

    def open(self, row: Any) -> Opened:
        with zipfile.ZipFile(self.folder / row.bundle_key) as archive:
            assert archive.testzip() is None
            files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
        return Opened(files, sealing.vkey(self.workspace))


def verify(
    folder: Path, body: bytes, proof: Sequence[dict[str, Any]], vkey: str, *flags: str
) -> Answer:
    """Run the product's verifier as a program on a JSONL and the lines of a proof."""
    return _run(VERIFIER, folder, body, proof, vkey, *flags)


def ask_oracle(folder: Path, body: bytes, proof: Sequence[dict[str, Any]], vkey: str) -> Answer:
    """Run the verifier that was written apart from the product."""
    return _run(ORACLE, folder, body, proof, vkey)


def _run(
    program: Path,
    folder: Path,
    body: bytes,
    proof: Sequence[dict[str, Any]],
    vkey: str,
    *flags: str,
) -> Answer:
    folder.mkdir(exist_ok=True)
    file, packed = folder / "file.jsonl", folder / "file.proof.gz"
    file.write_bytes(body)
    lines = "".join(json.dumps(line) + "\n" for line in proof)
    packed.write_bytes(gzip.compress(lines.encode(), 1))
    command = [sys.executable, *flags, str(program), str(file), str(packed), vkey]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Answer(done.returncode, done.stdout + done.stderr)


def unpacked_and_verified(archive: bytes, folder: Path) -> Answer:
    """Unpack an archive and run the commands of its README; the worst of their answers."""
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        packed.extractall(folder)
        inside = folder / packed.namelist()[0].partition("/")[0]
    readme = (inside / "README.txt").read_text()
    commands = [line.strip() for line in readme.splitlines() if "python3 auditlog" in line]
    assert commands
    return max((Proving.run(command, inside) for command in commands), key=lambda one: one.code)
