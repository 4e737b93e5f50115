# SPDX-License-Identifier: GPL-2.0-or-later
"""OMERO's checksums, against the values that OMERO's own tests expect."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphxfer.bundle import checksums
from graphxfer.errors import UsageError

# ome/omero-common, src/test/java/ome/util/checksum/*ChecksumProviderImplTest.java: the sums of
# "abc", of nothing, and of fake0fake1… up to 10, 100 and 1,000 numbers.
OMERO = {
    "SHA1-160": (
        "a9993e364706816aba3e25717850c26c9cd0d89d",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "af35647108cada855e1ca08472c2a831cce91a29",
        "a61d742dba0a4cd423de603e6c3890e0f856bb9c",
        "b3987d3ffac6ad41fee258e8cc99fc89e29ae98f",
    ),
    "MD5-128": (
        "900150983cd24fb0d6963f7d28e17f72",
        "d41d8cd98f00b204e9800998ecf8427e",
        "afedcd324960f93c20b726c81b8d216a",
        "5e44e9bc9e91274731b8541e3e1fd687",
        "e96cd8050b7e09202c395530435f208d",
    ),
    "Murmur3-32": ("fa93ddb3", "00000000", "f87d658b", "1c9036cf", "f9c16f3b"),
    "Murmur3-128": (
        "6778ad3f3f3f96b4522dca264174a23b",
        "00000000000000000000000000000000",
        "2a9db2bec362cb22bf016c06722b24d7",
        "2858bd6075ed06228c0ba4ba75ae8ef9",
        "7535f4b378b3aec8dc3f4cffdc44ba6e",
    ),
    "Adler-32": ("27014d02", "01000000", "f4110fcc", "21c664bf", "ed88e87d"),
    "CRC-32": ("c2412435", "00000000", "ef618578", "b063fbf0", "1d3e3cb6"),
    "File-Size-64": (
        "0300000000000000",
        "0000000000000000",
        "3200000000000000",
        "4e02000000000000",
        "ea1a000000000000",
    ),
}
INPUTS = (b"abc", b"", *("".join(f"fake{n}" for n in range(up)).encode() for up in (10, 100, 1000)))


@pytest.mark.parametrize("hasher", OMERO)
def test_sums_are_those_of_omero(hasher: str) -> None:
    for data, expected in zip(INPUTS, OMERO[hasher], strict=True):
        begun = checksums.checksum(hasher)
        begun.update(data)
        assert begun.hexdigest() == expected


@pytest.mark.parametrize("hasher", OMERO)
def test_a_sum_does_not_depend_on_the_pieces(hasher: str) -> None:
    begun = checksums.checksum(hasher)
    for start in range(0, len(INPUTS[-1]), 7):
        begun.update(INPUTS[-1][start : start + 7])
    assert begun.hexdigest() == OMERO[hasher][-1]


def test_every_algorithm_of_omero_is_there() -> None:
    assert set(checksums.HASHERS) == set(OMERO)


def test_one_pass_gives_several_sums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksums, "BLOCK", 1000)
    path = tmp_path / "bigFile.fake"
    path.write_bytes(INPUTS[-1])
    read: list[int] = []
    sums = checksums.of_file(path, OMERO, read.append)
    assert sums == {hasher: expected[-1] for hasher, expected in OMERO.items()}
    assert read == [1000] * 6 + [890]


def test_an_unknown_algorithm_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="'SHA-256' is unknown") as failure:
        checksums.checksum("SHA-256")
    assert "SHA1-160" in str(failure.value)
