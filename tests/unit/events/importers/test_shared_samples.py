"""Every file of real input, where there is any, is imported or refused with a reason."""

from datetime import UTC
from pathlib import Path

import pytest

from auditsaas.events.importers.lines import SourceError
from tests.unit.events.importers.reading_files import events, outcomes, refusals

SAMPLES = Path(__file__).parents[5] / "shared" / "data"
FILES = sorted(path for path in SAMPLES.rglob("*") if path.is_file())
NO_LOGS = {".md", ".yml"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SAMPLES)))
def test_a_real_file_is_imported_or_refused_with_a_reason(path: Path) -> None:
    if path.suffix in NO_LOGS:
        with pytest.raises(SourceError, match="is of no known format: it begins with “"):
            outcomes(path, zone=UTC)
        return
    found = outcomes(path, zone=UTC)
    keys = [event["idempotency_key"] for event in events(found)]
    assert keys
    assert len(set(keys)) == len(keys)
    assert all(reason for _, reason in refusals(found))
