"""An upgrade in place: another version's files under processes that run."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditsaas.version import version
from tests.deployment.installation import Installation
from tests.deployment.senders import Sender, await_more, steady_load, stop
from tests.deployment.servers import PostgresServer, RedisServer
from tests.deployment.visitor import Visitor
from tests.support.workers import ROOT, eventually

PRODUCT = ("auditsaas", "config", "migrations", "tasks", "templates", "wsgi.py")
HEALTH = Path("auditsaas/pages/operations/health.py")
GUNICORN = Path("config/gunicorn.py")
TELLS_ITS_MODULES = """
def when_ready(_server):
    Path("modules").write_text(" ".join(sys.modules))

on_reload = when_ready
"""
IMPORTS_SETTINGS = "from config import settings\n"


class Tree:
    """The product's code in a folder of its own, in this version or in one before it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put_this_version(self) -> None:
        for name in PRODUCT:
            if (ROOT / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / name, self.folder / name, ignore=ignored, dirs_exist_ok=True)
            else:
                shutil.copy2(ROOT / name, self.folder / name)
        self.edit(GUNICORN, "", TELLS_ITS_MODULES)

    def put_version_before(self) -> None:
        """A version that knows one setting by another name, and says so of itself."""
        self.put_this_version()
        for path in self.folder.rglob("*.py"):
            text = path.read_text()
            path.write_text(text.replace("replica_database_url", "replica_url"))
        self.edit(HEALTH, 'f"ok {version()}\\n"', '"ok before\\n"')

    def edit(self, path: Path, old: str, new: str) -> None:
        """Put ``new`` in the place of ``old``, or at the end."""
        text = (self.folder / path).read_text()
        assert old in text
        (self.folder / path).write_text(text.replace(old, new) if old else text + new)

    def modules_of_master(self) -> set[str]:
        return set((self.folder / "modules").read_text().split())


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path / "code")
    made.folder.mkdir()
    made.put_version_before()
    return made


@pytest.fixture
def web(
    tree: Tree, tmp_path: Path, postgres_server: PostgresServer, redis_server: RedisServer
) -> Iterator[Installation]:
    made = Installation(tmp_path, postgres_server, redis_server)
    made.code = tree.folder
    made.command("db", "upgrade")
    try:
        yield made
    finally:
        made.stop()


def start(web: Installation) -> None:
    """Start the web of the version before, whose ``/readyz`` was not asked yet."""
    web.start_web()
    eventually(lambda: health(web) == "ok before\n", "a web that serves")


def health(web: Installation) -> str | None:
    try:
        return Visitor(web.port).get("/healthz").text
    except OSError:
        return None


def serve(web: Installation) -> list[Sender]:
    """Start the web of the version before; return senders that it answers."""
    slug = f"w-{uuid.uuid4().hex}"
    web.command("workspace", "create", "Acme", "--slug", slug)
    key = web.command("api-key", "create", slug, "--name", "t", "--scope", "events:write").strip()
    start(web)
    return steady_load(web.port, key)


def replace_workers(web: Installation) -> None:
    before = web.children("web")
    web.reload_web()
    eventually(lambda: not before & web.children("web"), "workers that were all replaced")


def test_reload_to_another_version_fails_no_request(tree: Tree, web: Installation) -> None:
    """Even under a master that imported settings, as that of a version before this one does."""
    tree.edit(GUNICORN, "", IMPORTS_SETTINGS)
    senders = serve(web)
    tree.put_this_version()
    replace_workers(web)
    await_more(senders)
    stop(senders)
    assert [sender.cut for sender in senders] == [[]] * len(senders)
    assert health(web) == f"ok {version()}\n"


def test_reload_of_workers_that_inherit_settings_ends_the_web(
    tree: Tree, web: Installation
) -> None:
    """The control: what the tests beside it are there for is found."""
    tree.edit(GUNICORN, "", IMPORTS_SETTINGS)
    senders = serve(web)
    tree.put_this_version()
    tree.edit(GUNICORN, "def post_fork(", f"{IMPORTS_SETTINGS}\ndef _post_fork(")
    web.reload_web()
    # 1 where the failure of the second worker meets a master that already stops for the first.
    assert web.wait_for_end("web") in (1, 3)
    stop(senders)
    assert any(sender.cut for sender in senders)


def restart(web: Installation) -> None:
    web.ask_to_stop("web")
    assert web.wait_for_end("web") == 0
    web.start_web()


def test_restart_of_a_web_whose_socket_is_held_fails_no_request(
    tree: Tree, web: Installation
) -> None:
    """Unlike a reload it also replaces gunicorn itself."""
    with web.hold_socket():
        senders = serve(web)
        tree.put_this_version()
        restart(web)
        await_more(senders)
        stop(senders)
        assert [sender.cut for sender in senders] == [[]] * len(senders)
        assert health(web) == f"ok {version()}\n"


def test_restart_of_a_web_with_a_socket_of_its_own_cuts_senders(web: Installation) -> None:
    """The control."""
    senders = serve(web)
    restart(web)
    stop(senders)
    assert any(sender.cut for sender in senders)


def test_process_is_ready_while_other_migrations_lie_in_place_of_its_own(
    tree: Tree, web: Installation
) -> None:
    """They are written against modules that the running version does not have."""
    start(web)
    for path in (tree.folder / "migrations" / "versions").glob("*.py"):
        path.write_text(f"raise ImportError\n{path.read_text()}")
    shutil.copy2(path, path.with_name("9999_next.py"))
    assert {Visitor(web.port).get("/readyz").status for _ in range(20)} == {200}


def test_pages_are_drawn_while_other_templates_lie_in_place_of_their_own(
    tree: Tree, web: Installation
) -> None:
    """They may ask for what the running version does not give them."""
    start(web)
    for path in (tree.folder / "templates").rglob("*.html"):
        path.write_text("{{ undefined.of_a_later_version }}")
    assert {Visitor(web.port).get("/login").status for _ in range(20)} == {200}


def test_master_imports_nothing_of_the_product(tree: Tree, web: Installation) -> None:
    start(web)
    first = tree.modules_of_master()
    tree.put_this_version()
    replace_workers(web)
    for modules in (first, tree.modules_of_master()):
        roots = {name.partition(".")[0] for name in modules}
        assert "gunicorn" in roots
        assert roots & {"auditsaas", "config", "tasks", "wsgi"} == set()
