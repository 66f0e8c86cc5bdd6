"""Runs one part in a process of its own, so that none slows, spoils or ends another."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

from bench import dataset, machine, results
from bench.parts import PARTS, Options, Run
from bench.results import Section
from bench.tables import flattened

STOPPING_SECONDS = 90


def run(name: str, options: Options, keep: bool) -> bool:
    """Run one part in a process of its own; whether it went well."""
    line = machine.described()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(name, options, theirs))
    began = time.monotonic()
    process.start()
    theirs.close()
    try:
        good, text = _received(ours, PARTS[name].hours * 3600 + options.minutes * 60)
    finally:
        _end(process)
    minutes = (time.monotonic() - began) / 60
    section = Section(name, f"## {PARTS[name].title}\n\n{line} · {minutes:.1f} min\n\n{text}")
    print(f"{section.text}\n", flush=True)
    if keep and good:
        results.keep(section, list(PARTS))
    return good


def _received(ours: Connection, seconds: float) -> tuple[bool, str]:
    if not ours.poll(seconds):
        return False, f"**Given up after {seconds / 3600:g} h.**"
    try:
        good, text = ours.recv()
    except EOFError:
        return False, "**Its process ended without a word.**"
    return bool(good), str(text)


def _end(process: Any) -> None:
    """Let it stop its servers; SIGTERM is an exit there, so that it does."""
    process.join(STOPPING_SECONDS)
    if process.is_alive():
        process.terminate()
        process.join(STOPPING_SECONDS)
    if process.is_alive():
        process.kill()


def _measure(name: str, options: Options, answer: Connection) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    log = dataset.bench_dir() / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        os.dup2(file.fileno(), 2)  # a line for each request would drown the tables
    try:
        run = Run(options)
        tables = [str(table) for table in flattened(PARTS[name].run(run))]
        made = dataset.words(options.events, options.share) if "data" in run.__dict__ else ""
        answer.send((True, "\n".join([*([made, ""] if made else []), *tables])))
    except (Exception, SystemExit) as error:  # noqa: BLE001  # one part must not end the others
        traceback.print_exc()
        answer.send((False, f"**Failed: {type(error).__name__}: {error}**\n\nMore in {log.name}."))
