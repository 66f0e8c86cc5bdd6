"""House rules that no linter knows, read from the source itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sorted(
    path for folder in ("auditsaas", "tasks", "config") for path in (ROOT / folder).rglob("*.py")
)
TEMPLATES = sorted(
    path
    for path in (ROOT / "templates").rglob("*.html")
    if path.parent.name != "mail"  # read in mail programs, under no policy of ours
)
SERVICES = [path for path in PYTHON if path.name == "service.py"]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_holds_nothing_that_the_content_security_policy_refuses(path: Path) -> None:
    found = re.findall(
        r"\sstyle=\"|\son[a-z]+=\"|<script>|<style|hx-on|hx-vals=\"js:|javascript:",
        path.read_text(),
    )
    assert found == []


def test_only_the_settings_read_the_environment() -> None:
    """And gunicorn's master, which may import no module of the product."""
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in PYTHON
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in {("os", "environ"), ("os", "getenv")}
    }
    assert readers <= {"config/settings.py", "config/gunicorn.py"}


def test_one_filter_is_stated_in_few_modules() -> None:
    """Its record, its search key, the SQL of actors, and the column of a foreign file.

    The verifier is a stranger's program, which shares nothing with the product.
    """
    own = [path for path in PYTHON if path.name != "auditlog_verify.py"]
    stating = [path for path in own if "user_status" in path.read_text()]
    assert 0 < len(stating) <= 4


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.parent.name)
def test_a_service_flushes_and_never_commits(path: Path) -> None:
    calls = [
        node.func.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    assert "commit" not in calls


def test_no_view_turns_an_argument_into_a_number_by_hand() -> None:
    found = [
        path.name
        for path in PYTHON
        if re.search(r"int\(request\.(args|form|values)", path.read_text())
    ]
    assert found == []


def test_packages_are_entered_by_their_modules() -> None:
    """An empty ``__init__`` cannot become the knot that every module imports."""
    filled = [p for p in PYTHON if p.name == "__init__.py" and ast.parse(p.read_text()).body[1:]]
    assert filled == []


@pytest.mark.parametrize(
    ("folder", "pattern"),
    [("templates", "*.html"), ("templates", "*.css"), ("auditsaas/static", "*.css")],
)
def test_no_template_or_style_sheet_has_a_line_over_120_columns(folder: str, pattern: str) -> None:
    """The formatter cannot break a text or an expression; people can."""
    paths = [path for path in (ROOT / folder).rglob(pattern) if "vendor" not in path.parts]
    long = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 120
    ]
    assert paths != []
    assert long == []


QUAINT = re.compile(
    r"\b(whoever|whomever|nobody|somebody|everybody|anybody|ours?|us|we)\b"
    r"|what is none|that (is|are) not there|(is|are) meant\b",
    re.IGNORECASE,
)


RIDDLES = re.compile(r"(what|who|whom|whose|where|how|why|nobody|whoever)\b", re.IGNORECASE)
NOUNS = re.compile(
    r"(the|an?|one|each|every|all|which|whether|when|its?|none|raises)\b|`", re.IGNORECASE
)


def documented(source: str) -> Iterator[tuple[ast.AST, str]]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, kinds) and (text := ast.get_docstring(node)):
            yield node, text


def acts(node: ast.AST) -> bool:
    """Tell whether it is a function that is called by its name, and no property or class."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return not any("property" in ast.unparse(decorator) for decorator in node.decorator_list)


def riddles(source: str) -> list[str]:
    """List docstrings that begin with a question, or of a function not with a verb."""
    return [
        text.partition("\n")[0]
        for node, text in documented(source)
        if RIDDLES.match(text) or (acts(node) and NOUNS.match(text))
    ]


def test_docstrings_of_functions_begin_with_a_verb() -> None:
    """Ruff's D401 knows the verbs; this knows what else a first line begins with."""
    found = {str(path.relative_to(ROOT)): riddles(path.read_text()) for path in PYTHON}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_docstring_that_begins_without_a_verb_is_detected() -> None:
    """The control."""
    source = (
        '"""What all share."""\n'
        'class A:\n    """A thing."""\n    @property\n    def b(self):\n        """The part."""\n'
        'def c():\n    """Whether it is."""\n'
        'def d():\n    """`12,345`."""\n'
        'def e():\n    """How it works."""\n'
        'async def f():\n    """Read the row.\n\n    What it holds."""\n'
    )
    assert riddles(source) == ["What all share.", "Whether it is.", "`12,345`.", "How it works."]


def quaint(source: str) -> list[str]:
    """List the docstrings that hold a word that tells a reader nothing."""
    return [text for _, text in documented(source) if QUAINT.search(text)]


def test_docstrings_use_the_words_of_the_field() -> None:
    """See docs/glossary.md."""
    found = {str(path.relative_to(ROOT)): quaint(path.read_text()) for path in PYTHON}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_quaint_docstring_is_detected() -> None:
    """The control."""
    source = (
        '"""Whoever acts."""\n'
        'class A:\n    """Actors that are not there."""\n'
        'def f():\n    """An address of ours."""\n'
        'async def g():\n    """Whether somebody is meant.\n\n    More."""\n'
        'def h():\n    """Find the actor.\n\n    Nobody waits."""\n'
    )
    assert len(quaint(source)) == 5
