# SPDX-License-Identifier: GPL-2.0-or-later
"""Read OME-XML: graphxfer's own documents exactly, others as far as the catalogue covers them."""

from __future__ import annotations

import base64
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from graphxfer import catalogue
from graphxfer.catalogue import (
    AffineTransform,
    Class,
    Edge,
    Field,
    Follow,
    Type,
    Value,
    Via,
)
from graphxfer.errors import BadDocument
from graphxfer.graph import Header, LeftOut, Node, TransferGraph, iri
from graphxfer.graph.fileset_tree import ENTRIES, ENTRY, FILE, FILESET
from graphxfer.graph.jsonld.nodes import Decoder, to_header
from graphxfer.graph.omexml import schema

FOREIGN_BASE = "https://ome-xml.invalid/"
"""The base of nodes from documents of other programs: these name no server."""
MOST_COPIES = 10_000
"""The most channels that a document may have by their numbers of samples."""

_OME = f"{{{schema.NS}}}"
_GRAPH = f"{{{schema.GRAPH}}}"
_SAFE: Any = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": True}
"""Entities are not expanded, and nothing is fetched. Without entities a huge tree is harmless."""


def read(path: Path) -> TransferGraph:
    """Read an OME-XML document.

    Parameters
    ----------
    path : Path
        The document. Image files that it names are expected beside it.

    Raises
    ------
    BadDocument
        If it is not valid OME-XML 2016-06, or has a document type declaration (which could name
        external entities); the message has the line.
    """
    root = _parse(path)
    annotations = f"{_OME}{schema.ANNOTATIONS}/{_OME}{schema.MARKUP}"
    own = root.find(f"{annotations}/{_OME}Value/{_GRAPH}graph")
    if own is not None:
        return _own(own, path)
    return _Foreign(root, path).graph()


def _parse(path: Path) -> Any:
    try:
        tree: Any = etree.parse(str(path), etree.XMLParser(**_SAFE))
    except etree.XMLSyntaxError as error:
        raise BadDocument(f"is not XML: {error.msg}", where=str(path)) from None
    if tree.docinfo.doctype or tree.docinfo.internalDTD is not None:
        raise BadDocument(
            "has a document type declaration, which could name other files",
            where=str(path),
            do="remove the <!DOCTYPE ...> if you trust the document",
        )
    valid: Any = etree.XMLSchema(schema.definition())
    if not valid.validate(tree):
        first = valid.error_log[0]
        raise BadDocument(
            f"is not valid OME-XML 2016-06: {first.message}", where=f"{path}, line {first.line}"
        )
    return tree.getroot()


def _own(element: Any, path: Path) -> TransferGraph:
    graph, decode = None, Decoder()
    for line in element.iter(f"{_GRAPH}line"):
        where = f"{path}, line {line.sourceline}"
        try:
            record = json.loads(line.text or "")
            if graph is None:
                graph = TransferGraph(to_header(record, element.get("base"), where))
            else:
                graph.add(decode(record))
        except (ValueError, RecursionError, AttributeError, BadDocument) as error:
            raise BadDocument(f"bad node: {error}", where=where) from None
    if graph is None:
        raise BadDocument("its graph is empty", where=str(path))
    return graph


class _Foreign:
    """Reads a document of another program."""

    def __init__(self, root: Any, path: Path) -> None:
        self.root, self.path = root, path
        self.nodes: dict[str, Node] = {}
        self.iris: dict[str, str] = {}
        self.pending: list[tuple[Node, Edge, str]] = []
        self.back_references: list[tuple[str, str, Node]] = []
        self.images_of: defaultdict[tuple[str, ...], list[Node]] = defaultdict(list)
        self.unknown: Counter[str] = Counter()
        self.copies = 0

    def graph(self) -> TransferGraph:
        """Return the document's graph."""
        annotations = self.root.iterfind(f"{_OME}{schema.ANNOTATIONS}/{{*}}*")
        for element in (*self.root.iterchildren(tag=etree.Element), *annotations):
            name = etree.QName(element).localname
            if name in schema.elements():
                self._read(element)
            elif name != schema.ANNOTATIONS:
                self.unknown[name] += 1
        for names, images in self.images_of.items():
            self._add_fileset(names, images)
        self._link()
        why = "graphxfer does not cover this element yet"
        left_out = tuple(LeftOut(name, count, why) for name, count in self.unknown.items())
        header = Header(FOREIGN_BASE, roots=self._roots(), left_out=left_out)
        return TransferGraph(header, self.nodes.values())

    def _roots(self) -> tuple[str, ...]:
        """Return the containers and images that are in no container: the roots."""
        held = {
            target
            for node in self.nodes.values()
            for edge in catalogue.CLASSES[node.type].edges
            if edge.via is Via.LINK or edge.follow is Follow.IMPORT
            for target in node.edges.get(edge.name, ())
        }
        kinds = catalogue.roots()
        return tuple(
            node.iri for node in self.nodes.values() if node.type in kinds and node.iri not in held
        )

    # -- nodes

    def _add(self, entry: Class, identifier: str | None) -> Node:
        """Add a node. Its id is the number in its ID, or the next free number."""
        number = (identifier or "").rpartition(":")[2]
        taken = iri(entry.name, int(number)) if number.isascii() and number.isdigit() else ""
        if not taken or taken in self.nodes:
            free = 1 + max((node.id for node in self._of(entry)), default=-1)
            taken = iri(entry.name, free)
        node = self.nodes[taken] = Node(taken, entry.name)
        if identifier:
            self.iris.setdefault(identifier, taken)
        return node

    def _of(self, entry: Class) -> Iterator[Node]:
        return (node for node in self.nodes.values() if node.type == entry.name)

    def _read(self, element: Any) -> Node:
        entry = schema.elements()[etree.QName(element).localname]
        node = self._add(entry, element.get("ID"))
        self._read_fields(element, entry, node)
        parts: defaultdict[str, list[str]] = defaultdict(list)
        for child in element.iterchildren(tag=etree.Element):
            self._read_child(child, node, parts)
        node.edges |= {edge: tuple(iris) for edge, iris in parts.items()}
        for edge in schema.form_of(entry).merged:
            merged_class = catalogue.CLASSES[edge.target]
            merged = self._add(merged_class, None)
            self._read_fields(element, merged_class, merged)
            node.edges[edge.name] = (merged.iri,)
        if entry.field("alpha"):
            _read_color(element, node)
        if entry.edge("fileset"):
            self.images_of[tuple(_file_names(element))].append(node)
        return node

    def _read_child(self, child: Any, node: Node, parts: defaultdict[str, list[str]]) -> None:
        name = etree.QName(child).localname
        entry = catalogue.CLASSES[node.type]
        form = schema.form_of(entry)
        if edge := form.parts.get(name):
            whole = child.iterchildren(tag=etree.Element) if schema.is_wrapper(name) else [child]
            parts[edge.name] += [
                self._read(part).iri for part in whole for _ in range(self._copies(part))
            ]
        elif inside := form.inside.get(name):
            self._read(child).edges[inside.edge.name] = (node.iri,)
        elif back := form.back.get(name):
            self.back_references.append((child.get("ID"), back.edge.name, node))
        elif edge := form.files.get(name):
            node.edges[edge.name] = (self._attachment(child).iri,)
        elif name.endswith("Ref"):
            if edge := form.references.get(name):
                self.pending.append((node, edge, child.get("ID")))
        elif name not in (field.xml for field in entry.fields) and name not in _STRUCTURE:
            self.unknown[name] += 1

    def _copies(self, element: Any) -> int:
        """Return how many objects an element represents in OMERO: one for each of its samples."""
        entry = schema.elements()[etree.QName(element).localname]
        merged = (catalogue.CLASSES[edge.target] for edge in schema.form_of(entry).merged)
        fields = (field for each in (entry, *merged) for field in each.fields if field.copies)
        number = max((int(element.get(field.xml, "1")) for field in fields), default=1)
        self.copies += number - 1
        if self.copies > MOST_COPIES:
            raise BadDocument(
                f"its channels have more than {MOST_COPIES:,} samples (SamplesPerPixel)",
                where=f"{self.path}, line {element.sourceline}",
            )
        return number

    @staticmethod
    def _read_fields(element: Any, entry: Class, node: Node) -> None:
        for field in entry.fields:
            child = element.find(f"{_OME}{field.xml}") if field.xml else None
            text = element.get(field.xml) if field.xml else None
            if child is not None:
                value = _child_value(field, child)
            elif text is not None:
                value = schema.parse(field, text, _unit(element, field))
            else:
                # Names are required in OMERO, but not in OME-XML.
                value = "" if field.required and field.type is Type.STRING else None
            if value is not None:
                node.fields[field.name] = 1 if field.copies else value

    # -- files

    def _file(self, name: str, size: int | None) -> Node:
        node = self._add(catalogue.CLASSES[catalogue.FILE], None)
        where, _, node.fields["name"] = name.rpartition("/")
        node.fields["path"] = where
        beside = self.path.parent / name
        if size is None and beside.is_file():
            size = beside.stat().st_size
        if size is not None:
            node.fields["size"] = size
        return node

    def _attachment(self, element: Any) -> Node:
        external = element.find(f"{_OME}External")
        name = element.get("FileName") if external is None else external.get("href")
        node = self._file(name, int(element.get("Size")))
        node.fields["name"] = element.get("FileName")
        if element.get("MIMEType"):
            node.fields["mimetype"] = element.get("MIMEType")
        if external is not None:
            node.fields |= {"hash": external.get("SHA1").lower(), "hasher": "SHA1-160"}
        return node

    def _add_fileset(self, names: tuple[str, ...], images: list[Node]) -> None:
        """Add the fileset of images whose pixels are in the same files, if there are files."""
        if not names:
            return
        fileset = self._add(catalogue.CLASSES[FILESET], None)
        entries = []
        for name in names:
            entry = self._add(catalogue.CLASSES[ENTRY], None)
            entry.fields["clientPath"] = name
            entry.edges[FILE] = (self._file(name, None).iri,)
            entries.append(entry.iri)
        fileset.edges[ENTRIES] = tuple(entries)
        for series, image in enumerate(images):
            image.edges["fileset"] = (fileset.iri,)
            image.fields["series"] = series

    # -- edges

    def _link(self) -> None:
        """Resolve references; they may precede the element that they name."""
        for node, edge, identifier in self.pending:
            target = self._named(identifier, node)
            if edge.many:
                known = node.edges.get(edge.name, ())
                node.edges[edge.name] = tuple(dict.fromkeys((*known, target)))
            else:
                node.edges[edge.name] = (target,)
        for identifier, name, node in self.back_references:
            self.nodes[self._named(identifier, node)].edges[name] = (node.iri,)

    def _named(self, identifier: str, node: Node) -> str:
        target = self.iris.get(identifier)
        if target is None:
            raise BadDocument(
                f"{node.iri} refers to {identifier}, which is not in the document",
                where=str(self.path),
            )
        return target


_STRUCTURE = frozenset(("Union", "MetadataOnly", "TiffData", "BinData", "Value", "Plane"))


def _unit(element: Any, field: Field) -> str | None:
    """Return the symbol of a quantity's unit; the schema's default if the document has none."""
    name = f"{field.xml}Unit"
    unit = schema.contents(etree.QName(element).localname).get(name)
    return element.get(name, unit.default) if unit else None


def _child_value(field: Field, child: Any) -> Value | None:
    if field.type is Type.BYTES:
        return base64.b64decode(child.text or "")
    if field.type is Type.TRANSFORM:
        return AffineTransform(
            *(float(child.get(name.upper())) for name in AffineTransform._fields)
        )
    if field.type is Type.PAIRS:
        pairs = child.iterfind(f"{_OME}M")
        return tuple((pair.get("K", ""), pair.text or "") for pair in pairs)
    if len(child):  # XML inside an annotation
        return "".join(etree.tostring(part, encoding="unicode", with_tail=False) for part in child)
    return schema.parse(field, child.text or "", None)


def _read_color(element: Any, node: Node) -> None:
    if (color := element.get("Color")) is not None:
        parts = (int(color) & 0xFFFFFFFF).to_bytes(4)
        node.fields |= dict(zip(("red", "green", "blue", "alpha"), parts, strict=True))


def _file_names(image: Any) -> Iterator[str]:
    """Iterate over the names of the files with an image's pixels, in order."""
    named = image.iterfind(f".//{_OME}TiffData/{_OME}UUID")
    return iter(dict.fromkeys(uuid.get("FileName") for uuid in named if uuid.get("FileName")))
