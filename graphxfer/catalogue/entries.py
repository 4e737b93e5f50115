# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of the catalogue: classes, fields and edges, and how objects are moved."""

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
"""Classes of the OME model, by the same IRIs as in omero-marshal."""


@dataclass(frozen=True, slots=True)
class Field:
    """One property of a class.

    Parameters
    ----------
    attribute : str
        OMERO's name; with dots it is a path.
    type : Type
        The type of its values.
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
        It may differ between servers, and is not compared.
    editable : bool
        An import sets it, and users may change it afterwards: apply updates it.
    length : int
        Maximum number of characters in OMERO; 0 for no limit.
    when_same : str
        The other field that must be equal for a comparison (for `hash`: `hasher`).
    computed : bool
        The server works it out if it is not given: a null at the source means unknown, and is not
        a value that the destination must have.
    label : bool
        Whether it can be the object's label: the first such field with a value is.
    copies : bool
        In OME-XML, the number of objects in OMERO that one element represents.
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
    computed: bool = False
    label: bool = False
    copies: bool = False

    @property
    def name(self) -> str:
        """Its name in the graph."""
        return self.term or self.attribute


class Via(Enum):
    """How OMERO stores an edge."""

    LINK = "link"
    """A row of a link class with parent, child and its own owner."""
    REFERENCE = "reference"
    """A many-to-one attribute of the subject."""
    LIST = "list"
    """The subject's ordered collection. Children are saved with it and refer to it by `inverse`."""


class Follow(Enum):
    """Which end of an edge an export includes with the other end."""

    OUT = "out"
    """The object is included with the subject (a Dataset with its Project)."""
    IN = "in"
    """The subject is included with the object (a Roi with its Image)."""
    BOTH = "both"
    """Each is included with the other (an Image and its Fileset)."""
    IMPORT = "import"
    """Like `OUT`. The subject is also included with the object if one import created both (a
    WellSample with its Image), because the import at the destination creates both."""


class Spelling(Enum):
    """How OME-XML expresses an edge."""

    REFERENCE = "reference"
    """The subject's element has a reference to the object: ``<DatasetRef ID="Dataset:1"/>``."""
    PART = "part"
    """The object's element is inside the subject's (``Pixels`` in ``Image``)."""
    INSIDE = "inside"
    """The subject's element is inside the object's (``Well`` in ``Plate``)."""
    BACK = "back"
    """The object's element has a reference to the subject (``<ROIRef>`` in ``Image``)."""
    MERGED = "merged"
    """The object has no element: the subject's element has its fields."""
    FILE = "file"
    """The subject's element has a ``BinaryFile``, which describes the object."""


class XmlEdge(NamedTuple):
    """How OME-XML expresses an edge; `once`: only one subject may refer to an object."""

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
        It may differ between servers, and is not compared.
    editable : bool
        A reference that an import sets, and users may change afterwards: apply updates it, and
        creates an object of their own that the import does not.
    alone : bool
        The object is included without the other objects that it contains.
    xml : XmlEdge, optional
        How OME-XML expresses it; None if it cannot.
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
    editable: bool = False
    alone: bool = False
    xml: XmlEdge | None = None

    @property
    def ordered(self) -> bool:
        """Whether the order of its objects is part of the graph."""
        return self.via is Via.LIST

    @property
    def many(self) -> bool:
        """Whether a subject may have several objects."""
        return self.via is not Via.REFERENCE


class Maker(Enum):
    """Who creates the objects of a class."""

    USER = "user"
    """A user: apply creates them."""
    IMPORT = "import"
    """An import: apply finds them by their place under the fileset."""
    EITHER = "either"
    """An import or a user (a Plate, a file). An import created an object if it is connected with
    the import's images and has the same creation time: OMERO saves everything that a file describes
    in one call (ome/omero-server, OMEROMetadataStore.saveToDB). Apply finds these objects as above.
    It creates all others, and those that the import at the destination does not create."""
    SERVER = "server"
    """The server (users, groups): apply never creates them."""


class Reusable(Enum):
    """Whether an existing object of the destination may represent a node of the graph."""

    NEVER = "never"
    POLICY = "policy"
    """According to `--tags`: reuse, create or error."""
    MERGE = "merge"
    """Only on request (`--merge`)."""


class Counted(Enum):
    """The names under which a summary counts objects."""

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
        The members of its nodes.
    iri : str
        The RDF class.
    parent : str
        The abstract class that edges name, such as ``Shape``.
    maker : Maker
        Who creates its objects.
    reuse : Reusable
        Whether an equal object of the destination may be used instead.
    identity : tuple of str
        Fields that are equal in two equal objects.
    part_of : str
        The class whose objects it is saved with (a Shape with its Roi); empty if saved alone.
    root : bool
        Whether its objects can be selected on the command line (``Project:51``).
    bytes : bool
        Whether its objects have the bytes of a file, stored under ``files/``.
    place : tuple of str
        Fields that identify an object among its siblings in an import (for Images: ``series``);
        if empty, the position does.
    xml : str
        The OME-XML element that represents an object; empty if OME-XML has none. The schema states
        the members of the element and their order.
    counts_as : Counted, optional
        Under which name a summary counts its objects.
    grid : str
        The edge to the object that names rows and columns (a Well's Plate): its label is ``A1``.
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
