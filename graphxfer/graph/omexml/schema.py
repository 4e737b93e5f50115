# SPDX-License-Identifier: GPL-2.0-or-later
"""The OME-XML schema: children and attributes of elements, their order, and legal values.

All of this is read from ``ome-2016-06.xsd`` of ome-types. The catalogue only states which element
represents a class, and which element or attribute expresses a field or an edge.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.metadata import distribution
from typing import Any, NamedTuple

from lxml import etree

from graphxfer import catalogue
from graphxfer.catalogue import Class, Edge, Field, Quantity, Spelling, Type, Value

NS = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
GRAPH = "graphxfer/graph"
"""Namespace of the annotation that holds the graph's own JSON-LD lines."""
DOCUMENT, ANNOTATIONS = "OME", "StructuredAnnotations"
"""The root element, and its child that contains the annotations."""
MARKUP = "XMLAnnotation"
"""The element of an annotation whose value is XML."""
POSITION = "Index"
"""The attribute with the position of a part among its siblings."""

_XSD = "{http://www.w3.org/2001/XMLSchema}"


@cache
def definition() -> Any:
    """Return ``ome-2016-06.xsd``, parsed."""
    # Only the schema is needed: importing ome-types would take a third of a second and 20 MB.
    shipped = distribution("ome-types").locate_file("ome_types/ome-2016-06.xsd")
    return etree.parse(str(shipped))


# -- elements -----------------------------------------------------------------------------------


class ElementContent(NamedTuple):
    """A child or an attribute that an element may have.

    Parameters
    ----------
    name : str
        Its name.
    is_child : bool
        Whether it is an element.
    needed : bool
        Whether the schema requires it.
    single : bool
        Whether there may be only one. OMERO may have more; its clients show the first.
    type : str
        Name of its type; empty if its type has none.
    values : dict
        The values that its type enumerates; units by OMERO's names.
    default : str
        Its value if a document does not have it.
    """

    name: str
    is_child: bool
    needed: bool
    single: bool
    type: str
    values: Mapping[str, str]
    default: str


@cache
def contents(element: str) -> Mapping[str, ElementContent]:
    """Return the children and attributes of an element by name; children in the schema's order."""
    declared = _declared("element", element)
    type_ = declared.find(f"{_XSD}complexType")
    if type_ is None:
        type_ = _declared("complexType", declared.get("type"))
    return {content.name: content for content in _contents(type_, is_choice=False)}


@cache
def _declarations() -> dict[tuple[str, str], Any]:
    children = definition().getroot().iterchildren(tag=etree.Element)
    return {(etree.QName(each).localname, each.get("name")): each for each in children}


def _declared(kind: str, name: str) -> Any:
    return _declarations()[kind, name]


def _contents(part: Any, *, is_choice: bool) -> Iterator[ElementContent]:
    """Iterate over the children and attributes in a part of a type's definition."""
    for each in part.iterchildren(tag=etree.Element):
        kind = etree.QName(each).localname
        if kind == "extension":
            if (base := _declarations().get(("complexType", each.get("base")))) is not None:
                yield from _contents(base, is_choice=False)
            yield from _contents(each, is_choice=False)
        elif kind in ("complexContent", "simpleContent", "sequence"):
            yield from _contents(each, is_choice=is_choice)
        elif kind == "choice":
            yield from _contents(each, is_choice=is_choice or len(each) > 1)
        elif kind in ("element", "attribute"):
            yield _content(each, is_choice=is_choice)


def _content(declared: Any, *, is_choice: bool) -> ElementContent:
    is_child = declared.tag == f"{_XSD}element"
    needed = (
        declared.get("minOccurs", "1") != "0" if is_child else declared.get("use") == "required"
    )
    return ElementContent(
        declared.get("ref") or declared.get("name"),
        is_child,
        needed and not is_choice,
        declared.get("maxOccurs", "1") == "1",
        declared.get("type", ""),
        _values(declared.find(f"{_XSD}simpleType")) or _values_of(declared.get("type")),
        declared.get("default", ""),
    )


# -- values -------------------------------------------------------------------------------------


@cache
def _values_of(type_: str | None) -> dict[str, str]:
    """Return the values of a named type, if it enumerates them; units by OMERO's names."""
    return _values(_declarations().get(("simpleType", type_ or "")))


def _values(type_: Any) -> dict[str, str]:
    values = {}
    for each in () if type_ is None else type_.iter(f"{_XSD}enumeration"):
        known_as = each.find(".//{*}enum[@enum]")
        value = each.get("value")
        values[value if known_as is None else known_as.get("enum")] = value
    return values


def _units(dimension: str) -> dict[str, str]:
    """Return the symbols of a dimension's units by OMERO's names."""
    return _values_of(f"Units{dimension}")


@cache
def _unit_names(dimension: str) -> dict[str, str]:
    return {symbol: name for name, symbol in _units(dimension).items()}


def _number_in(value: Value) -> float:
    number = value.value if isinstance(value, Quantity) else value
    return number if isinstance(number, int | float) else math.nan


def _positive(value: Value) -> bool:
    return 0 < _number_in(value) < math.inf


def _not_negative(value: Value) -> bool:
    number = _number_in(value)
    return 0 <= number < 2**31 and number == number // 1


def _fraction(value: Value) -> bool:
    return 0 <= _number_in(value) <= 1


_NO_URI = re.compile(r"[^\x21\x23-\x24\x26-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]")
_URI = etree.XMLSchema(
    etree.XML(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
        '<xs:element name="uri" type="xs:anyURI"/></xs:schema>'
    )
)


@lru_cache(maxsize=1024)
def _is_uri(value: Value) -> bool:
    """Tell whether a text is an xs:anyURI; libxml2 decides on its structure: ``:`` is not one."""
    if not isinstance(value, str) or _NO_URI.search(value):
        return False
    element = etree.Element("uri")
    element.text = value
    return bool(_URI.validate(element))


_LEGAL: dict[str, Callable[[Value], bool]] = {
    "PositiveInt": _positive,
    "PositiveFloat": _positive,
    "NonNegativeInt": _not_negative,
    "PercentFraction": _fraction,
    "xsd:anyURI": _is_uri,
}
"""Checks for XML types that allow fewer values than the field's type."""


def _legal(content: ElementContent) -> Callable[[Value], bool]:
    """Return a function that tells whether a value is legal in an attribute or a child."""
    values = set(content.values.values())
    return values.__contains__ if values else _LEGAL.get(content.type, lambda _: True)


# -- classes ------------------------------------------------------------------------------------


class FieldForm(NamedTuple):
    """How OME-XML expresses a field: its name in the graph, and which values are legal."""

    name: str
    field: Field
    is_child: bool
    is_legal: Callable[[Value], bool]

    def can_express(self, value: Value | None) -> bool:
        """Tell whether OME-XML can express a value."""
        if value is None:
            return False
        structured = self.field.type in (Type.BYTES, Type.TRANSFORM, Type.PAIRS)
        return structured or spell(self.field, value, self.is_legal) is not None


class Incoming(NamedTuple):
    """An edge that is expressed in the element of its object: the subject's class, and the edge."""

    subject: str
    edge: Edge


class Form(NamedTuple):
    """How OME-XML expresses the nodes of a class.

    Parameters
    ----------
    element : str
        The element that represents a node; empty if OME-XML has none.
    kind : str
        The start of its ID.
    order : tuple of str
        Its children, in order.
    needed : tuple of str
        Children and attributes that the schema requires, except those that each element gets.
    fields : tuple of FieldForm
        The fields that it can express.
    parts, references, files : dict
        Edges by the child that expresses them: see :class:`~graphxfer.catalogue.Spelling`.
    merged : tuple of Edge
        Edges to nodes whose fields are in this element.
    outer : Edge, optional
        The edge to the node whose element contains this one.
    inside, back : dict
        Incoming edges by the child that expresses them.
    """

    element: str
    kind: str
    order: tuple[str, ...]
    needed: tuple[str, ...]
    fields: tuple[FieldForm, ...]
    parts: dict[str, Edge]
    references: dict[str, Edge]
    files: dict[str, Edge]
    merged: tuple[Edge, ...]
    outer: Edge | None
    inside: dict[str, Incoming]
    back: dict[str, Incoming]

    def has(self, content: str) -> bool:
        """Tell whether its element may have a child or an attribute."""
        return bool(self.element) and content in contents(self.element)

    def has_one(self, content: str) -> bool:
        """Tell whether its element may have only one such child."""
        return contents(self.element)[content].single


_GIVEN = ("ID", POSITION)
"""Attributes that an element gets without a field of its node."""


@cache
def form_of(entry: Class, merged_into: str = "") -> Form:
    """Return how OME-XML expresses the nodes of a class.

    Parameters
    ----------
    entry : Class
        The class.
    merged_into : str
        The element with its fields, if the class has no element of its own.
    """
    element = entry.xml or merged_into
    held = contents(element) if element else {}
    expressed = [(edge, edge.xml) for edge in entry.edges if edge.xml]

    def by_child(how: Spelling) -> dict[str, Edge]:
        return {
            xml.element: edge for edge, xml in expressed if xml.how is how and xml.element in held
        }

    def by_object(how: Spelling) -> dict[str, Incoming]:
        leading = (each for each in edges_expressed(how) if each[1].target == entry.name)
        return {child or source.xml: Incoming(source.name, edge) for source, edge, child in leading}

    return Form(
        element,
        entry.parent or element or entry.name,
        tuple(each.name for each in held.values() if each.is_child),
        tuple(each.name for each in held.values() if each.needed and each.name not in _GIVEN),
        tuple(
            FieldForm(field.name, field, content.is_child, _legal(content))
            for field in entry.fields
            if (content := held.get(field.xml))
        ),
        by_child(Spelling.PART),
        by_child(Spelling.REFERENCE),
        by_child(Spelling.FILE),
        tuple(edge for edge, xml in expressed if xml.how is Spelling.MERGED),
        next((edge for edge, xml in expressed if xml.how is Spelling.INSIDE), None),
        by_object(Spelling.INSIDE),
        by_object(Spelling.BACK),
    )


@cache
def elements() -> dict[str, Class]:
    """Return the classes that elements represent, by the element."""
    return {entry.xml: entry for entry in catalogue.CLASSES.values() if entry.xml}


@cache
def edges_expressed(*ways: Spelling) -> tuple[tuple[Class, Edge, str], ...]:
    """Return the edges that OME-XML expresses in some ways: class, edge and element."""
    return tuple(
        (entry, edge, edge.xml.element)
        for entry in catalogue.CLASSES.values()
        for edge in entry.edges
        if edge.xml and edge.xml.how in ways
    )


def is_wrapper(element: str) -> bool:
    """Tell whether an element represents no class, and only contains such elements (``Union``)."""
    return element not in elements()


# -- spelling -----------------------------------------------------------------------------------

_FORBIDDEN = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 does not allow, and the carriage return, which parsers replace."""


def xml_text(text: str) -> str:
    """Return the text with characters that XML does not allow replaced."""
    return _FORBIDDEN.sub("�", text)


def spell(field: Field, value: Value, is_legal: Callable[[Value], bool]) -> str | None:
    """Return a value as OME-XML text, or None if it is not legal there.

    The unit of a quantity is not included: see `symbol`.
    """
    if not is_legal(value):
        return None
    if isinstance(value, Quantity):
        known = value.unit in _units(field.of)
        return _number(value.value, field) if known else None
    if isinstance(value, str):
        return xml_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if field.type is Type.TIME and isinstance(value, int):
        return _date(value)
    if isinstance(value, int | float):
        return _number(value, field)
    return None


def _number(value: float, field: Field) -> str:
    # FontSize is the only quantity that must be a whole number.
    return str(int(value)) if field.xml == "FontSize" else number(value)


def number(value: float) -> str:
    """Return a number as XML text."""
    text = repr(value)
    return {"nan": "NaN", "inf": "INF", "-inf": "-INF"}.get(text, text)


def color(red: int, green: int, blue: int, alpha: int | None) -> int:
    """Return a colour as a signed 32-bit RGBA integer; opaque by default."""
    parts = (red, green, blue, 255 if alpha is None else alpha)
    return int.from_bytes(bytes(part & 255 for part in parts), signed=True)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _date(milliseconds: int) -> str | None:
    try:
        date = _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
    return date.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def symbol(field: Field, quantity: Quantity) -> str:
    """Return the symbol of a quantity's unit: ``µm``."""
    return _units(field.of)[quantity.unit]


def parse(field: Field, text: str, unit: str | None) -> Value:
    """Return the value of a text in OME-XML.

    Parameters
    ----------
    field : Field
        The field.
    text : str
        The text in the document.
    unit : str or None
        The unit's symbol, for a quantity.

    Raises
    ------
    ValueError
        If the text is not a valid value.
    """
    if field.type is Type.QUANTITY:
        return Quantity(float(text), _unit_names(field.of)[unit or ""])
    if field.type in (Type.INT, Type.LONG):
        return int(text)
    if field.type is Type.DOUBLE:
        return float(text)
    if field.type is Type.BOOLEAN:
        return text.strip() in ("true", "1")
    if field.type is Type.TIME:
        date = datetime.fromisoformat(text.strip())
        date = date if date.tzinfo else date.replace(tzinfo=UTC)  # OMERO reads it as UTC
        return round((date - _EPOCH) / timedelta(milliseconds=1))
    return text
