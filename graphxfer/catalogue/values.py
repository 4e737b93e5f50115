# SPDX-License-Identifier: GPL-2.0-or-later
"""Values of fields: plain values, quantities with their units, transforms and pairs."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Quantity(NamedTuple):
    """A value and OMERO's name of its unit: ``Quantity(0.1, "MICROMETER")``."""

    value: float
    unit: str


class AffineTransform(NamedTuple):
    """The six numbers of OMERO's AffineTransform.

    x' = a00·x + a01·y + a02 and y' = a10·x + a11·y + a12.
    """

    a00: float
    a10: float
    a01: float
    a11: float
    a02: float
    a12: float


Pairs = tuple[tuple[str, str], ...]
"""Ordered (name, value) pairs; names may repeat."""

Value = str | int | float | bool | bytes | Quantity | AffineTransform | Pairs
"""The value of a field. An absent field is null; an empty string is not."""


class Type(Enum):
    """The type of a field's value."""

    STRING = "string"
    INT = "int"
    LONG = "long"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    TIME = "time"
    """Milliseconds since 1970-01-01 UTC, as in OMERO and omero-rdf."""
    ENUM = "enum"
    """A value of an OMERO enumeration, by its name."""
    BYTES = "bytes"
    QUANTITY = "quantity"
    TRANSFORM = "transform"
    PAIRS = "pairs"
