"""What may open connections to other machines, and that all else goes through ``outgoing``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

CLIENTS = (
    "aiohttp", "asyncio", "boto3", "botocore", "ftplib", "http.client", "httpx", "imaplib",
    "poplib", "pycurl", "requests", "rfc3161_client.http", "smtplib", "socket", "socketserver",
    "ssl", "telnetlib", "urllib.request", "urllib3", "websocket", "xmlrpc",
)  # fmt: skip
"""Modules by which a program reaches another machine."""

OWN = {
    "auditsaas/demo/processes.py": "looks for a free port of this machine",
    "auditsaas/mail/transport.py": "the operator's mail server",
    "auditsaas/operations/checks/mail.py": "the words for that server's refusals",
    "auditsaas/storage/s3.py": "the operator's object store",
    "config/connections/": "the server's side of connections",
    "config/engines/redis.py": "the private Redis of this machine",
    "config/lanes.py": "the server's side of connections",
    "tasks/process.py": "the name of this machine",
}
"""Who reaches only what the operator set up, or takes connections."""
OUTGOING = "auditsaas/outgoing/"


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reaches_out(source: str) -> bool:
    """Tell whether a module imports what opens connections, anywhere in it."""
    return any(
        name == client or name.startswith(f"{client}.")
        for name in imports(ast.parse(source))
        for client in CLIENTS
    )


def reaching() -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for folder in ("auditsaas", "config", "tasks")
        for path in (ROOT / folder).rglob("*.py")
        if reaches_out(path.read_text())
    }


def test_addresses_that_people_type_are_reached_through_one_module() -> None:
    others = {name for name in reaching() if not name.startswith(OUTGOING)}
    assert {name for name in others if not name.startswith(tuple(OWN))} == set()
    assert {own for own in OWN if not any(name.startswith(own) for name in others)} == set()


@pytest.mark.parametrize(
    "source",
    ["import requests", "from urllib import request", "def f():\n    import urllib3.util",
     "from http.client import HTTPSConnection", "import boto3.session as b"],
)  # fmt: skip
def test_module_that_reaches_out_is_detected(source: str) -> None:
    assert reaches_out(source)
    assert not reaches_out("from urllib.parse import urlsplit\nimport http")
