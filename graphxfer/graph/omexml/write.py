# SPDX-License-Identifier: GPL-2.0-or-later
"""A graph as OME-XML, element by element, in bounded memory."""

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
"""The attribute that names the owner, where there is no reference to it."""
_NO_PLANES = "MetadataOnly"
"""The child that says that no planes are in the document."""


def write(graph: TransferGraph, stream: BinaryIO) -> None:
    """Write a graph as OME-XML.

    Parameters
    ----------
    graph : TransferGraph
        What to write.
    stream : binary file
        Where to; it gets UTF-8. The document is valid against OME 2016-06.
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
                xml.write(json.dumps(record))  # in ASCII: XML cannot hold every character
            xml.write("\n")


class _Writer:
    """The elements of one graph's nodes."""

    def __init__(self, graph: TransferGraph) -> None:
        self.graph = graph
        self._sayable: dict[str, bool] = {}
        self._shown = set[str]()
        self._leading: defaultdict[tuple[str, str, str], list[Node]] = defaultdict(list)
        for entry, edge, _ in schema.edges_said(Spelling.INSIDE, Spelling.BACK):
            for node in graph.of_type(entry.name):
                if target := node.target(edge.name):
                    self._leading[entry.name, edge.name, target].append(node)
        self._holders = {
            part: node
            for entry, edge in _holding_what_is_referred_to()
            for node in graph.of_type(entry.name)
            for part in node.edges.get(edge.name, ())
        }

    def write(self, xml: Any, elements: Container[str]) -> None:
        """Write all nodes that some elements stand for."""
        for name, entry in schema.elements().items():
            if name in elements:
                for node in filter(self.can_say, self.graph.of_type(entry.name)):
                    xml.write(self.element(node))

    def can_say(self, node: Node) -> bool:
        """Tell whether OME-XML can have an element for a node: it has what the schema needs."""
        known = self._sayable.get(node.iri)
        if known is None:
            known = self._sayable[node.iri] = self._has_all(node)
        return known

    def _has_all(self, node: Node) -> bool:
        form = schema.form_of(class_of(node))
        if not form.element or not self._has_place(node, form):
            return False
        return all(self._has(node, form, each) for each in form.needed)

    def _has_place(self, node: Node, form: Form) -> bool:
        """Tell whether the element that a node's is to stand in can be there."""
        if form.outer:
            return any(map(self.can_say, self._targets(node, form.outer.name)))
        holder = self._holders.get(node.iri)
        return holder is None or self.can_say(holder)

    def _has(self, node: Node, form: Form, name: str) -> bool:
        """Tell whether a node has what its element needs: a part, a file or a field."""
        if edge := form.parts.get(name):
            return any(map(self.can_say, self._targets(node, edge.name)))
        if edge := form.files.get(name):
            return any(_sha1(file) for file in self._targets(node, edge.name))
        said = (each for each in form.fields if each.field.xml == name)
        return any(each.says(node.fields.get(each.name)) for each in said)

    def element(self, node: Node) -> Any:
        """Return a node's element with all below it."""
        form = schema.form_of(class_of(node))
        element = etree.Element(form.element, ID=f"{form.kind}:{node.id}")
        children = [*self._parts(node, form), *self._references(node, form)]
        _say(element, children, node, form)
        for edge in form.merged:
            for merged in self._targets(node, edge.name):
                _say(element, children, merged, schema.form_of(class_of(merged), form.element))
        if form.has(_ANNOTATOR):
            for owner in self._targets(node, OWNER.name):
                element.set(_ANNOTATOR, _id(owner))
        element.extend(sorted(children, key=lambda child: form.order.index(child.tag)))
        return element

    def _targets(self, node: Node, edge: str) -> list[Node]:
        found = (self.graph.get(iri) for iri in node.edges.get(edge, ()))
        return [target for target in found if target is not None]

    def _parts(self, node: Node, form: Form) -> Iterator[Any]:
        """Yield the elements of what stands inside: pixels, channels, shapes, wells, a file."""
        for name, edge in form.parts.items():
            parts = filter(self.can_say, self._targets(node, edge.name))
            said = list(map(self.element, parts))
            if schema.is_wrapper(name):
                wrapper = etree.Element(name)
                wrapper.extend(said)
                said = [wrapper]
            elif schema.POSITION in schema.contents(name):
                for position, part in enumerate(said):
                    part.set(schema.POSITION, str(position))
            yield from said[:1] if form.has_one(name) else said
        for incoming in form.inside.values():
            yield from map(self.element, self._sayable_leading(incoming, node))
        if form.has(_NO_PLANES):
            yield etree.Element(_NO_PLANES)
        for name, edge in form.files.items():
            yield from (_file(name, file) for file in self._targets(node, edge.name))

    def _references(self, node: Node, form: Form) -> Iterator[Any]:
        for name, edge in form.references.items():
            sayable = list(filter(self.can_say, self._targets(node, edge.name)))
            for target in sayable[:1] if form.has_one(name) else sayable:
                if not (edge.xml and edge.xml.once) or self._is_new(target):
                    yield etree.Element(name, ID=_id(target))
        for name, incoming in form.back.items():
            for subject in self._sayable_leading(incoming, node):
                yield etree.Element(name, ID=_id(subject))

    def _sayable_leading(self, incoming: Incoming, node: Node) -> Iterator[Node]:
        """Iterate over the nodes that lead to a node by an edge, and have an element."""
        leading = self._leading.get((incoming.subject, incoming.edge.name, node.iri), ())
        return filter(self.can_say, leading)

    def _is_new(self, target: Node) -> bool:
        """Tell whether nothing has shown it yet."""
        new = target.iri not in self._shown
        self._shown.add(target.iri)
        return new


@cache
def _holding_what_is_referred_to() -> list[tuple[Class, Edge]]:
    """Return the edges to parts that other elements refer to by their ID, so must be there."""
    referred_to = {entry.name for entry, _, _ in schema.edges_said(Spelling.BACK)}
    holding = schema.edges_said(Spelling.PART)
    return [(entry, edge) for entry, edge, _ in holding if edge.target in referred_to]


def _say(element: Any, children: list[Any], node: Node, form: Form) -> None:
    """Say a node's fields: as attributes, or as children where the schema has it so."""
    for each in form.fields:
        field, value = each.field, node.fields.get(each.name)
        if value is None:
            continue
        if each.is_child:
            if each.says(value):
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


def _child(parent: str, said: FieldForm, value: Any) -> Any:
    child = etree.Element(said.field.xml)
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
    elif parent == schema.MARKUP and said.field.xml == "Value":
        child.extend(_markup(str(value)))
    elif value is not None:
        child.text = schema.spell(said.field, value, said.is_legal)
    return child


def _markup(text: str) -> list[Any]:
    """Return XML that somebody wrote into an annotation, or nothing where it is none."""
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
