"""``python -m bench``: measures the product on a seeded dataset and prints Markdown tables."""

from __future__ import annotations

import argparse
import os
import platform
from datetime import UTC, datetime

from bench import csv_export, dataset, pages


def main() -> None:
    options = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    options.add_argument("--events", type=int, default=1_000_000, help="how many, over a year")
    options.add_argument("--share", type=float, default=1.0, help="of them in one workspace")
    options.add_argument("--depth", type=int, help="how deep a deep page lies")
    options.add_argument("only", nargs="*", choices=["pages", "csv", []], help="what to measure")
    given = options.parse_args()
    data = dataset.ready(given.events, given.share)
    depth = given.depth or data.in_big // 2
    print(f"{platform.platform()}, {os.cpu_count()} processors, {datetime.now(UTC):%Y-%m-%d}\n")
    chosen = given.only or ["pages", "csv"]
    if "pages" in chosen:
        print(pages.measure(data, depth))
        print(pages.measure_counts(data))
    if "csv" in chosen:
        print(csv_export.measure(data))


if __name__ == "__main__":
    main()
