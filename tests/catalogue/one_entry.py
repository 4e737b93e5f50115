# SPDX-License-Identifier: GPL-2.0-or-later
"""A class that the catalogue does not have, added by one entry, moved from server to server.

Run by `test_one_entry`, in a process of its own: the entry is there before anything else is
imported, as if it stood in a table.
"""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

from graphxfer import catalogue
from graphxfer.catalogue import OME, Follow, Reusable, Spelling, XmlEdge
from graphxfer.catalogue.common import ANNOTATIONS, DESCRIPTION, NAME
from graphxfer.catalogue.declare import edge, entry

NEW = "Folder"
assert NEW not in catalogue.CLASSES
catalogue.CLASSES[NEW] = entry(
    NEW,
    NAME,
    DESCRIPTION,
    edge("parentFolder", follow=Follow.BOTH, xml=XmlEdge(Spelling.BACK, "FolderRef")),
    edge("imageLinks", OME + "Images", xml=XmlEdge(Spelling.REFERENCE, "ImageRef")),
    edge("roiLinks", xml=XmlEdge(Spelling.REFERENCE, "ROIRef")),
    ANNOTATIONS,
    xml=NEW,
    root=True,
    reuse=Reusable.MERGE,
    identity=("name",),
)

import omero  # noqa: E402
import omero.all  # noqa: E402
import pyshacl  # noqa: E402
import rdflib  # noqa: E402
from lxml import etree  # noqa: E402
from omero.rtypes import rdouble, rstring  # noqa: E402

from graphxfer import generate  # noqa: E402
from graphxfer.apply import apply  # noqa: E402
from graphxfer.bundle import Bundle  # noqa: E402
from graphxfer.export import export  # noqa: E402
from graphxfer.fetch import fetch  # noqa: E402
from graphxfer.graph import TransferGraph, jsonld, omexml  # noqa: E402
from graphxfer.graph.omexml import schema  # noqa: E402
from graphxfer.inspect import report  # noqa: E402
from graphxfer.inspect.summary import summarise  # noqa: E402
from graphxfer.undo import undo  # noqa: E402
from graphxfer.verify import verify  # noqa: E402
from tests.build import import_files  # noqa: E402
from tests.places import Place  # noqa: E402
from tests.transfers import tiff  # noqa: E402


def seeded(source: Place, folder: Path) -> int:
    """Make two folders at the source, one in the other; return the id of the outer one."""
    path = folder / "a.tif"
    tiff(path)
    client = source.client()
    try:
        update = client.sf.getUpdateService()
        (pixels,) = import_files(client, [path])
        image = omero.model.ImageI(pixels.image.id.val, False)
        roi, point = omero.model.RoiI(), omero.model.PointI()
        point.x, point.y = rdouble(1.0), rdouble(2.0)
        roi.addShape(point)
        roi.image = image
        roi = update.saveAndReturnObject(roi)
        outer, inner = omero.model.FolderI(), omero.model.FolderI()
        outer.name, outer.description = rstring("nuclei"), rstring("µ")
        inner.name = rstring("of interest")
        tag = omero.model.TagAnnotationI()
        tag.textValue = rstring("on a folder")
        outer.linkAnnotation(tag)
        outer = update.saveAndReturnObject(outer)
        inner.parentFolder = omero.model.FolderI(outer.id.val, False)
        inner.linkImage(image)
        inner.linkRoi(omero.model.RoiI(roi.id.val, False))
        update.saveObject(inner)
        return int(outer.id.val)
    finally:
        client.closeSession()


def look_at(bundle: Bundle) -> None:
    """Follow the class through the graph's notations, SHACL, summary and report."""
    graph = bundle.graph()
    outer, inner = sorted(graph.of_type(NEW), key=lambda node: node.id)
    assert outer.fields.items() >= {"name": "nuclei", "description": "µ"}.items()
    assert inner.target("parentFolder") == outer.iri
    assert {"images", "rois"} <= inner.edges.keys()
    assert graph.header.left_out == ()
    assert repr([*again(graph)]) == repr([*graph])
    data = jsonld.to_rdflib(graph)
    assert pyshacl.validate(data, shacl_graph=generate.structure())[0]
    data.remove((rdflib.URIRef(graph.header.base + outer.iri), rdflib.URIRef(OME + "Name"), None))
    assert not pyshacl.validate(data, shacl_graph=generate.structure())[0]
    look_at_xml(graph)
    summary = summarise(graph)
    assert summary.nodes[NEW] == 2
    (top,) = summary.tree
    assert (top.name, top.images, top.rois, top.annotations) == ("nuclei", 1, 1, 1)
    assert [child.name for child in top.children] == ["of interest"]
    assert [child.type for child in top.children[0].children] == [catalogue.IMAGE]
    assert "nuclei" in report.render(bundle)


def again(graph: TransferGraph) -> TransferGraph:
    stream = BytesIO()
    jsonld.write(graph, stream)
    stream.seek(0)
    return jsonld.read(stream)


def look_at_xml(graph: TransferGraph) -> None:
    stream = BytesIO()
    omexml.write(graph, stream)
    root = etree.fromstring(stream.getvalue())
    etree.XMLSchema(schema.definition()).assertValid(root)
    said = [{each.tag.rpartition("}")[2] for each in one} for one in root.iter(f"{{*}}{NEW}")]
    assert said == [{"Description", "FolderRef", "AnnotationRef"}, {"ImageRef", "ROIRef"}]


def moved(bundle: Bundle, destination: Place) -> None:
    """Follow the class through plan, apply, verify and undo."""
    with destination.connect(own_session=True) as server:
        plan = apply(bundle, server)
        made = [action.node for action in plan.actions if action.type == NEW]
        assert len(made) == 2
        assert plan.skipped == []
        assert [str(one) for one in verify(bundle, server)] == []
        assert apply(bundle, server).nothing_to_do
        hql = f"select obj from {NEW} obj where obj.name = 'nuclei' order by obj.id desc"
        changed = server.service("IQuery").findAllByQuery(hql, None)[0]
        changed.description = rstring("changed")
        server.service("IUpdate").saveObject(changed)
        assert [(one.kind, one.name) for one in verify(bundle, server)] == [
            ("field", "description")
        ]
        assert undo(bundle, server).removed[NEW] == 2


def main() -> None:
    source, destination = (Place(uri, sys.argv[4]) for uri in sys.argv[1:3])
    folder = Path(sys.argv[3])
    root = seeded(source, folder)
    with source.connect() as server:
        bundle = export(server, {NEW: [root]}, folder / "bundle")
        assert fetch(bundle, server).problems == []
    look_at(bundle)
    moved(bundle, destination)


if __name__ == "__main__":
    main()
