"""The places where an operator looks, and how long each takes to tell of a fault."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from bench.faults.installation import Installation
from tests.support import factories
from tests.support.serving import WebProcess
from tests.support.workers import ROOT, process_environment

LIMIT_SECONDS = 60.0
ASK_TIMEOUT = 30.0
BETWEEN_LOOKS = 1.0
FIGURES, DOCTOR, PAGE = "figures", "doctor", "system page"

Tells = Callable[[str], bool]


def says(pattern: str) -> Tells:
    """Build a test of whether a text has a line that matches."""
    compiled = re.compile(pattern, re.MULTILINE)
    return lambda text: compiled.search(text) is not None


def share(used: str, most: str, least: float) -> Tells:
    """Build a test of whether one figure is at least this share of another."""

    def tells(text: str) -> bool:
        found = [re.search(rf"^{name} (\S+)$", text, re.MULTILINE) for name in (used, most)]
        numbers = [float(each[1]) for each in found if each]
        return len(numbers) == 2 and numbers[0] >= least * numbers[1] > 0

    return tells


def above(figure: str, least: float) -> Tells:
    """Build a test of whether a figure is above a number."""

    def tells(text: str) -> bool:
        found = re.search(rf"^{re.escape(figure)} (\S+)$", text, re.MULTILINE)
        return found is not None and float(found[1]) > least

    return tells


@dataclass(frozen=True)
class Signs:
    """What each place says once it tells of a fault."""

    figures: Tells
    doctor: Tells
    page: Tells

    def items(self) -> Iterator[tuple[str, Tells]]:
        yield FIGURES, self.figures
        yield DOCTOR, self.doctor
        yield PAGE, self.page


@dataclass
class Seen:
    """After how many seconds each place told."""

    after: dict[str, float] = field(default_factory=dict)

    @property
    def missed(self) -> list[str]:
        """The places that did not tell in time."""
        never = LIMIT_SECONDS + 1
        places = (FIGURES, DOCTOR, PAGE)
        return [place for place in places if self.after.get(place, never) > LIMIT_SECONDS]

    def __str__(self) -> str:
        return ", ".join(
            f"{self.after[place]:.0f}" if place in self.after else "**never**"
            for place in (FIGURES, DOCTOR, PAGE)
        )


class Operator:
    """A super-admin who is signed in, has a shell, and reads the figures."""

    def __init__(self, made: Installation, web: WebProcess, **variables: str) -> None:
        self._web = web
        self._environment = process_environment(made.settings) | variables
        browser = made.app.test_client()
        factories.sign_in(browser, factories.make_user(is_super_admin=True))
        name = made.app.config["SESSION_COOKIE_NAME"]
        cookie = browser.get_cookie(name)
        self._cookie = f"{name}={cookie.value}" if cookie else ""
        self._look: dict[str, Callable[[], str]] = {
            FIGURES: lambda: self.ask("/metrics"),
            DOCTOR: self._ask_doctor,
            PAGE: lambda: self.ask("/admin/system"),
        }

    def look(self, signs: Signs) -> list[str]:
        """Look once at each place; return those that tell."""
        return [place for place, tells in signs.items() if tells(self._look[place]())]

    def watch(self, signs: Signs) -> Seen:
        """Look again and again until every place has told, or for a minute."""
        began, seen = time.monotonic(), Seen()

        def until_told(place: str, tells: Tells) -> None:
            while time.monotonic() - began < LIMIT_SECONDS:
                if tells(self._look[place]()):
                    seen.after[place] = time.monotonic() - began
                    return
                threading.Event().wait(BETWEEN_LOOKS)

        with ThreadPoolExecutor(3) as eyes:
            for looking in [eyes.submit(until_told, *sign) for sign in signs.items()]:
                looking.result()
        return seen

    def ask(self, path: str) -> str:
        """Return the text of an answer, whatever its status; '' without one."""
        headers = {"Cookie": self._cookie, "Connection": "close"}
        asked = urllib.request.Request(self._web.url + path, headers=headers)  # noqa: S310
        try:
            with urllib.request.urlopen(asked, timeout=ASK_TIMEOUT) as answer:  # noqa: S310
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()
        except OSError:
            return ""

    def _ask_doctor(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            return subprocess.run(
                [sys.executable, "-c", "from auditsaas.cli import main; main()", "doctor"],
                cwd=ROOT,
                env=self._environment,
                capture_output=True,
                text=True,
                timeout=LIMIT_SECONDS,
                check=False,
            ).stdout
        return ""
