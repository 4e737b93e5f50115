# SPDX-License-Identifier: GPL-2.0-or-later
"""The hash tree is that of RFC 6962."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphxfer.receipt import merkle

LEAVES = [
    bytes.fromhex(data)
    for data in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
]
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
"""Of the tests of Certificate Transparency, for the first 0 to 8 leaves."""


@pytest.mark.parametrize("number", range(9))
def test_roots_are_those_of_certificate_transparency(number: int) -> None:
    found = merkle.root(map(merkle.leaf_hash, LEAVES[:number]))
    assert found.hex() == ROOTS[number]


leaves = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40, unique=True)


@given(leaves, st.data())
def test_a_path_leads_to_the_root_from_its_leaf_only(hashes: list[bytes], data: st.DataObject):
    root = merkle.root(hashes)
    index = data.draw(st.integers(0, len(hashes) - 1))
    path = merkle.path(hashes, index)
    assert merkle.root_of(hashes[index], index, len(hashes), path) == root
    other = data.draw(st.integers(-1, len(hashes)).filter(lambda one: one != index))
    assert merkle.root_of(hashes[index], other, len(hashes), path) != root
    if 0 <= other < len(hashes):
        assert merkle.root_of(hashes[other], index, len(hashes), path) != root
    assert merkle.root_of(hashes[index], index, len(hashes), [*path, root]) is None
    if path:
        assert merkle.root_of(hashes[index], index, len(hashes), path[:-1]) != root
        place = data.draw(st.integers(0, len(path) - 1))
        wrong = [*path[:place], hashlib.sha256(path[place]).digest(), *path[place + 1 :]]
        assert merkle.root_of(hashes[index], index, len(hashes), wrong) != root


def test_an_inner_node_is_not_a_leaf() -> None:
    """The second-preimage attack: a tree of one leaf that is the two children of another's root."""
    first, second = merkle.leaf_hash(b"a"), merkle.leaf_hash(b"b")
    assert merkle.root([first, second]) != merkle.root([merkle.leaf_hash(first + second)])
