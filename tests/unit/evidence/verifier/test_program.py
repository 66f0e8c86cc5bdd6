"""The verifier as a file: short, alone, and of the Python that strangers have."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from pathlib import Path

from auditsaas.evidence.verifier import auditlog_verify

SOURCE = Path(auditlog_verify.__file__).read_text()
TREE = ast.parse(SOURCE, feature_version=(3, 9))
MOST_LINES = 210
LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def lines_of_code() -> set[int]:
    """The lines that hold code: neither empty, nor comments, nor docstrings."""
    tokens = tokenize.generate_tokens(io.StringIO(SOURCE).readline)
    code: set[int] = set()
    for token in tokens:
        if token.type not in LAYOUT:
            code |= set(range(token.start[0], token.end[0] + 1))
    return code - docstring_lines()


def docstring_lines() -> set[int]:
    documented = (ast.Module, ast.FunctionDef, ast.ClassDef)
    nodes = [node for node in ast.walk(TREE) if isinstance(node, documented)]
    first = [node.body[0] for node in nodes if ast.get_docstring(node) is not None]
    return {at for node in first for at in range(node.lineno, (node.end_lineno or 0) + 1)}


def test_verifier_has_few_lines() -> None:
    assert len(lines_of_code()) <= MOST_LINES


def test_verifier_needs_only_the_standard_library() -> None:
    imports = [node for node in ast.walk(TREE) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_verifier_has_no_assert_that_an_optimised_python_leaves_out() -> None:
    assert not [node for node in ast.walk(TREE) if isinstance(node, ast.Assert)]


def test_lines_of_the_verifier_fit_a_screen() -> None:
    assert max(map(len, SOURCE.splitlines())) <= 120
