# SPDX-License-Identifier: GPL-2.0-or-later
"""Summarise a graph: numbers, sizes, owners, the tree and shared annotations."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from graphxfer import catalogue
from graphxfer.catalogue import Counted, Reusable, Via
from graphxfer.graph import LeftOut, Node, TransferGraph, class_of
from graphxfer.graph.containers import Containers
from graphxfer.graph.fileset_tree import FILESET, files


@dataclass(slots=True)
class Branch:
    """A container (a Project, a Plate, a Well) or an image, with the branches below it.

    Parameters
    ----------
    iri, type, name : str
        The node.
    images, rois, annotations, bytes : int
        Totals of the branch; each image, file and annotation is counted once.
    included : bool
        Whether it was not selected, but shares a fileset with a selected image.
    children : list of Branch
        Its containers and images.
    """

    iri: str
    type: str
    name: str
    images: int = 0
    rois: int = 0
    annotations: int = 0
    bytes: int = 0
    included: bool = False
    children: list[Branch] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Shared:
    """One annotation that is linked to several objects."""

    iri: str
    type: str
    text: str
    objects: int


@dataclass(frozen=True, slots=True)
class Alike:
    """Nodes that reuse treats as one: the same text, but different ids."""

    text: str
    iris: tuple[str, ...]


@dataclass(slots=True)
class Summary:
    """The summary of a graph.

    Parameters
    ----------
    base, server_version, made_at : str
        The source, and the time of the export.
    nodes, edges : dict
        Numbers by type and by predicate.
    files : dict
        (count, bytes) by file name ending.
    owners, groups : dict
        Numbers of nodes by user and by group.
    tree : list of Branch
        The selected objects; then the included images that are not below them.
    shared : list of Shared
        Annotations on several objects, those on most objects first.
    duplicates : list of Alike
        Nodes that reuse treats as one.
    included : int
        Number of images that were not selected, but share a fileset with a selected image.
    left_out : tuple of LeftOut
        Linked objects that are not in the graph, and why.
    """

    base: str
    server_version: str
    made_at: str
    nodes: dict[str, int]
    edges: dict[str, int]
    files: dict[str, tuple[int, int]]
    owners: dict[str, int]
    groups: dict[str, int]
    tree: list[Branch]
    shared: list[Shared]
    duplicates: list[Alike]
    included: int
    left_out: tuple[LeftOut, ...]


def summarise(graph: TransferGraph) -> Summary:
    """Return the summary of a graph.

    Parameters
    ----------
    graph : TransferGraph
        The graph.
    """
    edges: Counter[str] = Counter()
    incoming: Counter[str] = Counter()
    for node in graph:
        for name, targets in node.edges.items():
            edges[name] += len(targets)
        incoming.update(node.edges.get("annotations", ()))
    header = graph.header
    return Summary(
        base=header.base,
        server_version=header.server_version,
        made_at=header.made_at,
        nodes=dict(sorted(graph.types().items())),
        edges=dict(sorted(edges.items())),
        files=_files(graph),
        owners=_belonging(graph, "owner"),
        groups=_belonging(graph, "group"),
        tree=_Tree(graph).branches(),
        shared=[
            Shared(iri, graph[iri].type, value_of(graph, graph[iri]), number)
            for iri, number in incoming.most_common()
            if number > 1 and iri in graph
        ],
        duplicates=_duplicates(graph),
        included=len(header.included),
        left_out=header.left_out,
    )


def label(node: Node, limit: int = 60) -> str:
    """Return a node's label: its name or its value, shortened, or its IRI."""
    for field_ in class_of(node).fields:
        value = node.fields.get(field_.name)
        if value is not None and field_.label:
            text = ", ".join(map("=".join, value)) if isinstance(value, tuple) else str(value)  # type: ignore[arg-type]
            if text.strip():
                return text if len(text) <= limit else f"{text[:limit]}…"
    return node.iri


def value_of(graph: TransferGraph, annotation: Node, limit: int = 60) -> str:
    """Return an annotation's value: the name of its file, or its label."""
    referred = [
        label(object_, limit)
        for edge in class_of(annotation).edges
        if edge.via is Via.REFERENCE and not edge.varies
        if (target := annotation.target(edge.name)) and (object_ := graph.get(target))
    ]
    return ", ".join(referred) or label(annotation, limit)


def _files(graph: TransferGraph) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for kind in catalogue.CLASSES.values():
        for node in graph.of_type(kind.name) if kind.bytes else ():
            ending = _ending(str(node.fields.get("name", "")))
            count, size = found.get(ending, (0, 0))
            found[ending] = count + 1, size + _size(node)
    return dict(sorted(found.items(), key=lambda item: -item[1][1]))


def _ending(name: str) -> str:
    """Return the ending of a file name; ``ome.tiff`` counts as one."""
    parts = name.lower().rsplit(".", 2)
    return ".".join(parts[-2:] if parts[-2:-1] == ["ome"] else parts[1:][-1:]) or "(none)"


def _size(node: Node) -> int:
    size = node.fields.get("size")
    return size if isinstance(size, int) else 0


def _belonging(graph: TransferGraph, edge: str) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for node in graph:
        if target := node.target(edge):
            counts[target] += 1
    return {
        label(graph[iri]) if iri in graph else iri: number for iri, number in counts.most_common()
    }


def _duplicates(graph: TransferGraph) -> list[Alike]:
    alike: defaultdict[tuple[object, ...], list[str]] = defaultdict(list)
    for entry in catalogue.CLASSES.values():
        if entry.reuse is Reusable.POLICY:
            for node in graph.of_type(entry.name):
                alike[entry.name, *map(node.fields.get, entry.identity)].append(node.iri)
    return [Alike(label(graph[iris[0]]), tuple(iris)) for iris in alike.values() if len(iris) > 1]


def position(well: Node, plate: Node | None) -> str:
    """Return the place of a well: ``A1``; its plate states how rows and columns are named.

    Source: ``BlitzGateway``'s ``PlateWrapper.getRowLabels`` and ``getColumnLabels``.
    """
    conventions = plate.fields if plate else {}
    row, column = (int(str(well.fields.get(name) or 0)) for name in ("row", "column"))
    numbered = str(conventions.get("rowNamingConvention")).lower() == "number"
    lettered = str(conventions.get("columnNamingConvention")).lower() == "letter"
    first = str(row + 1) if numbered else _letters(row)
    return first + (_letters(column) if lettered else str(column + 1))


def _letters(number: int) -> str:
    """Return a number as letters: A, B … Z, AA."""
    before, place = divmod(max(0, number), 26)
    return (_letters(before - 1) if before else "") + chr(ord("A") + place)


class _Tree:
    """Creates the tree of selected objects; an image of several datasets is in each of them."""

    def __init__(self, graph: TransferGraph) -> None:
        self.graph, self.containers = graph, Containers(graph)
        self.included = frozenset(graph.header.included)
        self.rois = Counter(
            image
            for entry in catalogue.counted_as(Counted.ROI)
            for roi in graph.of_type(entry.name)
            if (image := roi.target("image")) is not None
        )
        self.sizes = {
            fileset.iri: sum(_size(file) for _, file in files(graph, fileset))
            for fileset in graph.of_type(FILESET)
        }

    def branches(self) -> list[Branch]:
        found, reached = list[Branch](), set[str]()
        for iri in (*(self.graph.header.roots or self._tops()), *self.graph.header.included):
            node = self.graph.get(iri)
            if node and not (iri in reached and iri in self.included):
                branch, images, _ = self._branch(node)
                found.append(branch)
                reached |= images
        return found

    def _tops(self) -> list[str]:
        """Return the nodes that are in no container, for a document without roots in its header."""
        known = [node for name in catalogue.roots() for node in self.graph.of_type(name)]
        inside = {child.iri for node in self.graph for child in self.containers.contents(node)}
        return [node.iri for node in known if node.iri not in inside]

    def _name(self, node: Node) -> str:
        if grid := class_of(node).grid:
            return position(node, self.graph.get(node.target(grid) or ""))
        return label(node)

    def _branch(self, node: Node) -> tuple[Branch, set[str], set[str]]:
        """Return a branch with its images and annotations, so that each is counted once."""
        included = node.iri in self.included
        branch = Branch(node.iri, node.type, self._name(node), included=included)
        images = {node.iri} if node.edges.get("fileset") else set()
        annotations = set(node.edges.get("annotations", ()))
        for child in self.containers.contents(node):
            below, its_images, its_annotations = self._branch(child)
            branch.children.append(below)
            images |= its_images
            annotations |= its_annotations
        filesets = {self.graph[iri].target("fileset") for iri in images}
        branch.images, branch.annotations = len(images), len(annotations)
        branch.rois = sum(self.rois[iri] for iri in images)
        branch.bytes = sum(self.sizes.get(iri or "", 0) for iri in filesets)
        return branch, images, annotations
