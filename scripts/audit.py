"""``make audit``: look every locked package up among the known vulnerabilities.

The answer is 1 when a package is vulnerable, and also when one could not be looked up: an audit
that looked at nothing must not pass for one that found nothing.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHOWN = 3
ROOT = Path(__file__).resolve().parents[1]
PINNED = re.compile(r"^[A-Za-z0-9._-]+(?:\[[^\]]*\])?==", re.MULTILINE)


@dataclass(frozen=True)
class Audit:
    """What was found about the packages of one lock file."""

    audited: int
    skipped: tuple[str, ...]
    vulnerable: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return self.audited > 0 and not self.skipped and not self.vulnerable


def main(arguments: list[str]) -> int:
    """``arguments``, if there are any, go to pip-audit, such as another service to ask."""
    passed = True
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        audit = examine(lock, arguments)
        print(f"{lock.name}: {audit.audited} packages audited of {len(pinned(lock))} locked")
        for line in (*audit.vulnerable, *audit.skipped[:SHOWN]):
            print(f"  {line}")
        if len(audit.skipped) > SHOWN:
            print(f"  and {len(audit.skipped) - SHOWN} more that were not looked up")
        passed = passed and audit.passed
    print("Nothing known." if passed else "FAILED: vulnerable, or not looked up.")
    return 0 if passed else 1


def pinned(lock: Path) -> list[str]:
    return PINNED.findall(lock.read_text())


def examine(lock: Path, arguments: list[str]) -> Audit:
    command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip"]
    options = ["--progress-spinner=off", "--format=json", f"--requirement={lock}"]
    run = subprocess.run(
        [*command, *options, *arguments], capture_output=True, text=True, check=False
    )
    try:
        return verdict(json.loads(run.stdout))
    except json.JSONDecodeError:
        reason = (run.stderr.strip().splitlines() or ["no answer"])[-1]
        return Audit(0, (f"pip-audit ended with {run.returncode}: {reason}",), ())


def verdict(report: dict[str, Any]) -> Audit:
    """Read pip-audit's report (``--format json``)."""
    packages = report["dependencies"]
    skipped = [f"{p['name']}: {p['skip_reason']}" for p in packages if "skip_reason" in p]
    vulnerable = [
        f"{p['name']} {p['version']}: {found['id']}, mended in {', '.join(found['fix_versions'])}"
        for p in packages
        for found in p.get("vulns", ())
    ]
    return Audit(len(packages) - len(skipped), tuple(skipped), tuple(vulnerable))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
