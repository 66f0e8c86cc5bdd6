"""``make sbom``: write the bill of materials of what is shipped, in CycloneDX' JSON.

The packages are those of the lock, by their hashes, and the files that browsers get; each with its
license where its makers say it in SPDX' terms. The image adds Python and Debian's packages, which a
scanner of images lists.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cyclonedx.schema import SchemaVersion
from cyclonedx.spdx import is_supported_id
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "var" / "sbom"
VENDORED = ROOT / "auditsaas" / "static" / "vendor" / "VERSIONS"
LOCKS = {"base": "auditsaas.cdx.json", "otel": "auditsaas-otel.cdx.json"}


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for lock, name in LOCKS.items():
        bill = build(ROOT / "requirements" / f"{lock}.txt")
        text = json.dumps(bill, indent=2, sort_keys=True)
        if (fault := invalid(text)) is not None:
            print(f"{name}: {fault}")
            return 1
        (FOLDER / name).write_text(f"{text}\n")
        print(f"{FOLDER.relative_to(ROOT) / name}: {len(bill['components'])} components")
    return 0


def build(lock: Path) -> dict[str, Any]:
    """Build the bill of a lock file; the same one gives the same bill."""
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", str(lock)]
    options = ["--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible"]
    run = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    bill: dict[str, Any] = json.loads(run.stdout)
    for component in bill["components"]:
        # What cyclonedx-py says of a line of requirements is the line, hashes and all.
        component.pop("description", None)
        component |= license_of(installed_license(component["name"]))
    vendored = list(browser_files(VENDORED.read_text()))
    bill["components"] += vendored
    bill["dependencies"] += [{"ref": each["bom-ref"]} for each in vendored]
    return bill


def browser_files(versions: str) -> Iterator[dict[str, Any]]:
    """Yield the components of ``VERSIONS``: npm packages whose files are served to browsers."""
    for name, version, license_name in map(str.split, versions.strip().splitlines()):
        address = f"pkg:npm/{quote(name)}@{version}"
        yield {
            "type": "library",
            "bom-ref": address,
            "name": name,
            "version": version,
            "purl": address,
            **license_of(license_name),
        }


def installed_license(package: str) -> str | None:
    try:
        said = metadata.metadata(package)
    except metadata.PackageNotFoundError:  # of another system than this
        return None
    found = said.json.get("license_expression")
    return found if isinstance(found, str) else None


def license_of(expression: str | None) -> dict[str, Any]:
    if not expression:
        return {}
    if is_supported_id(expression):
        return {"licenses": [{"license": {"id": expression}}]}
    if " " in expression:
        return {"licenses": [{"expression": expression}]}
    return {"licenses": [{"license": {"name": expression}}]}


def invalid(text: str) -> str | None:
    """Return what CycloneDX' schema has against a bill, or None."""
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    return None if fault is None else str(fault)


if __name__ == "__main__":
    sys.exit(main())
