# SPDX-License-Identifier: GPL-2.0-or-later
"""Screens and plates: those that an import made, and those that people put together.

What an import makes of a plate, and in which order, is told by OMERO's sources: ome/omero-blitz,
``OMEROMetadataStoreClient``; of a ``.fake`` file by ome/ome-model, ``XMLMockObjects``. What people
make is what the script ``omero/util_scripts/Dataset_To_Plate.py`` makes (ome/omero-scripts): a
Plate whose Wells have WellSamples with the Images of a Dataset.
"""

from __future__ import annotations

import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import omero
import omero.all
import pytest
from omero.rtypes import rint, rstring

from graphxfer.apply import apply
from graphxfer.bundle import Bundle
from graphxfer.export import export
from graphxfer.fetch import fetch
from graphxfer.graph import Node, TransferGraph, iri
from graphxfer.graph.correspondence import Correspondence, GraphThere, There
from graphxfer.graph.differences import compare
from graphxfer.journal import Journal
from graphxfer.omero import importer
from graphxfer.plan import ApplyOptions, Create, Match
from graphxfer.plan.planner import make_plan
from graphxfer.undo import undo
from graphxfer.unmovable import ADDED
from graphxfer.verify import left_out, verify
from tests.apply.test_apply import added, counted
from tests.build import import_files
from tests.places import Place


class Lab:
    """A person at a server, with an ordinary OMERO client."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.update, self.query = client.sf.getUpdateService(), client.sf.getQueryService()

    def plate(self, **keys: int) -> tuple[int, list[int]]:
        """Import a plate; return its id and those of its images."""
        keys = {"plateRows": 2, "plateCols": 3, "sizeX": 8, "sizeY": 8} | keys
        name = "&".join([uuid.uuid4().hex, *(f"{key}={value}" for key, value in keys.items())])
        images = self.imported(f"{name}.fake")
        hql = "select w.plate.id from WellSample s join s.well w where s.image.id = "
        return self.ids(hql + str(images[0]))[0], images

    def imported(self, name: str) -> list[int]:
        """Import a file of which only the name counts; return the ids of its images."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, name).write_text("all is told by its name")
            return [
                pixels.image.id.val for pixels in import_files(self.client, [Path(folder, name)])
            ]

    def ids(self, hql: str) -> list[int]:
        return [row[0].val for row in self.query.projection(hql, None)]

    def save(self, thing: Any) -> int:
        return int(self.update.saveAndReturnObject(thing).id.val)

    def new(self, kind: str, **values: Any) -> int:
        """Save an object with some values."""
        made = getattr(omero.model, f"{kind}I")()
        for name, value in values.items():
            setattr(made, name, rstring(value) if isinstance(value, str) else value)
        return self.save(made)

    def link(self, kind: str, parent: int, child: int, child_kind: str) -> None:
        made = getattr(omero.model, f"{kind}LinkI")()
        made.parent = at(kind.removesuffix("Annotation").removesuffix(child_kind), parent)
        made.child = at(child_kind, child)
        self.save(made)

    def annotate(self, kind: str, number: int, text: str) -> None:
        self.link(
            f"{kind}Annotation", number, self.new("TagAnnotation", textValue=text), "TagAnnotation"
        )

    def wells(self, plate: int) -> list[int]:
        return self.ids(
            f"select w.id from Well w where w.plate.id = {plate} order by w.row, w.column"
        )

    def edit(self, kind: str, number: int, **values: Any) -> None:
        found = self.query.get(kind, number)
        for name, value in values.items():
            setattr(found, name, value)
        self.update.saveObject(found)

    def own_plate(self, images: list[int], name: str = "put together") -> int:
        """Make a plate of images as Dataset_To_Plate does: one a well, in the first row."""
        plate = at("Plate", self.new("Plate", name=name))
        for column, image in enumerate(images):
            well, sample = omero.model.WellI(), omero.model.WellSampleI()
            well.plate, well.row, well.column = plate, rint(0), rint(column)
            sample.image = at("Image", image)
            well.addWellSample(sample)
            self.save(well)
        return int(plate.id.val)


def at(kind: str, number: int) -> Any:
    return getattr(omero.model, f"{kind}I")(number, False)


@contextmanager
def lab(place: Place) -> Iterator[Lab]:
    client = place.client()
    try:
        yield Lab(client)
    finally:
        client.closeSession()


def exported(place: Place, folder: Path, **roots: int) -> Bundle:
    with place.connect() as server:
        bundle = export(server, {name: [number] for name, number in roots.items()}, folder)
        assert fetch(bundle, server).problems == []
    return bundle


def applied(bundle: Bundle, place: Place, **options: Any) -> list[str]:
    with place.connect(own_session=True) as server:
        plan = apply(bundle, server, ApplyOptions(**options))
        assert plan.skipped == []
        assert list(verify(bundle, server)) == []
    with place.connect(own_session=True) as server:
        assert apply(bundle, server, ApplyOptions(**options)).nothing_to_do
    return plan.notes


def there(bundle: Bundle, place: Place) -> dict[str, There]:
    with place.connect() as server, Journal(bundle.journal(server.database_uuid)) as journal:
        return journal.same()


def arrived(bundle: Bundle, place: Place, folder: Path) -> TransferGraph:
    """Return the graph of what came, exported again; it has to be that which went."""
    same, graph = there(bundle, place), bundle.graph()
    roots = {graph[one].type: same[one].id for one in graph.header.roots}
    with place.connect() as server:
        back = export(server, {name: [number] for name, number in roots.items()}, folder).graph()
    assert list(compare(graph, GraphThere(back), Correspondence(same))) == []
    returned = Correspondence({iri(*made): There.of(node) for node, made in same.items()})
    assert list(compare(back, GraphThere(graph), returned)) == []
    return back


def one(graph: TransferGraph, kind: str) -> Node:
    (found,) = graph.of_type(kind)
    return found


def test_an_imported_plate_is_found_again_with_all_that_people_did_to_it(
    source: Place, destination: Place, tmp_path: Path
) -> None:
    with lab(source) as person:
        plate, _ = person.plate(fields=2, plateAcqs=2)
        wells = person.wells(plate)
        runs = person.ids(f"select a.id from PlateAcquisition a where a.plate.id = {plate}")
        person.edit("Plate", plate, name=rstring("renamed"), status=None, rows=rint(4))
        person.edit("Well", wells[1], red=rint(9), type=rstring("control"))
        person.edit("PlateAcquisition", runs[0], description=rstring("the first run"))
        for kind, number in (("Plate", plate), ("Well", wells[3]), ("PlateAcquisition", runs[1])):
            person.annotate(kind, number, f"on a {kind}")
        screen = person.new("Screen", name="a screen", type="siRNA")
        person.link("ScreenPlate", screen, plate, "Plate")
        reagent = person.new("Reagent", name="water", screen=at("Screen", screen))
        person.link("WellReagent", wells[5], reagent, "Reagent")
        person.annotate("Reagent", reagent, "on a reagent")
    bundle = exported(source, tmp_path / "b", Screen=screen)
    counts = Counter(bundle.graph().types())
    expected = {"Well": 6, "WellSample": 24, "Image": 24, "PlateAcquisition": 2, "Reagent": 1}
    assert counts & Counter(expected) == Counter(expected)
    with destination.connect() as server:
        before = counted(server)
    assert applied(bundle, destination) == []
    with destination.connect() as server:
        came = added(before, counted(server))
    assert {kind: came[kind] for kind in expected} == expected
    assert came["Plate"] == came["Screen"] == came["ScreenPlateLink"] == 1
    graph = arrived(bundle, destination, tmp_path / "arrived")
    assert one(graph, "Plate").fields["name"] == "renamed"
    with destination.connect(own_session=True) as server:
        undo(bundle, server)
        assert added(before, counted(server)) == {}


def test_an_image_brings_the_plate_that_its_import_made(source: Place, tmp_path: Path) -> None:
    with lab(source) as person:
        plate, images = person.plate(fields=2)
        own = person.own_plate(images[:2])
    graph = exported(source, tmp_path / "b", Image=images[5]).graph()
    assert f"Plate/{plate}" in graph
    assert f"Plate/{own}" not in graph, "as the Datasets that an image is in"
    assert graph.types()["Image"] == graph.types()["WellSample"] == len(images)
    assert set(graph.header.included) == {f"Image/{one}" for one in images} - {f"Image/{images[5]}"}
    assert graph.header.left_out == ()


def test_a_screen_that_an_import_made_is_found_again(
    source: Place, destination: Place, tmp_path: Path
) -> None:
    with lab(source) as person:
        plate, _ = person.plate(screens=1, plates=2)
        (screen,) = person.ids(
            f"select l.parent.id from ScreenPlateLink l where l.child.id = {plate}"
        )
        person.edit("Screen", screen, name=rstring("renamed"))
        person.link("ScreenPlate", screen, other := person.plate()[0], "Plate")
    bundle = exported(source, tmp_path / "b", Plate=plate)
    graph = bundle.graph()
    assert set(graph[f"Screen/{screen}"].edges["plates"]) == {
        f"Plate/{plate}",
        f"Plate/{plate + 1}",
    }
    assert f"Plate/{other}" not in graph
    assert [(left.type, left.number) for left in graph.header.left_out] == [("Plate", 1)]
    with destination.connect() as server:
        before = counted(server)
    assert len(applied(bundle, destination)) == 1, "that of the plate which stayed"
    with destination.connect() as server:
        assert added(before, counted(server))["Screen"] == 1
    arrived(bundle, destination, tmp_path / "arrived")


def test_a_plate_brings_the_screen_of_its_reagents(
    source: Place, destination: Place, tmp_path: Path
) -> None:
    with lab(source) as person:
        screen = person.new("Screen", name="siRNA")
        reagent = person.new("Reagent", name="siA", screen=at("Screen", screen))
        plate, other = person.plate()[0], person.plate()[0]
        for one in (plate, other):
            person.link("ScreenPlate", screen, one, "Plate")
        person.link("WellReagent", person.wells(plate)[0], reagent, "Reagent")
        person.annotate("Screen", screen, "on the screen")
    bundle = exported(source, tmp_path / "b", Plate=plate)
    graph = bundle.graph()
    assert graph[f"Screen/{screen}"].edges["plates"] == (f"Plate/{plate}",)
    assert graph[f"Screen/{screen}"].edges["annotations"]
    assert [(left.type, left.number) for left in graph.header.left_out] == [("Plate", 1)]
    assert len(applied(bundle, destination)) == 1, "that of the plate which stayed"


def test_a_plate_that_people_put_together_is_created(
    source: Place, destination: Place, tmp_path: Path
) -> None:
    with lab(source) as person:
        images = [*person.imported(f"{uuid.uuid4().hex}&series=2.fake"), *person.plate()[1][:2]]
        plate = person.own_plate(images)
        person.annotate("Well", person.wells(plate)[1], "a control")
    bundle = exported(source, tmp_path / "b", Plate=plate)
    with destination.connect() as server:
        before = counted(server)
        plan = make_plan(bundle, server)
    created = Counter(action.type for action in plan.of(Create))
    assert created == {"Plate": 1, "Well": 4, "WellSample": 4, "TagAnnotation": 1}
    assert Counter(action.type for action in plan.of(Match))["Well"] == 6
    assert applied(bundle, destination) == []
    with destination.connect() as server:
        came = added(before, counted(server))
    assert (came["Plate"], came["Well"], came["WellSample"]) == (2, 10, 10)
    arrived(bundle, destination, tmp_path / "arrived")
    with destination.connect(own_session=True) as server:
        would = undo(bundle, server, dry_run=True)
        assert undo(bundle, server) == would
        assert added(before, counted(server)) == {}


def test_a_plate_that_the_destinations_import_does_not_make_is_created(
    source: Place, destination: Place, tmp_path: Path
) -> None:
    with lab(source) as person:
        plate = person.own_plate(person.imported(f"{uuid.uuid4().hex}&series=2.fake"))
    bundle = exported(source, tmp_path / "b", Plate=plate)
    graph = bundle.graph()
    # As if the source's reader had made it: a newer one may not know plates of this format.
    image = next(graph.of_type("Image"))
    for name in ("Plate", "Well", "WellSample"):
        for node in graph.of_type(name):
            node.fields["created"] = image.fields["created"]
    with destination.connect() as server:
        assert not any(action.type == "Plate" for action in make_plan(bundle, server).of(Create))
    (note,) = applied(bundle, destination)
    assert note.startswith(
        f"The import of {image.target('fileset')} did not create 5 objects of the source; "
        "apply creates them: "
    )
    arrived(bundle, destination, tmp_path / "arrived")


def test_what_a_person_added_to_an_imported_plate(
    source: Place, destination: Place, tmp_path: Path
) -> None:
    with lab(source) as person:
        plate, images = person.plate()
        wells = person.wells(plate)
        well, sample = omero.model.WellI(), omero.model.WellSampleI()
        well.plate, well.row, well.column = at("Plate", plate), rint(7), rint(11)
        sample.image = at("Image", images[0])
        well.addWellSample(sample)
        person.save(well)
        there = person.query.findByQuery(
            f"select w from Well w left outer join fetch w.wellSamples where w.id = {wells[0]}",
            None,
        )
        added = omero.model.WellSampleI()
        added.image = at("Image", images[1])
        there.addWellSample(added)
        person.update.saveObject(there)
    bundle = exported(source, tmp_path / "b", Plate=plate)
    with destination.connect(own_session=True) as server:
        (skipped,) = apply(bundle, server).skipped
        assert (skipped.type, skipped.reason) == ("WellSample", ADDED)
        assert [str(one) for one in verify(bundle, server)] == []
        why = left_out(bundle, server)
    assert {node: one.reason for node, one in why.items()} == {skipped.node: ADDED}


def test_verify_finds_what_is_different_in_a_well(
    source: Place, destination: Place, tmp_path: Path
) -> None:
    with lab(source) as person:
        plate, _ = person.plate()
        well = person.wells(plate)[4]
    bundle = exported(source, tmp_path / "b", Plate=plate)
    applied(bundle, destination)
    found = there(bundle, destination)[f"Well/{well}"].id
    with lab(destination) as person:
        person.edit("Well", found, type=rstring("other"))
        sample = omero.model.WellSampleI()
        whole = person.query.findByQuery(
            f"select w from Well w join fetch w.wellSamples s where w.id = {found}",
            None,
        )
        sample.image = at("Image", whole.getWellSample(0).image.id.val)
        whole.addWellSample(sample)
        person.update.saveObject(whole)
    with destination.connect() as server:
        told = [(one.node, one.kind, one.name) for one in verify(bundle, server)]
    assert told == [
        (f"Well/{well}", "field", "wellType"),
        (f"Well/{well}", "extra", "wellSamples"),
    ]


def test_fetch_names_the_policy_that_keeps_the_files_of_plates(
    destination: Place, tmp_path: Path
) -> None:
    """Source: ome/omero-server, BinaryAccessPolicy; omero.policy.binary_access has no +plate."""
    with lab(destination) as person:
        plate, _ = person.plate()
    with destination.connect() as server:
        bundle = export(server, {"Plate": [plate]}, tmp_path / "b")
        (problem,) = fetch(bundle, server).problems
    assert "omero.policy.binary_access" in problem.why
    assert "+plate" in problem.why
    assert "--from user@host:/OMERO/ManagedRepository" in problem.why


def test_screens_are_merged_as_projects_are(
    source: Place, destination: Place, tmp_path: Path
) -> None:
    name = f"merged {uuid.uuid4().hex}"
    with lab(source) as person:
        screen = person.new("Screen", name=name)
        person.link("ScreenPlate", screen, person.own_plate([], "empty"), "Plate")
    with lab(destination) as person:
        known = person.new("Screen", name=name)
    bundle = exported(source, tmp_path / "b", Screen=screen)
    applied(bundle, destination, merge=True)
    same = there(bundle, destination)
    assert same[f"Screen/{screen}"] == There("Screen", known)


def test_a_channel_of_an_images_own_stays_its_own(
    source: Place, destination: Place, tmp_path: Path
) -> None:
    with lab(source) as person:
        plate, images = person.plate(plateCols=2)
        hql = "select c.id from Channel c where c.pixels.image.id = "
        channel = person.query.get("Channel", person.ids(f"{hql}{images[1]}")[0])
        own = omero.model.LogicalChannelI()
        own.name, own.emissionWave = rstring("own"), omero.model.LengthI(500.0, "NANOMETER")
        channel.logicalChannel = own
        person.update.saveObject(channel)
    bundle = exported(source, tmp_path / "b", Plate=plate)
    assert len(list(bundle.graph().of_type("LogicalChannel"))) == 2
    with destination.connect(own_session=True) as server:
        before = counted(server)
    (note,) = applied(bundle, destination)
    assert "did not create 1 object of the source; apply creates it: LogicalChannel/" in note
    back = arrived(bundle, destination, tmp_path / "back")
    names = [node.fields.get("name") for node in back.of_type("LogicalChannel")]
    assert sorted(map(str, names)).count("own") == 1
    shared = Counter(node.target("logicalChannel") for node in back.of_type("Channel"))
    assert sorted(shared.values()) == [1, 3]
    with destination.connect(own_session=True) as server:
        undo(bundle, server)
        assert added(before, counted(server)) == {}


def test_round_trips_do_not_grow_with_wells(
    source: Place, destination: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whether an import is done is asked the more often the longer it takes.
    monkeypatch.setattr(importer, "FIRST_LOOK", 600.0)
    calls = []
    for rows in (1, 8):
        with lab(source) as person:
            plate, _ = person.plate(plateRows=rows, fields=2)
            person.annotate("Plate", plate, uuid.uuid4().hex)  # a tag that is not reused
        with source.connect() as server:
            bundle = export(server, {"Plate": [plate]}, tmp_path / f"{rows}")
            reading = server.calls
            fetch(bundle, server)
        with destination.connect(own_session=True) as server:
            apply(bundle, server)
            applying = server.calls
            assert list(verify(bundle, server)) == []
            calls.append((reading, applying, server.calls))
    assert calls[0] == calls[1]
