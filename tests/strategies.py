# SPDX-License-Identifier: GPL-2.0-or-later
"""Hypothesis strategies, made from the catalogue: any graph that an OMERO server could hold.

A class that is new in the catalogue is drawn without a change here; only the values of an
enumeration or a dimension that is new have to be told.
"""

from __future__ import annotations

import string
from collections import Counter
from typing import Any

from hypothesis import strategies as st

from graphxfer import catalogue
from graphxfer.catalogue import AffineTransform, Class, Edge, Field, Maker, Quantity, Type, Via
from graphxfer.graph import Header, LeftOut, Node, TransferGraph, class_of, iri

ENUMERATIONS = {
    "PixelsType": ("uint8", "int16", "uint16", "float"),
    "DimensionOrder": ("XYZCT", "XYCTZ", "XYTZC"),
    "Illumination": ("Transmitted", "Epifluorescence", "Other"),
    "ContrastMethod": ("Brightfield", "Phase", "DIC", "Fluorescence"),
    "AcquisitionMode": ("WideField", "LaserScanningConfocalMicroscopy", "TIRF"),
    "PhotometricInterpretation": ("Monochrome", "RGB"),
    "ChecksumAlgorithm": ("SHA1-160", "MD5-128", "Murmur3-128", "File-Size-64"),
}
UNITS = {
    "Length": ("MICROMETER", "NANOMETER", "PIXEL", "POINT", "ANGSTROM"),
    "Time": ("SECOND", "MILLISECOND", "MINUTE"),
}
REPOSITORY = "f2a8c3d4-0000-4000-8000-000000000001"

# PostgreSQL has no NUL, UTF-8 no surrogates; all else is text.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
texts |= st.sampled_from(["", " ", "µm", 'a "quoted", b', "line\r\nline", "🔬 naïve ½", "<b>&amp;"])
names = st.text(string.ascii_letters + string.digits + "._ -µ+()", min_size=1, max_size=12).map(
    lambda name: f"a{name}"
)
times = st.integers(-(10**12), 4 * 10**12)
finite = st.floats(-1e9, 1e9) | st.sampled_from([0.0, -0.0, 0.1 + 0.2, 1e-300, 1.7e308])
positive = st.floats(1e-6, 1e6)
keys = st.sampled_from(["gene", "Gene", "", "µ"]) | texts
pairs = st.lists(st.tuples(keys, texts), min_size=1, max_size=4).map(tuple)

SPECIAL: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    **{("Pixels", f"size{axis}"): st.integers(1, 8) for axis in "XYZCT"},
    **{("Channel", colour): st.integers(0, 255) for colour in ("red", "green", "blue", "alpha")},
    ("LogicalChannel", "ndFilter"): st.floats(0, 1),
    ("OriginalFile", "name"): names,
    ("OriginalFile", "path"): names.map(lambda name: f"/home/{name}/"),
    ("OriginalFile", "size"): st.integers(0, 2**40),
    ("OriginalFile", "hash"): st.text("0123456789abcdef", min_size=40, max_size=40),
    ("OriginalFile", "mimetype"): st.sampled_from(["image/tiff", "text/csv", "text/plain"]),
    ("FilesetEntry", "clientPath"): names.map(lambda name: f"home/{name}/{name}.tif"),
    # Any double is a value of an annotation; of a place in an image, finite ones are.
    ("DoubleAnnotation", "doubleValue"): st.floats(),
    ("TagAnnotation", "namespace"): st.sampled_from([catalogue.TAG_SET, "", "example.org/tags"]),
}
"""What a type alone does not tell; the bounds are those of OMERO's database."""
NEVER = {
    *(("Image", "series"), ("OriginalFile", "repo"), ("Well", "row"), ("Well", "column")),
    *(
        (entry.name, "created")
        for entry in catalogue.CLASSES.values()
        if entry.maker is Maker.EITHER
    ),
}
"""Fields that the builder gives where they belong."""
LATER = 5 * 10**12
"""A moment in which nothing else was made."""
COLUMNS = 12
"""Of the plates that people put together."""


def values(entry: Class, field: Field) -> st.SearchStrategy[Any]:
    """Return the values that a field may have."""
    if (entry.name, field.name) in SPECIAL:
        return SPECIAL[entry.name, field.name]
    is_measured = entry.maker is Maker.IMPORT
    by_type: dict[Type, st.SearchStrategy[Any]] = {
        Type.STRING: texts,
        Type.INT: st.integers(1, 2**31 - 1) if is_measured else st.integers(-(2**31), 2**31 - 1),
        Type.LONG: st.integers(-(2**63), 2**63 - 1),
        Type.DOUBLE: finite,
        Type.BOOLEAN: st.booleans(),
        Type.TIME: times,
        Type.BYTES: st.binary(min_size=1, max_size=40),  # on the wire, no bytes are null
        Type.TRANSFORM: st.builds(AffineTransform, *[finite] * 6),
        Type.PAIRS: pairs,
    }
    if field.type is Type.ENUM:
        return st.sampled_from(ENUMERATIONS.get(field.of, ("Other",)))
    if field.type is Type.QUANTITY:
        units = st.sampled_from(UNITS[field.of])
        return st.builds(Quantity, positive if is_measured else finite, units)
    return by_type[field.type]


def fields(entry: Class) -> st.SearchStrategy[dict[str, Any]]:
    """Return the fields that a node may have: all that are required, any of the others."""
    drawn = {field.name: field for field in entry.fields if (entry.name, field.name) not in NEVER}
    return st.fixed_dictionaries(
        {name: values(entry, field) for name, field in drawn.items() if field.required},
        optional={
            name: values(entry, field) for name, field in drawn.items() if not field.required
        },
    )


FIELDS = {name: fields(entry) for name, entry in catalogue.CLASSES.items()}


class _Builder:
    """Adds nodes to a graph, each with what it needs."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.nodes: list[Node] = []
        self.counts: Counter[str] = Counter()
        self.owner = (self.add("Experimenter"),)
        self.group = (self.add("ExperimenterGroup"),)

    def add(self, name: str, fixed: dict[str, Any] | None = None, **edges: Any) -> str:
        """Add a node of a class, and return its IRI; its children are drawn with it."""
        entry = catalogue.CLASSES[name]
        table = entry.parent or name  # OMERO numbers all annotations together, and all shapes
        self.counts[table] += 1
        drawn = self.draw(FIELDS[name] if name in FIELDS else fields(entry))
        given = self._moment(entry) | (fixed or {})
        node = Node(iri(name, self.counts[table]), name, drawn | given)
        self.nodes.append(node)
        for edge in entry.edges:
            if targets := edges.get(edge.name, ()) or self._targets(edge):
                node.edges[edge.name] = tuple(targets)
        return node.iri

    def _moment(self, entry: Class) -> dict[str, Any]:
        """Return when and where a person made a thing that imports make as well."""
        if entry.maker is not Maker.EITHER:
            return {}
        self.counts["moment"] += 1
        place = divmod(COLUMNS + self.counts[entry.name], COLUMNS)
        return {
            "created": LATER + self.counts["moment"],
            **dict(zip(entry.place, place, strict=False)),
        }

    def _is_possible(self, entry: Class) -> bool:
        """Tell whether there is what a class needs of imports."""
        return all(
            any(node.type == edge.target for node in self.nodes)
            for edge in entry.edges
            if edge.required and catalogue.CLASSES[edge.target].maker is Maker.IMPORT
        )

    def _targets(self, edge: Edge) -> tuple[str, ...]:
        """Return what a node needs at the other end: the server's, its children, what is there."""
        if edge in catalogue.DETAILS:
            return self.owner if edge is catalogue.OWNER else self.group
        classes = [entry.name for entry in catalogue.subclasses(edge.target)]
        if edge.via is Via.LIST:
            if not all(map(self._is_possible, catalogue.subclasses(edge.target))):
                return ()
            children = self.draw(st.lists(st.sampled_from(classes), min_size=1, max_size=3))
            return tuple(self.add(child) for child in children)
        if edge.via is Via.LINK:
            return ()  # drawn when all nodes are there
        there = [node.iri for node in self.nodes if node.type in classes]
        if edge.required and not there:
            return (self.add(classes[0]),)
        choices = there if edge.required else [None, *there]
        chosen = self.draw(st.sampled_from(choices))
        return (chosen,) if chosen else ()

    def fileset(self) -> None:
        """Add an import: files, and the images of their series, with pixels and channels."""
        entries = [self._file() for _ in range(self.draw(st.integers(1, 2)))]
        fileset = self.add("Fileset", usedFiles=entries)
        for series in range(self.draw(st.integers(1, 3))):
            channels = [self._channel() for _ in range(self.draw(st.integers(1, 2)))]
            pixels = self.add("Pixels", {"sizeC": len(channels)}, channels=channels)
            self.add("Image", {"series": series}, fileset=[fileset], pixels=[pixels])

    def plate(self) -> None:
        """Add the import of a plate: all of it was made in one moment."""
        few = st.integers(1, 2)
        columns, runs, fields_ = self.draw(few), self.draw(few), self.draw(few)
        fileset = self.add("Fileset", usedFiles=[self._file()])
        self.counts["moment"] += 1
        moment = {"created": LATER + self.counts["moment"]}
        plate = self.add("Plate", moment)
        acquisitions = [self.add("PlateAcquisition", moment, plate=[plate]) for _ in range(runs)]
        logical = self.add("LogicalChannel")
        series = 0
        for column in range(columns):
            samples = []
            for run in acquisitions:
                for _ in range(fields_):
                    channel = self.add("Channel", logicalChannel=[logical])
                    pixels = self.add("Pixels", {"sizeC": 1}, channels=[channel])
                    told = {"series": series, **moment}
                    image = self.add("Image", told, fileset=[fileset], pixels=[pixels])
                    sample = {"image": [image], "plateAcquisition": [run]}
                    samples.append(self.add("WellSample", moment, **sample))
                    series += 1
            place = {"row": 0, "column": column, **moment}
            self.add("Well", place, plate=[plate], wellSamples=samples)

    def _file(self) -> str:
        number = self.counts["OriginalFile"]
        fixed = {"repo": REPOSITORY, "path": "user_2/2026-11/", "name": f"{number}.ome.tif"}
        return self.add("FilesetEntry", originalFile=[self.add("OriginalFile", fixed)])

    def _channel(self) -> str:
        return self.add("Channel", logicalChannel=[self.add("LogicalChannel")])

    def link(self) -> None:
        """Link what is there: shared tags, tag sets, images in two datasets."""
        order = {node.iri: place for place, node in enumerate(self.nodes)}
        for node in self.nodes:
            for edge in catalogue.CLASSES[node.type].edges:
                if edge.via is not Via.LINK:
                    continue
                classes = {entry.name for entry in catalogue.subclasses(edge.target)}
                targets = [other.iri for other in self.nodes if other.type in classes]
                if node.type in classes:  # annotations of annotations: no cycles
                    targets = [target for target in targets if order[target] > order[node.iri]]
                chosen = st.lists(st.sampled_from(targets or [""]), unique=True, max_size=3)
                if targets and (linked := self.draw(chosen)):
                    node.edges[edge.name] = tuple(linked)

    def own_links(self) -> None:
        """Let another user own some of the links, so that these are nodes too."""
        other = (self.add("Experimenter"),)
        for node in list(self.nodes):
            for edge in catalogue.CLASSES[node.type].edges:
                for target in node.edges.get(edge.name, ()):
                    if edge.via is Via.LINK and self.draw(st.booleans()):
                        self.counts[edge.attribute] += 1
                        link = iri(edge.attribute, self.counts[edge.attribute])
                        ends = {"parent": (node.iri,), "child": (target,)}
                        details = {"owner": other, "group": self.group}
                        self.nodes.append(Node(link, edge.attribute, {}, {**ends, **details}))


def _free() -> list[str]:
    """Return the classes whose nodes stand on their own, some of them likelier."""
    listed = {
        entry.name
        for parent in catalogue.CLASSES.values()
        for edge in parent.edges
        if edge.via is Via.LIST
        for entry in catalogue.subclasses(edge.target)
    }
    order = [name for layer in catalogue.apply_order() for name in layer]
    likely = [
        "Dataset",
        "Roi",
        "Roi",
        "TagAnnotation",
        "TagAnnotation",
        "MapAnnotation",
        "Well",
        "Reagent",
    ]
    return [
        name
        for name in order
        if name not in listed and catalogue.CLASSES[name].maker in (Maker.USER, Maker.EITHER)
        for _ in range(1 + likely.count(name))
    ]


@st.composite
def graphs(draw: st.DrawFn, *, own_links: bool = False) -> TransferGraph:
    """Return graphs that an OMERO server could hold.

    Parameters
    ----------
    draw : function
        Hypothesis's.
    own_links : bool
        Whether a second user may own links, which then are nodes too.
    """
    builder = _Builder(draw)
    for _ in range(draw(st.integers(0, 2))):
        builder.plate() if draw(st.sampled_from([False, False, True])) else builder.fileset()
    free = _free()
    for name in sorted(draw(st.lists(st.sampled_from(free), max_size=10)), key=free.index):
        builder.add(name)
    builder.link()
    if own_links and draw(st.booleans()):
        builder.own_links()
    roots = [node.iri for node in builder.nodes if catalogue.CLASSES.get(node.type, Class("")).root]
    left_out = st.builds(LeftOut, st.just("RenderingDef"), st.integers(1, 9), texts)
    header = Header(
        base=draw(st.sampled_from(["https://omero.example.org/", "http://localhost:4080/a/b/"])),
        database_uuid="6b1c1d4e-5a39-4b1c-9d0f-2f1f6f4f7a10",
        server_version="5.6.16",
        made_by="graphxfer 0.1.0",
        made_at="2026-11-23T22:00:00Z",
        roots=tuple(roots),
        included=tuple(root for root in roots if root.startswith("Image/"))[:1],
        left_out=tuple(draw(st.lists(left_out, max_size=1))),
    )
    return TransferGraph(header, map(_in_order, builder.nodes))


def _in_order(node: Node) -> Node:
    """Return a node with its members in the catalogue's order, as documents have them."""
    entry = class_of(node)
    return Node(
        node.iri,
        node.type,
        {
            field.name: node.fields[field.name]
            for field in entry.fields
            if field.name in node.fields
        },
        {edge.name: node.edges[edge.name] for edge in entry.edges if edge.name in node.edges},
    )
