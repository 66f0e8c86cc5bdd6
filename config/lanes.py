"""Threads of a web worker, and who may hold one: the product's own work, and no caller.

Gunicorn hands each connection to the next thread of one pool before it has read anything of it, and
reads bodies and writes answers there. So eight callers who send half a header line, a body by the
byte, or read an answer that slowly, would leave no thread for others. Here a thread begins with a
whole head; a body that is still on its way is waited for outside of threads, once the application
has said that it wants it; so is the rest of an answer that its reader is slow to take. Each of them
has a floor of bytes a second and an end (``connections/pace.py``). Files, up and down, have threads
of their own, and so has each address that answers operators (``LANES``), which no other request can
occupy: an orchestrator would kill processes that are well.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from gunicorn import http
from gunicorn.http.errors import NoMoreData

from config.connections import visit as visits
from config.connections.errands import (
    END_OF_HEAD,
    MOST_HEAD,
    Farewell,
    ReceiveBody,
    ReceiveHead,
    SendRest,
)
from config.connections.outgoing import Outgoing
from config.connections.pace import FILE_IN, FILE_OUT, Pace
from config.connections.places import Places
from config.connections.visit import Lane, Postponed, Visit
from config.connections.waiter import Waiter

LANES: Final = {b"/healthz": 1, b"/readyz": 2, b"/metrics": 1}
"""Addresses, and how many threads of each process answer nothing else."""

FILES: Final = 12
FILES_OF_ONE: Final = 4
"""Threads of each process that send and receive files, and how many of them one caller takes."""

_ASKED: Final = re.compile(rb"(?:GET|HEAD) (/[a-z]+)(?:\?\S*)? HTTP/1\.[01]\r\n")
_BODY: Final = re.compile(rb"\r\n(?:content-length|transfer-encoding|expect):", re.IGNORECASE)
_REFUSED: Final = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def keep_free(worker: Any) -> None:
    """Give a worker of gunicorn's ``gthread`` the lanes; called before it accepts anything."""
    if not worker.cfg.is_ssl:  # TLS belongs to a proxy; gunicorn's own way stays for who has none
        Lanes(worker)


class _Again:
    """The parser of a request that is asked again: gives what it gave the first time."""

    def __init__(self, parser: Any, request: Any) -> None:
        self.unreader = parser.unreader
        self.finish_body = parser.finish_body
        self._request = request

    def __next__(self) -> Any:
        return self._request


class Lanes:
    """The pools of a worker, the thread that waits for slow callers, and the way between them."""

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        self._waiter = Waiter()
        self._places = Places(FILES, FILES_OF_ONE)
        self._files = ThreadPoolExecutor(FILES, "files")
        self._probes = {
            path: ThreadPoolExecutor(number, f"lane{path.decode()}")
            for path, number in LANES.items()
        }
        self._handle_request = worker.handle_request
        self._application = worker.wsgi
        worker.enqueue_req = self._enqueue
        worker.handle_request = self._note_request
        worker.wsgi = self._ask
        worker._keepalive_after = lambda conn, alive: bool(alive) and conn.visit.skip_body()

    # Before a thread

    def _enqueue(self, conn: Any) -> None:
        """Take up a connection that something was sent on, or is about to be."""
        begun = conn.parser.unreader.take_buffered() if conn.parser is not None else b""
        errand = ReceiveHead(conn, begun, partial(self._begin, conn))
        try:
            whole = errand.step()
        except BlockingIOError:
            whole = False
        except OSError as error:
            errand.end(error)
            return
        if whole:
            errand.end(None)
        else:
            conn.sock.setblocking(False)
            self._waiter.add(errand)

    def _begin(self, conn: Any, head: bytes, error: Exception | None) -> None:
        if error is None and END_OF_HEAD in head:
            visit = Visit(conn, head, self._places)
            self._submit(visit, self._probes.get(_path(head), self._worker.tpool))
        elif error is None and len(head) > MOST_HEAD:
            self._refuse(conn, b"431 Request Header Fields Too Large")
        elif isinstance(error, TimeoutError) and head:
            self._refuse(conn, b"408 Request Timeout")
        else:
            self._close(conn)

    def _refuse(self, conn: Any, line: bytes) -> None:
        try:
            conn.sock.send(_REFUSED % line, socket.MSG_DONTWAIT)
        except OSError:
            self._close(conn)
        else:
            self._part(conn)

    # In a thread

    def _submit(self, visit: Visit, pool: Any) -> None:
        try:
            passed = pool.submit(self._handle, visit)
        except RuntimeError:  # the worker ends
            self._close(visit.conn)
        else:
            passed.add_done_callback(partial(self._go_on, visit))

    def _handle(self, visit: Visit) -> bool:
        conn, is_file = visit.conn, visit.lane is Lane.FILES
        if visit.request is None:
            conn.visit, conn.invited, conn.initialized = visit, False, True
            parser: Any = http.get_parser  # untyped
            conn.parser = parser(conn.cfg, visit.source, conn.client)
            conn.parser.unreader.unread(visit.head)
        else:
            conn.parser = _Again(conn.parser, visit.request)
        if is_file:
            visit.source.keep_to(FILE_IN)
        visit.wants = None
        pace = Pace(FILE_OUT) if is_file else None
        visit.outgoing = conn.sock = Outgoing(visit.sock, visit, pace)
        try:
            return bool(self._worker.handle(conn))
        finally:
            conn.sock = visit.sock

    def _note_request(self, request: Any, conn: Any) -> Any:
        conn.visit.request = request
        return self._handle_request(request, conn)

    def _ask(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        visit: Visit = environ["gunicorn.socket"].visit
        environ[visits.AWAIT_BODY] = visit.await_body
        environ[visits.USE_FILES] = visit.use_lane_of_files
        environ[visits.CUT_AFTER] = visit.cut_after
        environ[visits.KEPT] = visit.kept
        response: Any = getattr(start_response, "__self__", None)

        def begin(*words: Any) -> Any:
            if not visit.body_is_here():
                response.force_close()
            return start_response(*words)

        try:
            answer: Iterable[bytes] = self._application(environ, begin)
        except Postponed:
            raise NoMoreData from None  # gunicorn then writes nothing
        return answer

    # After a thread

    def _go_on(self, visit: Visit, passed: Future[bool]) -> None:
        wants, outgoing = visit.wants, visit.outgoing
        failed = passed.cancelled() or passed.exception() is not None
        if not failed and isinstance(wants, int):
            self._receive(visit, wants)
        elif not failed and isinstance(wants, Lane):
            visit.lane = wants
            self._submit(visit, self._files)
        else:
            visit.end()
            keep = not failed and passed.result()
            if outgoing is not None and outgoing.rest:
                self._wait(SendRest(outgoing, partial(self._finish, visit.conn, keep)))
            else:
                self._finish(visit.conn, keep, None)

    def _receive(self, visit: Visit, most: int) -> None:
        errand = ReceiveBody(visit, most, lambda: self._submit(visit, self._worker.tpool))
        if errand.is_here:
            errand.end(None)
        else:
            self._wait(errand)

    def _wait(self, errand: SendRest | ReceiveBody | Farewell) -> None:
        errand.sock.setblocking(False)
        self._waiter.add(errand)

    def _finish(self, conn: Any, keep: bool, error: Exception | None) -> None:
        if error is not None:
            self._close(conn)
        elif keep:
            answered: Future[bool] = Future()
            answered.set_result(True)
            self._worker.method_queue.defer(self._worker.finish_request, conn, answered)
        else:
            self._part(conn)

    def _part(self, conn: Any) -> None:
        """Close a connection once its caller has read what was said."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
        else:
            self._wait(Farewell(conn.sock, lambda _: self._close(conn)))

    def _close(self, conn: Any) -> None:
        self._worker.method_queue.defer(self._closed, conn)

    def _closed(self, conn: Any) -> None:
        self._worker.nr_conns -= 1
        conn.close()


def _path(head: bytes) -> bytes:
    """Return the address that a request without a body asks for; b'' for all others."""
    asked = _ASKED.match(head)
    return asked[1] if asked and not _BODY.search(head) else b""
