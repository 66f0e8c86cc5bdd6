"""``make sbom`` lists everything that is shipped, in a form that tools read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scripts import audit, sbom

BASE = sbom.ROOT / "requirements" / "base.txt"


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    return sbom.build(BASE)


def named(bill: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in bill["components"]}


def test_every_locked_package_is_listed_with_its_version_and_hashes(bill: dict[str, Any]) -> None:
    locked = {line.partition("[")[0].removesuffix("==") for line in audit.pinned(BASE)}
    found = named(bill)
    assert len(locked) > 60
    assert locked - found.keys() == set()
    assert found["flask"]["purl"] == f"pkg:pypi/flask@{found['flask']['version']}"
    for package in locked:
        (origin,) = found[package]["externalReferences"]
        assert {each["alg"] for each in origin["hashes"]} == {"SHA-256"}


def test_files_of_the_browser_are_listed_with_their_licenses(bill: dict[str, Any]) -> None:
    folders = {each.name for each in sbom.VENDORED.parent.iterdir() if each.is_dir()}
    shipped = [each for each in bill["components"] if each["purl"].startswith("pkg:npm/")]
    assert len(shipped) == len(folders) > 4
    assert all(each["licenses"] for each in shipped)
    assert "pkg:npm/%40tabler/core@1.6.1" in {each["purl"] for each in shipped}


def test_the_product_itself_is_what_the_bill_is_of(bill: dict[str, Any]) -> None:
    assert bill["metadata"]["component"]["name"] == "auditsaas"


def test_the_bill_follows_the_schema(bill: dict[str, Any]) -> None:
    assert sbom.invalid(json.dumps(bill)) is None


def test_a_bill_that_does_not_follow_the_schema_is_refused(bill: dict[str, Any]) -> None:
    """The control."""
    assert sbom.invalid(json.dumps(bill | {"components": [{"name": "nameless"}]})) is not None


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("MIT", [{"license": {"id": "MIT"}}]),
        ("MIT OR Apache-2.0", [{"expression": "MIT OR Apache-2.0"}]),
        ("BSD-0-Clause", [{"license": {"name": "BSD-0-Clause"}}]),
    ],
)
def test_license_is_told_as_its_makers_say_it(expression: str, told: list[Any]) -> None:
    assert sbom.license_of(expression) == {"licenses": told}
