# SPDX-License-Identifier: GPL-2.0-or-later
"""What the catalogue says of a class: its fields, its edges, and how its objects are moved."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from graphxfer.catalogue.values import Type

OME = "http://www.openmicroscopy.org/rdf/2016-06/ome_core/"
"""Properties of the OME model; omero-rdf's namespace."""
OMERO = "http://www.openmicroscopy.org/TBD/omero/"
"""Properties and classes that only OMERO has; omero-rdf's namespace."""
OME_CLASS = "http://www.openmicroscopy.org/Schemas/OME/2016-06#"
"""Classes of the OME model, as omero-marshal types its objects."""


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
        Its name in the graph; the same as `attribute` if empty.
    xml : str
        Name of the OME-XML attribute or element; empty if OME-XML has none.
    varies : bool
        It legitimately differs between servers, and is not compared.
    editable : bool
        An import makes it, but users may change it afterwards: applied as an update.
    length : int
        The most characters that OMERO stores; 0 for no limit.
    when_same : str
        Compared only where this other field is equal (a hash needs the same hasher).
    label : bool
        People call the object by it. The first such field that has a value is the object's label.
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
    label: bool = False

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
    """Which end of an edge an export includes when it has the other."""

    OUT = "out"
    """The object comes with the subject (a Dataset with its Project)."""
    IN = "in"
    """The subject comes with the object (a Roi with its Image)."""
    BOTH = "both"
    """Either brings the other (an Image and its Fileset)."""
    IMPORT = "import"
    """As `OUT`; and the subject comes with the object where one import made both (a WellSample
    with its Image): the import at the destination makes both again."""


class Spelling(Enum):
    """How OME-XML says an edge."""

    REFERENCE = "reference"
    """The subject's element has a reference to the object: ``<DatasetRef ID="Dataset:1"/>``."""
    PART = "part"
    """The object's element stands in the subject's (``Pixels`` in ``Image``)."""
    INSIDE = "inside"
    """The subject's element stands in the object's (``Well`` in ``Plate``)."""
    BACK = "back"
    """The object's element has a reference to the subject (``<ROIRef>`` in ``Image``)."""
    MERGED = "merged"
    """The object has no element: OME-XML has its fields at the subject's element."""
    FILE = "file"
    """The subject's element has a ``BinaryFile``, which describes the object."""


class XmlEdge(NamedTuple):
    """How OME-XML says an edge, by which element; `once` if no two may refer to one object."""

    how: Spelling
    element: str = ""
    once: bool = False


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
        What an export includes.
    required : bool
        OMERO refuses the subject without it.
    varies : bool
        It legitimately differs between servers, and is not compared.
    alone : bool
        The object comes with the subject without the other objects that it holds.
    xml : XmlEdge, optional
        How OME-XML says it; None if it cannot.
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
    xml: XmlEdge | None = None

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
    import's images and was made in the same moment as they: OMERO saves all that a file describes
    in one call (ome/omero-server, OMEROMetadataStore.saveToDB). Then apply finds it as above; all
    others, and what the destination's import does not make, it creates."""
    SERVER = "server"
    """It belongs to the server (users, groups): apply never makes it."""


class Reusable(Enum):
    """Whether an object that exists at the destination may represent a node of the graph."""

    NEVER = "never"
    POLICY = "policy"
    """As `--tags` says: reuse, create or error."""
    MERGE = "merge"
    """Only on request (`--merge`)."""


class Counted(Enum):
    """What a summary counts objects as."""

    IMAGE = "image"
    ROI = "roi"


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
    reuse : Reusable
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
    xml : str
        The OME-XML element that stands for one; empty if OME-XML has none. What the element must
        and may hold, and in which order, is read from the schema.
    counts_as : Counted, optional
        What a summary counts its objects as.
    grid : str
        The edge to what names its row and column (a Well's Plate): then its label is ``A1``.
    """

    name: str
    fields: tuple[Field, ...] = ()
    edges: tuple[Edge, ...] = ()
    iri: str = ""
    parent: str = ""
    maker: Maker = Maker.USER
    reuse: Reusable = Reusable.NEVER
    identity: tuple[str, ...] = ()
    part_of: str = ""
    root: bool = False
    bytes: bool = False
    place: tuple[str, ...] = ()
    xml: str = ""
    counts_as: Counted | None = None
    grid: str = ""
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
    """A class that refers to a class of the catalogue, but is not moved yet; an export counts it.

    Parameters
    ----------
    parent : str
        The class of the catalogue.
    name : str
        OMERO's class name.
    path : str
        The HQL path from an object of class `name` to the id of the parent: ``image.id``.
    label : str
        What people call one of its objects: ``rendering setting``.
    """

    parent: str
    name: str
    path: str
    label: str
