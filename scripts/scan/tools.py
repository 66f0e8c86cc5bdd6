"""The scanners, each in an environment of its own, and what they say in one form.

Every run is bounded in time and count, and reaches nothing but this machine.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.scan.targets import FOLDER, ROOT, Target

ENVIRONMENTS = ROOT / ".venv-scan"
PACKAGES = {
    "bandit": "bandit==1.9.4",
    "schemathesis": "schemathesis==4.32.5",
    "wapiti": "wapiti3==3.2.3",
    "sqlmap": "sqlmap==1.10.10",
}
LONGEST_SECONDS = 600

WAPITI_MODULES = (
    "cookieflags,csp,crlf,csrf,exec,file,http_headers,methods,permanentxss,redirect,sql,timesql,"
    "upload,xss"
)
"""Those that need no server of Wapiti's on the internet."""
UNDOCUMENTED = "ST103"
SIGNING_OUT = ("/logout", "/account")


@dataclass(frozen=True)
class Scan:
    """What one scanner said of one target."""

    tool: str
    target: str
    tried: str
    findings: tuple[str, ...]


def install() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for tool, package in PACKAGES.items():
        folder = ENVIRONMENTS / tool
        marker = folder / package
        if marker.exists():
            continue
        print(f"installing {package}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = folder / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-qq", package], check=True)
        marker.touch()


def bandit(name: str, *places: str) -> Scan:
    """List findings of medium severity and more, by rule and file."""
    report = FOLDER / f"bandit-{name.split()[-1]}.json"
    run("bandit", "-r", *places, "-ll", "-q", "-f", "json", "-o", report)
    found = json.loads(report.read_text())
    lines = sum(sizes["loc"] for file, sizes in found["metrics"].items() if file != "_totals")
    return Scan(
        "bandit",
        name,
        f"{lines:,} lines",
        _counted(
            f"{one['test_id']} {one['filename'].removeprefix('./')}" for one in found["results"]
        ),
    )


def schemathesis(target: Target, description: str, *, cases: int, seconds: int) -> Scan:
    """Whether the API does as its description says, whatever it is sent."""
    report = FOLDER / f"schemathesis-{target.name.split()[-1]}.json"
    report.unlink(missing_ok=True)
    words = f"run {target.url}{description} -c all -n {cases} --max-time {seconds} --seed 1"
    bounds = "--rate-limit auto --request-timeout 30 --no-color --report json"
    said = run(
        "schemathesis",
        *words.split(),
        *bounds.split(),
        "--report-json-path",
        report,
        *(("-H", f"Authorization: Bearer {target.key}") if target.key else ()),
    )
    found = json.loads(report.read_text())
    number, operations = found["test_cases"]["generated"], found["operations"]["tested"]
    received = " ".join(sorted(set(re.findall(r"Received: (\d+)", said))))
    findings = [
        f"{one['code']} {one['title']}" + (f" {received}" if one["code"] == UNDOCUMENTED else "")
        for one in found["failures"]
    ]
    errors = [f"error: {one.get('title', one)}" for one in found["errors"]]
    tried = f"{number:,} requests to {operations} operations"
    return Scan("schemathesis", target.name, tried, _counted([*findings, *errors]))


def wapiti(target: Target, start: str, *, crawl_seconds: int, attack_seconds: int) -> Scan:
    report = FOLDER / f"wapiti-{target.name.split()[-1]}.json"
    report.unlink(missing_ok=True)
    words = f"-u {target.url}{start} --scope domain -m {WAPITI_MODULES} -d 5 --flush-session"
    bounds = (
        f"--max-scan-time {crawl_seconds} --max-attack-time {attack_seconds}"
        " --max-links-per-page 40 --max-files-per-dir 40 -v 0 --no-bugreport -f json"
    )
    exclusions = [word for path in SIGNING_OUT for word in ("-x", f"{target.url}{path}*")]
    run(
        "wapiti",
        *words.split(),
        *bounds.split(),
        *exclusions,
        *("--store-session", FOLDER / "wapiti", "--store-config", FOLDER / "wapiti"),
        *(("-H", f"Cookie: {target.cookie}") if target.cookie else ()),
        *("-o", report),
    )
    found = json.loads(report.read_text())
    findings = [
        f"{kind} {one['path']}"
        for part in ("vulnerabilities", "anomalies")
        for kind, all_of_it in found[part].items()
        for one in all_of_it
    ]
    pages = found["infos"]["crawled_pages_nbr"]
    return Scan("wapiti", target.name, f"{pages} pages and forms", _counted(findings))


def sqlmap(target: Target, address: str, parameters: str, *, database: str) -> Scan:
    """Injection through each of the parameters of one address."""
    said = run(
        "sqlmap",
        *("-u", f"{target.url}{address}", "-p", parameters),
        *[
            "--batch",
            "--flush-session",
            "--level",
            "1",
            "--risk",
            "1",
            "--ignore-code=422",
            "--time-sec",
            "2",
        ],
        *("--dbms", database, "--disable-coloring", "--output-dir", FOLDER / "sqlmap"),
        *((f"--cookie={target.cookie}",) if target.cookie and "/api/" not in address else ()),
        *(("-H", f"Authorization: Bearer {target.key}") if "/api/" in address else ()),
    )
    found = re.findall(r"^Parameter: (.+)$", said, re.MULTILINE)
    if not found and "do not appear to be injectable" not in said:
        found = ["error: it did not come to an end"]
    asked = re.search(r"total of (\d+) HTTP", said)
    number = len(parameters.split(","))
    tried = f"{number} parameters of {address.partition('?')[0]}"
    return Scan(
        "sqlmap", target.name, tried + (f", {asked[1]} requests" if asked else ""), tuple(found)
    )


def run(tool: str, *arguments: str | Path) -> str:
    """Return its output; a tool stopped at its time limit has printed all it found by then."""
    program = ENVIRONMENTS / tool / "bin" / tool
    arguments = tuple(str(argument) for argument in arguments)
    log = FOLDER / f"{tool}.log"
    with log.open("wb") as out:
        try:
            subprocess.run(
                [program, *arguments],
                # Some keep what they learned where they are started.
                cwd=ROOT if tool == "bandit" else FOLDER,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                timeout=LONGEST_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            print(f"{tool} was stopped after {LONGEST_SECONDS} s", file=sys.stderr)
    return log.read_text(errors="replace")


def _counted(findings: Any) -> tuple[str, ...]:
    return tuple(sorted(set(findings)))
