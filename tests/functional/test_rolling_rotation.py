"""SECRET_KEY is changed one process after the other, while people work in both.

Two real web processes, as only they sign scopes by keys of their own; started once for the file.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyotp
import pytest
from sqlalchemy import Engine

from auditsaas.accounts.models import User
from auditsaas.operations import rights
from auditsaas.workspaces.models import Workspace
from config.secret_keys import SecretKeys
from config.settings import Settings
from tests.deployment.visitor import Answer, Visitor
from tests.functional.test_secret_rotation import with_factor
from tests.support.commands import Commands
from tests.support.factories import PASSWORD
from tests.support.serving import WebProcess

NEW = secrets.token_hex(32)


@pytest.fixture(scope="module")
def ports(
    settings: Settings, owner_engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, int]]:
    """The ports of a process that waits for the swap, and of one that made it."""
    old, folder = settings.secret_key, tmp_path_factory.mktemp("rolling")
    with owner_engine.begin() as owner:
        rights.keep_keys(owner, SecretKeys(old, (NEW,)))
    webs = [_web(settings, folder, key, other) for key, other in ((old, NEW), (NEW, old))]
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(WebProcess.start, webs))
        yield webs[0].port, webs[1].port
    finally:
        for web in webs:
            web.stop()
        with owner_engine.begin() as owner:
            rights.forget_other_keys(owner, settings.secret_keys)


def _web(settings: Settings, folder: Path, key: str, other: str) -> WebProcess:
    keys = {"SECRET_KEY": key, "SECRET_KEY_FALLBACKS": other}
    return WebProcess(settings, folder / f"{key[:4]}.log", GUNICORN_CMD_ARGS="--workers 1", **keys)


def give_code(visitor: Visitor, code: str) -> Answer:
    token = visitor.csrf_token("/login/second-factor")
    return visitor.post("/login/second-factor", {"csrf_token": token, "code": code})


@pytest.mark.parametrize("first", [0, 1])
def test_sign_in_begun_at_one_process_goes_on_at_the_other(
    ports: tuple[int, int], workspace: Workspace, settings: Settings, first: int
) -> None:
    user, secret, _ = with_factor(workspace, settings)
    here = Visitor(ports[first])
    there = Visitor(ports[1 - first], like=here)
    assert here.sign_in(user.email, PASSWORD).status == 302
    # The page of one, sent to the other.
    token = here.csrf_token("/login/second-factor")
    code = {"csrf_token": token, "code": pyotp.TOTP(secret).now()}
    assert there.post("/login/second-factor", code).status == 302
    pages = [each.get(f"/w/{workspace.slug}/audit-logs") for each in (here, there)]
    assert [page.status for page in pages] == [200, 200]
    token = _token_of(pages[0])
    theme = there.post("/account/theme", {"csrf_token": token, "theme": "dark"})
    assert theme.status == 302


def test_factor_sealed_anew_is_taken_by_both(
    ports: tuple[int, int], workspace: Workspace, settings: Settings
) -> None:
    people = [with_factor(workspace, settings)[:2] for _ in ports]
    run = Commands(settings, SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=settings.secret_key)
    assert "second factors:" in run.done("secret", "rotate")
    assert [_enters(port, *each) for port, each in zip(ports, people, strict=True)] == [302, 302]


def _enters(port: int, user: User, secret: str) -> int:
    visitor = Visitor(port)
    visitor.sign_in(user.email, PASSWORD)
    return give_code(visitor, pyotp.TOTP(secret).now()).status


def _token_of(page: Answer) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert found
    return found[1]
