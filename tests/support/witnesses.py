"""A witness for tests, written from the page of the protocol, with ways to lie; and its log."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from socket import socket
from time import time

from auditsaas.evidence.format import merkle, notes
from auditsaas.evidence.format.cosignatures import CosigningKey
from auditsaas.evidence.format.notes import Checkpoint, SigningKey
from auditsaas.outgoing.policy import Policy
from config.outbound import read_allowed
from tests.support.receivers import Receiver, read_request, receiving

Lie = Callable[["Witness", bytes], bytes | None]
"""From a request's body to the whole answer in place of the right one; None for that."""


@dataclass
class Witness:
    """The largest head that it holds of one log, and what it answers."""

    key: CosigningKey
    url: str = ""
    size: int = 0
    root: bytes = merkle.EMPTY
    note: str = ""
    lie: Lie | None = None
    asked: list[bytes] = field(default_factory=list)
    """The bodies of ``add-checkpoint`` that came."""
    policy: Policy = field(default_factory=Policy)

    def answer(self, connection: socket, receiver: Receiver) -> None:
        head, _, body = read_request(connection).partition(b"\r\n\r\n")
        if head.startswith(b"GET"):
            connection.sendall(self._shown(head))
            return
        self.asked.append(body)
        told = self.lie(self, body) if self.lie else None
        connection.sendall(told or self._added(body))

    def _added(self, body: bytes) -> bytes:
        first, _, note = body.decode().partition("\n\n")
        old, *proof = first.removeprefix("old ").split("\n")
        text = note.rpartition("\n\n")[0] + "\n"
        checkpoint = Checkpoint.parse(text)
        if int(old) != self.size:
            return http(409, f"{self.size}\n", "text/x.tlog.size")
        if self.size:
            path = [notes.unbase64(line) for line in proof]
            try:
                merkle.check_consistency(
                    self.size, checkpoint.size, path, self.root, checkpoint.root
                )
            except merkle.ProofRefused:
                return http(422)
        self.size, self.root = checkpoint.size, checkpoint.root
        line = self.key.line(text, int(time()))
        self.note = note + line
        return http(200, line)

    def _shown(self, head: bytes) -> bytes:
        origin = self.note.partition("\n")[0]
        known = hashlib.sha256(origin.encode()).hexdigest().encode()
        return http(200, self.note) if self.note and known in head else http(404)


def http(status: int, body: str = "", kind: str = "text/plain", **headers: str) -> bytes:
    """Write an answer as it travels."""
    sent = body.encode()
    more = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in headers.items())
    head = f"HTTP/1.1 {status} Said\r\nContent-Type: {kind}\r\nContent-Length: {len(sent)}\r\n"
    return f"{head}{more}\r\n".encode() + sent


@contextmanager
def witnessing(name: str = "witness.example/w1") -> Iterator[Witness]:
    """Serve a witness on loopback, and the policy by which it may be asked."""
    witness = Witness(CosigningKey(name, hashlib.sha256(name.encode()).digest()))
    with receiving(witness.answer) as receiver:
        witness.url = f"http://127.0.0.1:{receiver.port}"
        witness.policy = Policy(read_allowed(witness.url))
        yield witness


@dataclass
class OtherLog:
    """The log of another installation, in memory."""

    key: SigningKey
    leaves: list[bytes] = field(default_factory=list)

    def grow(self, *leaves: str) -> None:
        self.leaves += [merkle.leaf(each.encode()) for each in leaves]

    def note(self, size: int | None = None) -> str:
        size = len(self.leaves) if size is None else size
        root = merkle.root_of(self.leaves[:size])
        return Checkpoint(self.key.name, size, root).signed_by(self.key)

    def proof(self, old: int, size: int | None = None) -> Sequence[bytes]:
        size = len(self.leaves) if size is None else size
        return merkle.consistency(old, size, merkle.nodes_of(self.leaves[:size])) if old else []
