"""Coroutines of tests run beside a loop that another test left running."""

from __future__ import annotations

import asyncio

import pytest

from tests.sdk.looping import run


async def answer() -> int:
    return 42


def test_coroutine_runs_inside_a_running_loop() -> None:
    async def beside_a_loop() -> int:
        refused = answer()
        with pytest.raises(RuntimeError, match="running event loop"):
            asyncio.run(refused)
        refused.close()
        return run(answer())

    assert run(beside_a_loop()) == 42
