"""An S3 server that refuses the checksum headers of newer clients, before a real one."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

REFUSED = ("x-amz-checksum-", "x-amz-sdk-checksum-", "x-amz-trailer")


@contextmanager
def strict_store(backend: str) -> Iterator[str]:
    """The address of a store that answers 400 to checksum headers and else as ``backend`` does."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(urlsplit(backend).netloc))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(backend: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if any(name.lower().startswith(REFUSED) for name in self.headers):
                self.send_error(400, "XAmzContentChecksumMismatch")
                return
            connection = http.client.HTTPConnection(backend)
            connection.request(self.command, self.path, body, dict(self.headers))
            reply = connection.getresponse()
            content = reply.read()
            self.send_response_only(reply.status)
            for name, value in reply.getheaders():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            length = reply.getheader("Content-Length") if self.command == "HEAD" else len(content)
            self.send_header("Content-Length", str(length or 0))
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815  # as http.server

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    return Handler
