"""Applications that send events without a pause, and count what was not answered with 201."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from tests.deployment.visitor import Visitor
from tests.support.workers import eventually

SENDERS = 4


class Sender(threading.Thread):
    """Sends event after event until the server takes no connection any more."""

    def __init__(self, port: int, key: str) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._key = key
        self.acknowledged = 0
        self.cut: list[str] = []
        self.enough = threading.Event()

    def run(self) -> None:
        event = {"activity": "load.test", "status": "success", "actor": {"id": "u_1"}}
        visitor = Visitor(self._port)
        while not self.enough.is_set():
            try:
                sent = visitor.post_json(
                    "/api/v1/events", event, Authorization=f"Bearer {self._key}"
                )
            except OSError as error:
                self.cut.append(repr(error))
                return
            if sent.status != 201:
                self.cut.append(str(sent.status))
            self.acknowledged += 1


def steady_load(port: int, key: str) -> list[Sender]:
    """Start senders; return once each of them is answered."""
    made = [Sender(port, key) for _ in range(SENDERS)]
    for sender in made:
        sender.start()
    eventually(lambda: all(sender.acknowledged > 10 for sender in made), "a steady load")
    return made


def await_more(senders: Sequence[Sender]) -> None:
    """Return once each sender was answered again."""
    served = [sender.acknowledged for sender in senders]
    eventually(
        lambda: all(s.acknowledged > n for s, n in zip(senders, served, strict=True)),
        "answers to every sender",
    )


def stop(senders: Sequence[Sender]) -> None:
    for sender in senders:
        sender.enough.set()
    for sender in senders:
        sender.join()


def acknowledged(senders: Sequence[Sender]) -> int:
    return sum(sender.acknowledged for sender in senders)
