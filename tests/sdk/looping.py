"""Runs coroutines for tests, whatever else runs in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine in a loop in a thread of its own; return or raise what it does.

    Playwright's synchronous browser keeps a loop running in the main thread as long as it is open,
    and a thread has one loop.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
