"""Verifiers that were written apart: from the page alone, and where it is at hand, an oracle."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.support.proofs import INCOMPLETE, PROVEN, REFUSED, Bundle
from tests.support.workers import ROOT

PROGRAM = ROOT / "tests" / "second_verifier" / "verify.mjs"
ORACLES = ROOT.parent / "shared" / "oracles"
"""Beside the project; where they are not, tests do without."""


def files_of(bundles: Sequence[Bundle], folder: Path) -> list[tuple[str, str, str]]:
    """Write each bundle as its file and its proof; return their paths and the key."""
    made = []
    for number, bundle in enumerate(bundles):
        file, proof = folder / f"{number}.jsonl", folder / f"{number}.proof"
        file.write_bytes(b"".join(bundle.rows))
        proof.write_bytes(bundle.proof)
        made.append((str(file), str(proof), bundle.key))
    return made


def from_the_page(files: Sequence[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """Ask the verifier in JavaScript for all of them at once."""
    done = subprocess.run(
        ["node", str(PROGRAM), "--cases"],
        input=json.dumps(files).encode(),
        capture_output=True,
        check=True,
    )
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


@contextlib.contextmanager
def oracles() -> Iterator[None]:
    """Have the oracles' modules importable."""
    before, modules = list(sys.path), set(sys.modules)
    sys.path[:0] = [str(ORACLES), str(ORACLES / "proof_interop")]
    try:
        yield
    finally:
        sys.path[:] = before
        for name in set(sys.modules) - modules:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(ORACLES)):
                del sys.modules[name]


def from_the_oracle(bundle: Bundle, folder: Path) -> int:
    """Ask the oracle for one bundle; its modules have to be importable."""
    (folder / "file.jsonl").write_bytes(b"".join(bundle.rows))
    (folder / "proof.gz").write_bytes(gzip.compress(bundle.proof, 1))
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            import_module("verify_export").main(
                str(folder / "file.jsonl"), str(folder / "proof.gz"), bundle.key
            )
    except Exception:  # noqa: BLE001 - it lets through whatever it met
        return REFUSED
    return INCOMPLETE if "NOT proved" in said.getvalue() else PROVEN
