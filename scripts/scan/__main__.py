"""``make scan``: scanners against a running demo and a control; prints a Markdown table.

It ends with 1 when something is found in the product that nobody has accepted with a reason, or
when a scanner misses what is wrong with the control.
"""

from __future__ import annotations

import signal
import sys

from scripts.scan import targets, tools
from scripts.scan.accepted import reason
from scripts.scan.tools import Scan

PAGE = (
    "/w/acme/audit-logs?q=ann&user=ann&activity=user.login&status=error&method=GET&ip=203.0.113.7"
    "&role=admin&platform=Linux&min_ms=1&from=2026-01-01"
)
EVENTS = PAGE.replace("/w/acme/audit-logs", "/api/v1/events")
PARAMETERS = "q,user,activity,status,method,ip,role,platform,min_ms,from"


def main() -> int:
    # So that the demo and the scanners end with us, however we are asked to.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The scan was stopped."))
    tools.install()
    scans = [
        tools.bandit("the product", "auditsaas", "tasks", "config", "migrations"),
        tools.bandit("the control", "scripts/scan/control.py"),
    ]
    with targets.control() as control:
        scans += [
            tools.schemathesis(control, "/openapi.json", cases=20, seconds=20),
            tools.wapiti(control, "/", crawl_seconds=20, attack_seconds=20),
            tools.sqlmap(control, "/people?name=Ann", "name", database="sqlite"),
        ]
    with targets.product() as product:
        scans += [
            tools.schemathesis(product, "/api/v1/openapi.json", cases=40, seconds=120),
            tools.wapiti(product, "/w/acme/audit-logs", crawl_seconds=90, attack_seconds=20),
            tools.sqlmap(product, PAGE, PARAMETERS, database="postgresql"),
            tools.sqlmap(product, EVENTS, PARAMETERS, database="postgresql"),
        ]
        if not product.still_signed_in():
            sys.exit("The session ended during the scan, so it did not see what people see.")
    print(table(scans))
    return int(any(failed(scan) for scan in scans))


def table(scans: list[Scan]) -> str:
    rows = ["| scanner | of | tried | found |", "| --- | --- | --- | --- |"]
    rows += [f"| {s.tool} | {s.target} | {s.tried} | {found(s)} |" for s in scans]
    kept = {
        finding: reason(finding)
        for s in scans
        if s.target != "the control"
        for finding in s.findings
    }
    rows += ["", *(f"- {finding}: {why}" for finding, why in sorted(kept.items()) if why)]
    return "\n".join(rows)


def found(scan: Scan) -> str:
    if scan.target == "the control":
        return "; ".join(scan.findings) or "**nothing, and it should have**"
    new = [finding for finding in scan.findings if not reason(finding)]
    kept = len(scan.findings) - len(new)
    words = "; ".join(f"**{finding}**" for finding in new) or "nothing"
    return f"{words}, beside {kept} accepted below" if kept else words


def failed(scan: Scan) -> bool:
    if scan.target == "the control":
        return not scan.findings
    return any(not reason(finding) for finding in scan.findings)


if __name__ == "__main__":
    sys.exit(main())
