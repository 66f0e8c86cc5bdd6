"""Measures the product on one seeded dataset, prints Markdown tables and keeps them in
bench/RESULTS.md, each part in its own section."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.parts import PARTS, Options, chosen
from bench.runner import run


def main() -> None:
    words = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    words.add_argument("--events", type=int, default=1_000_000, help="in all, over a year")
    words.add_argument("--share", type=float, default=0.35, help="of them in one workspace")
    words.add_argument("--depth", type=int, help="how deep a deep page lies; a million if it can")
    words.add_argument("--minutes", type=float, default=30, help="of mixed load")
    words.add_argument("--seconds", type=float, default=60, help="a peer may take for an answer")
    words.add_argument("--files", type=Path, help="a folder of log files, for importers")
    words.add_argument("--no-keep", action="store_true", help="only print, and keep RESULTS.md")
    words.add_argument("only", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}")
    given = words.parse_args()
    if unknown := set(given.only) - PARTS.keys():
        words.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if not given.files and any(PARTS[name].needs_files for name in given.only):
        words.error("importers needs --files FOLDER")
    options = Options(
        events=given.events,
        share=given.share,
        depth=given.depth,
        minutes=given.minutes,
        seconds=given.seconds,
        files=given.files,
    )
    names = chosen(given.only, given.files)
    failed = [name for name in names if not run(name, options, not given.no_keep)]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
