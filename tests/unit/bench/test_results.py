"""The file of results, and the runner's reading of what a part returns."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from uuid import UUID

from bench import results
from bench.results import Section
from bench.seeding import dealt
from bench.tables import Table, flattened

ORDER = ["pages", "csv", "load"]


def test_section_measured_again_replaces_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "RESULTS.md"
    results.keep(Section("csv", "first of csv"), ORDER, file)
    results.keep(Section("pages", "only of pages"), ORDER, file)
    results.keep(Section("csv", "second of csv"), ORDER, file)
    text = file.read_text()
    assert "first of csv" not in text
    assert text.index("only of pages") < text.index("second of csv")


def test_section_of_a_removed_part_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "RESULTS.md"
    results.keep(Section("older", "of before"), ["older"], file)
    results.keep(Section("load", "of today"), ORDER, file)
    assert [section.name for section in results.read(file)] == ["load", "older"]


def test_tables_are_found_in_any_nesting() -> None:
    one, two, three = (Table(name, ["x"]) for name in ("one", "two", "three"))
    assert list(flattened((one, [two, None], iter([three])))) == [one, two, three]
    assert list(flattened(one)) == [one]


def test_first_workspace_gets_its_share_and_the_others_equal_ones() -> None:
    ids = [UUID(int=n) for n in range(4)]
    source = ({"n": n} for n in range(100_000))
    given = dict.fromkeys(ids, 0)
    for workspace, batch in islice(dealt(source, ids, 0.4), 100):
        given[workspace] += len(batch)
    assert abs(given[ids[0]] - 40_000) <= 1_000
    assert all(abs(given[other] - 20_000) <= 1_000 for other in ids[1:])
