"""The pages of docs/ hang together, and name what there is."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from flask.testing import FlaskClient

from auditsaas import metrics
from tests.support.workers import ROOT

DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "sdk/python/README.md"])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
LARGEST_IMAGE = 200_000


def prose(page: Path) -> str:
    """A page without its code."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text()))


def links(page: Path) -> list[str]:
    return [unquote(target) for target in LINK.findall(prose(page))]


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as Markdown renderers make them."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCE.sub("", page.read_text())):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        number = sum(known == name or known.startswith(f"{name}-") for known in found)
        found.add(f"{name}-{number}" if name in found else name)
    return found


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere in this repository."""
    wrong = []
    for link in links(page):
        if re.match(r"[a-z][a-z+.-]*:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        known = anchors(target) if target.suffix == ".md" and target.exists() else {anchor}
        if not target.exists() or (anchor and anchor not in known):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_has_a_target(page: Path) -> None:
    assert broken(page) == []


def test_broken_link_is_detected(tmp_path: Path) -> None:
    """The control."""
    page = tmp_path / "page.md"
    page.write_text("# One thing\n[a](#one-thing) [b](#another) [c](gone.md) `[d](code.md)`\n")
    assert broken(page) == ["#another", "gone.md"]


def test_every_page_can_be_reached_from_the_first() -> None:
    seen: set[Path] = set()
    waiting = [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links(page)]
    assert [page.name for page in PAGES if page not in seen and DOCS in page.parents] == []


def test_every_picture_is_used_and_small() -> None:
    used = {(page.parent / link).resolve() for page in PAGES for link in links(page)}
    pictures = sorted((DOCS / "images").iterdir())
    assert [picture.name for picture in pictures if picture not in used] == []
    assert [p.name for p in pictures if p.stat().st_size > LARGEST_IMAGE] == []


def read_settings() -> set[str]:
    """The settings that the product reads."""
    code = (ROOT / "config" / "settings.py").read_text()
    return set(re.findall(r'"([A-Z][A-Z_]{3,})"', code)) - {"PROMETHEUS_MULTIPROC_DIR"}


def test_every_setting_is_in_the_table_of_deploying() -> None:
    read = read_settings()
    table = set(re.findall(r"^\| `([A-Z_]+)` \|", (DOCS / "deploy.md").read_text(), re.MULTILINE))
    assert {"DATABASE_URL", "REPLICA_DATABASE_URL"} <= read
    assert read - table == set()


def test_every_figure_is_in_the_table_of_operating(client: FlaskClient) -> None:
    table = (DOCS / "operate.md").read_text()
    answer = client.get("/metrics").text
    gauges = set(re.findall(r"^# TYPE (auditsaas_\w+) ", answer, re.MULTILINE))
    counted = {metrics.INGESTED, metrics.REPLICA_READS}
    gauges -= {f"{metric._name}_created" for metric in counted}
    assert len(gauges) > 8
    assert [name for name in gauges if not name.endswith("_created") and name not in table] == []


def laid_out() -> set[Path]:
    """Everything that the layout of docs/architecture.md names."""
    block = (DOCS / "architecture.md").read_text().partition("```\n")[2].partition("```")[0]
    found, folder = set(), ROOT
    for line in block.splitlines():
        names = line.split("  ")[0 if line[0] != " " else 1].split()
        if line[0] != " ":
            folder = ROOT / names[0] if names[0].endswith("/") else ROOT
            found.add(ROOT / names[0])
        else:
            found |= {folder / name for name in names}
    return found


def test_the_layout_in_architecture_is_that_of_the_code() -> None:
    named = laid_out()
    assert [str(path) for path in sorted(named) if not path.exists()] == []
    packages = {path.parent for path in (ROOT / "auditsaas").glob("*/__init__.py")}
    assert packages - named == set()


TERM = re.compile(r"^\| (?!Term)([^|]+?) +\| .+ \| `([^`|]+)` \|$", re.MULTILINE)


def homeless(glossary: str) -> list[str]:
    """The terms of a glossary whose module does not exist."""
    return [term for term, module in TERM.findall(glossary) if not (ROOT / module).exists()]


def test_every_term_of_the_glossary_names_a_module_that_exists() -> None:
    glossary = (DOCS / "glossary.md").read_text()
    rows = [line for line in glossary.splitlines() if re.match(r"\| [A-Z]", line)]
    headings = sum(line.startswith("| Term ") for line in rows)
    assert len(TERM.findall(glossary)) == len(rows) - headings > 40
    assert homeless(glossary) == []


def test_term_without_a_module_is_detected() -> None:
    """The control."""
    row = "| Scan | Reads in order. | `auditsaas/events/{}` |"
    assert homeless("\n".join([row.format("models.py"), row.format("gone.py")])) == ["Scan"]
