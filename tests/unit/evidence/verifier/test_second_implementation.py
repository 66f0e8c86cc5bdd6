"""The verifier beside a second implementation of the format: each takes the other's bundles.

It was written apart, and lies beside the project where it is at hand.
"""

from __future__ import annotations

import contextlib
import io
import runpy
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.support.forgeries import FORGERIES
from tests.support.forgeries import LOG as FORGED
from tests.support.proofs import INCOMPLETE, PROVEN, REFUSED, Bundle, Log, answer
from tests.support.second_verifiers import ORACLES, from_the_oracle, oracles

SCRIPTS = sorted(
    path for name in ("forgeries", "erased") for path in ORACLES.glob(f"proof_interop/{name}.py")
)
OURS_ALONE = {"hashes beside left over", "another form"}
"""Forgeries that say nothing false, which the other one reads over."""


@pytest.fixture
def oracle() -> Iterator[None]:
    with oracles():
        yield


def verified(body: bytes, proof: list[Any], key: str, *flags: str) -> tuple[int, str, int]:
    """Answer as the second implementation's own program does, by the verifier."""
    lines = [f"{one}\n".encode() if isinstance(one, str) else one for one in proof]
    made = Bundle([body], lines, key)
    code, words = answer(made)
    doubt = ["NOT proved"] if code == INCOMPLETE else []
    return (
        code == REFUSED,
        " | ".join([*words.splitlines(), *doubt]),
        len(made.proof),
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_its_bundles_are_answered_as_it_lists(
    script: Path, oracle: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundles = import_module("bundles")

    monkeypatch.setattr(bundles, "verified", verified)
    monkeypatch.setattr(sys, "argv", [str(script), "120"])
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit) as end:
        runpy.run_path(str(script))
    answers = [line for line in said.getvalue().splitlines() if line[:5] in ("ok   ", "WRONG")]
    assert [line for line in answers if not line.startswith("ok")] == []
    assert len(answers) == {"forgeries": 37, "erased": 7}[script.stem]
    assert not end.value.code


@pytest.mark.parametrize("name", [name for name in FORGERIES if SCRIPTS])
def test_it_refuses_what_is_refused(name: str, oracle: None, tmp_path: Path) -> None:
    bundle = FORGED.by_status()
    FORGERIES[name][0](bundle)
    assert from_the_oracle(bundle, tmp_path) == (PROVEN if name in OURS_ALONE else REFUSED)


@pytest.mark.parametrize("size", [1, 2, 7, 33] if SCRIPTS else [])
def test_it_accepts_what_is_proven(size: int, oracle: None, tmp_path: Path) -> None:
    log = Log.of(size)
    for bundle in (log.file(), log.by_status(), log.file(first=size)):
        assert from_the_oracle(bundle, tmp_path) == answer(bundle).code == PROVEN
