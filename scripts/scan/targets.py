"""What is scanned: a demo of the product, signed in, and the control beside it."""

from __future__ import annotations

import http.cookiejar
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "var" / "scan"
PATIENCE_SECONDS = 180
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass(frozen=True)
class Target:
    """Where it listens, and what opens it."""

    name: str
    url: str
    cookie: str = ""
    key: str = ""

    def still_signed_in(self) -> bool:
        """Whether the session lived to the end, so that pages were scanned and not the sign-in."""
        request = urllib.request.Request(f"{self.url}/account", headers={"Cookie": self.cookie})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.url).endswith("/account")


@contextmanager
def product(folder: Path = FOLDER, *, events: int = 2_000) -> Iterator[Target]:
    """Run a demo below ``folder``, with an admin's session and a key of all scopes."""
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "demo.log"
    environment = os.environ | {
        "PORT": str(port),
        "DATA_DIR": str(folder / "demo"),
        "EVENTS": str(events),
    }
    with running([str(Path(sys.executable).parent / "auditsaas"), "demo"], log, environment):
        said = awaited(lambda: re.search(r"api-key: acme (\S+)", log.read_text()), "the demo")
        url = f"http://127.0.0.1:{port}"
        awaited(lambda: answers(f"{url}/readyz"), "the demo's web")
        person = re.search(r"sign-in: admin (\S+) (\S+)", log.read_text())
        assert person is not None
        yield Target("the product", url, signed_in(url, person[1], person[2]), said[1])


@contextmanager
def control() -> Iterator[Target]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "scripts.scan.control", str(port)]
    with running(command, FOLDER / "control.log", dict(os.environ)):
        awaited(lambda: answers(url), "the control")
        yield Target("the control", url)


@contextmanager
def running(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def signed_in(url: str, email: str, password: str) -> str:
    """Sign in through the form; return the cookies of the session."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    browser.addheaders = [("User-Agent", BROWSER)]
    page = browser.open(f"{url}/login").read().decode()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token is not None
    form = {"email": email, "password": password, "csrf_token": token[1]}
    browser.open(f"{url}/login", urllib.parse.urlencode(form).encode())
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def awaited(find: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = find()
        if found:
            return found
        time.sleep(0.2)
    sys.exit(f"{what} did not start within {PATIENCE_SECONDS} s; see {FOLDER}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
