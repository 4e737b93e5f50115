# SPDX-License-Identifier: GPL-2.0-or-later
"""Build a graph at a server with plain omero-py: the independent side of the round trip.

Nothing here uses graphxfer's own reading or writing; only the catalogue's names.
"""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import omero
import omero.all
from omero.callbacks import CmdCallbackI
from omero.model import NamedValue
from omero.rtypes import rbool, rdouble, rint, rlong, rstring, rtime

from graphxfer import catalogue
from graphxfer.catalogue import AffineTransform, Field, Maker, Quantity, Type, Via
from graphxfer.graph import Node, TransferGraph, class_of, id_of, iri

_WRAPPED = {
    Type.STRING: rstring,
    Type.INT: rint,
    Type.LONG: rlong,
    Type.DOUBLE: rdouble,
    Type.BOOLEAN: rbool,
    Type.TIME: rtime,
}


def build(client: Any, graph: TransferGraph) -> dict[str, str]:
    """Build a graph at a server and return, for each of its IRIs, that of what was built.

    Filesets become ``.fake`` files of as many series as they have images.
    """
    return _Builder(client, graph).build()


class _Builder:
    def __init__(self, client: Any, graph: TransferGraph) -> None:
        self.client, self.graph = client, graph
        self.update = client.sf.getUpdateService()
        self.query = client.sf.getQueryService()
        self.same: dict[str, str] = {}

    def build(self) -> dict[str, str]:
        for fileset in self.graph.of_type("Fileset"):
            self.import_fileset(fileset)
        for layer in catalogue.apply_order():
            for name in layer:
                entry = catalogue.CLASSES[name]
                if entry.maker in (Maker.USER, Maker.EITHER) and not entry.part_of:
                    for node in self.graph.of_type(name):
                        self.make(node)
        for node in list(self.graph):
            if node.iri in self.same:
                self.link(node)
        return self.same

    # -- what a user makes

    def make(self, node: Node) -> None:
        if node.iri in self.same:  # an original file of a fileset
            return
        if "size" in node.fields:
            self.upload(node)
            return
        saved = self.update.saveAndReturnObject(self.object(node))
        self.same[node.iri] = iri(node.type, saved.id.val)
        for edge in class_of(node).edges:
            if edge.via is Via.LIST:
                parts = getattr(saved, f"copy{edge.attribute[0].upper()}{edge.attribute[1:]}")()
                for part, built in zip(node.edges.get(edge.name, ()), parts, strict=True):
                    self.same[part] = iri(self.graph[part].type, built.id.val)

    def object(self, node: Node) -> Any:
        made = getattr(omero.model, f"{node.type}I")()
        entry = class_of(node)
        for field in entry.fields:
            if field.name in node.fields and not field.varies:
                setattr(made, field.attribute, wrapped(field, node.fields[field.name]))
        for edge in entry.edges:
            if edge.varies:
                continue
            if edge.via is Via.REFERENCE and (target := node.target(edge.name)):
                setattr(made, edge.attribute, self.unloaded(target))
            if edge.via is Via.LIST:
                add = getattr(made, f"add{edge.attribute[0].upper()}{edge.attribute[1:-1]}")
                for part in node.edges.get(edge.name, ()):
                    add(self.object(self.graph[part]))
        return made

    def upload(self, node: Node) -> None:
        content = contents(node)
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            name, mimetype = str(node.fields["name"]), node.fields.get("mimetype")
            made = self.client.upload(file.name, name=name, path="/somewhere/", type=mimetype)
        self.same[node.iri] = iri(node.type, made.id.val)

    def unloaded(self, node_iri: str) -> Any:
        built = self.same[node_iri]
        type_, _, number = built.partition("/")
        return getattr(omero.model, f"{type_}I")(int(number), False)

    def link(self, node: Node) -> None:
        for edge in class_of(node).edges:
            if edge.via is Via.LINK:
                for target in node.edges.get(edge.name, ()):
                    link = getattr(omero.model, f"{edge.attribute}I")()
                    link.parent, link.child = self.unloaded(node.iri), self.unloaded(target)
                    self.update.saveObject(link)

    # -- what an import makes

    def import_fileset(self, fileset: Node) -> None:
        images = sorted(
            (node for node in self.graph.of_type("Image") if node.target("fileset") == fileset.iri),
            key=lambda node: node.fields["series"],
        )
        pixels = self.graph[images[0].edges["pixels"][0]]
        keys: dict[str, Any] = {f"size{axis}": pixels.fields[f"size{axis}"] for axis in "XYZCT"}
        keys |= {"series": len(images), "pixelType": pixels.fields["pixelsType"]}
        wells = self.wells_of(images)
        if wells:
            del keys["series"]
            keys |= {"plateRows": 1, "plateCols": len(wells)} | self.fields_of(wells[0])
        name = f"{uuid.uuid4().hex}&{'&'.join(f'{k}={v}' for k, v in keys.items())}.fake"
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, name)
            file.touch()
            built = import_files(self.client, [file])
        for node, there in zip(images, built, strict=True):
            self.match(node, iri("Image", there.image.id.val))
        for well in wells:
            sample = self.graph[well.edges["wellSamples"][0]]
            image = id_of(self.same[sample.edges["image"][0]])
            hql = f"select s.well.id from WellSample s where s.image.id = {image}"
            self.match(well, iri("Well", self.query.projection(hql, None)[0][0].val))

    def wells_of(self, images: list[Node]) -> list[Node]:
        """Return the wells that were made with images: in the same moment."""
        moments = {image.iri: image.fields.get("created", 0) for image in images}
        shown = {
            sample.iri
            for sample in self.graph.of_type("WellSample")
            if moments.get(sample.edges["image"][0]) == sample.fields["created"]
        }
        wells = self.graph.of_type("Well")
        return [well for well in wells if shown & set(well.edges.get("wellSamples", ()))]

    def fields_of(self, well: Node) -> dict[str, int]:
        """Return how many acquisitions a well has, and fields in each."""
        samples = [self.graph[one] for one in well.edges["wellSamples"]]
        runs = {one.target("plateAcquisition") for one in samples}
        return {"plateAcqs": len(runs), "fields": len(samples) // len(runs)}

    def edit(self, node: Node, built: str) -> None:
        """Give what an import made what a user gave it after the import."""
        type_, _, number = built.partition("/")
        there = self.query.get(type_, int(number))
        for field in class_of(node).fields:
            value = node.fields.get(field.name)
            if field.editable and not (field.required and value is None):
                setattr(there, field.attribute, None if value is None else wrapped(field, value))
        self.update.saveObject(there)

    def match(self, node: Node, built: str) -> None:
        """Pair an import-made node, and all below it, with what the server made of it."""
        if node.iri in self.same:
            return
        self.same[node.iri] = built
        if not class_of(node).bytes:
            self.edit(node, built)
        for edge in class_of(node).edges:
            targets = [target for target in node.edges.get(edge.name, ()) if target in self.graph]
            if edge.via is Via.LINK or edge.varies or not targets:
                continue
            for target, there in zip(targets, self.below(built, edge), strict=True):
                self.match(self.graph[target], iri(self.graph[target].type, there))

    def below(self, built: str, edge: catalogue.Edge) -> list[int]:
        type_, _, number = built.partition("/")
        join = f"select t.id from {type_} x join x.{edge.attribute} t where x.id = {number}"
        order = " order by index(t)" if edge.via is Via.LIST else ""
        return [row[0].val for row in self.query.projection(join + order, None)]


def contents(node: Node) -> bytes:
    """Return the bytes of an attachment: as many as its node says."""
    size = int(str(node.fields["size"]))
    return (hashlib.sha256(node.iri.encode()).digest() * (size // 32 + 1))[:size]


def wrapped(field: Field, value: Any) -> Any:
    """Return a value as OMERO has it."""
    if isinstance(value, Quantity):
        return getattr(omero.model, f"{field.of}I")(value.value, value.unit)
    if isinstance(value, AffineTransform):
        transform = omero.model.AffineTransformI()
        for name, number in value._asdict().items():
            setattr(transform, name, rdouble(number))
        return transform
    if isinstance(value, tuple):
        return [NamedValue(key, text) for key, text in value]
    if field.type is Type.ENUM:
        made = getattr(omero.model, f"{field.of}I")()
        made.value = rstring(value)
        return made
    return value if field.type is Type.BYTES else _WRAPPED[field.type](value)


def import_files(client: Any, files: Iterable[Path], *, thumbnails: bool = False) -> list[Any]:
    """Import files as one fileset, as OMERO's own clients do; return the pixels in series order.

    Thumbnails create rendering settings, which are not covered yet.
    """
    files = list(files)
    fileset = omero.model.FilesetI()
    for file in files:
        entry = omero.model.FilesetEntryI()
        entry.clientPath = rstring(str(file).lstrip("/"))
        fileset.addFilesetEntry(entry)
    fileset.linkJob(omero.model.UploadJobI())
    settings = omero.grid.ImportSettings()
    settings.checksumAlgorithm = omero.model.ChecksumAlgorithmI()
    settings.checksumAlgorithm.value = rstring("SHA1-160")
    settings.doThumbnails, settings.noStatsInfo = rbool(thumbnails), rbool(False)
    process = client.getManagedRepository().importFileset(fileset, settings)
    for index, file in enumerate(files):
        store = process.getUploader(index)
        store.write(b"", 0, 0)
        content = file.read_bytes()
        if content:
            store.write(content, 0, len(content))
        store.close()
    handle = process.verifyUpload([hashlib.sha1(file.read_bytes()).hexdigest() for file in files])
    callback = CmdCallbackI(client, handle)
    try:
        callback.loop(60, 1000)
        response = callback.getResponse()
    finally:
        callback.close(True)
        process.close()
    assert isinstance(response, omero.grid.ImportResponse), response
    return list(response.pixels)
