# SPDX-License-Identifier: GPL-2.0-or-later
"""What the OME-XML schema says that the catalogue does not: order of elements, and legal values.

The facts are those of ``ome-2016-06.xsd``, which ome-types ships; tests validate against it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import distribution
from typing import Any, NamedTuple

from lxml import etree

from graphxfer import catalogue
from graphxfer.catalogue import Class, Field, Quantity, Type, Value

NS = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
GRAPH = "graphxfer/graph"
"""Namespace of the annotation that holds the graph's own JSON-LD lines."""

# The children of each element that we write, in the order that the schema asks for.
_SHAPE = ("Transform", "AnnotationRef", "BinData")
_ANNOTATION = ("Description", "AnnotationRef", "Value")
ORDER: dict[str, tuple[str, ...]] = {
    "Project": (
        "Description", "ExperimenterRef", "ExperimenterGroupRef", "DatasetRef", "AnnotationRef",
    ),
    "Dataset": (
        "Description", "ExperimenterRef", "ExperimenterGroupRef", "ImageRef", "AnnotationRef",
    ),
    "Screen": ("Description", "Reagent", "PlateRef", "AnnotationRef"),
    "Reagent": ("Description", "AnnotationRef"),
    "Plate": ("Description", "Well", "AnnotationRef", "PlateAcquisition"),
    "Well": ("WellSample", "ReagentRef", "AnnotationRef"),
    "WellSample": ("ImageRef",),
    "PlateAcquisition": ("Description", "WellSampleRef", "AnnotationRef"),
    "Image": (
        "AcquisitionDate", "ExperimenterRef", "Description", "ExperimenterGroupRef", "Pixels",
        "ROIRef", "AnnotationRef",
    ),
    "Pixels": ("Channel", "MetadataOnly"),
    "Channel": ("AnnotationRef",),
    "ROI": ("Union", "AnnotationRef", "Description"),
    "FileAnnotation": ("Description", "AnnotationRef", "BinaryFile"),
}  # fmt: skip

REFERENCES = {
    "datasets": "DatasetRef",
    "images": "ImageRef",
    "image": "ImageRef",
    "plates": "PlateRef",
    "reagents": "ReagentRef",
    "annotations": "AnnotationRef",
    "owner": "ExperimenterRef",
    "group": "ExperimenterGroupRef",
}
"""Edges, and the elements that say them."""

PARTS = {
    "Pixels": "pixels",
    "Channel": "channels",
    "Union": "shapes",
    "WellSample": "wellSamples",
}
"""Elements that stand inside another, and the edges by which the graph has them."""

INSIDE = {"Well": "plate", "PlateAcquisition": "plate", "Reagent": "screen"}
"""Elements that stand inside another, and the edges that lead to that from them."""

BACK = {"ROIRef": ("Roi", "image"), "WellSampleRef": ("WellSample", "plateAcquisition")}
"""Elements that say an edge at its object: the class of its subject, and its name."""

ONLY = {"WellSample"}
"""Elements of which no two may refer to the same: an Image is in one WellSample."""

ONE = {"Pixels", "ReagentRef"}
"""Elements of which OME-XML has only one, where OMERO may have more; its clients show the first."""

NEEDED = {
    "Image": ("Pixels",),
    "Pixels": ("DimensionOrder", "Type", *(f"Size{axis}" for axis in "XYZCT")),
    "Well": ("Row", "Column"),
    "ROI": ("Union",),
    "Point": ("X", "Y"),
    "Line": ("X1", "Y1", "X2", "Y2"),
    "Rectangle": ("X", "Y", "Width", "Height"),
    "Ellipse": ("X", "Y", "RadiusX", "RadiusY"),
    "Polygon": ("Points",),
    "Polyline": ("Points",),
    "Label": ("X", "Y"),
    "Mask": ("X", "Y", "Width", "Height", "BinData"),
    "FileAnnotation": ("BinaryFile",),
}
"""What an element is illegal without; annotations need their ``Value`` besides."""

MARKUP = "XMLAnnotation"
"""The element whose value is XML itself."""


def definition() -> Any:
    """Return ``ome-2016-06.xsd``, parsed."""
    # To import ome-types takes a third of a second and 20 MB; its schema is all that we need.
    shipped = distribution("ome-types").locate_file("ome_types/ome-2016-06.xsd")
    return etree.parse(str(shipped))


def _enumerations() -> dict[str, dict[str, str]]:
    """Return the values of each type, or attribute, that the schema enumerates; units by name."""
    prefix = "{http://www.w3.org/2001/XMLSchema}"
    found = {}
    for type_ in definition().iter(f"{prefix}simpleType"):
        name = type_.get("name") or type_.getparent().get("name")
        values = {}
        for each in type_.iter(f"{prefix}enumeration"):
            known_as = each.find(".//{*}enum[@enum]")
            value = each.get("value")
            values[value if known_as is None else known_as.get("enum")] = value
        found[name] = values
    return found


_VALUES = _enumerations()
_UNITS = {of: _VALUES[f"Units{of}"] for of in ("Length", "Time")}
_NAMES = {of: {symbol: name for name, symbol in units.items()} for of, units in _UNITS.items()}


def _one_of(enumeration: str) -> Callable[[Value], bool]:
    return set(_VALUES[enumeration].values()).__contains__


def _positive(value: Value) -> bool:
    number = value.value if isinstance(value, Quantity) else value
    return isinstance(number, int | float) and 0 < number < math.inf


def _not_negative(value: Value) -> bool:
    number = value.value if isinstance(value, Quantity) else value
    return isinstance(number, int | float) and 0 <= number < 2**31 and number == number // 1


_NO_URI = re.compile(r"[^\x21\x23-\x24\x26-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]")

ENUMERATED = {
    "PixelsType": _one_of("PixelType"),
    "DimensionOrder": _one_of("DimensionOrder"),
    "Illumination": _one_of("IlluminationType"),
    "ContrastMethod": _one_of("ContrastMethod"),
    "AcquisitionMode": _one_of("AcquisitionMode"),
}
"""What the schema has of OMERO's enumerations."""

LEGAL: dict[str, Callable[[Value], bool]] = {
    "FillRule": _one_of("FillRule"),
    "FontFamily": _one_of("FontFamily"),
    "FontStyle": _one_of("FontStyle"),
    "MarkerStart": _one_of("Marker"),
    "MarkerEnd": _one_of("Marker"),
    "RowNamingConvention": _one_of("NamingConvention"),
    "ColumnNamingConvention": _one_of("NamingConvention"),
    "Namespace": lambda value: isinstance(value, str) and not _NO_URI.search(value),
    **dict.fromkeys(
        ("TheZ", "TheT", "TheC", "FontSize", "Row", "Column", "FieldIndex"), _not_negative
    ),
    **dict.fromkeys(
        (
            *(f"Size{axis}" for axis in "XYZCT"),
            *(f"PhysicalSize{axis}" for axis in "XYZ"),
            "SignificantBits",
            "SamplesPerPixel",
            "Rows",
            "Columns",
            "MaximumFieldCount",
            "EmissionWavelength",
            "ExcitationWavelength",
        ),
        _positive,
    ),
}
"""What the schema allows where it allows less than the type of the field."""

_FORBIDDEN = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold; and the carriage return, which it does not keep."""


_BY_PARENT = {"Shape": _SHAPE, "Annotation": _ANNOTATION}


def element_of(entry: Class) -> str | None:
    """Return the element that stands for a class, or None where OME-XML has none."""
    is_ome = entry.iri.startswith(catalogue.OME_CLASS)
    return entry.iri.removeprefix(catalogue.OME_CLASS) if is_ome else None


def kind_of(entry: Class) -> str:
    """Return what its IDs begin with; all annotations share ``Annotation:``, shapes ``Shape:``."""
    return entry.parent or element_of(entry) or entry.name


def order_of(entry: Class) -> tuple[str, ...]:
    """Return the children of a class's element in order."""
    return ORDER.get(element_of(entry) or "", _BY_PARENT.get(entry.parent, ()))


class Form(NamedTuple):
    """How OME-XML says the nodes of a class.

    Parameters
    ----------
    element : str or None
        The element that stands for one; None where OME-XML has none.
    kind : str
        What its ID begins with.
    order : tuple of str
        Its children, in order.
    needed : tuple of str
        What it is illegal without.
    fields : tuple
        The fields that it can say, with their names in the graph.
    parts : tuple
        Elements that may stand inside it, with the edges that lead to them.
    references : tuple
        Edges that it can say, with the elements that do.
    """

    element: str | None
    kind: str
    order: tuple[str, ...]
    needed: tuple[str, ...]
    fields: tuple[tuple[str, Field], ...]
    parts: tuple[tuple[str, str], ...]
    references: tuple[tuple[str, str], ...]


@cache
def form_of(entry: Class) -> Form:
    """Return how OME-XML says the nodes of a class."""
    element, order = element_of(entry), order_of(entry)
    value = ("Value",) if entry.parent == "Annotation" else ()
    return Form(
        element,
        kind_of(entry),
        order,
        NEEDED.get(element or "", value),
        tuple((field.name, field) for field in entry.fields if field.xml),
        tuple((name, edge) for name, edge in PARTS.items() if name in order),
        tuple((edge, name) for edge, name in REFERENCES.items() if name in order),
    )


def xml_text(text: str) -> str:
    """Return the text without what XML cannot hold."""
    return _FORBIDDEN.sub("�", text)


def spell(field: Field, value: Value) -> str | None:
    """Return a value as OME-XML spells it, or None where it cannot say it.

    A quantity is spelled without its unit: see `symbol`.
    """
    legal = ENUMERATED.get(field.of) or LEGAL.get(field.xml)
    if legal is not None and not legal(value):
        return None
    if isinstance(value, Quantity):
        known = value.unit in _UNITS.get(field.of, {})
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
    # FontSize is the one quantity that has to be a whole number.
    return str(int(value)) if field.xml == "FontSize" else number(value)


def number(value: float) -> str:
    """Return a number as XML spells it."""
    text = repr(value)
    return {"nan": "NaN", "inf": "INF", "-inf": "-INF"}.get(text, text)


def color(red: int, green: int, blue: int, alpha: int | None) -> int:
    """Return a colour as the schema has it: RGBA in a signed 32-bit integer; opaque unless said."""
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
    return str(_UNITS[field.of][quantity.unit])


def parse(field: Field, text: str, unit: str | None) -> Value:
    """Return the value that OME-XML spells.

    Parameters
    ----------
    field : Field
        Whose value it is.
    text : str
        What stands in the document.
    unit : str or None
        The unit's symbol, for a quantity.

    Raises
    ------
    ValueError
        If it is none.
    """
    if field.type is Type.QUANTITY:
        return Quantity(float(text), _NAMES[field.of][unit or ""])
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


DEFAULT_UNITS = {
    **dict.fromkeys((f"PhysicalSize{axis}" for axis in "XYZ"), "µm"),
    "TimeIncrement": "s",
    "PinholeSize": "µm",
    "EmissionWavelength": "nm",
    "ExcitationWavelength": "nm",
    **dict.fromkeys(("WellOriginX", "WellOriginY", "PositionX", "PositionY"), "reference frame"),
    "StrokeWidth": "pixel",
    "FontSize": "pt",
}
"""The units that the schema means where a document names none."""
