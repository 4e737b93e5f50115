# SPDX-License-Identifier: GPL-2.0-or-later
"""Additional triples of omero-rdf, so that SPARQL queries for its output work on a graph.

Namespaces, classes, fields and units are already equal. But omero-rdf does not type its links: a
part is ``dcterms:isPartOf`` its container, an annotation of the annotated object, and a ROI of the
pixels of its image (omero-rdf 0.7, handler.py, ``descend``). And a map annotation has its pairs by
``ome:Map``, one triple each, without order (``rdf``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rdflib import DCTERMS

from graphxfer import catalogue
from graphxfer.catalogue import Class, Counted, Type, Via
from graphxfer.graph import Node, class_of
from graphxfer.inspect.triples import Triples, cells

_HAS, _IS, _MAP = (
    f"<{term}>" for term in (DCTERMS.hasPart, DCTERMS.isPartOf, catalogue.OME + "Map")
)
_WORDS = re.compile(r"hasPart|isPartOf|Map\b")
_LISTS = ("pixels", "shapes")
"""Edges to parts, in addition to links. omero-rdf only has the first pixels of an image."""
_IMAGE, _PIXELS = "image", "pixels"


def is_asked_for(query: str) -> bool:
    """Tell whether a query uses predicates that only omero-rdf writes."""
    return bool(_WORDS.search(query))


def added(triples: Triples, nodes: Iterable[Node]) -> Iterator[str]:
    """Iterate over the lines of nodes and of the additional triples of omero-rdf.

    Parameters
    ----------
    triples : Triples
        The writer of the graph.
    nodes : iterable of Node
        All nodes of the graph, in any order.
    """
    pixels: dict[str, str] = {}
    rois: list[tuple[str, str]] = []
    yield triples.of_header()
    for node in nodes:
        entry = class_of(node)
        yield triples.of_node(node)
        for part in _parts(entry, node):
            yield _is_part(triples, part, node.iri)
        yield from _maps(triples, entry, node)
        if first := node.target(_PIXELS):
            pixels[node.iri] = first
        if entry.counts_as is Counted.ROI and (image := node.target(_IMAGE)):
            rois.append((node.iri, image))
    for roi, image in rois:
        if image in pixels:
            yield _is_part(triples, roi, pixels[image])


def _parts(entry: Class, node: Node) -> Iterator[str]:
    for edge in entry.edges:
        # An annotation may itself be annotated; omero-rdf does not write that.
        if edge.via is Via.LINK and edge.target != entry.parent:
            yield from node.edges.get(edge.name, ())
        elif edge.name in _LISTS:
            yield from node.edges.get(edge.name, ())[: 1 if edge.name == _PIXELS else None]


def _is_part(triples: Triples, part: str, whole: str) -> str:
    one, other = triples.iri(part), triples.iri(whole)
    return f"{one} {_IS} {other} .\n{other} {_HAS} {one} .\n"


def _maps(triples: Triples, entry: Class, node: Node) -> Iterator[str]:
    subject = triples.iri(node.iri)
    for field in entry.fields:
        if field.type is Type.PAIRS:
            values = node.fields.get(field.name, ())
            for cell in cells(subject, field.name, len(values)):  # type: ignore[arg-type]
                yield f"{subject} {_MAP} {cell}v .\n"
