# SPDX-License-Identifier: GPL-2.0-or-later
"""The small good bundle with names that would break out of a careless page."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from graphxfer.bundle import Bundle
from graphxfer.catalogue import Value
from graphxfer.graph import Node
from tests.inspect import sample

SCRIPT = "<script>window.owned = 1</script>"
CLOSING = "</script><img src=x onerror='window.owned = 2'><!--<script>"
QUOTES = "\"'`&amp; {{ 7 * 7 }} ${7 * 7} \u2028 \\u003c"
RIGHT_TO_LEFT = "\u202egnp.tac \u05d0\u05d1\u05d2"
LONG = "long " * 2_000
"""10,000 characters."""


def write(folder: Path) -> Bundle:
    """Write it, with a thumbnail of an image, a false one, and one that lies elsewhere."""
    pairs: Value = ((SCRIPT, CLOSING), (QUOTES, RIGHT_TO_LEFT))
    nodes = [
        renamed("Project/51", SCRIPT),
        renamed("Dataset/101", CLOSING),
        renamed("Image/7", QUOTES, description=LONG),
        renamed("Image/8", RIGHT_TO_LEFT),
        renamed("TagAnnotation/5", textValue=CLOSING),
        renamed("MapAnnotation/9", pairs=pairs),
        renamed("Experimenter/2", omeName=SCRIPT),
    ]
    bundle = sample.write(folder, *nodes)
    pictures = folder / "thumbnails"
    pictures.mkdir()
    (pictures / "7.png").write_bytes(png())
    (pictures / "8.png").write_bytes(CLOSING.encode())
    (folder.parent / "elsewhere.png").write_bytes(png())
    (pictures / "9.png").symlink_to(folder.parent / "elsewhere.png")
    return bundle


def renamed(iri: str, name: str = "", **fields: Value) -> Node:
    """Return a node of the good graph with other fields."""
    node = next(node for node in sample.nodes() if node.iri == iri)
    named: dict[str, Value] = {"name": name} if name else {}
    return Node(iri, node.type, node.fields | named | fields, node.edges)


def png() -> bytes:
    """Return a picture of one pixel."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0\xc0\x40\x40")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
