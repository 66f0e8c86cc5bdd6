"""Servers that a test writes byte by byte, and a name server, all on loopback."""

from __future__ import annotations

import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from socket import AF_INET, SOCK_DGRAM, socket
from typing import Any

from auditsaas.outgoing.errors import Unanswered

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Receiver:
    """A server on loopback, and what it was sent."""

    host: str
    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    """Set when the test ends; what drips waits for it."""

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}/"


Script = Callable[[socket, Receiver], None]


def answering(answer: bytes = OK) -> Script:
    """Take a request and answer it with these bytes."""

    def script(connection: socket, receiver: Receiver) -> None:
        receiver.requests.append(read_request(connection))
        connection.sendall(answer)

    return script


def read_request(connection: socket) -> bytes:
    """Read one request, head and body."""
    read = b""
    while b"\r\n\r\n" not in read and (more := connection.recv(65536)):
        read += more
    head, _, body = read.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"),
        0,
    )
    while len(body) < length and (more := connection.recv(65536)):
        body += more
    return head + b"\r\n\r\n" + body


@contextmanager
def receiving(
    script: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
) -> Iterator[Receiver]:
    """Serve connections by a script, each in its thread, until the context ends."""
    receiver = Receiver(host, port)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            receiver.connections.append(self.client_address[0])
            with suppress(OSError):
                connection = tls.wrap_socket(self.request, server_side=True) if tls else None
                script(connection or self.request, receiver)
                if connection:
                    connection.unwrap()

    with _listening(socketserver.ThreadingTCPServer, (host, port), Handler) as server:
        receiver.port = server.server_address[1]
        try:
            yield receiver
        finally:
            receiver.over.set()


@dataclass
class NameServer:
    """Answers in order, each once and the last for ever; and how often it was asked."""

    port: int
    asked: list[str] = field(default_factory=list)

    def resolve(self, host: str, port: int, seconds: float) -> list[str]:
        """Ask this server over UDP for the IPv4 addresses of a name: a resolver."""
        del port
        question = b"".join(bytes([len(label)]) + label.encode() for label in host.split("."))
        with socket(AF_INET, SOCK_DGRAM) as connection:
            connection.settimeout(seconds)
            connection.connect(("127.0.0.1", self.port))
            header = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0)
            connection.send(header + question + b"\0" + struct.pack("!2H", 1, 1))
            told = connection.recv(4096)
        number = struct.unpack("!H", told[6:8])[0]
        records = told[12 + len(question) + 5 :]
        found = [str(ip_address(records[16 * n + 12 : 16 * n + 16])) for n in range(number)]
        if not found:
            raise Unanswered(f"{host} has no address.")
        return found


@contextmanager
def naming(*answers: Sequence[str]) -> Iterator[NameServer]:
    """Serve names over UDP: the first question gets the first answer, and so on."""
    names = NameServer(0)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            query, connection = self.request
            question = query[12:]
            name = question[: question.index(0)]
            names.asked.append("".join(chr(c) if c > 32 else "." for c in name).strip("."))
            addresses = answers[min(len(names.asked), len(answers)) - 1]
            records = b"".join(
                b"\xc0\x0c" + struct.pack("!2HIH", 1, 1, 0, 4) + ip_address(address).packed
                for address in addresses
            )
            header = query[:2] + struct.pack("!5H", 0x8180, 1, len(addresses), 0, 0)
            connection.sendto(header + question + records, self.client_address)

    with _listening(socketserver.ThreadingUDPServer, ("127.0.0.1", 0), Handler) as server:
        names.port = server.server_address[1]
        yield names


@contextmanager
def _listening(kind: Any, address: tuple[str, int], handler: type) -> Iterator[Any]:
    server = kind(address, handler, bind_and_activate=False)
    server.allow_reuse_address = server.daemon_threads = True
    server.block_on_close = False
    server.server_bind()
    server.server_activate()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
