"""A real SMTP server process on loopback, which can also refuse, think for ever, and hang up."""

from __future__ import annotations

import asyncio
import email
import email.policy
import itertools
import os
import socket
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.workers import ROOT, eventually

TAKE, BUSY, NO_SUCH_ADDRESS, NOT_THIS_MAIL, THINK, HANG_UP, TAKE_AND_HANG_UP = (
    "take",
    "busy",
    "no such address",
    "not this mail",
    "think",
    "hang up",
    "take and hang up",
)


class Handler:
    """Runs in the server's process; what it does next is in the file ``mood`` of its folder."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._numbers = itertools.count(1)

    @classmethod
    def from_cli(cls, parser: ArgumentParser, *args: str) -> Handler:
        return cls(*args)

    @property
    def _mood(self) -> str:
        return (self._folder / "mood").read_text()

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._mood == BUSY:
            return "451 4.7.1 Come back later"
        if self._mood == NO_SUCH_ADDRESS:
            return "550 5.1.1 No such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        mood = self._mood
        if mood == NOT_THIS_MAIL:
            return "554 5.7.1 Not this mail"
        if mood == THINK:
            await asyncio.Event().wait()
        if mood in (TAKE, TAKE_AND_HANG_UP):
            name = f"{os.getpid()}-{next(self._numbers):04}"
            draft = self._folder / f".{name}"
            draft.write_bytes(envelope.original_content or b"")
            draft.rename(self._folder / f"{name}.eml")
        if mood in (HANG_UP, TAKE_AND_HANG_UP) and server.transport is not None:
            server.transport.close()
        return "250 OK"


class MailServer:
    """The test's side of the process: where it is, what it is to do, and what it was given."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self.url = f"smtp://127.0.0.1:{port}"

    def becomes(self, mood: str) -> None:
        draft = self._folder / ".mood"
        draft.write_text(mood)
        draft.rename(self._folder / "mood")

    def received(self, address: str) -> list[EmailMessage]:
        """The mails to an address, in the order in which they came."""
        found = [
            email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            for path in sorted(self._folder.glob("*.eml"))
        ]
        return [mail for mail in found if address in str(mail["To"])]


@contextmanager
def mail_server(folder: Path) -> Iterator[MailServer]:
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    server = MailServer(folder, port)
    server.becomes(TAKE)
    command = [sys.executable, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}"]
    process = subprocess.Popen(
        [*command, "-c", "tests.support.smtp.Handler", str(folder)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: _answers(port), "a mail server that answers")
        yield server
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> Any:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return connection.recv(3) == b"220" or None
    except OSError:
        return None
