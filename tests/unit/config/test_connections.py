"""Floors, framing, places, and the thread that waits for slow callers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.connections.errands import ReceiveHead
from config.connections.framing import AfterLastChunk, AfterLength, End
from config.connections.outgoing import Outgoing
from config.connections.pace import Floor, Pace
from config.connections.places import Places, Taken
from config.connections.waiter import READ, Waiter

BODY = b"5;a=b\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nX-Trailer: 1\r\n\r\n"


def where(end: End, body: bytes, cuts: list[int]) -> int | None:
    """How much of the body was looked at when its end was seen."""
    edges = [0, *sorted(cuts), len(body)]
    for begin, until in pairwise(edges):
        if end.reached(body[begin:until]):
            return until
    return None


@given(st.lists(st.integers(0, len(BODY)), max_size=8))
def test_chunked_body_ends_with_its_last_byte_however_it_is_cut(cuts: list[int]) -> None:
    assert where(AfterLastChunk(), BODY, cuts) == len(BODY)
    assert where(AfterLastChunk(), BODY[:-1], [min(cut, len(BODY) - 1) for cut in cuts]) is None


@given(st.lists(st.integers(0, 40), max_size=8))
def test_body_of_a_length_ends_there(cuts: list[int]) -> None:
    assert where(AfterLength(40), b"x" * 40, cuts) == 40
    assert where(AfterLength(41), b"x" * 40, cuts) is None


@pytest.mark.parametrize("line", [b"no size\r\n", b"-5\r\n", b"x" * 9000])
def test_chunks_without_sense_are_left_to_the_parser(line: bytes) -> None:
    assert AfterLastChunk().reached(line)


def test_pace_is_earned_by_bytes_and_has_an_end() -> None:
    pace = Pace(Floor(grace_seconds=10, bytes_a_second=100, longest_seconds=20))
    assert 9 < pace.seconds_left() <= 10
    pace.note(500)
    assert 14 < pace.seconds_left() <= 15
    pace.note(1_000_000)
    assert 19 < pace.seconds_left() <= 20


def test_no_caller_takes_more_than_their_share() -> None:
    places = Places(most=3, most_of_one=2)
    assert [places.take("ann") for _ in range(3)] == [Taken.YES, Taken.YES, Taken.OWN_FULL]
    assert [places.take("bob"), places.take("bob")] == [Taken.YES, Taken.ALL_FULL]
    places.give_back("ann")
    assert places.take("bob") is Taken.YES


@pytest.fixture(scope="module")
def waiter() -> Waiter:
    return Waiter()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        yield here, there


class Told:
    """Waits for the end of an errand."""

    def __init__(self) -> None:
        self.end = threading.Event()
        self.said: tuple[object, ...] = ()

    def __call__(self, *said: object) -> None:
        self.said = said
        self.end.set()

    def wait(self) -> tuple[object, ...]:
        assert self.end.wait(10)
        return self.said


class Connection:
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock


def test_head_that_comes_in_pieces_is_whole_in_the_end(
    waiter: Waiter, pair: tuple[socket.socket, socket.socket]
) -> None:
    here, there = pair
    told = Told()
    waiter.add(ReceiveHead(Connection(here), b"\r\nGET / HT", told))
    for piece in (b"TP/1.1\r", b"\n", b"Host: a\r\n\r", b"\n"):
        there.sendall(piece)
    assert told.wait() == (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", None)


def test_caller_below_the_floor_ends_with_a_timeout(
    waiter: Waiter, pair: tuple[socket.socket, socket.socket]
) -> None:
    here, there = pair
    told = Told()
    errand = ReceiveHead(Connection(here), b"", told)
    errand.pace = Pace(Floor(0.1, 1_000_000, 1))
    waiter.add(errand)
    there.sendall(b"GET / HTTP/1.1\r\nX-A: ")
    head, error = told.wait()
    assert head == b"GET / HTTP/1.1\r\nX-A: "
    assert isinstance(error, TimeoutError)


class Failing:
    """An errand with a fault."""

    direction = READ

    def __init__(self, sock: socket.socket, told: Told) -> None:
        self.sock, self.pace, self._told = sock, Pace(Floor(5, 1, 5)), told

    def step(self) -> bool:
        raise ZeroDivisionError

    def end(self, error: Exception | None) -> None:
        self._told(error)
        raise RuntimeError


def test_fault_of_one_errand_does_not_end_the_others(
    waiter: Waiter, pair: tuple[socket.socket, socket.socket]
) -> None:
    here, there = socket.socketpair()
    with here, there:
        fault = Told()
        waiter.add(Failing(here, fault))
        there.sendall(b"x")
        assert isinstance(fault.wait()[0], ZeroDivisionError)
    test_head_that_comes_in_pieces_is_whole_in_the_end(waiter, pair)


def test_answer_to_a_reader_who_does_not_read_is_kept_and_sent_later(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    here, there = pair
    answer = bytes(range(256)) * 40_000
    outgoing = Outgoing(here, None)
    outgoing.sendall(answer)
    assert outgoing.rest
    read = bytearray()
    while len(read) < len(answer):
        read += there.recv(1 << 20)
        with suppress(BlockingIOError):
            outgoing.send_rest()
    assert read == answer


def test_writer_with_a_pace_gives_up_a_reader_who_does_not_read(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    here, _ = pair
    outgoing = Outgoing(here, None, Pace(Floor(0.1, 1_000_000_000, 1)))
    with pytest.raises(BrokenPipeError):
        outgoing.sendall(bytes(10_000_000))
