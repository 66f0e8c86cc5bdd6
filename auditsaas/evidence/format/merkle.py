"""The Merkle tree of RFC 9162, 2.1, over whatever keeps its hashes.

A tree is asked through ``Node``, which returns the hash of a whole subtree of 2^level leaves, so
that a root or a proof of millions of leaves reads a few hashes of stored tiles.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

Node: TypeAlias = Callable[[int, int], bytes]
"""(level, index) → the hash of leaves index·2^level … (index+1)·2^level."""

EMPTY = hashlib.sha256(b"").digest()


class ProofRefused(Exception):
    """A proof does not show what it is said to show."""


def parent(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def root(size: int, node: Node) -> bytes:
    """Return the root hash of the first ``size`` leaves."""
    return span(0, size, node) if size else EMPTY


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root hash over leaf hashes that are at hand."""
    return root(len(leaves), nodes_of(leaves))


def nodes_of(leaves: Sequence[bytes]) -> Node:
    """Return the nodes of a tree whose leaf hashes are at hand."""

    def node(level: int, index: int) -> bytes:
        if level == 0:
            return leaves[index]
        return parent(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node


def span(low: int, high: int, node: Node) -> bytes:
    """Return the hash of leaves low … high, as a subtree of its own."""
    size = high - low
    level = size.bit_length() - 1
    if size == 1 << level:
        return node(level, low >> level)
    middle = low + _left(size)
    return parent(span(low, middle, node), span(middle, high, node))


def inclusion(index: int, size: int, node: Node) -> list[bytes]:
    """Build the proof that leaf ``index`` is in the tree of ``size``, from the leaf to the root."""
    return [span(low, high, node) for low, high in beside(index, size)]


def beside(index: int, size: int) -> list[tuple[int, int]]:
    """Return the spans of leaves, low … high, beside the way from leaf ``index`` to the root."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} has no leaf {index}")
    low, high, spans = 0, size, []
    while high - low > 1:
        middle = low + _left(high - low)
        if index < middle:
            spans.append((middle, high))
            high = middle
        else:
            spans.append((low, middle))
            low = middle
    return spans[::-1]


def consistency(old: int, size: int, node: Node) -> list[bytes]:
    """Build the proof that the tree of ``old`` is the beginning of the tree of ``size``."""
    if not 0 < old <= size:
        raise ValueError(f"a tree of {size} did not grow from one of {old}")
    low, high, path, is_whole = 0, size, [], True
    while old != high:
        middle = low + _left(high - low)
        if old <= middle:
            path.append(span(middle, high, node))
            high = middle
        else:
            path.append(span(low, middle, node))
            low, is_whole = middle, False
    if not is_whole:
        path.append(span(low, high, node))
    return path[::-1]


def outside(first: int, last: int, size: int, node: Node) -> Iterator[bytes]:
    """Yield the hashes of the largest subtrees outside of leaves first … last, from the left."""
    yield from _outside(0, size, first, last, node)


def _outside(low: int, high: int, first: int, last: int, node: Node) -> Iterator[bytes]:
    if high <= first or low >= last:
        yield span(low, high, node)
    elif high - low > 1:
        middle = low + _left(high - low)
        yield from _outside(low, middle, first, last, node)
        yield from _outside(middle, high, first, last, node)


def folded(
    first: int, last: int, size: int, leaves: Iterator[bytes], beside: Iterator[bytes]
) -> bytes:
    """Fold leaves first … last, and what ``outside`` gave of the others, to the root hash."""
    return _folded(0, size, first, last, leaves, beside)


def _folded(
    low: int, high: int, first: int, last: int, leaves: Iterator[bytes], beside: Iterator[bytes]
) -> bytes:
    if high <= first or low >= last:
        return next(beside)
    if high - low == 1:
        return next(leaves)
    middle = low + _left(high - low)
    left = _folded(low, middle, first, last, leaves, beside)
    return parent(left, _folded(middle, high, first, last, leaves, beside))


def check_inclusion(
    index: int, size: int, leaf_hash: bytes, proof: Iterable[bytes], known_root: bytes
) -> None:
    """Check that a leaf is in a tree (RFC 9162, 2.1.3.2).

    Raises:
        ProofRefused: the proof does not show it.
    """
    if not 0 <= index < size:
        raise ProofRefused(f"a tree of {size} has no leaf {index}")
    at, last, found = index, size - 1, leaf_hash
    for beside in proof:
        if last == 0:
            raise ProofRefused("the proof is too long")
        if at & 1 or at == last:
            found = parent(beside, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = parent(found, beside)
        at, last = at >> 1, last >> 1
    if last or found != known_root:
        raise ProofRefused("the leaf is not in the tree")


def check_consistency(
    old: int, size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Check that a tree began as an older one (RFC 9162, 2.1.4.2).

    Raises:
        ProofRefused: the proof does not show it.
    """
    if not 0 < old <= size:
        raise ProofRefused(f"a tree of {size} did not grow from one of {old}")
    if old == size:
        if proof or old_root != new_root:
            raise ProofRefused("two trees of one size have other roots")
        return
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        raise ProofRefused("the proof is empty")
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old_found = new_found = path[0]
    for beside in path[1:]:
        if last == 0:
            raise ProofRefused("the proof is too long")
        if at & 1 or at == last:
            old_found, new_found = parent(beside, old_found), parent(beside, new_found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new_found = parent(new_found, beside)
        at, last = at >> 1, last >> 1
    if last or old_found != old_root or new_found != new_root:
        raise ProofRefused("the tree did not begin as the older one")


def _left(size: int) -> int:
    """Return the size of the left subtree: the largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)
