"""Writes the README of an archive: for people who have nothing but the archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from auditsaas.evidence.bundles.lines import Part, Shown
from auditsaas.evidence.tree.checkpoints import Sealed

VERIFIER: Final = Path(__file__).parents[1] / "verifier" / "auditlog_verify.py"
"""The program that checks a proof, by itself."""

_PAGE: Final = """\
An audit log's file, and the proof that it is true to the log
=============================================================

CHECK IT IN THREE LINES
You need Python 3.9 or newer; no network, no account, nothing to install. In this folder:

    cat KEY.txt
{commands}

1. Compare the key with one that you got in another way: from the page Integrity of the log's
   workspace, from an older report, from your auditor. Whoever forges a file can forge the key
   beside it, so the one in this folder proves nothing by itself.
2. The program says what it proves, in sentences, and ends with 0 (proven and complete), 3 (every
   row is proven, and something that it names is not), 1 (refused; it names the row and the field)
   or 2 (it was called wrongly).

The key that KEY.txt should show:

    {key}

WHAT IS HERE
{files}

WHAT IT PROVES
- Each row is in the log as it was written when it was sealed, field by field, in its place.
{complete}- The log had {size} events then, and its operator signed that. Keep the first line of the
  .proof.gz file: later logs have to agree with it.

WHAT IT DOES NOT PROVE
- That what a sender said is true. It proves what was said, when it arrived, and from where.
- That nobody changed an event in the seconds before it was sealed.
- That the operator did not rebuild the log and every copy of its signed heads. Witnesses and
  copies that he does not hold are for that: ask him for them.
- A PDF, CSV, XLSX or Parquet file by itself: the proof is of the JSONL, which has the same rows.
"""
_COMPLETE: Final = """\
- None of the numbers {first} to {last} of the log that matches the filter is missing. People are
  meant as each event names them, not as they are now.
"""
_INCOMPLETE: Final = """\
- NOT that no row is missing: a proof cannot answer {unproven}. {hidden} of the numbers {first} to
  {last} are not shown.
"""


@dataclass(frozen=True)
class Proven:
    """A JSONL of an archive and its proof."""

    file: str
    proof: str
    part: Part
    shown: Shown
    is_late: bool = False
    """Whether its events occurred before the period of a report, and arrived after the last one."""


def readme(proven: Sequence[Proven], sealed: Sealed, key: str) -> str:
    """Write what an archive holds, how it is checked, and what that proves."""
    checked = [f"    python3 {VERIFIER.name} {one.file} {one.proof} KEY.txt" for one in proven]
    return _PAGE.format(
        commands="\n".join(checked),
        key=key,
        files="\n".join(_files(proven)),
        complete="".join(map(_completeness, proven)),
        size=f"{sealed.size:,}",
    )


def _files(proven: Sequence[Proven]) -> list[str]:
    found = []
    for one in proven:
        late = ", of before the period, which arrived late" if one.is_late else ""
        found.append(f"- {one.file}: {_rows(one.shown.rows)}{late}, in the order of the log")
        found.append(f"- {one.proof}: its proof")
    return [
        *found,
        f"- {VERIFIER.name}: the program that checks them; about 200 lines, which you can read",
        "- KEY.txt: the key that signed the log's head",
        "- any other file: the same rows in the format that was asked for",
    ]


def _completeness(one: Proven) -> str:
    part, unproven = one.part, one.part.question.unproven
    numbers = {"first": f"{part.first:,}", "last": f"{part.last:,}"}
    if not unproven and not one.shown.unexplained:
        return _COMPLETE.format(**numbers)
    named = " and ".join(unproven) or "why some events are not in the file"
    return _INCOMPLETE.format(**numbers, unproven=named, hidden=f"{one.shown.unexplained:,}")


def _rows(count: int) -> str:
    return f"{count:,} {'row' if count == 1 else 'rows'}"
