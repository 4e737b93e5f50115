# SPDX-License-Identifier: GPL-2.0-or-later
"""What an import creates and the graph does not have: removed, unless that would be a loss."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import omero
import omero.all
import pytest
from omero.rtypes import rstring

from graphxfer import bundle as bundles
from graphxfer.apply import apply
from graphxfer.bundle import Bundle
from graphxfer.export import export
from graphxfer.fetch import fetch
from graphxfer.graph import LeftOut, TransferGraph, id_of
from graphxfer.graph.correspondence import There
from graphxfer.journal import Journal
from graphxfer.omero.selection import UNREADABLE, UNUSED
from graphxfer.plan import ApplyOptions, FileMetadata, Plan, Remove
from graphxfer.plan.planner import make_plan
from graphxfer.undo import undo
from graphxfer.verify import verify
from tests.apply import test_edited as edits
from tests.apply.test_edited import Film, clients, imported
from tests.people import People
from tests.places import PASSWORD, Place
from tests.there import in_group

GRAPH = ApplyOptions(file_metadata=FileMetadata.GRAPH)
FILE = ApplyOptions(file_metadata=FileMetadata.FILE)


def everything(film: Film) -> None:
    """Change or delete some of each kind."""
    edits.rename_shape(film)
    edits.unlink_shared_tag(film)
    edits.delete_pairs(film)
    edits.rename_image(film)


@pytest.fixture
def bundle(source: Place, tmp_path: Path) -> Bundle:
    """Return the export of one file, after edits."""
    with clients(source) as (lab,):
        film = imported(lab, tmp_path, everything)
        everything(film)
    return exported(source, film, tmp_path / "bundle")


def exported(source: Place, film: Film, folder: Path) -> Bundle:
    with source.connect() as server:
        made = export(server, {"Image": film.images}, folder)
        assert fetch(made, server).problems == []
    return made


def applied(
    bundle: Bundle,
    place: Place,
    options: ApplyOptions = ApplyOptions(),  # noqa: B008
) -> Plan:
    with place.connect(own_session=True) as server:
        return apply(bundle, server, options)


def arrived(bundle: Bundle, place: Place, lab: Any) -> Film:
    with place.connect() as server, Journal(bundle.journal(server.database_uuid)) as journal:
        found = {n: one.id for n, one in journal.nodes().items() if one.type == "Image"}
    return Film(lab, [found[node] for node in sorted(found, key=id_of)])


def extras(bundle: Bundle, place: Place) -> Counter[str]:
    with place.connect() as server, Journal(bundle.journal(server.database_uuid)) as journal:
        return Counter(one.type for one in journal.extras())


def removed(plan: Plan) -> Counter[str]:
    return Counter(one.type for one in plan.of(Remove))


ALL = Counter(Roi=1, MapAnnotation=1, ImageAnnotationLink=1)
"""What the import creates, and `everything` changed or deleted."""
INNER = Counter(Rectangle=1, Label=1, CommentAnnotation=1, LongAnnotation=1)
"""And what hangs on it: that of the ROI is created again with the ROI of the graph."""


def check(bundle: Bundle, place: Place) -> list[str]:
    with place.connect() as server:
        return list(map(str, verify(bundle, server)))


def test_a_choice_can_be_changed_and_is_remembered(bundle: Bundle, destination: Place) -> None:
    with clients(destination) as (lab,):
        before = in_group(lab.client, destination.profile.group)
        assert removed(applied(bundle, destination, FILE)) == Counter()
        assert extras(bundle, destination) == ALL + INNER
        # Without the option, the earlier choice counts.
        assert applied(bundle, destination).nothing_to_do
        film = arrived(bundle, destination, lab)
        assert film.names()[1][2] == "as the file says"
        with destination.connect() as server:
            planned = make_plan(bundle, server, GRAPH)
        assert ("update", "Image") in {(one.kind, one.type) for one in planned.actions}
        assert removed(planned) == removed(applied(bundle, destination, GRAPH))
        assert extras(bundle, destination) == Counter()
        assert film.names()[1][1:3] == ["renamed", None]
        with destination.connect() as server:
            assert verify(bundle, server).as_in_file == []
        assert check(bundle, destination) == []
        assert applied(bundle, destination).nothing_to_do
        with destination.connect(own_session=True) as server:
            undo(bundle, server)
        assert in_group(lab.client, destination.profile.group) - before == Counter()


def test_what_others_use_or_changed_is_kept_and_named(bundle: Bundle, destination: Place) -> None:
    """An apply may be resumed days after the import."""
    people = People.at(destination)
    group = people.group("rwra--")
    ana, max_ = people.user("ana", group), people.user("max", group)
    place = people.place(ana, group)
    applied(bundle, place, FILE)
    with clients(place, Place(people.place(max_, group).uri, PASSWORD)) as (lab, other):
        film = arrived(bundle, place, lab)
        pairs = film.annotation("MapAnnotation").id.val
        dataset = omero.model.DatasetI()
        dataset.name = rstring("of another")
        dataset.linkAnnotation(omero.model.MapAnnotationI(pairs, False))
        other.save(dataset)
        shape = film.shape()
        shape.textValue = rstring("changed there")
        lab.save(shape)
        plan = applied(bundle, place, GRAPH)
        assert removed(plan)["ImageAnnotationLink"] == 1
        assert not {"Roi", "MapAnnotation"} & removed(plan).keys()
        (note,) = [note for note in plan.notes if f"MapAnnotation:{pairs}" in note]
        assert "DatasetAnnotationLink" in note or "may not delete" in note
        assert any(f"Rectangle:{shape.id.val}" in note for note in plan.notes)
        assert check(bundle, place) == []
        # What they took back can go.
        theirs = other.one("select d from Dataset d where d.name = 'of another'")
        other.delete(Dataset=theirs.id.val)
        assert removed(applied(bundle, place)) == Counter(MapAnnotation=1)
    people.close()


def test_what_others_add_before_the_matching_is_theirs(
    bundle: Bundle, destination: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    with clients(destination) as (lab,):
        with monkeypatch.context() as patch:
            patch.setattr("graphxfer.apply.filesets.record_imported", interrupted)
            with pytest.raises(KeyboardInterrupt):
                applied(bundle, destination)
        image = lab.rows("select max(i.id) from Image i where i.series = 0")[0][0]
        film = Film(lab, [image])
        roi, point = omero.model.RoiI(), omero.model.PointI()
        roi.name, roi.image = rstring("theirs"), omero.model.ImageI(image, False)
        roi.addShape(point)
        comment = omero.model.CommentAnnotationI()
        comment.textValue = rstring("theirs")
        link = omero.model.ImageAnnotationLinkI()
        link.parent, link.child = omero.model.ImageI(image, False), comment
        numbers = [lab.save(roi).id.val, lab.save(link).id.val]
        assert removed(applied(bundle, destination))["Roi"] == 1
        assert film.roi("theirs").id.val == numbers[0]
        lines = check(bundle, destination)
        assert len(lines) == 2
        assert all("Image/" in line for line in lines)
        lab.delete(Roi=numbers[0], ImageAnnotationLink=numbers[1])
        assert check(bundle, destination) == []


@pytest.mark.parametrize(
    "forget",
    [
        lambda header: setattr(header, "database_uuid", ""),
        lambda header: setattr(header, "left_out", (LeftOut("TagAnnotation", 1, UNREADABLE),)),
        lambda header: setattr(header, "left_out", (LeftOut("Polygon", 2, "of no ROI"),)),
        lambda header: setattr(header, "left_out", (LeftOut("OriginalFile", 2, "gone"),)),
    ],
    ids=["another program", "a tag", "shapes", "files"],
)
def test_a_graph_that_may_not_have_all_removes_nothing(
    bundle: Bundle, destination: Place, tmp_path: Path, forget: Callable[[Any], None]
) -> None:
    copy = with_header(bundle, tmp_path / "copy", forget)
    with destination.connect() as server:
        (planned,) = [one for one in make_plan(copy, server).notes if "in the files" in one]
    plan = applied(copy, destination, GRAPH)
    assert removed(plan) == Counter()
    assert extras(copy, destination) == ALL + INNER
    (note,) = [note for note in plan.notes if note.startswith("Kept")]
    for name in ("Roi", "MapAnnotation", "ImageAnnotationLink"):
        assert f"1 {name}" in note
    assert "kept" in planned
    assert check(copy, destination) == []
    with destination.connect(own_session=True) as server:
        undo(copy, server)


def with_header(bundle: Bundle, folder: Path, change: Callable[[Any], None]) -> Bundle:
    graph = TransferGraph(bundle.graph().header, bundle.graph())
    change(graph.header)
    copy = bundles.write(folder, graph)
    shutil.copytree(bundle.files, copy.files, dirs_exist_ok=True)
    return copy


def test_tags_that_were_not_selected_are_another_matter(
    bundle: Bundle, destination: Place, tmp_path: Path
) -> None:
    unused = LeftOut("TagAnnotation", 3, UNUSED)
    copy = with_header(
        bundle, tmp_path / "copy", lambda header: setattr(header, "left_out", (unused,))
    )
    assert removed(applied(copy, destination))["Roi"] == 1


def test_killed_between_the_removal_and_its_record(
    bundle: Bundle, destination: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "forget", killed)
        with pytest.raises(KeyboardInterrupt):
            applied(bundle, destination)
    assert extras(bundle, destination) >= ALL
    applied(bundle, destination)
    assert extras(bundle, destination) == Counter()
    assert check(bundle, destination) == []
    assert applied(bundle, destination).nothing_to_do


def test_an_extra_is_not_reused_for_another_node(
    source: Place, destination: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resumed after the matching, an equal tag of the file's exists; it is about to be removed."""
    with clients(source) as (lab,):
        film = imported(lab, tmp_path, everything)
        text = film.annotation("TagAnnotation", "both").textValue
        edits.delete_shared_tag(film)
        tag, dataset = omero.model.TagAnnotationI(), omero.model.DatasetI()
        tag.textValue, dataset.name = text, rstring("d")
        dataset.linkAnnotation(tag)
        dataset.linkImage(omero.model.ImageI(film.images[0], False))
        number = lab.save(dataset).id.val
    with source.connect() as server:
        bundle = export(server, {"Dataset": [number]}, tmp_path / "bundle")
        fetch(bundle, server)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("graphxfer.apply.existing.UseExisting.run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            applied(bundle, destination)
    assert removed(applied(bundle, destination))["TagAnnotation"] == 1
    assert check(bundle, destination) == []


def test_the_number_of_calls_does_not_grow_with_the_objects(
    source: Place, destination: Place, tmp_path: Path
) -> None:
    calls = []
    for number in (1, 3):
        with clients(source) as (lab,):
            film = imported(lab, tmp_path, everything)
            for _ in range(number):
                lab.delete(Roi=film.roi("equal").id.val)
        bundle = exported(source, film, tmp_path / str(number))
        with destination.connect(own_session=True) as server:
            assert removed(apply(bundle, server))["Roi"] == number
            calls.append(server.calls)
    assert calls[0] == calls[1]


def test_a_changed_object_waits_for_its_new_version(bundle: Bundle, destination: Place) -> None:
    """The file of an annotation is missing: what the import has of it stays until it is there."""
    from graphxfer.plan.extras import removable

    applied(bundle, destination, FILE)
    graph = bundle.graph()
    with destination.connect() as server, Journal(bundle.journal(server.database_uuid)) as journal:
        (roi,) = (node for node in graph.of_type("Roi") if node.fields["name"] == "cell")
        types = [one.type for one in removable(graph, journal, GRAPH)]
        assert Counter(types)["Roi"] == 1
        waiting = removable(graph, journal, GRAPH, skipped={roi.iri})
        assert Counter(one.type for one in waiting) == Counter(types) - Counter(Roi=1)
        assert There("Roi", 1) not in waiting
