# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogue: every OMERO class that graphxfer moves, said once.

Reading, writing, JSON-LD terms, OME-XML, the order of applying and the comparison of graphs are all
driven by this table. To teach graphxfer a new class is to add one entry to :data:`CLASSES`.

Facts about fields (type, nullable, unit) come from OMERO's own model definition (ome/omero-model,
``mappings/*.ome.xml``); RDF terms from omero-marshal's keys as omero-rdf writes them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, NamedTuple

import networkx as nx

OME = "http://www.openmicroscopy.org/rdf/2016-06/ome_core/"
"""Properties of the OME model; omero-rdf's namespace."""
OMERO = "http://www.openmicroscopy.org/TBD/omero/"
"""Properties and classes that only OMERO has; omero-rdf's namespace."""
OME_CLASS = "http://www.openmicroscopy.org/Schemas/OME/2016-06#"
"""Classes of the OME model, as omero-marshal types its objects."""

TAG_SET = "openmicroscopy.org/omero/insight/tagset"
"""Namespace that makes a TagAnnotation a tag set (omero.constants.metadata.NSINSIGHTTAGSET)."""


class Quantity(NamedTuple):
    """A value with its unit: ``Quantity(0.1, "MICROMETER")``; the unit by its OMERO enum name."""

    value: float
    unit: str


_METRIC = (
    *("YOTTA", "ZETTA", "EXA", "PETA", "TERA", "GIGA", "MEGA", "KILO", "HECTO", "DECA", ""),
    *("DECI", "CENTI", "MILLI", "MICRO", "NANO", "PICO", "FEMTO", "ATTO", "ZEPTO", "YOCTO"),
)
UNITS: dict[str, frozenset[str]] = {
    "Length": frozenset(
        (
            *(f"{prefix}METER" for prefix in _METRIC),
            *("ANGSTROM", "ASTRONOMICALUNIT", "LIGHTYEAR", "PARSEC", "POINT", "PIXEL"),
            *("THOU", "LINE", "INCH", "FOOT", "YARD", "MILE", "REFERENCEFRAME"),
        )
    ),
    "Time": frozenset((*(f"{prefix}SECOND" for prefix in _METRIC), "MINUTE", "HOUR", "DAY")),
}
"""The units of each dimension, by OMERO's names (ome/omero-model, UnitsLength, UnitsTime)."""


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
"""What a field holds. An absent field is null; an empty string is not."""


class Type(Enum):
    """The type of a field's value."""

    STRING = "string"
    INT = "int"
    LONG = "long"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    TIME = "time"
    """Milliseconds since 1970-01-01 UTC, as OMERO and omero-rdf have it."""
    ENUM = "enum"
    """A value of an OMERO enumeration, by its name."""
    BYTES = "bytes"
    QUANTITY = "quantity"
    TRANSFORM = "transform"
    PAIRS = "pairs"


@dataclass(frozen=True, slots=True)
class Field:
    """One property of a class.

    Parameters
    ----------
    attribute : str
        OMERO's name; with dots it is a path.
    type : Type
        What it holds.
    iri : str
        The RDF predicate.
    of : str
        For an enumeration its OMERO class; for a quantity its dimension (``Length``, ``Time``).
    required : bool
        OMERO refuses an object without it.
    term : str
        Its name in the graph; the same as `attribute` unless said.
    xml : str
        Name of the OME-XML attribute or element; empty where OME-XML has none.
    varies : bool
        It legitimately differs between servers, and is not compared.
    editable : bool
        An import makes it, but users may change it afterwards: applied as an update.
    length : int
        The most characters that OMERO stores; 0 for no limit.
    when_same : str
        Compared only where this other field is equal (a hash needs the same hasher).
    """

    attribute: str
    type: Type
    iri: str
    of: str = ""
    required: bool = False
    term: str = ""
    xml: str = ""
    varies: bool = False
    editable: bool = False
    length: int = 0
    when_same: str = ""

    @property
    def name(self) -> str:
        """Its name in the graph."""
        return self.term or self.attribute


class Via(Enum):
    """How OMERO stores an edge."""

    LINK = "link"
    """A row of a link class with parent and child; has an owner of its own."""
    REFERENCE = "reference"
    """A many-to-one attribute of the subject."""
    LIST = "list"
    """The subject's ordered collection; the child is saved with it and knows it by `inverse`."""


class Follow(Enum):
    """Which end of an edge an export brings along when it has the other."""

    OUT = "out"
    """The object comes with the subject (a Dataset with its Project)."""
    IN = "in"
    """The subject comes with the object (a Roi with its Image)."""
    BOTH = "both"
    """Either brings the other (an Image and its Fileset)."""
    IMPORT = "import"
    """As `OUT`; and the subject comes with the object where one import made both (a WellSample
    with its Image): then it will be made again with it."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One kind of edge that starts at a class.

    Parameters
    ----------
    name : str
        Its term in the graph.
    target : str
        Class of the object; may be abstract (``Annotation``).
    via : Via
        How OMERO stores it.
    attribute : str
        The link class (``ProjectDatasetLink``), or the subject's OMERO attribute (``shapes``).
    iri : str
        The RDF predicate.
    inverse : str
        The child's attribute that names the parent, for `Via.LIST`.
    follow : Follow
        What an export brings along.
    required : bool
        OMERO refuses the subject without it.
    varies : bool
        It legitimately differs between servers, and is not compared.
    alone : bool
        The object comes with the subject without the other objects that it holds.
    """

    name: str
    target: str
    via: Via
    attribute: str
    iri: str
    inverse: str = ""
    follow: Follow = Follow.OUT
    required: bool = False
    varies: bool = False
    alone: bool = False

    @property
    def ordered(self) -> bool:
        """Whether the order of its objects is part of the graph."""
        return self.via is Via.LIST

    @property
    def many(self) -> bool:
        """Whether a subject may have several."""
        return self.via is not Via.REFERENCE


class Maker(Enum):
    """Who makes the objects of a class."""

    USER = "user"
    """A person made it: apply creates it."""
    IMPORT = "import"
    """The server makes it from a file: apply finds it, by its place under its fileset."""
    EITHER = "either"
    """An import or a person (a Plate, a file). An import made it if it hangs together with the
    import's images and was made in the same moment as they: OMERO saves all that is told by a file
    in one call (ome/omero-server, OMEROMetadataStore.saveToDB). Then apply finds it as above; all
    others, and what the destination's import does not make, it creates."""
    SERVER = "server"
    """It belongs to the server (users, groups): apply never makes it."""


class Reuse(Enum):
    """Whether an object that is there already may stand for a node of the graph."""

    NEVER = "never"
    POLICY = "policy"
    """As `--tags` says: reuse, create or error."""
    MERGE = "merge"
    """Only on request (`--merge`)."""


@dataclass(frozen=True, slots=True)
class Class:
    """One OMERO class: its fields, its edges, and how it is moved.

    Parameters
    ----------
    name : str
        OMERO's class name, and the node's type.
    fields, edges : tuple
        What its nodes hold and where they lead.
    iri : str
        The RDF class.
    parent : str
        The abstract class that edges name, such as ``Shape``.
    maker : Maker
        Who makes it.
    reuse : Reuse
        Whether an equal object of the destination may be taken instead.
    identity : tuple of str
        Fields that make two of them the same for reuse.
    part_of : str
        The class in whose save it is created (a Shape in its Roi's); empty for its own.
    root : bool
        May be named on the command line (``Project:51``).
    bytes : bool
        Has a file's bytes, kept under ``files/``.
    place : tuple of str
        Fields that tell it from its siblings under the same import (an Image by ``series``);
        others are told by their position.
    """

    name: str
    fields: tuple[Field, ...] = ()
    edges: tuple[Edge, ...] = ()
    iri: str = ""
    parent: str = ""
    maker: Maker = Maker.USER
    reuse: Reuse = Reuse.NEVER
    identity: tuple[str, ...] = ()
    part_of: str = ""
    root: bool = False
    bytes: bool = False
    place: tuple[str, ...] = ()
    _by_name: dict[str, Field | Edge] = dataclasses.field(
        default_factory=dict, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        self._by_name.update({member.name: member for member in self.fields})
        self._by_name.update({member.name: member for member in self.edges})

    def __hash__(self) -> int:
        return hash(self.name)  # quick: caches are kept by class

    def field(self, name: str) -> Field | None:
        """Return the field of that name in the graph, or None."""
        found = self._by_name.get(name)
        return found if isinstance(found, Field) else None

    def edge(self, name: str) -> Edge | None:
        """Return the edge of that name in the graph, or None."""
        found = self._by_name.get(name)
        return found if isinstance(found, Edge) else None


@dataclass(frozen=True, slots=True)
class NotCovered:
    """Something that may hang on a class and is not moved yet; an export counts it.

    Parameters
    ----------
    parent : str
        The class it hangs on.
    name : str
        OMERO's class name, as it is told.
    path : str
        From an object of class `name` to the id of the parent: ``image.id``.
    why : str
        Said to the person.
    """

    parent: str
    name: str
    path: str
    why: str


# -- the pieces that entries are made of --------------------------------------------------------


def _ome(attribute: str, type_: Type = Type.STRING, rdf: str = "", **more: Any) -> Field:
    """Return a field of the OME model; term and XML name are the attribute's, capitalised."""
    name = rdf or attribute[0].upper() + attribute[1:]
    more.setdefault("xml", name)
    return Field(attribute, type_, OME + name, **more)


def _omero(attribute: str, type_: Type = Type.STRING, **more: Any) -> Field:
    """Return a field that only OMERO has."""
    return Field(attribute, type_, OMERO + attribute, **more)


def _list(name: str, target: str, inverse: str, follow: Follow = Follow.OUT) -> Edge:
    return Edge(name, target, Via.LIST, name, OMERO + name, inverse, follow)


def _to(name: str, target: str, **more: Any) -> Edge:
    more.setdefault("iri", OMERO + name)
    return Edge(name, target, Via.REFERENCE, name, **more)


def _annotations(owner: str) -> Edge:
    """Return the edge of an annotatable class; subclasses of Shape share one link class."""
    return Edge("annotations", "Annotation", Via.LINK, f"{owner}AnnotationLink", OME + "annotation")


CREATED = Field(
    "details.creationEvent.time",
    Type.TIME,
    "http://purl.org/dc/terms/created",
    term="created",
    varies=True,
)
"""When the object was made."""
OWNER = Edge("owner", "Experimenter", Via.REFERENCE, "details.owner", OMERO + "owner", varies=True)
GROUP = Edge(
    "group", "ExperimenterGroup", Via.REFERENCE, "details.group", OMERO + "group", varies=True
)
DETAILS = (OWNER, GROUP)
"""Edges to the server's own users and groups: who had it there."""


def _class(
    name: str, fields: tuple[Field, ...], edges: tuple[Edge, ...] = (), **more: Any
) -> Class:
    more.setdefault("iri", OME_CLASS + name)
    return Class(name, (*fields, CREATED), (*edges, *DETAILS), **more)


def _container(name: str, *edges: Edge) -> Class:
    fields = (_ome("name", required=True), _ome("description"))
    return _class(name, fields, edges, root=True, reuse=Reuse.MERGE, identity=("name",))


def _divided(members: Iterable[Field | Edge]) -> tuple[tuple[Field, ...], tuple[Edge, ...]]:
    listed = tuple(members)
    return (
        tuple(member for member in listed if isinstance(member, Field)),
        tuple(member for member in listed if isinstance(member, Edge)),
    )


def _of_plates(name: str, *members: Field | Edge, **more: Any) -> Class:
    """Return a class of screens and plates: whoever made it, users may change all but its place."""
    fields, edges = _divided(members)
    place = more.get("place", ())
    changeable = tuple(
        field if field.name in place else dataclasses.replace(field, editable=True)
        for field in fields
    )
    return _class(name, changeable, edges, maker=Maker.EITHER, **more)


def _quantity(attribute: str, dimension: str = "Length", **more: Any) -> Field:
    return _ome(attribute, Type.QUANTITY, of=dimension, **more)


_SHAPE_FIELDS = (
    _ome("textValue", rdf="Text"),
    *(_ome(plane, Type.INT) for plane in ("theZ", "theT", "theC")),
    _ome("locked", Type.BOOLEAN),
    Field("transform", Type.TRANSFORM, OME + "Transform", of="AffineTransform", xml="Transform"),
    _ome("fillColor", Type.INT),
    _ome("fillRule", length=255),
    _ome("strokeColor", Type.INT),
    _ome("strokeDashArray", length=255),
    _quantity("strokeWidth"),
    _ome("fontFamily", length=255),
    _quantity("fontSize"),
    _ome("fontStyle", length=255),
)
_MARKERS = (_ome("markerStart", length=255), _ome("markerEnd", length=255))


def _shape(name: str, *fields: Field, iri: str = "") -> Class:
    return _class(
        name,
        (*fields, *_SHAPE_FIELDS),
        (_annotations("Shape"),),
        parent="Shape",
        part_of="Roi",
        iri=iri or OME_CLASS + name,
    )


def _numbers(*attributes: str) -> tuple[Field, ...]:
    return tuple(_ome(attribute, Type.DOUBLE) for attribute in attributes)


_ANNOTATION_FIELDS = (
    Field("ns", Type.STRING, OME + "Namespace", term="namespace", xml="Namespace"),
    _omero("name"),
    _ome("description"),
)


def _annotation(name: str, *members: Field | Edge, **more: Any) -> Class:
    fields, edges = _divided(members)
    return _class(
        name,
        (*fields, *_ANNOTATION_FIELDS),
        (*edges, _annotations("Annotation")),
        parent="Annotation",
        **more,
    )


_COLOR = tuple(_omero(part, Type.INT, editable=True) for part in ("red", "green", "blue", "alpha"))


def _value(attribute: str, type_: Type) -> Field:
    return _ome(attribute, type_, rdf="Value")


# -- the catalogue ------------------------------------------------------------------------------

_CATALOGUE = (
    _container(
        "Project",
        Edge("datasets", "Dataset", Via.LINK, "ProjectDatasetLink", OME + "Datasets"),
        _annotations("Project"),
    ),
    _container(
        "Dataset",
        Edge("images", "Image", Via.LINK, "DatasetImageLink", OME + "Images"),
        _annotations("Dataset"),
    ),
    _of_plates(
        "Screen",
        _ome("name", required=True),
        _ome("description"),
        _ome("type", length=255, term="screenType"),
        _ome("protocolIdentifier", length=255),
        _ome("protocolDescription"),
        _ome("reagentSetIdentifier", length=255),
        _ome("reagentSetDescription"),
        Edge("plates", "Plate", Via.LINK, "ScreenPlateLink", OME + "Plates", follow=Follow.IMPORT),
        _annotations("Screen"),
        root=True,
        reuse=Reuse.MERGE,
        identity=("name",),
    ),
    _of_plates(
        "Plate",
        _ome("name", required=True),
        _ome("description"),
        _ome("rows", Type.INT),
        _ome("columns", Type.INT),
        _ome("rowNamingConvention", length=255),
        _ome("columnNamingConvention", length=255),
        _quantity("wellOriginX"),
        _quantity("wellOriginY"),
        _ome("defaultSample", Type.INT, rdf="FieldIndex"),
        _ome("status"),
        _ome("externalIdentifier", length=255),
        _annotations("Plate"),
        root=True,
    ),
    _of_plates(
        "PlateAcquisition",
        _ome("name"),
        _ome("description"),
        _ome("startTime", Type.TIME),
        _ome("endTime", Type.TIME),
        _ome("maximumFieldCount", Type.INT),
        _to("plate", "Plate", follow=Follow.IN, required=True),
        _annotations("PlateAcquisition"),
    ),
    _of_plates(
        "Well",
        _ome("row", Type.INT),
        _ome("column", Type.INT),
        *_COLOR,
        _ome("type", length=255, term="wellType"),
        _omero("status", length=255),
        _ome("externalDescription"),
        _ome("externalIdentifier", length=255),
        _to("plate", "Plate", follow=Follow.BOTH, required=True),
        _list("wellSamples", "WellSample", "well", Follow.BOTH),
        Edge("reagents", "Reagent", Via.LINK, "WellReagentLink", OMERO + "reagents"),
        _annotations("Well"),
        place=("row", "column"),
    ),
    _of_plates(
        "WellSample",
        _quantity("posX", rdf="PositionX"),
        _quantity("posY", rdf="PositionY"),
        _ome("timepoint", Type.TIME),
        _to("image", "Image", follow=Follow.IMPORT, required=True),
        _to("plateAcquisition", "PlateAcquisition"),
        part_of="Well",
    ),
    _of_plates(
        "Reagent",
        _ome("name"),
        _ome("description"),
        _ome("reagentIdentifier", length=255),
        _to("screen", "Screen", follow=Follow.BOTH, required=True, alone=True),
        _annotations("Reagent"),
    ),
    _class(
        "Image",
        (
            _ome("name", required=True, editable=True),
            _ome("description", editable=True),
            _omero("series", Type.INT),
            _ome("acquisitionDate", Type.TIME, editable=True),
        ),
        (
            _to("fileset", "Fileset", follow=Follow.BOTH),
            _list("pixels", "Pixels", "image"),
            _annotations("Image"),
        ),
        maker=Maker.IMPORT,
        root=True,
        place=("series",),
    ),
    _class(
        "Pixels",
        (
            *(_ome(f"size{axis}", Type.INT, required=True) for axis in "XYZCT"),
            Field("pixelsType", Type.ENUM, OMERO + "pixelsType", "PixelsType", True, xml="Type"),
            Field(
                "dimensionOrder",
                Type.ENUM,
                OMERO + "dimensionOrder",
                "DimensionOrder",
                True,
                xml="DimensionOrder",
            ),
            _ome("significantBits", Type.INT),
            *(_quantity(f"physicalSize{axis}", editable=True) for axis in "XYZ"),
            _quantity("timeIncrement", "Time", editable=True),
            _omero("methodology", length=255, editable=True),
            # Servers hash the pixels in their own time ("Pending..."), so it proves nothing.
            _omero("sha1", varies=True),
        ),
        (_list("channels", "Channel", "pixels"),),
        maker=Maker.IMPORT,
    ),
    _class(
        "Channel",
        (
            *_COLOR,
            _omero("lookupTable", editable=True),
        ),
        (_to("logicalChannel", "LogicalChannel", required=True), _annotations("Channel")),
        maker=Maker.IMPORT,
    ),
    _class(
        "LogicalChannel",
        (
            _ome("name", editable=True),
            _quantity("emissionWave", rdf="EmissionWavelength", editable=True),
            _quantity("excitationWave", rdf="ExcitationWavelength", editable=True),
            _ome("fluor", length=255, editable=True),
            _ome("ndFilter", Type.DOUBLE, rdf="NDFilter", editable=True),
            _quantity("pinHoleSize", rdf="PinholeSize", editable=True),
            _ome("pockelCellSetting", Type.INT, editable=True),
            _ome("samplesPerPixel", Type.INT),
            *(
                Field(attribute, Type.ENUM, OMERO + attribute, of, xml=xml, editable=True)
                for attribute, of, xml in (
                    ("illumination", "Illumination", "IlluminationType"),
                    ("contrastMethod", "ContrastMethod", "ContrastMethod"),
                    ("mode", "AcquisitionMode", "AcquisitionMode"),
                    ("photometricInterpretation", "PhotometricInterpretation", ""),
                )
            ),
        ),
        maker=Maker.IMPORT,
        iri=OMERO + "LogicalChannel",
    ),
    _class(
        "Fileset",
        (_omero("templatePrefix", varies=True),),
        (
            _list("usedFiles", "FilesetEntry", "fileset"),
            _annotations("Fileset"),
        ),
        maker=Maker.IMPORT,
        iri=OMERO + "Fileset",
    ),
    _class(
        "FilesetEntry",
        (_omero("clientPath", required=True, varies=True),),
        (_to("originalFile", "OriginalFile", required=True),),
        maker=Maker.IMPORT,
        iri=OMERO + "FilesetEntry",
    ),
    _class(
        "OriginalFile",
        (
            Field("name", Type.STRING, OME + "name", required=True),
            Field("path", Type.STRING, OME + "path", required=True, varies=True),
            _omero("repo", varies=True),
            Field("size", Type.LONG, OME + "size"),
            Field("hash", Type.STRING, OME + "hash", when_same="hasher"),
            Field("hasher", Type.ENUM, OMERO + "hasher", "ChecksumAlgorithm", varies=True),
            Field("mimetype", Type.STRING, OME + "mimetype", length=255, editable=True),
        ),
        (_annotations("OriginalFile"),),
        maker=Maker.EITHER,
        iri=OMERO + "OriginalFile",
        bytes=True,
    ),
    _class(
        "Roi",
        (_ome("name"), _ome("description")),
        (
            _to("image", "Image", follow=Follow.IN),
            _list("shapes", "Shape", "roi"),
            _annotations("Roi"),
        ),
        iri=OME_CLASS + "ROI",
    ),
    _shape("Point", *_numbers("x", "y")),
    _shape("Line", *_numbers("x1", "y1", "x2", "y2"), *_MARKERS),
    _shape("Rectangle", *_numbers("x", "y", "width", "height")),
    _shape("Ellipse", *_numbers("x", "y", "radiusX", "radiusY")),
    _shape("Polygon", _ome("points")),
    _shape("Polyline", _ome("points"), *_MARKERS),
    _shape("Label", *_numbers("x", "y")),
    _shape(
        "Mask", *_numbers("x", "y", "width", "height"), _omero("bytes", Type.BYTES, xml="BinData")
    ),
    _shape("Path", Field("d", Type.STRING, OMERO + "d"), iri=OMERO + "Path"),
    _annotation(
        "TagAnnotation",
        _value("textValue", Type.STRING),
        reuse=Reuse.POLICY,
        identity=("textValue", "namespace", "description"),
    ),
    _annotation("CommentAnnotation", _value("textValue", Type.STRING)),
    _annotation("XmlAnnotation", _value("textValue", Type.STRING), iri=OME_CLASS + "XMLAnnotation"),
    _annotation(
        "MapAnnotation",
        Field("mapValue", Type.PAIRS, OMERO + "mapValue", term="pairs", xml="Value"),
    ),
    _annotation("LongAnnotation", _value("longValue", Type.LONG)),
    _annotation("DoubleAnnotation", _value("doubleValue", Type.DOUBLE)),
    _annotation("BooleanAnnotation", _value("boolValue", Type.BOOLEAN)),
    _annotation("TimestampAnnotation", _value("timeValue", Type.TIME)),
    _annotation("TermAnnotation", _value("termValue", Type.STRING)),
    _annotation("FileAnnotation", _to("file", "OriginalFile", iri=OME + "File")),
    Class(
        "Experimenter",
        (
            _omero("omeName", required=True, varies=True),
            _ome("firstName", required=True, varies=True),
            _ome("lastName", required=True, varies=True),
        ),
        iri=OME_CLASS + "Experimenter",
        maker=Maker.SERVER,
    ),
    Class(
        "ExperimenterGroup",
        (_ome("name", required=True, varies=True),),
        iri=OME_CLASS + "ExperimenterGroup",
        maker=Maker.SERVER,
    ),
)

CLASSES: dict[str, Class] = {entry.name: entry for entry in _CATALOGUE}
"""The catalogue by class name, in the order in which an export reads them."""

NOT_COVERED: tuple[NotCovered, ...] = (
    NotCovered("Image", "FolderImageLink", "child.id", "folders are not moved yet"),
    NotCovered("Roi", "FolderRoiLink", "child.id", "folders are not moved yet"),
    NotCovered("Pixels", "RenderingDef", "pixels.id", "rendering settings are not moved yet"),
)
"""What may hang on a moved object without being moved: told, never dropped in silence."""

IMPORT_NAMESPACES = (
    "openmicroscopy.org/omero/import/fileTransfer",
    "openmicroscopy.org/omero/import/logFile",
    "openmicroscopy.org/omero/import/companionFile",
    "openmicroscopy.org/omero/import/autoClose",
)
"""Annotations that each server's import writes for itself (omero-blitz, Constants.ice)."""

FILESETLESS = "Image"
"""The class whose objects may lack a fileset, and then cannot be moved yet."""


# -- questions to the catalogue -----------------------------------------------------------------


@cache
def subclasses(name: str) -> tuple[Class, ...]:
    """Return the concrete classes that a class name stands for, itself included.

    Parameters
    ----------
    name : str
        A class of the catalogue or an abstract one that entries name as their parent.
    """
    return tuple(entry for entry in CLASSES.values() if name in (entry.name, entry.parent))


def link_edges() -> Iterator[tuple[Class, Edge]]:
    """Iterate over every edge that is stored as a link, with the class it starts at."""
    for entry in CLASSES.values():
        for edge in entry.edges:
            if edge.via is Via.LINK:
                yield entry, edge


@cache
def link_classes() -> dict[str, Edge]:
    """Return the link classes (``ImageAnnotationLink``), each with its edge.

    A link that has facts of its own is a node of such a class, with the edges
    ``parent``, ``child`` and ``owner``.
    """
    return {edge.attribute: edge for _, edge in link_edges()}


@cache
def link_node(name: str) -> Class | None:
    """Return the entry of a link class as a node: the edges ``parent``, ``child`` and its details.

    Parameters
    ----------
    name : str
        A link class, such as ``ImageAnnotationLink``.
    """
    edge = link_classes().get(name)
    if edge is None:
        return None
    subjects = [entry for entry, starting in link_edges() if starting.attribute == name]
    parent = subjects[0].name if len(subjects) == 1 else subjects[0].parent
    ends = (
        Edge("parent", parent, Via.REFERENCE, "parent", OMERO + "parent", required=True),
        Edge("child", edge.target, Via.REFERENCE, "child", OMERO + "child", required=True),
    )
    return Class(name, (), (*ends, *DETAILS), iri=OMERO + name)


def roots() -> tuple[str, ...]:
    """Return the names of the classes that may be named on the command line."""
    return tuple(entry.name for entry in CLASSES.values() if entry.root)


def apply_order() -> list[list[str]]:
    """Return the class names in topological layers: what comes first is needed by what follows.

    A reference needs its object; a part needs what it is saved with, and that all that the part
    refers to. Links are made when both ends are there, so they order nothing. A class that refers
    to itself is no cycle here.
    """
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(CLASSES)
    for entry in CLASSES.values():
        for edge in entry.edges:
            for target in subclasses(edge.target):
                if edge.via is Via.REFERENCE:
                    graph.add_edge(target.name, entry.name)
                elif edge.via is Via.LIST:
                    graph.add_edge(entry.name, target.name)
                    graph.add_edges_from((needed, entry.name) for needed in _referred(target))
    graph.remove_edges_from([(name, name) for name in CLASSES])
    return [sorted(layer) for layer in nx.topological_generations(graph)]


def _referred(entry: Class) -> Iterator[str]:
    """Iterate over the classes that a class refers to."""
    for edge in entry.edges:
        if edge.via is Via.REFERENCE:
            yield from (target.name for target in subclasses(edge.target))
