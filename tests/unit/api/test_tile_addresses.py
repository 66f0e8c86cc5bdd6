"""The addresses of tiles: read, written, and every way in which one is none."""

from __future__ import annotations

import pytest

from auditsaas.api.evidence.tiles import Place, place_of, written


@pytest.mark.parametrize(
    ("number", "address"),
    [
        (0, "000"),
        (7, "007"),
        (999, "999"),
        (1000, "x001/000"),
        (1234067, "x001/x234/067"),
        (10**18 - 1, "x999/x999/x999/x999/x999/999"),
    ],
)
def test_number_of_a_tile_is_written_in_threes(number: int, address: str) -> None:
    assert written(number) == address
    assert place_of(f"0/{address}") == Place(0, number)
    assert place_of(f"63/{address}.p/255") == Place(63, number, 255)


@pytest.mark.parametrize(
    "address",
    [
        *("", "0", "0/", "0/0", "0/00", "0/0000", "0/-01", "0/x001", "0/x001/", "0/001/000"),
        *("0/x000/001", "0/x1/000", "0/X001/000", "0/000/", "/0/000", "0/000.p", "0/000.p/"),
        *("0/000.p/0", "0/000.p/01", "0/000.p/256", "0/000.p/999", "0/000.p/-1", "0/000.p/1/"),
        *(
            "00/000",
            "01/000",
            "64/000",
            "99/000",
            "100/000",
            "-1/000",
            "a/000",
            " 0/000",
            "0/000\n",
        ),
        *("0/٠٠١", "٠/000", "entries/000", "0/" + "x001/" * 400 + "000", "0/000.p/1.p/1"),
    ],
)
def test_address_that_is_written_in_another_way_is_no_tile(address: str) -> None:
    assert place_of(address) is None
