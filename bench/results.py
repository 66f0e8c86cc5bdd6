"""``bench/RESULTS.md``: a section for each part, replaced when the part is run again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = """# Results

Written by `make bench`; `docs/benchmarks.md` says how to read it. Each section names the machine
and the day, for each can be run alone.
"""
SECTION = re.compile(r"<!-- part: (?P<name>[\w-]+) -->\n(?P<text>.*?)<!-- end -->\n", re.DOTALL)


@dataclass(frozen=True)
class Section:
    name: str
    text: str

    def __str__(self) -> str:
        return f"<!-- part: {self.name} -->\n{self.text.strip()}\n<!-- end -->\n"


def keep(section: Section, order: Sequence[str], path: Path = RESULTS) -> None:
    """Put a section into the file, in the place of the last one of its name."""
    kept = {found.name: found for found in read(path)}
    kept[section.name] = section
    known = [name for name in order if name in kept]
    others = [name for name in kept if name not in order]
    texts = [str(kept[name]) for name in known + others]
    unfinished = path.with_suffix(".new")
    unfinished.write_text("\n".join([HEAD, *texts]))
    unfinished.replace(path)


def read(path: Path = RESULTS) -> list[Section]:
    if not path.exists():
        return []
    return [Section(f["name"], f["text"]) for f in SECTION.finditer(path.read_text())]
