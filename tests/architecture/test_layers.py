"""The layers that import-linter holds, and the house they make: no knots, no crowded rooms."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_MODULES = 15
PACKAGES = ("auditsaas", "tasks", "config")
ONE_MODULE_A_FORMAT = "auditsaas/events/importers"


@cache
def contracts() -> list[dict[str, object]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return list(settings["tool"]["importlinter"]["contracts"])


@cache
def arrows() -> frozenset[tuple[str, str]]:
    """Importer and imported, as modules."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    return frozenset(
        (module, imported)
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    )


def room(module: str) -> str:
    """The package that a module belongs to; pages have one a feature."""
    parts = module.split(".")
    return ".".join(parts[: 3 if parts[:2] == ["auditsaas", "pages"] else 2])


def cycles(edges: frozenset[tuple[str, str]]) -> list[set[str]]:
    """Groups that import one another, by whatever way, with two members or more."""
    after: dict[str, set[str]] = {}
    for importer, imported in edges:
        after.setdefault(importer, set()).add(imported)
        after.setdefault(imported, set())
    reached = {name: _reach(name, after) for name in after}
    groups = {
        frozenset({name} | {other for other in reached[name] if name in reached[other]})
        for name in after
    }
    return [set(group) for group in groups if len(group) > 1]


def _reach(name: str, after: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(after[name])
    while waiting:
        found = waiting.pop()
        if found not in seen:
            seen.add(found)
            waiting += after[found]
    return seen


def test_no_modules_import_one_another_in_a_circle() -> None:
    assert cycles(arrows()) == []


def test_no_packages_import_one_another() -> None:
    between = frozenset((room(a), room(b)) for a, b in arrows() if room(a) != room(b))
    assert [(a, b) for a, b in between if (b, a) in between] == []
    assert cycles(between) == []


def test_a_circle_of_three_is_found() -> None:
    edges = frozenset({("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")})
    assert cycles(edges) == [{"a", "b", "c"}]


@pytest.mark.parametrize("contract", contracts(), ids=lambda contract: str(contract["name"]))
def test_contract_ignores_no_import(contract: dict[str, object]) -> None:
    assert "ignore_imports" not in contract
    assert contract["type"] != "layers" or "containers" not in contract or contract["exhaustive"]


def test_one_module_chooses_between_few_and_many_workspaces() -> None:
    ways = {f"auditsaas.events.reading.scans.{name}_workspaces" for name in ("few", "many")}
    importers = {importer for importer, imported in arrows() if imported in ways}
    assert importers == {"auditsaas.events.reading.scans.source"}


def test_architecture_page_draws_the_layers_of_the_contracts() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    drawn = re.findall(r"^```layers (\S+)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    held = [
        (str(contract.get("containers", ["all"])[0]), contract["layers"])  # type: ignore[index]
        for contract in contracts()
        if contract["type"] == "layers"
    ]
    assert [(name, text.splitlines()) for name, text in drawn] == held


def test_no_folder_has_too_many_modules() -> None:
    modules = Counter(
        path.parent.relative_to(ROOT).as_posix()
        for path in (ROOT / "auditsaas").rglob("*.py")
        if path.name != "__init__.py"
    )
    del modules[ONE_MODULE_A_FORMAT]
    assert {folder: n for folder, n in modules.items() if n > MAX_MODULES} == {}
