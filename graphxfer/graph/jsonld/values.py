# SPDX-License-Identifier: GPL-2.0-or-later
"""The JSON-LD form of each type of value, and of the header."""

from __future__ import annotations

import base64
import math
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from graphxfer import catalogue
from graphxfer.catalogue import OME, OMERO, AffineTransform, Class, Edge, Field, Quantity, Type, Via

XSD = "http://www.w3.org/2001/XMLSchema#"
PROV = "http://www.w3.org/ns/prov#"
PREFIXES = {
    "ome": OME,
    "omero": OMERO,
    "model": catalogue.OME_CLASS,
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "prov": PROV,
    "xsd": XSD,
}
_EXACT = 2**53 - 1
"""Larger integers are written as strings: readers that have only doubles would lose digits."""
_NOT_FINITE = {"nan": "NaN", "inf": "INF", "-inf": "-INF"}
_DOUBLE = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|NaN|[+-]?INF", re.ASCII)
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)

Record = dict[str, Any]
"""A node as JSON: `@id`, `@type`, and its members by name."""

TRANSFER = "#transfer"
LEFT_OUT = Field("leftOut", Type.PAIRS, OMERO + "leftOut")
HEADER = Class(
    "prov:Activity",
    (
        Field("databaseUuid", Type.STRING, OMERO + "databaseUuid"),
        Field("serverVersion", Type.STRING, OMERO + "serverVersion"),
        Field("madeBy", Type.STRING, PREFIXES["dc"] + "creator"),
        Field("madeAt", Type.STRING, PREFIXES["dcterms"] + "date"),
        LEFT_OUT,
    ),
    (
        Edge("roots", "", Via.LINK, "", PROV + "used"),
        Edge("cameAlong", "", Via.LINK, "", OMERO + "cameAlong"),
    ),
    iri=PROV + "Activity",
)
"""The header, described like a class of the catalogue."""


def _double(value: float) -> float | str:
    """Return a JSON number, or a string if JSON-LD's 16 digits would not be exact.

    Negative zero is a string, too: many programs, and RFC 8785, drop its sign.
    """
    is_negative_zero = value == 0 and math.copysign(1, value) < 0
    if math.isfinite(value) and float(f"{value:.15e}") == value and not is_negative_zero:
        return value
    text = repr(value)
    return _NOT_FINITE.get(text, text)


def _long(value: int) -> int | str:
    return value if -_EXACT <= value <= _EXACT else str(value)


def _quantity(value: Quantity) -> Record:
    return {"value": _double(value[0]), "unit": value[1]}


def _transform(value: AffineTransform) -> Record:
    return dict(zip(AffineTransform._fields, map(_double, value), strict=True))


def _pairs(value: catalogue.Pairs) -> list[Record]:
    return [{"key": key, "value": text} for key, text in value]


def _bytes(value: bytes) -> str:
    return base64.b64encode(value).decode()


def to_text(raw: Any) -> str:
    """Return JSON that is a string; raise ValueError if it is not."""
    if type(raw) is not str:
        raise ValueError("is not a string")
    return raw


def _to_name(raw: Any) -> str:
    return sys.intern(to_text(raw))


def _whole(bits: int) -> Callable[[Any], int]:
    """Return the function that reads integers of so many bits, as numbers or as strings."""
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    def decode(raw: Any) -> int:
        # In JSON-LD, 5.0 is the integer 5.
        if type(raw) is not int and (
            raw.is_integer() if type(raw) is float else type(raw) is str and _WHOLE.fullmatch(raw)
        ):
            raw = int(raw)
        if type(raw) is int and low <= raw <= high:
            return raw
        raise ValueError(f"is not an integer of {bits} bits")

    return decode


_to_int, to_long = _whole(32), _whole(64)


def _to_double(raw: Any) -> float:
    if type(raw) is float and math.isfinite(raw):
        return raw
    if type(raw) is str and _DOUBLE.fullmatch(raw):
        return float(raw)
    if type(raw) is int and abs(raw) < 2**1023:
        return float(raw)
    raise ValueError("is not a number")


def _to_boolean(raw: Any) -> bool:
    if raw is True or raw in ("true", "1"):
        return True
    if raw is False or raw in ("false", "0"):
        return False
    raise ValueError("is not true or false")


def _to_bytes(raw: Any) -> bytes:
    try:
        return base64.b64decode(to_text(raw), validate=True)
    except ValueError:
        raise ValueError("is not base64") from None


def inner(raw: Any, names: tuple[str, ...]) -> list[Any]:
    """Return the members of an object that has exactly these names."""
    if type(raw) is dict and len(raw) == len(names):
        try:
            return [raw[name] for name in names]
        except KeyError:
            pass
    raise ValueError(f"is not an object with {', '.join(names)}")


def _to_quantity(raw: Any) -> Quantity:
    value, unit = inner(raw, Quantity._fields)
    return Quantity(_to_double(value), _to_name(unit))


def _to_transform(raw: Any) -> AffineTransform:
    return AffineTransform(*map(_to_double, inner(raw, AffineTransform._fields)))


def _to_pairs(raw: Any) -> catalogue.Pairs:
    if type(raw) is not list:
        raise ValueError("is not a list of pairs")
    pairs = [inner(pair, ("key", "value")) for pair in raw]
    return tuple((_to_name(key), to_text(value)) for key, value in pairs)


class Encoding(NamedTuple):
    """How values of a type are written.

    Parameters
    ----------
    encode : callable or None
        From the value to JSON; None if the value needs no conversion.
    decode : callable
        From JSON to the value; raises ValueError if it is not valid.
    datatype : str
        The RDF datatype; empty for strings and objects.
    parts : tuple of Field
        The members of a value that is an object.
    """

    encode: Callable[[Any], Any] | None
    decode: Callable[[Any], Any]
    datatype: str = ""
    parts: tuple[Field, ...] = ()


_VALUE, _UNIT, _KEY = OME + "Value", OME + "Unit", OME + "Key"
# Integers are xsd:integer and strings plain, as in omero-rdf, so that its queries match.
ENCODINGS = {
    Type.STRING: Encoding(None, to_text),
    Type.ENUM: Encoding(None, _to_name),
    Type.INT: Encoding(None, _to_int, XSD + "integer"),
    Type.LONG: Encoding(_long, to_long, XSD + "integer"),
    Type.TIME: Encoding(_long, to_long, XSD + "integer"),
    Type.DOUBLE: Encoding(_double, _to_double, XSD + "double"),
    Type.BOOLEAN: Encoding(None, _to_boolean, XSD + "boolean"),
    Type.BYTES: Encoding(_bytes, _to_bytes, XSD + "base64Binary"),
    Type.QUANTITY: Encoding(
        _quantity,
        _to_quantity,
        parts=(Field("value", Type.DOUBLE, _VALUE), Field("unit", Type.ENUM, _UNIT)),
    ),
    Type.TRANSFORM: Encoding(
        _transform,
        _to_transform,
        parts=tuple(
            Field(name, Type.DOUBLE, OME + name.upper()) for name in AffineTransform._fields
        ),
    ),
    Type.PAIRS: Encoding(
        _pairs,
        _to_pairs,
        parts=(Field("key", Type.STRING, _KEY), Field("value", Type.STRING, _VALUE)),
    ),
}
_LEFT_OUT_PARTS = (
    Field("type", Type.STRING, OMERO + "className"),
    Field("number", Type.LONG, OMERO + "count"),
    Field("why", Type.STRING, OMERO + "reason"),
)


def datatype(type_: Type) -> str:
    """Return the RDF datatype of a type's values; empty for strings and objects."""
    return ENCODINGS[type_].datatype


def parts(field: Field) -> tuple[Field, ...]:
    """Return the members of a field's values; empty if they are not objects."""
    return _LEFT_OUT_PARTS if field is LEFT_OUT else ENCODINGS[field.type].parts


def members(entry: Class) -> tuple[Field | Edge, ...]:
    """Return the fields and edges of a class."""
    return (*entry.fields, *entry.edges)


def is_list(member: Field | Edge) -> bool:
    """Tell whether a member's values are an RDF list."""
    return member.ordered if isinstance(member, Edge) else member.type is Type.PAIRS


def classes() -> Iterator[Class]:
    """Iterate over the classes of nodes: the catalogue's, and the link classes."""
    yield from catalogue.CLASSES.values()
    for name in catalogue.link_classes():
        if entry := catalogue.link_node(name):
            yield entry
