"""Every file of real input, where there is any, is imported or refused with a reason."""

from datetime import UTC
from pathlib import Path

import pytest

from auditsaas.events.importers.lines import SourceError
from tests.unit.events.importers.reading_files import events, outcomes, refusals

SAMPLES = Path(__file__).parents[5] / "shared" / "data"
FILES = sorted(path for path in SAMPLES.rglob("*") if path.is_file())
CLOUDTRAIL = [path for path in FILES if path.parent.name == "invictus"]
NO_LOGS = {".md", ".yml"}
NEEDS_A_MAPPING = {"generic.csv"}
EVENTS = {
    "elastic-apache_logs.log.gz": 10_000,
    "lnav-playground-access_log.gz": 2492,
    "opensearch-nginx-raw.log.gz": 1408,
    "openstack-nova-api-requests.log.gz": 1194,
    "pinot-gharchive-2021-07-21-few-hours.json.gz": 800,
    "cribl-BeVTW2.json": 44,
    "cribl-I4942I.json.gz": 100,
    "cribl-1password-pYUX7s.json": 67,
    "audit2rbac-demo.log": 37,
}
"""How many each of the large ones holds, by those who collected them."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SAMPLES)))
def test_a_real_file_is_imported_or_refused_with_a_reason(path: Path) -> None:
    if path.suffix in NO_LOGS or path.name in NEEDS_A_MAPPING:
        with pytest.raises(SourceError, match="is of no known format: it begins with “"):
            outcomes(path, zone=UTC)
        return
    found = outcomes(path, zone=UTC)
    keys = [event["idempotency_key"] for event in events(found)]
    assert keys
    assert len(set(keys)) == len(keys) == EVENTS.get(path.name, len(keys))
    assert all(reason for _, reason in refusals(found))


@pytest.mark.parametrize("paths", [CLOUDTRAIL] if CLOUDTRAIL else [], ids=["invictus"])
def test_files_of_one_trail_contain_each_event_once(paths: list[Path]) -> None:
    keys = [event["idempotency_key"] for path in paths for event in events(outcomes(path))]
    assert len(keys) == len(set(keys)) == 2900
