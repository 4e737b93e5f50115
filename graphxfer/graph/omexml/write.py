# SPDX-License-Identifier: GPL-2.0-or-later
"""A graph as OME-XML, element by element, in bounded memory."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from lxml import etree

from graphxfer.catalogue import AffineTransform, Field, Quantity, Type
from graphxfer.graph import Node, TransferGraph, class_of
from graphxfer.graph.jsonld.nodes import to_records
from graphxfer.graph.omexml import schema
from graphxfer.graph.omexml.schema import Form


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
        with xml.element("OME", nsmap={None: schema.NS}, Creator=graph.header.made_by):
            for name in _FIRST:
                writer.write(xml, graph.of_type(name))
            with xml.element("StructuredAnnotations"):
                writer.write(xml, graph.of_type("Annotation"))
                _write_graph(xml, graph)
            writer.write(xml, graph.of_type("Roi"))


_FIRST = (
    *("Project", "Dataset", "Plate", "Screen"),
    *("Experimenter", "ExperimenterGroup", "Image"),
)
"""What comes before the annotations, in the schema's order."""


def _write_graph(xml: Any, graph: TransferGraph) -> None:
    attributes = {"ID": "Annotation:graphxfer", "Namespace": schema.GRAPH}
    with (
        xml.element("XMLAnnotation", attributes),
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
        self._leading: defaultdict[tuple[str, str], list[Node]] = defaultdict(list)
        for name, edge in (*schema.INSIDE.items(), *schema.BACK.values()):
            for node in graph.of_type(name):
                if target := node.target(edge):
                    self._leading[name, target].append(node)
        self._holders = {
            part: node
            for node in graph.of_type("Well")
            for part in node.edges.get("wellSamples", ())
        }

    def write(self, xml: Any, nodes: Iterable[Node]) -> None:
        for node in nodes:
            if self.can_say(node):
                xml.write(self.element(node))

    def can_say(self, node: Node) -> bool:
        """Tell whether OME-XML can have an element for a node: it has what the schema needs."""
        known = self._sayable.get(node.iri)
        if known is None:
            known = self._sayable[node.iri] = self._has_all(node)
        return known

    def _has_all(self, node: Node) -> bool:
        form = schema.form_of(class_of(node))
        if form.element is None or not self._has_place(node, form.element):
            return False
        return all(self._has(node, form, each) for each in form.needed)

    def _has_place(self, node: Node, element: str) -> bool:
        """Tell whether the element that a node's is to stand in can be there."""
        if element in schema.INSIDE:
            return any(map(self.can_say, self._targets(node, schema.INSIDE[element])))
        holder = self._holders.get(node.iri)
        return holder is None or self.can_say(holder)

    def _has(self, node: Node, form: Form, name: str) -> bool:
        if name in schema.PARTS:
            return any(map(self.can_say, self._targets(node, schema.PARTS[name])))
        if name == "BinaryFile":
            return any(_sha1(file) for file in self._targets(node, "file"))
        return any(
            field.xml == name and _said(field, node.fields.get(known_as))
            for known_as, field in form.fields
        )

    def element(self, node: Node) -> Any:
        """Return a node's element with all below it."""
        entry = class_of(node)
        form = schema.form_of(entry)
        element = etree.Element(form.element or "", ID=f"{form.kind}:{node.id}")
        children = [*self._parts(node, form), *self._references(node, form)]
        _say(element, children, node, form)
        for logical in self._targets(node, "logicalChannel"):
            # OME-XML says it of the Channel itself.
            _say(element, children, logical, schema.form_of(class_of(logical)))
        if entry.parent == "Annotation":
            for owner in self._targets(node, "owner"):
                element.set("Annotator", _id(owner))
        element.extend(sorted(children, key=lambda child: form.order.index(child.tag)))
        return element

    def _targets(self, node: Node, edge: str) -> list[Node]:
        found = (self.graph.get(iri) for iri in node.edges.get(edge, ()))
        return [target for target in found if target is not None]

    def _parts(self, node: Node, form: Form) -> Iterator[Any]:
        """Yield the elements of what stands inside: pixels, channels, shapes, wells, a file."""
        for name, edge in form.parts:
            said = [self.element(part) for part in self._targets(node, edge) if self.can_say(part)]
            if name == "Union":
                union = etree.Element(name)
                union.extend(said)
                said = [union]
            if name == "WellSample":
                for place, sample in enumerate(said):
                    sample.set("Index", str(place))
            yield from said[:1] if name in schema.ONE else said
        for name in schema.INSIDE.keys() & set(form.order):
            yield from map(self.element, filter(self.can_say, self._leading[name, node.iri]))
        if "MetadataOnly" in form.order:
            yield etree.Element("MetadataOnly")
        if "BinaryFile" in form.order:
            yield from map(_binary_file, self._targets(node, "file"))

    def _references(self, node: Node, form: Form) -> Iterator[Any]:
        for edge, name in form.references:
            sayable = list(filter(self.can_say, self._targets(node, edge)))
            for target in sayable[:1] if name in schema.ONE else sayable:
                if form.element not in schema.ONLY or self._is_new(target):
                    yield etree.Element(name, ID=_id(target))
        for name in schema.BACK.keys() & set(form.order):
            for subject in filter(self.can_say, self._leading[schema.BACK[name][0], node.iri]):
                yield etree.Element(name, ID=_id(subject))

    def _is_new(self, target: Node) -> bool:
        """Tell whether nothing has shown it yet."""
        new = target.iri not in self._shown
        self._shown.add(target.iri)
        return new


def _say(element: Any, children: list[Any], node: Node, form: Form) -> None:
    """Say a node's fields: as attributes, or as children where the schema has it so."""
    for name, field in form.fields:
        value: Any = node.fields.get(name)
        if value is None:
            continue
        if field.xml in form.order:
            if _said(field, value):
                children.append(_child(element.tag, field, value))
        elif (text := schema.spell(field, value)) is not None:
            element.set(field.xml, text)
            if isinstance(value, Quantity):
                element.set(f"{field.xml}Unit", schema.symbol(field, value))
    color: list[Any] = [node.fields.get(name) for name in ("red", "green", "blue", "alpha")]
    if None not in color[:3]:
        element.set("Color", str(schema.color(*color)))


def _id(node: Node) -> str:
    return f"{schema.form_of(class_of(node)).kind}:{node.id}"


def _said(field: Field, value: Any) -> bool:
    if value is None:
        return False
    structured = field.type in (Type.BYTES, Type.TRANSFORM, Type.PAIRS)
    return structured or schema.spell(field, value) is not None


def _child(parent: str, field: Field, value: Any) -> Any:
    child = etree.Element(field.xml)
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
    elif parent == schema.MARKUP and field.xml == "Value":
        child.extend(_markup(str(value)))
    elif value is not None:
        child.text = schema.spell(field, value)
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


def _binary_file(file: Node) -> Any:
    name = schema.xml_text(str(file.fields.get("name", "")))
    element = etree.Element("BinaryFile", FileName=name, Size=str(file.fields.get("size", 0)))
    if mimetype := file.fields.get("mimetype"):
        element.set("MIMEType", schema.xml_text(str(mimetype)))
    etree.SubElement(element, "External", href=f"files/Files/{file.id}", SHA1=_sha1(file) or "")
    return element
