"""What the product's code never does: run its input, hash weakly, or trust markup."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditsaas.events.importers.mapping.readers.windows import read_element
from auditsaas.events.importers.outcome import LineError

ROOT = Path(__file__).resolve().parents[2]
CODE = ("auditsaas", "tasks", "config")
SCRIPTS = sorted((ROOT / "auditsaas/static").glob("*.js"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))

RUNS_INPUT = {"eval", "exec", "system", "popen", "render_template_string", "from_string"}
UNSAFE_READERS = {"pickle", "marshal", "shelve", "yaml", "lxml", "dill", "jsonpickle"}
STARTS_PROCESSES = ("auditsaas/demo/", "config/engines/")
"""The demo, and the private servers of an installation without any: fixed words, no shell."""
XML = {"auditsaas/events/importers/mapping/readers/windows.py"}
BY_CHANCE = "auditsaas/demo/"
"""Only invented events are made of a seed."""
MARKED_SAFE = {
    "templates/workspaces/_fields.html": "attributes|safe",
    "templates/audit_logs/_download.html": "'id=\"download-proof\"'|safe",
    "templates/audit_logs/_event.html": "attributes|safe",
    "templates/audit_logs/page.html": "' aria-invalid=\"true\"'|safe",
}
"""Constants of the templates themselves."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    for folder in CODE:
        for path in (ROOT / folder).rglob("*.py"):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def called(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def imported(tree: ast.Module) -> set[str]:
    """The modules that a file imports, with those above them."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names | {name.partition(".")[0] for name in names}


def runs_input(tree: ast.Module) -> bool:
    """Tell whether a file runs text as code or by a shell, or reads what can run."""
    shell = any(
        keyword.arg == "shell" and ast.unparse(keyword.value) != "False"
        for call in calls(tree)
        for keyword in call.keywords
    )
    by_name = any(
        called(call) in RUNS_INPUT and not ast.unparse(call.func).endswith("lua.system")
        for call in calls(tree)
    )
    return shell or by_name or bool(imported(tree) & UNSAFE_READERS)


def test_product_never_runs_or_unpickles_what_it_is_given() -> None:
    assert {name for name, tree in sources() if runs_input(tree)} == set()


@pytest.mark.parametrize(
    "source",
    ["eval(x)", "os.system(x)", "run(x, shell=True)", "import pickle", "env.from_string(x)"],
)
def test_running_of_input_is_detected(source: str) -> None:
    assert runs_input(ast.parse(source))


def test_only_the_demo_and_private_servers_start_processes() -> None:
    starting = {name for name, tree in sources() if "subprocess" in imported(tree)}
    assert {name for name in starting if not name.startswith(STARTS_PROCESSES)} == set()


def test_hashes_are_of_sha_2_and_3_and_chance_is_of_the_system() -> None:
    hashes = {
        (name, word)
        for folder in CODE
        for path in (ROOT / folder).rglob("*.py")
        for name, word in [(path.name, w) for w in re.findall(r"hashlib\.(\w+)", path.read_text())]
    }
    guessable = {name for name, tree in sources() if {"random", "numpy"} & imported(tree)}
    assert len(hashes) > 5
    assert {word for _, word in hashes} == {"sha256", "sha512", "shake_256"}  # SHA-2 and SHA-3
    assert {name for name in guessable if not name.startswith(BY_CHANCE)} == set()


def test_xml_is_read_in_one_place_without_document_types() -> None:
    reading = {
        name for name, tree in sources() if {"xml", "xml.etree", "html.parser"} & imported(tree)
    }
    assert reading == XML
    bomb = '<!DOCTYPE a [<!ENTITY x "boom"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    for hostile in (f"{bomb}<Event>&x;</Event>", f"<Event>{bomb}&f;</Event>", "<Event>&x;</Event>"):
        element = hostile[hostile.index("<Event>") :].encode()
        with pytest.raises(LineError):
            read_element(element)


def test_templates_mark_nothing_safe_but_constants() -> None:
    found = {
        str(path.relative_to(ROOT)): text[0]
        for path in TEMPLATES
        if (text := re.findall(r"(?:[\w.]+|'[^']*')\s*\|\s*safe\b", path.read_text()))
    }
    assert found == MARKED_SAFE
    assert [path for path in TEMPLATES if "autoescape" in path.read_text()] == []


def test_own_scripts_run_no_text_and_keep_nothing_in_the_browser() -> None:
    never = (
        r"\beval\(|new Function|document\.write|insertAdjacentHTML|localStorage|sessionStorage"
        r"|indexedDB|postMessage|__proto__"
    )
    found = {path.name: re.findall(never, path.read_text()) for path in SCRIPTS}
    assert len(found) > 5
    assert {name: words for name, words in found.items() if words} == {}


def test_own_scripts_set_markup_once_from_the_servers_own_answer() -> None:
    setting = [
        (path.name, line.strip())
        for path in SCRIPTS
        for line in path.read_text().splitlines()
        if re.search(r"\.(inner|outer)HTML\s*=", line)
    ]
    assert setting == [("app.js", 'byId("dialog").innerHTML = text;')]


def test_password_fields_are_masked_and_open_to_managers() -> None:
    fields = [
        field
        for path in TEMPLATES
        for field in re.findall(r"<input[^>]*>", path.read_text())
        if re.search(r'name="(new_)?password"', field)
    ]
    assert len(fields) > 2
    for field in fields:
        assert 'type="password"' in field
        assert "autocomplete=" in field
        assert "onpaste" not in field


def test_no_migration_makes_an_account() -> None:
    """That of the setup link makes the function that does, for who holds the link."""
    written = {path.name: path.read_text() for path in (ROOT / "migrations/versions").glob("*.py")}
    assert len(written) > 30
    makes = re.compile(r"INSERT\s+INTO\s+users", re.IGNORECASE)
    assert [name for name, text in written.items() if makes.search(text)] == ["0062_setup_link.py"]
