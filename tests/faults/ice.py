# SPDX-License-Identifier: GPL-2.0-or-later
"""Messages of the Ice 1.0 protocol on a plain connection: where they end, and what they ask.

Only the header of a message and the first fields of its body are read. See "The Ice Protocol" in
ZeroC's manual of Ice 3.6; a size is a byte, or 255 and four bytes.
"""

from __future__ import annotations

import socket
import struct
from enum import IntEnum
from typing import NamedTuple

HEADER = struct.Struct("<4s4xBBi")
"""Magic number, versions, type, whether it is compressed, size of all."""
NUMBER = struct.Struct("<i")
MAGIC = b"IceP"
COMPRESSED = 2
"""Status of a compressed message; 1 only offers to read such."""


class Kind(IntEnum):
    """Types of messages."""

    REQUEST = 0
    BATCH = 1
    REPLY = 2
    VALIDATE = 3
    CLOSE = 4


class Message(NamedTuple):
    """A message as it was sent.

    Parameters
    ----------
    data : bytes
        All of it.
    kind : Kind
        Its type.
    number : int
        The number that joins a request and its reply; 0 if there will be no reply.
    operation : str
        Of a request, the operation.
    """

    data: bytes
    kind: Kind
    number: int = 0
    operation: str = ""

    def numbered(self, number: int) -> Message:
        """Return the same request or reply with another number."""
        size = HEADER.size
        data = self.data[:size] + NUMBER.pack(number) + self.data[size + NUMBER.size :]
        return self._replace(data=data, number=number)


def receive(source: socket.socket) -> Message | None:
    """Read a message; None where the connection ends."""
    header = _exactly(source, HEADER.size)
    if header is None:
        return None
    magic, kind, compressed, size = HEADER.unpack(header)
    assert magic == MAGIC
    body = _exactly(source, size - HEADER.size)
    if body is None:
        return None
    assert compressed != COMPRESSED, "a compressed message cannot be read"
    return _message(header + body, Kind(kind))


def _message(data: bytes, kind: Kind) -> Message:
    if kind not in (Kind.REQUEST, Kind.REPLY):
        return Message(data, kind)
    position = HEADER.size
    (number,) = NUMBER.unpack_from(data, position)
    if kind is Kind.REPLY:
        return Message(data, kind, number)
    position += NUMBER.size
    for _ in range(2):  # name and category of the object
        _, position = _string(data, position)
    facets, position = _size(data, position)
    for _ in range(facets):
        _, position = _string(data, position)
    operation, _ = _string(data, position)
    return Message(data, kind, number, operation)


def _size(data: bytes, position: int) -> tuple[int, int]:
    """Return a size, and where it ends."""
    if data[position] < 255:
        return data[position], position + 1
    (size,) = NUMBER.unpack_from(data, position + 1)
    return size, position + 1 + NUMBER.size


def _string(data: bytes, position: int) -> tuple[str, int]:
    length, position = _size(data, position)
    return data[position : position + length].decode(), position + length


def _exactly(source: socket.socket, size: int) -> bytes | None:
    """Read so many bytes; None where the connection ends before."""
    data = bytearray()
    while len(data) < size:
        try:
            more = source.recv(size - len(data))
        except OSError:
            return None
        if not more:
            return None
        data += more
    return bytes(data)
