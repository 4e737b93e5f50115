# SPDX-License-Identifier: GPL-2.0-or-later
"""ROIs, annotations and names that files contain, and that people edited at the source.

A file for each edit is imported at the source, and edited there with an ordinary client; all are
moved together. That client also reads what is on the images, at both servers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import omero
import omero.all
import pytest
from omero.callbacks import CmdCallbackI
from omero.rtypes import rdouble, rstring, unwrap

from graphxfer.apply import apply
from graphxfer.bundle import Bundle
from graphxfer.export import export
from graphxfer.fetch import fetch
from graphxfer.graph import id_of
from graphxfer.journal import Journal
from graphxfer.plan import ApplyOptions, FileMetadata, Plan, Remove
from graphxfer.undo import undo
from graphxfer.verify import verify
from tests.build import import_files
from tests.places import Place
from tests.there import in_group

OME = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
 {plates}
 {images}
 <StructuredAnnotations>
  <TagAnnotation ID="Annotation:0"><Value>{name} both</Value></TagAnnotation>
  <TagAnnotation ID="Annotation:1"><Value>{name} one</Value>
   <AnnotationRef ID="Annotation:6"/></TagAnnotation>
  <MapAnnotation ID="Annotation:2" Namespace="n"><Value>
   <M K="gene">a</M><M K="gene">b</M></Value></MapAnnotation>
  <CommentAnnotation ID="Annotation:3"><Value>on a channel</Value></CommentAnnotation>
  <CommentAnnotation ID="Annotation:4"><Value>on a ROI</Value></CommentAnnotation>
  <LongAnnotation ID="Annotation:5" Namespace="n"><Value>5</Value></LongAnnotation>
  <CommentAnnotation ID="Annotation:6"><Value>on a tag</Value></CommentAnnotation>
  <FileAnnotation ID="Annotation:7" Namespace="f">
   <BinaryFile FileName="t.csv" Size="4" MIMEType="text/csv"/></FileAnnotation>
 </StructuredAnnotations>
 <ROI ID="ROI:0" Name="cell"><AnnotationRef ID="Annotation:4"/><Union>
  <Rectangle ID="Shape:0" X="1" Y="2" Width="3" Height="4" TheZ="0" Text="wrong"/>
  <Label ID="Shape:1" X="1" Y="2" Text="label"><AnnotationRef ID="Annotation:5"/></Label>
 </Union></ROI>
 {equal}
</OME>"""
EQUAL = """<ROI ID="ROI:{n}" Name="equal"><Union>
 <Point ID="Shape:{n}0" X="1" Y="2"/></Union></ROI>"""
IMAGE = """<Image ID="Image:{n}" Name="image {n}"><Description>as the file says</Description>
 <Pixels ID="Pixels:{n}" DimensionOrder="XYZCT" Type="uint8" SizeX="2" SizeY="2" SizeZ="1"
  SizeC="1" SizeT="1">
  <Channel ID="Channel:{n}:0" SamplesPerPixel="1" Name="DAPI">{channel}</Channel>
  <BinData BigEndian="false" Length="8">AAECAw==</BinData></Pixels>
 {refs}</Image>"""
PLATES = """<Plate ID="Plate:0" Name="plate"><Description>as the file says</Description>
  <Well ID="Well:0" Column="0" Row="0"><AnnotationRef ID="Annotation:3"/>
   <WellSample ID="WellSample:0" Index="0"><ImageRef ID="Image:0"/></WellSample></Well>
  <Well ID="Well:1" Column="1" Row="0"><AnnotationRef ID="Annotation:3"/>
   <WellSample ID="WellSample:1" Index="1"><ImageRef ID="Image:1"/></WellSample></Well>
  <AnnotationRef ID="Annotation:2"/></Plate>"""
SCREENS = """<Screen ID="Screen:0" Name="screen"><PlateRef ID="Plate:0"/>
  <AnnotationRef ID="Annotation:2"/></Screen>"""


def document(name: str, *, plate: bool) -> str:
    """Return an OME-XML file of two images, with ROIs and annotations of everything."""

    def refs(kind: str, *numbers: int) -> str:
        return "".join(f'<{kind} ID="{kind[:-3]}:{n}"/>' for n in numbers)

    rois = refs("ROIRef", 0, 1, 2, 3)
    images = IMAGE.format(
        n=0, channel=refs("AnnotationRef", 3), refs=rois + refs("AnnotationRef", 0, 1, 2, 7)
    ) + IMAGE.format(n=1, channel="", refs=refs("AnnotationRef", 0))
    equal = "".join(EQUAL.format(n=n) for n in (1, 2, 3))
    plates = PLATES + SCREENS if plate else ""
    return OME.format(name=name, plates=plates, images=images, equal=equal)


class Lab:
    """A person at a server, with an ordinary OMERO client."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.update, self.query = client.sf.getUpdateService(), client.sf.getQueryService()

    def rows(self, hql: str) -> list[list[Any]]:
        return [[unwrap(value) for value in row] for row in self.query.projection(hql, None)]

    def one(self, hql: str) -> Any:
        return self.query.findAllByQuery(hql, None)[0]

    def save(self, thing: Any) -> Any:
        return self.update.saveAndReturnObject(thing)

    def delete(self, **ids: int | list[int]) -> None:
        """Delete objects, as web clients do."""
        targets = {name: some if isinstance(some, list) else [some] for name, some in ids.items()}
        callback = CmdCallbackI(
            self.client, self.client.sf.submit(omero.cmd.Delete2(targetObjects=targets))
        )
        try:
            response = callback.loop(60, 500)
            assert not isinstance(response, omero.cmd.ERR), response
        finally:
            callback.close(True)


@dataclass
class Film:
    """One imported file: its two images, and what is on them."""

    lab: Lab
    images: list[int]

    @property
    def listed(self) -> str:
        return ", ".join(map(str, self.images))

    def roi(self, name: str = "cell") -> Any:
        hql = "select r from Roi r left outer join fetch r.shapes where r.name = '{}'"
        return self.lab.one(f"{hql.format(name)} and r.image.id = {self.images[0]} order by r.id")

    def shape(self, kind: str = "Rectangle") -> Any:
        return self.lab.one(f"select s from {kind} s where s.roi.image.id = {self.images[0]}")

    def link(self, kind: str, text: str, place: int = 0) -> Any:
        """Return the link of an image to an annotation whose text ends so."""
        return self.lab.one(
            f"select l from ImageAnnotationLink l join fetch l.child c join fetch l.parent p"
            f" where p.id = {self.images[place]} and type(c.class) = ome.model.annotations.{kind}"
            + (f" and c.textValue like '%{text}'" if text else "")
        )

    def annotation(self, kind: str, text: str = "") -> Any:
        return self.lab.query.get(kind, self.link(kind, text).child.id.val)

    def on(self, link: str, parent: str) -> Any:
        """Return the annotation of something else than an image."""
        return self.lab.one(
            f"select c from {link} l join l.child c join l.parent p"
            f" where {parent} in ({self.listed})"
        )

    # -- what is there --------------------------------------------------------------------------

    def content(self) -> Counter[object]:
        """Return ROIs, annotations, and what is linked to what, without ids."""
        found = Counter[object]()
        rois = self.lab.query.findAllByQuery(
            "select distinct r from Roi r left outer join fetch r.shapes"
            f" where r.image.id in ({self.listed})",
            None,
        )
        known = {roi.id.val: self._roi(roi) for roi in rois}
        found.update(known.values())
        shapes = {s.id.val: _shape(s) for roi in rois for s in _shapes(roi)}
        channels = self.lab.rows(
            f"select c.id, p.image.series from Channel c join c.pixels p"
            f" where p.image.id in ({self.listed})"
        )
        series = self.lab.rows(f"select i.id, i.series from Image i where i.id in ({self.listed})")
        wells = self.lab.rows(
            "select distinct w.id, w.column, w.plate.id from WellSample s join s.well w"
            f" where s.image.id in ({self.listed})"
        )
        plates = {plate: "plate" for _, _, plate in wells}
        screens = {
            screen: "screen"
            for plate in plates
            for (screen,) in self.lab.rows(
                f"select l.parent.id from ScreenPlateLink l where l.child.id = {plate}"
            )
        }
        links = [
            link
            for name, parents in (
                ("Image", dict(map(tuple, series))),
                ("Roi", known),
                ("Shape", shapes),
                ("Channel", dict(map(tuple, channels))),
                ("Well", {number: column for number, column, _ in wells}),
                ("Plate", plates),
                ("Screen", screens),
            )
            for link in self._links(name, parents)
        ]
        direct = {number: number for _, _, number in links}
        on_annotations = self._links("Annotation", direct)
        values = self._annotations({*direct, *(number for _, _, number in on_annotations)})
        found.update((name, parent, values[number]) for name, parent, number in links)
        found.update(("on", values[one], values[number]) for _, one, number in on_annotations)
        found.update(("annotation", value) for value in values.values())
        return found

    def _links(self, name: str, parents: dict[int, Any]) -> list[tuple[str, Any, int]]:
        """Return link class, a parent without its id, and the annotation's id."""
        if not parents:
            return []
        rows = self.lab.rows(
            f"select l.parent.id, l.child.id from {name}AnnotationLink l"
            f" where l.parent.id in ({', '.join(map(str, parents))})"
            " and (l.child.ns is null or l.child.ns not like 'openmicroscopy.org/omero/import%')"
        )
        return [(name, parents[parent], child) for parent, child in rows]

    def _annotations(self, ids: set[int]) -> dict[int, object]:
        if not ids:
            return {}
        listed = ", ".join(map(str, ids))
        every = "select a from {} a {} where a.id in ({})"
        found = self.lab.query.findAllByQuery(every.format("Annotation", "", listed), None)
        maps = every.format("MapAnnotation", "left outer join fetch a.mapValue", listed)
        pairs = {
            one.id.val: tuple((pair.name, pair.value) for pair in one.mapValue)
            for one in self.lab.query.findAllByQuery(maps, None)
        }
        return {
            one.id.val: (
                type(one).__name__,
                unwrap(getattr(one, "textValue", None) or getattr(one, "longValue", None)),
                pairs.get(one.id.val),
                unwrap(one.ns),
                unwrap(one.description),
            )
            for one in found
        }

    def _roi(self, roi: Any) -> object:
        return "Roi", unwrap(roi.name), tuple(map(_shape, _shapes(roi)))

    def names(self) -> list[list[Any]]:
        """Return the fields of the images and channels that people edit."""
        return self.lab.rows(
            "select i.series, i.name, i.description, l.name, c.red from Channel c"
            " join c.logicalChannel l join c.pixels p join p.image i"
            f" where i.id in ({self.listed}) order by i.series"
        )


def _shapes(roi: Any) -> list[Any]:
    """Return the shapes of a ROI; where one was deleted, the list has a gap."""
    return [shape for shape in roi.copyShapes() if shape is not None]


def _shape(shape: Any) -> object:
    names = ("x", "y", "width", "height", "textValue", "theZ")
    return type(shape).__name__, *(unwrap(getattr(shape, name, None)) for name in names)


# -- edits ----------------------------------------------------------------------------------------


def rename_shape(film: Film) -> None:
    shape = film.shape()
    shape.textValue = rstring("right")
    film.lab.save(shape)


def move_shape(film: Film) -> None:
    shape = film.shape()
    shape.x = rdouble(1.5)
    film.lab.save(shape)


def rename_roi(film: Film) -> None:
    roi = film.roi()
    roi.name = rstring("renamed")
    film.lab.save(roi)


def name_one_of_equal_rois(film: Film) -> None:
    roi = film.roi("equal")
    roi.name = rstring("not equal")
    film.lab.save(roi)


def delete_roi(film: Film) -> None:
    film.lab.delete(Roi=film.roi().id.val)


def delete_two_of_equal_rois(film: Film) -> None:
    for _ in range(2):
        film.lab.delete(Roi=film.roi("equal").id.val)


def delete_shape(film: Film) -> None:
    film.lab.delete(Label=film.shape("Label").id.val)


def add_shape(film: Film) -> None:
    roi, point = film.roi(), omero.model.PointI()
    point.x, point.y = rdouble(7), rdouble(8)
    roi.addShape(point)
    film.lab.save(roi)


def add_roi(film: Film) -> None:
    roi, point = omero.model.RoiI(), omero.model.PointI()
    point.x, point.y = rdouble(7), rdouble(8)
    roi.name, roi.image = rstring("cell"), omero.model.ImageI(film.images[0], False)
    roi.addShape(point)
    film.lab.save(roi)


def draw_an_equal_roi_again(film: Film) -> None:
    film.lab.delete(Roi=film.roi("equal").id.val)
    roi, point = omero.model.RoiI(), omero.model.PointI()
    point.x, point.y = rdouble(1), rdouble(2)
    roi.name, roi.image = rstring("equal"), omero.model.ImageI(film.images[0], False)
    roi.addShape(point)
    film.lab.save(roi)


def delete_shared_tag(film: Film) -> None:
    film.lab.delete(TagAnnotation=film.annotation("TagAnnotation", "both").id.val)


def rename_shared_tag(film: Film) -> None:
    tag = film.annotation("TagAnnotation", "both")
    tag.textValue = rstring("renamed by a person")
    film.lab.save(tag)


def describe_tag(film: Film) -> None:
    tag = film.annotation("TagAnnotation", "one")
    tag.description = rstring("described by a person")
    film.lab.save(tag)


def unlink_shared_tag(film: Film) -> None:
    film.lab.delete(ImageAnnotationLink=film.link("TagAnnotation", "both", 1).id.val)


def move_tag_to_the_other_image(film: Film) -> None:
    link = film.link("TagAnnotation", "one")
    made = omero.model.ImageAnnotationLinkI()
    made.parent = omero.model.ImageI(film.images[1], False)
    made.child = omero.model.TagAnnotationI(link.child.id.val, False)
    film.lab.save(made)
    film.lab.delete(ImageAnnotationLink=link.id.val)


def delete_comment_of_a_tag(film: Film) -> None:
    tag = film.annotation("TagAnnotation", "one").id.val
    hql = f"select l.child.id from AnnotationAnnotationLink l where l.parent.id = {tag}"
    film.lab.delete(CommentAnnotation=film.lab.rows(hql)[0][0])


def change_pair(film: Film) -> None:
    found = film.annotation("MapAnnotation").id.val
    pairs = film.lab.one(
        f"select a from MapAnnotation a join fetch a.mapValue where a.id = {found}"
    )
    pairs.mapValue[1].value = "c"
    film.lab.save(pairs)


def delete_pairs(film: Film) -> None:
    film.lab.delete(MapAnnotation=film.annotation("MapAnnotation").id.val)


def delete_file_annotation(film: Film) -> None:
    film.lab.delete(FileAnnotation=film.annotation("FileAnnotation").id.val)


def describe_file_annotation(film: Film) -> None:
    found = film.annotation("FileAnnotation")
    found.description = rstring("described by a person")
    film.lab.save(found)


def delete_comment_of_a_roi(film: Film) -> None:
    film.lab.delete(CommentAnnotation=film.on("RoiAnnotationLink", "p.image.id").id.val)


def change_comment_of_a_channel(film: Film) -> None:
    found = film.on("ChannelAnnotationLink", "p.pixels.image.id")
    found = film.lab.query.get("CommentAnnotation", found.id.val)
    found.textValue = rstring("changed by a person")
    film.lab.save(found)


def unlink_from_shape(film: Film) -> None:
    found = film.lab.one(
        f"select l from ShapeAnnotationLink l where l.parent.id = {film.shape('Label').id.val}"
    )
    film.lab.delete(ShapeAnnotationLink=found.id.val)


def rename_image(film: Film) -> None:
    image = film.lab.query.get("Image", film.images[1])
    image.name, image.description = rstring("renamed"), None
    film.lab.save(image)


def rename_channel(film: Film) -> None:
    hql = "select c from Channel c join fetch c.logicalChannel where c.pixels.image.id = "
    channel = film.lab.one(hql + str(film.images[0]))
    channel.logicalChannel.name = rstring("renamed")
    film.lab.save(channel.logicalChannel)


def delete_everything(film: Film) -> None:
    delete_roi(film)
    for _ in range(3):
        film.lab.delete(Roi=film.roi("equal").id.val)
    for delete in (delete_shared_tag, delete_pairs, delete_file_annotation):
        delete(film)


def change_nothing(film: Film) -> None:
    """Leave it as it was imported."""


def delete_pairs_of_a_plate(film: Film) -> None:
    """Delete what an image, its plate and its screen have in common."""
    film.lab.delete(MapAnnotation=film.annotation("MapAnnotation").id.val)


def unlink_from_a_well(film: Film) -> None:
    found = film.lab.one(
        "select l from WellAnnotationLink l join l.parent w join w.wellSamples s"
        f" where s.image.id = {film.images[1]}"
    )
    film.lab.delete(WellAnnotationLink=found.id.val)


def change_comment_of_a_well(film: Film) -> None:
    found = film.lab.one(
        "select c from WellAnnotationLink l join l.child c join l.parent w join w.wellSamples s"
        f" where s.image.id = {film.images[1]}"
    )
    comment = film.lab.query.get("CommentAnnotation", found.id.val)
    comment.textValue = rstring("changed by a person")
    film.lab.save(comment)


def unlink_from_a_screen(film: Film) -> None:
    found = film.lab.one(
        "select l from ScreenAnnotationLink l join l.parent s join s.plateLinks p"
        " join p.child.wells w join w.wellSamples ws"
        f" where ws.image.id = {film.images[0]}"
    )
    film.lab.delete(ScreenAnnotationLink=found.id.val)


EDITS: list[Callable[[Film], None]] = [
    rename_shape, move_shape, rename_roi, name_one_of_equal_rois, delete_roi,
    delete_two_of_equal_rois, delete_shape, add_shape, add_roi, draw_an_equal_roi_again,
    delete_shared_tag, rename_shared_tag, describe_tag, unlink_shared_tag,
    move_tag_to_the_other_image, delete_comment_of_a_tag, change_pair, delete_pairs,
    delete_file_annotation, describe_file_annotation, delete_comment_of_a_roi,
    change_comment_of_a_channel, unlink_from_shape, rename_image, rename_channel,
    delete_everything, change_nothing,
]  # fmt: skip
OF_PLATES: list[Callable[[Film], None]] = [
    delete_pairs_of_a_plate, unlink_from_a_well, change_comment_of_a_well, unlink_from_a_screen,
]  # fmt: skip


@dataclass
class Transfer:
    """Edited files that were moved: what is at the source, in the files, at the destination."""

    bundle: Bundle
    mode: FileMetadata
    plan: Plan
    lab: Lab
    images: dict[str, list[int]]
    in_file: dict[str, tuple[Counter[object], list[list[Any]]]]
    edited: dict[str, tuple[Counter[object], list[list[Any]]]]
    there: dict[int, int] = field(default_factory=dict)

    def arrived(self, name: str) -> Film:
        return Film(self.lab, [self.there[image] for image in self.images[name]])


@contextmanager
def clients(*places: Place) -> Iterator[list[Lab]]:
    found = [place.client() for place in places]
    try:
        yield [Lab(client) for client in found]
    finally:
        for client in found:
            client.closeSession()


def imported(lab: Lab, folder: Path, edit: Callable[[Film], None]) -> Film:
    path = folder / f"{edit.__name__}.ome"
    path.write_text(document(edit.__name__, plate=edit in OF_PLATES))
    return Film(lab, [pixels.image.id.val for pixels in import_files(lab.client, [path])])


@pytest.fixture(scope="module")
def films(
    source: Place, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Bundle, dict[str, Film], dict[str, Any], dict[str, Any]]:
    """Edit the files at the source, and export all."""
    folder = tmp_path_factory.mktemp("edited")
    found, in_file, edited = {}, {}, {}
    with clients(source) as (lab,):
        dataset = omero.model.DatasetI()
        dataset.name = rstring("edited")
        for edit in (*EDITS, *OF_PLATES):
            film = found[edit.__name__] = imported(lab, folder, edit)
            in_file[edit.__name__] = film.content(), film.names()
            edit(film)
            edited[edit.__name__] = film.content(), film.names()
            for image in film.images:
                dataset.linkImage(omero.model.ImageI(image, False))
        number = lab.save(dataset).id.val
    with source.connect() as server:
        bundle = export(server, {"Dataset": [number]}, folder / "bundle")
        assert fetch(bundle, server).problems == []
    return bundle, found, in_file, edited


@pytest.fixture(scope="module", params=list(FileMetadata))
def moved(films: Any, destination: Place, request: pytest.FixtureRequest) -> Iterator[Transfer]:
    bundle, found, in_file, edited = films
    mode = request.param
    with clients(destination) as (lab,):
        before = in_group(lab.client, destination.profile.group)
        with destination.connect(own_session=True) as server:
            plan = apply(bundle, server, ApplyOptions(file_metadata=mode))
            path = bundle.journal(server.database_uuid)
        with Journal(path) as journal:
            there = {
                id_of(node): one.id for node, one in journal.nodes().items() if one.type == "Image"
            }
        images = {name: film.images for name, film in found.items()}
        yield Transfer(bundle, mode, plan, lab, images, in_file, edited, there)
        with destination.connect(own_session=True) as server:
            undo(bundle, server)
        assert in_group(lab.client, destination.profile.group) - before == Counter()


@pytest.mark.parametrize("edit", [*EDITS, *OF_PLATES], ids=lambda edit: edit.__name__)
def test_the_choice_decides_what_is_there(moved: Transfer, edit: Callable[[Film], None]) -> None:
    name = edit.__name__
    (file, names_in_file), (edited, edited_names) = moved.in_file[name], moved.edited[name]
    if edit not in (change_nothing, draw_an_equal_roi_again):
        assert (file, names_in_file) != (edited, edited_names)
    arrived = moved.arrived(name)
    there = arrived.content()
    if moved.mode is FileMetadata.GRAPH:
        assert (there, arrived.names()) == (edited, edited_names)
    else:
        # What hangs on a ROI of which there are two is there twice, too.
        assert there >= file | edited
        assert set(there) == set(file | edited)
        assert arrived.names() == names_in_file


def test_all_is_settled(moved: Transfer, destination: Place) -> None:
    with destination.connect(own_session=True) as server:
        found = verify(moved.bundle, server)
        assert list(map(str, found)) == []
        assert apply(moved.bundle, server).nothing_to_do
    removed = Counter(one.type for one in moved.plan.of(Remove))
    if moved.mode is FileMetadata.GRAPH:
        assert (found.import_made, found.as_in_file) == ([], [])
        assert {"Roi", "TagAnnotation", "ImageAnnotationLink"} <= removed.keys()
    else:
        assert removed == {}
        kinds = {one.type for one in found.import_made}
        assert {"Roi", "TagAnnotation", "ImageAnnotationLink"} <= kinds
        assert {one.name for one in found.as_in_file} == {"name", "description"}
