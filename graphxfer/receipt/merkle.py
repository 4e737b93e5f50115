# SPDX-License-Identifier: GPL-2.0-or-later
"""The hash tree of RFC 6962 (Certificate Transparency), section 2.1, with SHA-256.

The hash of a leaf begins with the byte 0, the hash of an inner node with the byte 1. So an inner
node cannot be presented as a leaf.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

SIZE = 32
"""The length of a hash, in bytes."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\0" + data).digest()


def _inner_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """Return the root of a tree, in memory that grows with its height only.

    Parameters
    ----------
    leaves : iterable of bytes
        The hashes of the leaves, in order.

    Examples
    --------
    >>> root([]).hex()[:16]
    'e3b0c44298fc1c14'
    """
    complete: list[tuple[int, bytes]] = []  # complete subtrees from left to right, by their height
    for leaf in leaves:
        height, right = 0, leaf
        while complete and complete[-1][0] == height:
            right = _inner_hash(complete.pop()[1], right)
            height += 1
        complete.append((height, right))
    if not complete:
        return hashlib.sha256().digest()
    found = complete.pop()[1]
    while complete:
        found = _inner_hash(complete.pop()[1], found)
    return found


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the hashes that lead from a leaf to the root: the proof that the leaf is in the tree.

    Parameters
    ----------
    leaves : sequence of bytes
        The hashes of all leaves, in order.
    index : int
        Which leaf, from 0.
    """
    if len(leaves) == 1:
        return []
    half = 1 << ((len(leaves) - 1).bit_length() - 1)  # the largest power of two below the length
    if index < half:
        return [*path(leaves[:half], index), root(leaves[half:])]
    return [*path(leaves[half:], index - half), root(leaves[:half])]


def root_of(leaf: bytes, index: int, leaves: int, hashes: Iterable[bytes]) -> bytes | None:
    """Return the root to which a path leads (RFC 9162, section 2.1.3.2).

    Parameters
    ----------
    leaf : bytes
        The hash of the leaf.
    index, leaves : int
        Which leaf, from 0, of how many.
    hashes : iterable of bytes
        The path, from :func:`path`.

    Returns
    -------
    bytes or None
        None if a tree of so many leaves cannot have such a path.
    """
    if not 0 <= index < leaves:
        return None
    place, last, found = index, leaves - 1, leaf
    for other in hashes:
        if last == 0:
            return None
        if place & 1 or place == last:
            found = _inner_hash(other, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = _inner_hash(found, other)
        place, last = place >> 1, last >> 1
    return found if last == 0 else None
