"""Paths, modules and commands that the documentation names exist."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from auditsaas.cli import COMMANDS, cli
from tests.support.workers import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "sdk/python/README.md"])
FOLDERS = "auditsaas|bench|config|deploy|docs|migrations|scripts|sdk|tasks|templates|tests"
PATH = re.compile(rf"(?<![\w./-])(?:{FOLDERS})(?:/[\w.*-]+)+/?")
MODULE = re.compile(r"(?<![\w./@\"-])(?:auditsaas|config|tasks|tests)(?:\.[a-z_]+)+\b(?![/.(-])")
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|[\s`]|bin/)auditsaas ((?:--)?[a-z][^\n`|;&]*)", re.MULTILINE)
OPTION = re.compile(r"--[a-z-]+|-[a-z](?=\]?$)")
RECIPES = {
    "auditsaas/api/activities.py",
    "auditsaas/events/importers/acme.py",
    "auditsaas/exports/writers/tsv.py",
    "auditsaas/lanes/changes.py",
    "auditsaas/pages/workspaces/about_views.py",
    "templates/workspaces/about.html",
}
"""Files that the reader of docs/contributing.md is to write."""
NO_MODULES = {
    "auditsaas.dump",
    "auditsaas.error_hooks",
    "auditsaas.example",
    "auditsaas.request_id",
    "auditsaas.secret",
}
"""Files, a group of entry points, a host, and an attribute of spans."""


def settings() -> set[str]:
    """Collect PostgreSQL's settings that migrations read."""
    steps = (ROOT / "migrations" / "versions").glob("*.py")
    text = "\n".join(step.read_text() for step in steps)
    return set(re.findall(r"auditsaas\.[a-z_]+", text))


def code(text: str) -> str:
    return "\n".join(CODE.findall(text))


def missing_paths(text: str) -> set[str]:
    named = {path.rstrip("/.") for path in PATH.findall(code(text))} - RECIPES
    return {path for path in named if not any(ROOT.glob(path))}


def missing_modules(text: str) -> set[str]:
    named = set(MODULE.findall(code(text))) - NO_MODULES - settings()
    return {name for name in named if not is_module(name)}


def is_module(name: str) -> bool:
    """Tell whether it is a module, or a name within one."""
    outer = name.rpartition(".")[0]
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return "." in outer and is_module(outer)


def unknown_commands(text: str) -> list[str]:
    """List the command lines of a text that name no command, or an option that it has not."""
    return [line for line in COMMAND.findall(code(text)) if not is_command(line)]


def is_command(line: str) -> bool:
    words = line.partition(" #")[0].split()
    command: click.Command = cli
    while isinstance(command, click.Group) and words and words[0][0] not in "-[":
        inner = command.get_command(click.Context(command), words.pop(0))
        if inner is None:
            return False
        command = inner
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    return {match[0] for word in words if (match := OPTION.match(word.lstrip("[")))} <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_paths_modules_and_commands_exist(page: Path) -> None:
    text = page.read_text()
    assert missing_paths(text) == set()
    assert missing_modules(text) == set()
    assert unknown_commands(text) == []


def test_readme_lists_every_command() -> None:
    known = {
        f"{name} {inner}".strip()
        for name, place in COMMANDS.items()
        for inner in getattr(place.command(), "commands", [""])
    }
    rows = re.findall(
        r"^\| `auditsaas ([a-z][a-z -]*[a-z])", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    assert set(rows) == known


@pytest.mark.parametrize("group", ["user", "member", "workspace", "api-key", "secret"])
def test_operating_shows_an_example_of_every_command(group: str) -> None:
    shown = COMMAND.findall(code((ROOT / "docs" / "operate.md").read_text()))
    known = COMMANDS[group].command()
    assert isinstance(known, click.Group)
    assert known.commands.keys() == {
        line.split()[1] for line in shown if line.startswith(f"{group} ")
    }


def test_files_of_the_recipes_do_not_exist_yet() -> None:
    assert [path for path in sorted(RECIPES) if (ROOT / path).exists()] == []


def test_missing_path_module_and_command_are_detected() -> None:
    """The control."""
    text = (
        "`auditsaas/gone.py`, `auditsaas/cli.py`, `tests/gone/`, auditsaas/prose.py\n"
        "`auditsaas.gone`, `auditsaas.cli`, `config.settings.Settings`\n"
        "```sh\nauditsaas vanish now\nauditsaas doctor --lost\n.venv/bin/auditsaas --version\n```\n"
    )
    assert missing_paths(text) == {"auditsaas/gone.py", "tests/gone"}
    assert missing_modules(text) == {"auditsaas.gone"}
    assert unknown_commands(text) == ["vanish now", "doctor --lost"]
