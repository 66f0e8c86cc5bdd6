"""``python -m bench.load``: as ``make bench ARGS=load``, also on servers of one's own."""

from __future__ import annotations

import argparse

from bench import load


def main() -> None:
    words = argparse.ArgumentParser(description=load.__doc__)
    words.add_argument("--events", type=int, default=1_000_000, help="in the log before")
    words.add_argument("--share", type=float, default=0.35, help="of them in one workspace")
    words.add_argument("--minutes", type=float, default=30)
    words.add_argument("--restart", action="store_true", help="each part in turn")
    words.add_argument(
        "--given", action="store_true", help="use DATABASE_URL, REDIS_URL and the rest"
    )
    given = words.parse_args()
    for table in load.measure(
        given.events,
        given.share,
        minutes=given.minutes,
        restart=given.restart,
        given=given.given,
    ):
        print(table)


if __name__ == "__main__":
    main()
