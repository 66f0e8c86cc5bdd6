"""The tree of RFC 9162: roots of the reference tests, and proofs of every size up to 40."""

from __future__ import annotations

import hashlib

import pytest

from auditsaas.evidence.format import merkle
from auditsaas.evidence.format.merkle import ProofRefused

INPUTS = "|00|10|2021|3031|40414243|5051525354555657|606162636465666768696a6b6c6d6e6f"
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
LEAVES = [hashlib.sha256(b"\0%d" % n).digest() for n in range(40)]
NODE = merkle.nodes_of(LEAVES)
SIZES = range(1, 41)


@pytest.mark.parametrize(("size", "root"), list(enumerate(ROOTS)))
def test_root_is_that_of_the_reference_tests(size: int, root: str) -> None:
    leaves = [merkle.leaf(bytes.fromhex(data)) for data in INPUTS.split("|")[:size]]
    assert merkle.root_of(leaves).hex() == root


@pytest.mark.parametrize("size", SIZES)
def test_inclusion_of_every_leaf_is_shown_and_of_no_other(size: int) -> None:
    root = merkle.root(size, NODE)
    for index in range(size):
        proof = merkle.inclusion(index, size, NODE)
        merkle.check_inclusion(index, size, LEAVES[index], proof, root)
        with pytest.raises(ProofRefused):
            merkle.check_inclusion(index, size, LEAVES[(index + 1) % 40], proof, root)
        with pytest.raises(ProofRefused):
            merkle.check_inclusion(index, size, LEAVES[index], [*proof, root], root)


@pytest.mark.parametrize("size", SIZES)
def test_consistency_with_every_smaller_tree_is_shown_and_with_no_other(size: int) -> None:
    root = merkle.root(size, NODE)
    for old in range(1, size + 1):
        proof = merkle.consistency(old, size, NODE)
        merkle.check_consistency(old, size, proof, merkle.root(old, NODE), root)
        with pytest.raises(ProofRefused):
            merkle.check_consistency(old, size, proof, LEAVES[39][::-1], root)
        with pytest.raises(ProofRefused):
            merkle.check_consistency(old, size, [*proof, root], merkle.root(old, NODE), root)


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_leaf_beyond_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="has no leaf"):
        merkle.inclusion(index, size, NODE)
    with pytest.raises(ProofRefused, match="has no leaf"):
        merkle.check_inclusion(index, size, LEAVES[0], [], LEAVES[0])


@pytest.mark.parametrize(("old", "size"), [(0, 4), (5, 4), (-1, 4)])
def test_larger_tree_is_no_beginning(old: int, size: int) -> None:
    with pytest.raises(ValueError, match="did not grow"):
        merkle.consistency(old, size, NODE)
    with pytest.raises(ProofRefused, match="did not grow"):
        merkle.check_consistency(old, size, [], LEAVES[0], LEAVES[0])


@pytest.mark.parametrize(("first", "last"), [(0, 40), (0, 1), (39, 40), (7, 23), (16, 32)])
def test_range_and_what_lies_outside_fold_to_the_root(first: int, last: int) -> None:
    beside = merkle.outside(first, last, 40, NODE)
    inside = iter(LEAVES[first:last])

    def fold(low: int, high: int) -> bytes:
        if high <= first or low >= last:
            return next(beside)
        if high - low == 1:
            return next(inside)
        middle = low + (1 << ((high - low - 1).bit_length() - 1))
        left = fold(low, middle)
        return merkle.parent(left, fold(middle, high))

    assert fold(0, 40) == merkle.root(40, NODE)
    assert next(beside, None) is None


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 2), (4, 7), (6, 7), (99, 1000)])
def test_spans_beside_a_leaf_cover_all_others(index: int, size: int) -> None:
    spans = merkle.beside(index, size)
    covered = [at for low, high in spans for at in range(low, high)]
    assert sorted([index, *covered]) == list(range(size))
    assert [high - low for low, high in spans if high < size] == sorted(
        high - low for low, high in spans if high < size
    )
