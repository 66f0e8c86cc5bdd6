"""Builds the proofs of a stored tree."""

from __future__ import annotations

from auditsaas.evidence.format import merkle
from auditsaas.evidence.tree.store import Tree


def inclusion(tree: Tree, seq: int) -> list[bytes]:
    """Build the proof that the event of a number is in the tree, from its leaf to the root.

    Raises:
        ValueError: the tree has no such number.
    """
    return merkle.inclusion(seq - 1, tree.size, tree.node)


def consistency(tree: Tree, old: int) -> list[bytes]:
    """Build the proof that the tree began as the one of ``old`` leaves.

    Raises:
        ValueError: there was none of that size, or it was empty.
    """
    return merkle.consistency(old, tree.size, tree.node)


def outside(tree: Tree, first: int, last: int) -> list[bytes]:
    """Build the hashes of the largest subtrees outside of numbers first … last, from the left.

    Raises:
        ValueError: the tree has no such numbers.
    """
    if not 1 <= first <= last <= tree.size:
        raise ValueError(f"a tree of {tree.size:,} has no numbers {first:,} … {last:,}")
    return list(merkle.outside(first - 1, last, tree.size, tree.node))
