"""What the doctor compares a database with is what the migrations make."""

from __future__ import annotations

from auditsaas.operations import walls
from config.settings import Settings
from scripts.walls import written


def test_kept_walls_are_those_of_a_migrated_database(settings: Settings) -> None:
    assert walls.KEPT.read_text() == written(settings), "the migrations changed: run make walls"
