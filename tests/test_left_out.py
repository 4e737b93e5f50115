# SPDX-License-Identifier: GPL-2.0-or-later
"""What cannot be moved stops nothing else: it is named, and comes when its file does.

The oracle of the first test is the transfer itself: files of a random graph are lost, all the rest
has to arrive; then they are fetched again, and the destination has to be as if nothing was lost.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import networkx as nx
import omero
import omero.all
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from omero.rtypes import rint

from graphxfer import catalogue, unmovable
from graphxfer.apply import apply
from graphxfer.bundle import Bundle, checksums
from graphxfer.catalogue import Maker
from graphxfer.errors import Exit, GraphxferError
from graphxfer.export import export
from graphxfer.fetch import fetch
from graphxfer.graph import Node, TransferGraph, class_of, id_of, iri
from graphxfer.journal import Journal
from graphxfer.plan import ApplyOptions, Create, Plan, Skip, Tags
from graphxfer.undo import undo
from graphxfer.verify import left_out, verify
from tests.apply.test_apply import added, counted
from tests.apply.test_plates import Lab, at, lab
from tests.build import build
from tests.places import Place
from tests.strategies import graphs
from tests.test_round_trip import buildable
from tests.transfers import file_node, fileset, small, tiff, write


def applied(bundle: Bundle, place: Place, **options: object) -> Plan:
    with place.connect(own_session=True) as server:
        return apply(bundle, server, ApplyOptions(**options))  # type: ignore[arg-type]


def checked(bundle: Bundle, place: Place) -> dict[str, str]:
    """Check that all that is not left out arrived; return the reasons for what is left out."""
    with place.connect() as server:
        assert [str(one) for one in verify(bundle, server)] == []
        why = left_out(bundle, server)
        with Journal(bundle.journal(server.database_uuid)) as journal:
            there = set(journal.nodes())
    assert there.isdisjoint(why)
    assert there | set(why) == {one.iri for one in bundle.graph() if _is_moved(one)}
    return {node: one.reason for node, one in why.items()}


def _is_moved(node: Node) -> bool:
    return node.type in catalogue.CLASSES and class_of(node).maker is not Maker.SERVER


def damage(bundle: Bundle, node: str, how: str) -> None:
    """Take a file away from a bundle, or change it: its size, or only its content."""
    entry = bundle.manifest().of(node)
    assert entry is not None
    path = bundle.file(entry)
    content = path.read_bytes()
    if how == "truncated" and content:
        path.write_bytes(content[:-1])
    elif how == "changed" and content:
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    elif how == "a folder":
        path.unlink()
        path.mkdir()
    else:
        path.unlink()


HOW = ["missing", "truncated", "changed"]


@settings(max_examples=4, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(drawn=graphs(), data=st.data())
def test_the_rest_arrives_and_later_what_was_lost(
    drawn: TransferGraph, data: st.DataObject, source: Place, destination: Place
) -> None:
    roots = on(source, buildable(drawn))
    if not roots:
        return
    with TemporaryDirectory() as folder:
        with source.connect() as server:
            bundle = export(server, roots, Path(folder, "bundle"))
            assert fetch(bundle, server).problems == []
        graph = bundle.graph()
        files = [entry.node for entry in bundle.manifest()]
        lost = data.draw(st.sets(st.sampled_from(files), min_size=1)) if files else set()
        for node in lost:
            damage(bundle, node, data.draw(st.sampled_from(HOW)))
        with destination.connect() as server:
            before = counted(server)
        plan = applied(bundle, destination, tags=Tags.CREATE)
        why = checked(bundle, destination)
        assert {one.node for one in plan.of(Skip) if not one.child} == set(why)
        assert lost <= set(why) == connected(graph, lost, why)
        assert not {why[one] for one in why} - {*unmovable.OF_FILES, *unmovable.CONSEQUENCES}

        with source.connect() as server:
            assert fetch(bundle, server).problems == []
        assert applied(bundle, destination, tags=Tags.CREATE).skipped == []
        assert checked(bundle, destination) == {}
        with destination.connect(own_session=True) as server:
            created = added(before, counted(server))
            wanted = Counter(one.type for one in graph if class_of(one).maker is Maker.USER)
            assert {name: created.get(name, 0) for name in wanted} == wanted
            undo(bundle, server)
            left = added(before, counted(server))
            assert {name for name in left if catalogue.CLASSES.get(name)} == set()


def on(place: Place, graph: TransferGraph) -> dict[str, list[int]]:
    """Build a graph at a server; return the ids of what can be selected, by class."""
    client = place.client()
    try:
        built = build(client, graph)
    finally:
        client.closeSession()
    roots: defaultdict[str, list[int]] = defaultdict(list)
    for node in graph:
        if catalogue.CLASSES[node.type].root:
            roots[node.type].append(id_of(built[node.iri]))
    return roots


def connected(graph: TransferGraph, lost: Collection[str], within: Collection[str]) -> set[str]:
    """Return what is connected with lost files by edges between nodes that are left out."""
    view = graph.to_networkx().to_undirected().subgraph(within)
    return {one for node in lost for one in nx.node_connected_component(view, node)}


# -- what goes with it, and what stays ------------------------------------------------------------


def two_images(folder: Path, mark: str) -> Bundle:
    """Return a bundle of two images, each with its file, in one dataset.

    Both have a tag; the second one has a comment, a ROI and an attachment of its own.
    """
    first, second = tiff(folder.with_name("1.tif"), 1), tiff(folder.with_name("2.tif"), 2)
    images = [
        Node(
            "Image/1",
            "Image",
            {"name": f"a{mark}", "series": 0},
            {"annotations": ("TagAnnotation/1",)},
        ),
        Node(
            "Image/2",
            "Image",
            {"name": f"b{mark}", "series": 0},
            {"annotations": ("TagAnnotation/1", "CommentAnnotation/2", "FileAnnotation/3")},
        ),
    ]
    nodes = [
        *fileset(1, first, "1.tif", images[:1]),
        *fileset(2, second, "2.tif", images[1:]),
        Node("Project/1", "Project", {"name": f"p{mark}"}, {"datasets": ("Dataset/1",)}),
        Node("Dataset/1", "Dataset", {"name": f"d{mark}"}, {"images": ("Image/1", "Image/2")}),
        Node("TagAnnotation/1", "TagAnnotation", {"textValue": f"shared{mark}"}),
        Node(
            "TagAnnotation/4",
            "TagAnnotation",
            {"textValue": f"set{mark}", "namespace": catalogue.TAG_SET},
            {"annotations": ("TagAnnotation/1", "TagAnnotation/99")},
        ),
        Node("CommentAnnotation/2", "CommentAnnotation", {"textValue": f"only on b{mark}"}),
        Node("FileAnnotation/3", "FileAnnotation", {}, {"file": ("OriginalFile/3",)}),
        file_node("OriginalFile/3", f"t{mark}.csv", b"1,2\n", imported=False),
        Node("Roi/1", "Roi", {"name": "r"}, {"image": ("Image/2",), "shapes": ("Point/1",)}),
        Node("Point/1", "Point", {"x": 1.0, "y": 2.0}),
    ]
    contents = {"OriginalFile/1": first, "OriginalFile/2": second, "OriginalFile/3": b"1,2\n"}
    return write(folder, nodes, contents)


WITH_IMAGE_2 = {
    "FilesetEntry/2": unmovable.WITH_FILESET,
    "Image/2": unmovable.WITH_FILESET,
    "Pixels/2": unmovable.WITH_FILESET,
    "Channel/2": unmovable.WITH_FILESET,
    "LogicalChannel/2": unmovable.WITH_FILESET,
    "Roi/1": unmovable.NEEDED,
    "Point/1": unmovable.NEEDED,
    "CommentAnnotation/2": unmovable.ONLY_THERE,
    "FileAnnotation/3": unmovable.ONLY_THERE,
    "OriginalFile/3": unmovable.ONLY_THERE,
}
"""What is left out with the second image, and why; not the tag, and not the dataset."""


@pytest.mark.parametrize("how", [*HOW, "a folder"])
def test_an_image_without_its_file(destination: Place, tmp_path: Path, how: str) -> None:
    bundle = two_images(tmp_path / "b", f"-image {how}")
    whole = {entry.node: bundle.file(entry).read_bytes() for entry in bundle.manifest()}
    damage(bundle, "OriginalFile/2", how)
    plan = applied(bundle, destination)
    why = checked(bundle, destination)
    wrong = how in ("truncated", "changed")
    own = unmovable.WRONG if wrong else unmovable.MISSING
    assert why == {
        "OriginalFile/2": own,
        "Fileset/2": unmovable.FILES_LEFT_OUT,
        **WITH_IMAGE_2,
    }
    first, *_ = plan.skipped
    assert (first.node, first.reason) == ("OriginalFile/2", own)
    assert "user_2/2026/2.tif" in first.detail
    reported = {one.node for one in plan.skipped if not one.child}
    assert {"Image/2", "Roi/1", "CommentAnnotation/2", "Fileset/2"} <= reported
    assert "Pixels/2" not in reported
    links = {(one.node, one.child): one.reason for one in plan.of(Skip) if one.child}
    assert links["Dataset/1", "Image/2"] == unmovable.FOLLOWS
    assert links["TagAnnotation/4", "TagAnnotation/99"] == "the linked object is not in the graph"

    entry = bundle.manifest().of("OriginalFile/2")
    assert entry is not None
    if how == "a folder":
        bundle.file(entry).rmdir()
    bundle.file(entry).write_bytes(whole["OriginalFile/2"])
    applied(bundle, destination)
    assert checked(bundle, destination) == {}
    with destination.connect(own_session=True) as server:
        assert undo(bundle, server).removed["Fileset"] == 2


def test_what_was_imported_before_needs_no_file(destination: Place, tmp_path: Path) -> None:
    bundle = small(tmp_path / "b", "-files are gone")
    applied(bundle, destination)
    for entry in bundle.manifest():
        bundle.file(entry).unlink()
    assert applied(bundle, destination).nothing_to_do
    assert checked(bundle, destination) == {}


def test_only_files_that_have_to_be_uploaded_are_read(
    destination: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = small(tmp_path / "b", "-read once")
    damage(bundle, "OriginalFile/2", "changed")
    read: list[str] = []
    true = checksums.of_file

    def noted(path: Path, *arguments: Any) -> dict[str, str]:
        read.append(path.name)
        return true(path, *arguments)

    monkeypatch.setattr(checksums, "of_file", noted)
    applied(bundle, destination)
    assert read == ["a.tif", "t.csv"]
    applied(bundle, destination)
    assert read == ["a.tif", "t.csv", "t.csv"]


def test_a_file_that_was_not_uploaded_yet(destination: Place, tmp_path: Path) -> None:
    """Its object is there since an interrupted run, empty; the file is lost since."""
    bundle = small(tmp_path / "b", "-not yet")
    applied(bundle, destination)
    with destination.connect() as server:
        path = bundle.journal(server.database_uuid)
    with sqlite3.connect(path) as database:
        database.execute("update node set settled = 0 where iri = 'OriginalFile/2'")
        for node in ("FileAnnotation/4", "MapAnnotation/3"):  # the latter remains to be done
            database.execute("delete from node where iri = ?", (node,))
            database.execute("delete from link where child = ?", (node,))
    damage(bundle, "OriginalFile/2", "missing")
    plan = applied(bundle, destination)
    assert {one.node for one in plan.of(Create)} == {"MapAnnotation/3"}
    assert {one.node for one in plan.skipped} == {"OriginalFile/2", "FileAnnotation/4"}
    with destination.connect() as server:
        assert set(left_out(bundle, server)) == {"FileAnnotation/4"}


def test_a_fileset_that_lost_a_file_in_the_graph(destination: Place, tmp_path: Path) -> None:
    content = tiff(tmp_path / "a.tif")
    lost = fileset(1, content, "1.tif", [Node("Image/1", "Image", {"name": "lost", "series": 0})])
    lost[0].edges["usedFiles"] = ("FilesetEntry/1", "FilesetEntry/9")
    good = fileset(2, content, "2.tif", [Node("Image/2", "Image", {"name": "good", "series": 0})])
    bundle = write(
        tmp_path / "b", [*lost, *good], {"OriginalFile/1": content, "OriginalFile/2": content}
    )
    plan = applied(bundle, destination)
    assert plan.skipped[0].node == "Fileset/1"
    why = checked(bundle, destination)
    assert why["Fileset/1"] == unmovable.INCOMPLETE
    assert why["Image/1"] == unmovable.WITH_FILESET
    assert "Image/2" not in why


def test_a_well_gets_its_other_field_later(
    source: Place, destination: Place, tmp_path: Path
) -> None:
    """A person assembled the plate; of a well's three fields the first and last are lost."""
    with lab(source) as person:
        name = "{}&sizeX=8&sizeY=8.fake"
        images = [person.imported(name.format(mark))[0] for mark in "abcd"]
        plate = person.own_plate(images[3:])
        add_well(person, plate, images[:3])
    with source.connect() as server:
        bundle = export(server, {"Plate": [plate]}, tmp_path / "bundle")
        assert fetch(bundle, server).problems == []
    graph = bundle.graph()
    lost = [file_of(graph, images[0]), file_of(graph, images[2])]
    for file in lost:
        damage(bundle, file, "missing")
    applied(bundle, destination)
    why = checked(bundle, destination)
    samples = [one.iri for one in graph.of_type("WellSample")]
    assert [why.get(one) for one in samples].count(unmovable.NEEDED) == 2
    assert not {"Plate", "Well"} & {graph[one].type for one in why}
    for still_lost in lost[1:], []:
        with source.connect() as server:
            assert fetch(bundle, server).problems == []
        for file in still_lost:
            damage(bundle, file, "missing")
        applied(bundle, destination)
        why = checked(bundle, destination)
        assert [why.get(one) for one in samples].count(unmovable.NEEDED) == len(still_lost)
    with destination.connect() as server:
        before, path = counted(server), bundle.journal(server.database_uuid)
    with sqlite3.connect(path) as database:  # killed after the call, before it was recorded
        database.execute("delete from node where iri = ?", (samples[-1],))
    applied(bundle, destination)
    assert checked(bundle, destination) == {}
    with destination.connect() as server:
        assert counted(server) == before
    with destination.connect(own_session=True) as server:
        assert undo(bundle, server).removed["Plate"] == 1


def test_what_the_source_refuses_to_send(destination: Place, tmp_path: Path) -> None:
    """By default, OMERO sends the files of plates to nobody: omero.policy.binary_access."""
    with lab(destination) as person:
        plate, _ = person.plate()
        screen = person.new("Screen", name="refused")
        person.link("ScreenPlate", screen, plate, "Plate")
        person.annotate("Screen", screen, "a tag of the screen")
    with destination.connect() as server:
        bundle = export(server, {"Screen": [screen]}, tmp_path / "bundle")
        (problem,) = fetch(bundle, server).problems
    assert problem.lost
    plan = applied(bundle, destination)
    why = checked(bundle, destination)
    assert {node.type for node in bundle.graph() if node.iri not in why and _is_moved(node)} == {
        "Screen",
        "TagAnnotation",
    }
    assert plan.skipped[0].node == problem.node
    assert "omero.policy.binary_access" in plan.skipped[0].detail


def add_well(person: Lab, plate: int, images: list[int]) -> None:
    well = omero.model.WellI()
    well.plate, well.row, well.column = at("Plate", plate), rint(1), rint(0)
    for image in images:
        sample = omero.model.WellSampleI()
        sample.image = at("Image", image)
        well.addWellSample(sample)
    person.save(well)


def file_of(graph: TransferGraph, image: int) -> str:
    (entry,) = graph[str(graph[iri("Image", image)].target("fileset"))].edges["usedFiles"]
    return str(graph[entry].target("originalFile"))


@pytest.mark.parametrize("how", HOW)
def test_strict_stops_before_anything_is_written(
    destination: Place, tmp_path: Path, how: str
) -> None:
    bundle = two_images(tmp_path / "b", f"-strict {how}")
    damage(bundle, "OriginalFile/3", how)
    with destination.connect(own_session=True) as server:
        before = counted(server)
        with pytest.raises(GraphxferError, match=r"OriginalFile/3.*t-strict .*\.csv") as caught:
            apply(bundle, server, ApplyOptions(strict=True))
        assert caught.value.exit_code == Exit.FAILED
        assert "graphxfer fetch" in caught.value.do
        assert added(before, counted(server)) == {}
        path = bundle.journal(server.database_uuid)
    with Journal(path) as journal:
        assert journal.nodes() == {}
