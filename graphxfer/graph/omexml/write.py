# SPDX-License-Identifier: GPL-2.0-or-later
"""Write a graph as OME-XML, element by element, in bounded memory."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Container, Iterator
from functools import cache
from typing import Any, BinaryIO

from lxml import etree

from graphxfer.catalogue import (
    ANNOTATION,
    OWNER,
    AffineTransform,
    Class,
    Edge,
    Quantity,
    Spelling,
)
from graphxfer.graph import Node, TransferGraph, class_of
from graphxfer.graph.jsonld.nodes import to_records
from graphxfer.graph.omexml import schema
from graphxfer.graph.omexml.schema import FieldForm, Form, Incoming

_ANNOTATOR = "Annotator"
"""The attribute for the owner, in elements that have no reference to it."""
_NO_PLANES = "MetadataOnly"
"""The child that declares that the document has no planes."""


def write(graph: TransferGraph, stream: BinaryIO) -> None:
    """Write a graph as OME-XML.

    Parameters
    ----------
    graph : TransferGraph
        The graph.
    stream : binary file
        The file to write to, in UTF-8. The document is valid OME-XML 2016-06.
    """
    writer = _Writer(graph)
    with etree.xmlfile(stream, encoding="UTF-8") as xml:
        xml.write_declaration()
        with xml.element(schema.DOCUMENT, nsmap={None: schema.NS}, Creator=graph.header.made_by):
            for name in schema.contents(schema.DOCUMENT):
                if name == schema.ANNOTATIONS:
                    with xml.element(name):
                        writer.write(xml, schema.contents(name))
                        _write_graph(xml, graph)
                else:
                    writer.write(xml, (name,))


def _write_graph(xml: Any, graph: TransferGraph) -> None:
    attributes = {"ID": f"{ANNOTATION}:graphxfer", "Namespace": schema.GRAPH}
    with (
        xml.element(schema.MARKUP, attributes),
        xml.element("Value"),
        xml.element("graph", {"base": graph.header.base}, nsmap={None: schema.GRAPH}),
    ):
        for record in to_records(graph):
            with xml.element("line"):
                xml.write(json.dumps(record))  # in ASCII: XML does not allow every character
            xml.write("\n")


class _Writer:
    """Creates the elements of a graph's nodes."""

    def __init__(self, graph: TransferGraph) -> None:
        self.graph = graph
        self._valid: dict[str, bool] = {}
        self._shown = set[str]()
        self._leading: defaultdict[tuple[str, str, str], list[Node]] = defaultdict(list)
        for entry, edge, _ in schema.edges_expressed(Spelling.INSIDE, Spelling.BACK):
            for node in graph.of_type(entry.name):
                if target := node.target(edge.name):
                    self._leading[entry.name, edge.name, target].append(node)
        self._holders = {
            part: node
            for entry, edge in _edges_to_referenced_parts()
            for node in graph.of_type(entry.name)
            for part in node.edges.get(edge.name, ())
        }

    def write(self, xml: Any, elements: Container[str]) -> None:
        """Write all nodes that are represented by some elements."""
        for name, entry in schema.elements().items():
            if name in elements:
                for node in filter(self.is_valid, self.graph.of_type(entry.name)):
                    xml.write(self.element(node))

    def is_valid(self, node: Node) -> bool:
        """Tell whether a node has everything that the schema requires of its element."""
        known = self._valid.get(node.iri)
        if known is None:
            known = self._valid[node.iri] = self._has_all(node)
        return known

    def _has_all(self, node: Node) -> bool:
        form = schema.form_of(class_of(node))
        if not form.element or not self._has_place(node, form):
            return False
        return all(self._has(node, form, each) for each in form.needed)

    def _has_place(self, node: Node, form: Form) -> bool:
        """Tell whether the element that has to contain a node's element can be written."""
        if form.outer:
            return any(map(self.is_valid, self._targets(node, form.outer.name)))
        holder = self._holders.get(node.iri)
        return holder is None or self.is_valid(holder)

    def _has(self, node: Node, form: Form, name: str) -> bool:
        """Tell whether a node has a required child or attribute: a part, a file or a field."""
        if edge := form.parts.get(name):
            return any(map(self.is_valid, self._targets(node, edge.name)))
        if edge := form.files.get(name):
            return any(_sha1(file) for file in self._targets(node, edge.name))
        forms = (each for each in form.fields if each.field.xml == name)
        return any(each.can_express(node.fields.get(each.name)) for each in forms)

    def element(self, node: Node) -> Any:
        """Return a node's element with all its descendants."""
        form = schema.form_of(class_of(node))
        element = etree.Element(form.element, ID=f"{form.kind}:{node.id}")
        children = [*self._parts(node, form), *self._references(node, form)]
        _write_fields(element, children, node, form)
        for edge in form.merged:
            for merged in self._targets(node, edge.name):
                _write_fields(
                    element, children, merged, schema.form_of(class_of(merged), form.element)
                )
        if form.has(_ANNOTATOR):
            for owner in self._targets(node, OWNER.name):
                element.set(_ANNOTATOR, _id(owner))
        element.extend(sorted(children, key=lambda child: form.order.index(child.tag)))
        return element

    def _targets(self, node: Node, edge: str) -> list[Node]:
        found = (self.graph.get(iri) for iri in node.edges.get(edge, ()))
        return [target for target in found if target is not None]

    def _parts(self, node: Node, form: Form) -> Iterator[Any]:
        """Yield the elements inside a node's element: pixels, channels, shapes, wells, a file."""
        for name, edge in form.parts.items():
            parts = filter(self.is_valid, self._targets(node, edge.name))
            elements = list(map(self.element, parts))
            if schema.is_wrapper(name):
                wrapper = etree.Element(name)
                wrapper.extend(elements)
                elements = [wrapper]
            elif schema.POSITION in schema.contents(name):
                for position, part in enumerate(elements):
                    part.set(schema.POSITION, str(position))
            yield from elements[:1] if form.has_one(name) else elements
        for incoming in form.inside.values():
            yield from map(self.element, self._valid_subjects(incoming, node))
        if form.has(_NO_PLANES):
            yield etree.Element(_NO_PLANES)
        for name, edge in form.files.items():
            yield from (_file(name, file) for file in self._targets(node, edge.name))

    def _references(self, node: Node, form: Form) -> Iterator[Any]:
        for name, edge in form.references.items():
            valid = list(filter(self.is_valid, self._targets(node, edge.name)))
            for target in valid[:1] if form.has_one(name) else valid:
                if not (edge.xml and edge.xml.once) or self._is_new(target):
                    yield etree.Element(name, ID=_id(target))
        for name, incoming in form.back.items():
            for subject in self._valid_subjects(incoming, node):
                yield etree.Element(name, ID=_id(subject))

    def _valid_subjects(self, incoming: Incoming, node: Node) -> Iterator[Node]:
        """Iterate over the subjects of an edge to a node, if they have an element."""
        leading = self._leading.get((incoming.subject, incoming.edge.name, node.iri), ())
        return filter(self.is_valid, leading)

    def _is_new(self, target: Node) -> bool:
        """Tell whether no reference to a node is written yet."""
        new = target.iri not in self._shown
        self._shown.add(target.iri)
        return new


@cache
def _edges_to_referenced_parts() -> list[tuple[Class, Edge]]:
    """Return the edges to parts that other elements refer to by their ID."""
    referred_to = {entry.name for entry, _, _ in schema.edges_expressed(Spelling.BACK)}
    holding = schema.edges_expressed(Spelling.PART)
    return [(entry, edge) for entry, edge, _ in holding if edge.target in referred_to]


def _write_fields(element: Any, children: list[Any], node: Node, form: Form) -> None:
    """Write a node's fields as attributes or children, as the schema requires."""
    for each in form.fields:
        field, value = each.field, node.fields.get(each.name)
        if value is None:
            continue
        if each.is_child:
            if each.can_express(value):
                children.append(_child(element.tag, each, value))
        elif (text := schema.spell(field, value, each.is_legal)) is not None:
            element.set(field.xml, text)
            if isinstance(value, Quantity):
                element.set(f"{field.xml}Unit", schema.symbol(field, value))
    color: list[Any] = [node.fields.get(name) for name in ("red", "green", "blue", "alpha")]
    if None not in color[:3]:
        element.set("Color", str(schema.color(*color)))


def _id(node: Node) -> str:
    return f"{schema.form_of(class_of(node)).kind}:{node.id}"


def _child(parent: str, form: FieldForm, value: Any) -> Any:
    child = etree.Element(form.field.xml)
    if isinstance(value, bytes):
        child.set("BigEndian", "true")
        child.set("Length", str(len(value)))
        child.text = base64.b64encode(value).decode()
    elif isinstance(value, AffineTransform):
        for name, number in zip(value._fields, value, strict=True):
            child.set(name.upper(), schema.number(number))
    elif isinstance(value, tuple):
        for key, text in value:
            etree.SubElement(child, "M", K=schema.xml_text(key)).text = schema.xml_text(text)
    elif parent == schema.MARKUP and form.field.xml == "Value":
        child.extend(_markup(str(value)))
    elif value is not None:
        child.text = schema.spell(form.field, value, form.is_legal)
    return child


def _markup(text: str) -> list[Any]:
    """Return the XML of an annotation as elements; nothing if it is not well-formed."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return [etree.fromstring(text.encode(), parser)]
    except etree.XMLSyntaxError:
        return []


def _sha1(file: Node) -> str | None:
    digest = str(file.fields.get("hash", ""))
    known = file.fields.get("hasher") == "SHA1-160" and len(digest) == 40
    return digest if known else None


def _file(element_name: str, file: Node) -> Any:
    """Return the element that describes an attached file."""
    name = schema.xml_text(str(file.fields.get("name", "")))
    element = etree.Element(element_name, FileName=name, Size=str(file.fields.get("size", 0)))
    if mimetype := file.fields.get("mimetype"):
        element.set("MIMEType", schema.xml_text(str(mimetype)))
    etree.SubElement(element, "External", href=f"files/Files/{file.id}", SHA1=_sha1(file) or "")
    return element
