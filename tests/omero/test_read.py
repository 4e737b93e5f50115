# SPDX-License-Identifier: GPL-2.0-or-later
"""What an export brings along, what it leaves out and tells, and at what cost.

That every value of every class arrives is the round trip's to show; here objects are made with
plain omero-py, and what is read is compared with what was made.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import omero
import omero.all
import pytest
from omero.model import (
    AffineTransformI,
    CommentAnnotationI,
    DatasetI,
    ExperimenterGroupI,
    ExperimenterI,
    FileAnnotationI,
    FolderI,
    ImageI,
    LengthI,
    ListAnnotationI,
    MapAnnotationI,
    MaskI,
    NamedValue,
    PermissionsI,
    PointI,
    ProjectI,
    RectangleI,
    RoiI,
    TagAnnotationI,
    XmlAnnotationI,
)
from omero.rtypes import rbool, rdouble, rint, rstring

from graphxfer import catalogue
from graphxfer.catalogue import AffineTransform, Quantity
from graphxfer.errors import NotThere
from graphxfer.graph import LeftOut, TransferGraph
from graphxfer.omero import read, reader, selection
from graphxfer.omero.connect import Server, connect, profile
from tests.build import import_files
from tests.places import GROUP, PASSWORD, Place


@pytest.fixture
def server(source: Place) -> Iterator[Server]:
    with source.connect() as server:
        yield server


class Maker:
    """Makes objects with an ordinary OMERO client."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.update = client.sf.getUpdateService()

    def save(self, made: Any) -> Any:
        """Save an object; return a reference to it."""
        saved = self.update.saveAndReturnObject(made)
        return type(made)(saved.id.val, False)

    def named(self, kind: type, name: str = "it") -> Any:
        made = kind()
        made.name = rstring(name)
        return self.save(made)

    def tag(self, text: str, ns: str | None = None, kind: type = TagAnnotationI) -> Any:
        made = kind()
        made.textValue = rstring(text)
        made.ns = rstring(ns) if ns is not None else None
        return self.save(made)

    def link(self, parent: Any, child: Any, name: str = "") -> int:
        """Link two objects, and return the link's id."""
        name = name or f"{type(parent).__name__[:-1]}AnnotationLink"
        made = getattr(omero.model, f"{name}I")()
        made.parent, made.child = parent, child
        return int(self.update.saveAndReturnObject(made).id.val)

    def images(self, series: int = 1) -> list[Any]:
        """Import a fileset."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, f"{uuid.uuid4().hex}&series={series}&sizeX=8&sizeY=8.fake")
            file.touch()
            return [
                ImageI(pixels.image.id.val, False) for pixels in import_files(self.client, [file])
            ]

    def roi(self, image: Any, *shapes: Any) -> Any:
        made = RoiI()
        made.image = image
        for shape in shapes:
            made.addShape(shape)
        return self.save(made)


@pytest.fixture
def make(source: Place) -> Iterator[Maker]:
    client = source.client()
    yield Maker(client)
    client.closeSession()


@pytest.fixture
def another(source: Place) -> Iterator[Maker]:
    """Another member of the group."""
    if source.sandbox is None:
        pytest.skip("users are only made in sandboxes")
    name = uuid.uuid4().hex[:8]
    root = omero.client(source.sandbox.host, source.sandbox.port)
    admin = root.createSession("root", "omero").getAdminService()
    person = ExperimenterI()
    person.ldap = rbool(False)
    person.omeName, person.firstName, person.lastName = map(rstring, (name, "Eve", "Test"))
    group = ExperimenterGroupI(admin.lookupGroup(GROUP).id.val, False)
    everybody = ExperimenterGroupI(admin.getSecurityRoles().userGroupId, False)
    admin.createExperimenterWithPassword(person, rstring(PASSWORD), group, [everybody])
    root.closeSession()
    client = omero.client(source.sandbox.host, source.sandbox.port)
    client.createSession(name, PASSWORD)
    yield Maker(client)
    client.closeSession()


def at(made: Any) -> str:
    """Return the IRI of an object."""
    return f"{type(made).__name__[:-1]}/{made.id.val}"


def select(server: Server, *roots: Any) -> TransferGraph:
    asked: dict[str, list[int]] = {}
    for root in roots:
        asked.setdefault(type(root).__name__[:-1], []).append(root.id.val)
    return read.select(server, asked)


def left_out(graph: TransferGraph) -> dict[str, int]:
    return {each.type: each.number for each in graph.header.left_out}


# -- what comes along


def test_a_project_brings_all_below_it(server: Server, make: Maker) -> None:
    project, dataset = make.named(ProjectI, "Mitosis"), make.named(DatasetI, "2026")
    images = make.images(2)
    make.link(project, dataset, "ProjectDatasetLink")
    for image in images:
        make.link(dataset, image, "DatasetImageLink")
    graph = select(server, project)
    assert graph[at(project)].fields["name"] == "Mitosis"
    assert graph[at(project)].edges["datasets"] == (at(dataset),)
    assert graph[at(dataset)].edges["images"] == tuple(map(at, images))
    assert [graph[at(image)].fields["series"] for image in images] == [0, 1]
    ones = {name for name, number in graph.types().items() if number == 1}
    files = {"Fileset", "FilesetEntry", "OriginalFile"}
    assert ones == {"Project", "Dataset", *files, "Experimenter", "ExperimenterGroup"}
    assert graph.header.roots == (at(project),)
    assert not graph.header.included
    assert not graph.header.left_out
    assert graph.header.database_uuid == server.database_uuid


def test_every_edge_leads_to_a_node(server: Server, make: Maker) -> None:
    (image,) = make.images()
    make.link(image, make.tag("mitosis"))
    make.roi(image, PointI(), RectangleI())
    graph = select(server, image)
    assert all(edge.object in graph for edge in graph.edges())


def test_filesets_are_whole_and_that_is_told(server: Server, make: Maker) -> None:
    first, second, third = make.images(3)
    graph = select(server, second)
    assert {node.iri for node in graph.of_type("Image")} == {at(first), at(second), at(third)}
    assert graph.header.roots == (at(second),)
    assert graph.header.included == (at(first), at(third))


def test_what_is_selected_twice_is_there_once(server: Server, make: Maker) -> None:
    dataset, images = make.named(DatasetI), make.images(2)
    make.link(dataset, images[0], "DatasetImageLink")
    graph = select(server, dataset, *images)
    assert graph.types()["Image"] == 2
    assert not graph.header.included


def test_shapes_keep_their_order_and_nulls(server: Server, make: Maker) -> None:
    (image,) = make.images()
    mask, rectangle, point = MaskI(), RectangleI(), PointI()
    mask.width, mask.height, mask.bytes = rdouble(4), rdouble(2), b"\xa5"
    rectangle.x, rectangle.theZ, rectangle.textValue = rdouble(1.5), rint(-1), rstring("")
    rectangle.strokeWidth = LengthI(2.0, "POINT")
    transform = AffineTransformI()
    for name, value in zip(AffineTransform._fields, range(6), strict=True):
        setattr(transform, name, rdouble(value))
    rectangle.transform = transform
    roi = make.roi(image, mask, rectangle, point)
    graph = select(server, image)
    shapes = [graph[iri] for iri in graph[at(roi)].edges["shapes"]]
    assert [shape.type for shape in shapes] == ["Mask", "Rectangle", "Point"]
    fields = [{**shape.fields} for shape in shapes]
    for each in fields:
        del each["created"]
    assert fields == [
        {"width": 4.0, "height": 2.0, "bytes": b"\xa5"},
        {
            "x": 1.5,
            "theZ": -1,
            "textValue": "",
            "strokeWidth": Quantity(2.0, "POINT"),
            "transform": AffineTransform(0, 1, 2, 3, 4, 5),
        },
        {},
    ]


def test_annotations_of_annotations_and_of_rois(server: Server, make: Maker) -> None:
    (image,) = make.images()
    roi = make.roi(image, PointI())
    pairs = MapAnnotationI()
    pairs.mapValue = [NamedValue("gene", "b"), NamedValue("Gene", ""), NamedValue("gene", "a")]
    pairs = make.save(pairs)
    comment = make.tag("sure?", kind=CommentAnnotationI)
    make.link(roi, pairs)
    make.link(pairs, comment, "AnnotationAnnotationLink")
    graph = select(server, image)
    assert graph[at(roi)].edges["annotations"] == (at(pairs),)
    assert graph[at(pairs)].fields["pairs"] == (("gene", "b"), ("Gene", ""), ("gene", "a"))
    assert graph[at(pairs)].edges["annotations"] == (at(comment),)
    assert graph[at(comment)].fields["textValue"] == "sure?"


def test_an_attachment_brings_its_file_and_what_hangs_on_that(server: Server, make: Maker) -> None:
    dataset = make.named(DatasetI)
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(b"a,b\n")
        file.flush()
        uploaded = make.client.upload(file.name, name="a.csv", path="/tmp/")
    attached = FileAnnotationI()
    attached_file = type(uploaded)(uploaded.id.val, False)
    attached.file = attached_file
    attached = make.save(attached)
    make.link(dataset, attached)
    make.link(attached_file, make.tag("raw"))
    graph = select(server, dataset)
    (file_node,) = graph.of_type("OriginalFile")
    assert graph[at(attached)].edges["file"] == (file_node.iri,)
    assert (file_node.fields["name"], file_node.fields["size"]) == ("a.csv", 4)
    (tag,) = file_node.edges["annotations"]
    assert graph[tag].fields["textValue"] == "raw"


def test_a_shared_tag_is_one_node(server: Server, make: Maker) -> None:
    images, tag = make.images(2), make.tag("shared")
    for image in images:
        make.link(image, tag)
    graph = select(server, *images)
    assert graph.types()["TagAnnotation"] == 1
    assert all(graph[at(image)].edges["annotations"] == (at(tag),) for image in images)


def test_a_tag_brings_its_set_but_not_the_sets_other_tags(server: Server, make: Maker) -> None:
    dataset = make.named(DatasetI)
    used, unused, tag_set = make.tag("used"), make.tag("unused"), make.tag("set", catalogue.TAG_SET)
    make.link(dataset, used)
    for tag in (used, unused):
        make.link(tag_set, tag, "AnnotationAnnotationLink")
    graph = select(server, dataset)
    assert graph[at(tag_set)].edges["annotations"] == (at(used),)
    assert at(unused) not in graph
    assert graph.header.left_out == (LeftOut("TagAnnotation", 1, selection.UNUSED),)


def test_a_set_on_an_object_brings_its_tags(server: Server, make: Maker) -> None:
    dataset, tag, tag_set = (
        make.named(DatasetI),
        make.tag("in it"),
        make.tag("set", catalogue.TAG_SET),
    )
    make.link(tag_set, tag, "AnnotationAnnotationLink")
    make.link(dataset, tag_set)
    graph = select(server, dataset)
    assert graph[at(tag_set)].edges["annotations"] == (at(tag),)
    assert at(tag) in graph
    assert not graph.header.left_out


def test_what_a_tag_is_on_elsewhere_stays_there(server: Server, make: Maker) -> None:
    dataset, elsewhere, tag = make.named(DatasetI), make.named(DatasetI), make.tag("shared")
    comment = make.tag("with a tag", kind=CommentAnnotationI)
    make.link(dataset, tag)
    make.link(elsewhere, tag)
    make.link(elsewhere, comment)
    make.link(comment, tag, "AnnotationAnnotationLink")
    graph = select(server, dataset)
    assert at(elsewhere) not in graph
    assert at(comment) not in graph


@pytest.mark.parametrize("namespace", catalogue.IMPORT_NAMESPACES)
def test_what_imports_write_for_themselves_is_not_read(
    server: Server, make: Maker, namespace: str
) -> None:
    dataset = make.named(DatasetI)
    make.link(dataset, make.tag("/data/a.tif", namespace, CommentAnnotationI))
    graph = select(server, dataset)
    assert "annotations" not in graph[at(dataset)].edges
    assert not graph.header.left_out


def test_a_link_of_another_user_is_a_node_too(server: Server, make: Maker, another: Maker) -> None:
    dataset, tag, own = make.named(DatasetI), make.tag("theirs"), make.tag("ours")
    make.link(dataset, own)
    link = another.link(dataset, tag)
    graph = select(server, dataset)
    assert graph[at(dataset)].edges["annotations"] == (at(own), at(tag))
    (node,) = graph.of_type("DatasetAnnotationLink")
    assert (node.id, node.edges["parent"], node.edges["child"]) == (
        link,
        (at(dataset),),
        (at(tag),),
    )
    (owner,) = node.edges["owner"]
    assert graph[owner].fields["firstName"] == "Eve"


def test_a_link_made_twice_is_one_edge_and_two_nodes(
    server: Server, make: Maker, another: Maker
) -> None:
    dataset, tag = make.named(DatasetI), make.tag("ours and theirs")
    make.link(dataset, tag)
    another.link(dataset, tag)
    graph = select(server, dataset)
    assert graph[at(dataset)].edges["annotations"] == (at(tag),)
    links = list(graph.of_type("DatasetAnnotationLink"))
    assert {link.target("child") for link in links} == {at(tag)}
    assert len({link.target("owner") for link in links}) == len(links) == 2


# -- what is left out


def test_images_without_files_are_told(server: Server, make: Maker) -> None:
    dataset, (image,) = make.named(DatasetI), make.images()
    bare = ImageI()
    bare.name = rstring("made of pixels")
    bare = make.save(bare)
    make.link(dataset, bare, "DatasetImageLink")
    make.link(dataset, image, "DatasetImageLink")
    make.roi(bare, PointI())
    make.link(bare, make.tag("on it"))
    graph = select(server, dataset)
    assert graph[at(dataset)].edges["images"] == (at(image),)
    assert left_out(graph) == {"Image": 1}
    assert not {"Roi", "TagAnnotation"} & set(graph.types())
    alone = select(server, bare)
    assert not len(alone)
    assert left_out(alone) == {"Image": 1}


def test_what_is_not_covered_is_counted(server: Server, make: Maker) -> None:
    image, other = make.images(2)
    folder = make.named(FolderI)
    for each in (image, other):
        make.link(folder, each, "FolderImageLink")
    roi = make.roi(image, PointI())
    make.link(folder, roi, "FolderRoiLink")
    make.link(image, make.save(ListAnnotationI()))
    make.link(roi, make.save(ListAnnotationI()))
    graph = select(server, image)
    assert left_out(graph) == {"FolderImageLink": 2, "FolderRoiLink": 1, "ListAnnotation": 2}
    assert "annotations" not in graph[at(image)].edges


def test_what_is_not_there_is_named(server: Server, make: Maker) -> None:
    dataset = make.named(DatasetI)
    with pytest.raises(NotThere, match=r"Project:999999, Image:999998, Image:999999"):
        read.select(
            server,
            {"Project": [999_999], "Dataset": [dataset.id.val], "Image": [999_999, 999_998]},
        )


def test_what_may_not_be_read_is_named(source: Place, server: Server) -> None:
    if source.sandbox is None:
        pytest.skip("groups are only made in sandboxes")
    root = omero.client(source.sandbox.host, source.sandbox.port)
    group = ExperimenterGroupI()
    group.ldap = rbool(False)
    group.name = rstring(uuid.uuid4().hex)
    group.details.permissions = PermissionsI("rw----")
    id_ = root.createSession("root", "omero").getAdminService().createGroup(group)
    root.getImplicitContext().put("omero.group", str(id_))
    hidden = Maker(root).named(ProjectI)
    root.closeSession()
    with pytest.raises(NotThere, match=f"Project:{hidden.id.val}: not found, or not readable"):
        select(server, hidden)


# -- the cost


def crowd(make: Maker, number: int) -> Any:
    """Make a dataset of images, each with a tag, pairs, and a region of two shapes."""
    dataset, tag = make.named(DatasetI), make.tag("shared")
    for image in make.images(number):
        make.link(dataset, image, "DatasetImageLink")
        make.link(image, tag)
        pairs = MapAnnotationI()
        pairs.mapValue = [NamedValue("image", str(image.id.val))]
        make.link(image, make.save(pairs))
        make.roi(image, PointI(), RectangleI())
    return dataset


def test_calls_do_not_grow_with_objects(server: Server, make: Maker) -> None:
    def calls(root: Any) -> int:
        before = server.calls
        select(server, root)
        return server.calls - before

    small, large = crowd(make, 1), crowd(make, 12)
    assert calls(small) == calls(large) <= 50


def test_batches_and_pages_change_nothing(
    server: Server, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = crowd(make, 7)
    expected = select(server, dataset)
    for name, size in (("BATCH", 3), ("PAGE", 2), ("BATCH_OF_BYTES", 1)):
        monkeypatch.setattr(reader, name, size)
    actual = select(server, dataset)
    assert list(actual) == list(expected)
    assert actual.types()["Roi"] == 7


# -- exactly these


def test_fetched_nodes_are_as_selected_ones(server: Server, make: Maker, another: Maker) -> None:
    dataset = crowd(make, 3)
    another.link(dataset, make.tag("theirs"))
    expected = select(server, dataset)
    ids: dict[str, list[int]] = {}
    for node in expected:
        ids.setdefault(node.type, []).append(node.id)
    assert list(read.fetch_nodes(server, ids)) == list(expected)


def test_fetched_nodes_come_alone_but_with_all_their_edges(server: Server, make: Maker) -> None:
    (image,) = make.images()
    xml = make.tag("<a/>", kind=XmlAnnotationI)
    make.link(image, xml)
    roi = make.roi(image, PointI())
    graph = read.fetch_nodes(server, {"Image": [image.id.val], "Roi": [roi.id.val, 999_999]})
    assert {node.iri for node in graph} == {at(image), at(roi)}
    assert graph[at(image)].edges["annotations"] == (at(xml),)
    assert graph[at(image)].target("fileset") is not None
    assert graph[at(roi)].edges["image"] == (at(image),)
    assert len(graph[at(roi)].edges["shapes"]) == 1


def test_a_group_to_write_to_hides_nothing(source: Place, make: Maker) -> None:
    """Reading spans all groups, whichever the profile names."""
    dataset = make.named(DatasetI)
    uri = source.uri.rpartition("/")[0]
    with connect(profile(uri), password=source.password) as server:
        assert at(dataset) in select(server, dataset)
