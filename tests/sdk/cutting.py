"""A network that loses answers: requests arrive at the server, what it says does not come back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count

CHUNK = 1 << 16


class Network:
    """Passes bytes between a client and a server on loopback; cuts every n-th answer."""

    def __init__(self, server: tuple[str, int], cut_every: int) -> None:
        self.cut = 0
        self._server = server
        self._cut_every = cut_every
        self._answers = count(1)
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(self._server) as server:
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
            while answer := server.recv(CHUNK):
                if next(self._answers) % self._cut_every == 0:
                    self.cut += 1
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(answer)

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while request := client.recv(CHUNK):
                server.sendall(request)


@contextmanager
def network(server: tuple[str, int], *, cut_every: int) -> Iterator[Network]:
    made = Network(server, cut_every)
    yield made
    made.close()
