# SPDX-License-Identifier: GPL-2.0-or-later
"""What an import made is found again by place and by content; what does not fit is an error."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from graphxfer.catalogue import Value
from graphxfer.errors import GraphxferError
from graphxfer.graph import Header, Node, TransferGraph
from graphxfer.graph.correspondence import There
from graphxfer.plan.counterparts import Matched, Matcher, Side, content
from tests.transfers import SOURCE, fileset


def side(number: int, images: list[Node], *more: Node, uuid: str = SOURCE) -> Side:
    header = Header("https://omero.example.org/", uuid)
    return Side(TransferGraph(header, [*fileset(number, b"", "a.tif", images), *more]))


def image(number: int, series: int, *annotations: str, name: str = "a.tif") -> Node:
    edges = {"annotations": annotations} if annotations else {}
    return Node(f"Image/{number}", "Image", {"name": name, "series": series}, edges)


def roi(number: int, of: int, x: float | None, name: str = "r") -> list[Node]:
    fields: dict[str, Value] = {} if x is None else {"x": x}
    return [
        Node(
            f"Roi/{number}",
            "Roi",
            {"name": name},
            {"image": (f"Image/{of}",), "shapes": (f"Point/{number}",)},
        ),
        Node(f"Point/{number}", "Point", fields),
    ]


def match(ours: Side, theirs: Side, known: tuple[str, ...] = ()) -> Matched:
    return Matcher(ours, theirs).match("Fileset/1", There("Fileset", 5), known)


def test_images_are_matched_by_their_series() -> None:
    ours = side(1, [image(1, 0), image(2, 1)])
    theirs = side(5, [image(50, 1), image(51, 0)])
    same = match(ours, theirs).same
    assert same["Image/1"] == There.of("Image/51")
    assert same["Image/2"] == There.of("Image/50")
    assert same["LogicalChannel/2"] == There.of("LogicalChannel/50")
    assert same["OriginalFile/1"] == There.of("OriginalFile/5")
    assert len(same) == len(ours.graph)


def test_what_users_changed_is_to_be_changed() -> None:
    ours = side(1, [image(1, 0, name="renamed")])
    assert match(ours, side(5, [image(50, 0)])).edited == {"Image/1"}


def test_a_field_that_was_emptied_is_to_be_emptied() -> None:
    theirs = side(5, [image(50, 0)])
    theirs.graph["Image/50"].fields["description"] = "from the file"
    assert match(side(1, [image(1, 0)]), theirs).edited == {"Image/1"}
    # A document that no OMERO wrote does not know it.
    assert match(side(1, [image(1, 0)], uuid=""), theirs).edited == set()


def test_other_pixels_are_an_error() -> None:
    theirs = side(5, [image(50, 0)])
    theirs.graph["Pixels/50"].fields["sizeX"] = 17
    with pytest.raises(GraphxferError, match="sizeX is 17, expected 16"):
        match(side(1, [image(1, 0)]), theirs)


def test_a_missing_series_is_an_error() -> None:
    with pytest.raises(
        GraphxferError,
        match=r"created 1 object with the edge Image.fileset, none at \(1,\); the graph has 2",
    ):
        match(side(1, [image(1, 0), image(2, 1)]), side(5, [image(50, 0)]))


def test_a_series_twice_is_an_error() -> None:
    with pytest.raises(GraphxferError, match=r"ambiguous.*Image.fileset.*same place"):
        match(side(1, [image(1, 0), image(2, 0)]), side(5, [image(50, 0), image(51, 1)]))
    with pytest.raises(GraphxferError, match=r"ambiguous.*Image.fileset.*same place"):
        match(side(1, [image(1, 0)]), side(5, [image(50, 0), image(51, 0)]))


def test_another_number_of_channels_is_an_error() -> None:
    theirs = side(5, [image(50, 0)])
    theirs.graph["Pixels/50"].edges["channels"] = ()
    with pytest.raises(GraphxferError, match="created 0 objects with the edge channels"):
        match(side(1, [image(1, 0)]), theirs)


def test_images_missing_in_the_graph_are_reported() -> None:
    extras = match(side(1, [image(1, 0)]), side(5, [image(50, 0), image(51, 1)])).extras
    assert [str(one) for one in extras] == [
        *("Image:51", "Pixels:51", "Channel:51", "LogicalChannel:51")
    ]


def test_rois_are_matched_by_content_each_once() -> None:
    ours = side(1, [image(1, 0)], *roi(1, 1, 4.0), *roi(2, 1, 4.0), *roi(3, 1, 9.0))
    theirs = side(5, [image(50, 0)], *roi(60, 50, 4.0), *roi(61, 50, 7.0), *roi(62, 50, None))
    matched = match(ours, theirs)
    assert matched.same["Roi/1"] == There.of("Roi/60")
    assert matched.same["Point/1"] == There.of("Point/60")
    assert not {"Roi/2", "Roi/3"} & matched.same.keys()
    assert {str(one) for one in matched.extras} == {"Roi:61", "Point:61", "Roi:62", "Point:62"}


def test_a_roi_of_another_image_is_another_roi() -> None:
    ours = side(1, [image(1, 0), image(2, 1)], *roi(1, 1, 4.0))
    theirs = side(5, [image(50, 0), image(51, 1)], *roi(60, 51, 4.0))
    matched = match(ours, theirs)
    assert "Roi/1" not in matched.same
    assert matched.extras == [There("Roi", 60), There("Point", 60)]


def test_annotations_and_theirs_are_matched() -> None:
    def tagged(number: int, of: int, first: int) -> Side:
        tag = Node(f"TagAnnotation/{first}", "TagAnnotation", {"textValue": "t"})
        tag.edges["annotations"] = (f"CommentAnnotation/{first + 1}",)
        comment = Node(f"CommentAnnotation/{first + 1}", "CommentAnnotation", {"textValue": "c"})
        return side(number, [image(of, 0, tag.iri)], tag, comment)

    matched = match(tagged(1, 1, 10), tagged(5, 50, 70))
    assert matched.same["TagAnnotation/10"] == There.of("TagAnnotation/70")
    assert matched.same["CommentAnnotation/11"] == There.of("CommentAnnotation/71")
    assert matched.extras == []
    known = match(tagged(1, 1, 10), tagged(5, 50, 70), known=("TagAnnotation/10",))
    assert "TagAnnotation/10" not in known.same
    assert known.extras[0] == There("TagAnnotation", 70)


def channels(number: int, *logical: int, names: Mapping[int, str] | None = None) -> Side:
    """Return a fileset of images whose channels refer to some LogicalChannels."""
    found = side(number, [image(10 * number + place, place) for place, _ in enumerate(logical)])
    kept = [node for node in found.graph if node.type != "LogicalChannel"]
    for place, one in enumerate(logical):
        found.graph[f"Channel/{10 * number + place}"].edges["logicalChannel"] = (
            f"LogicalChannel/{one}",
        )
    for one in dict.fromkeys(logical):
        fields: dict[str, Value] = {"name": (names or {}).get(one, "imported")}
        kept.append(Node(f"LogicalChannel/{one}", "LogicalChannel", fields))
    return Side(TransferGraph(found.graph.header, kept))


@pytest.mark.parametrize("own", range(4))
def test_what_one_image_has_of_its_own_is_not_what_the_others_share(own: int) -> None:
    logical = [2 if place == own else 1 for place in range(4)]
    matched = match(channels(1, *logical, names={2: "own"}), channels(5, 7, 7, 7, 7))
    assert matched.same["LogicalChannel/1"] == There("LogicalChannel", 7)
    assert matched.missing == ["LogicalChannel/2"]
    assert matched.edited == {f"Channel/{10 + own}"}


def test_what_most_share_is_what_the_import_made_even_if_it_was_edited() -> None:
    both = {1: "edited", 2: "own"}
    matched = match(channels(1, 2, 1, 1, names=both), channels(5, 7, 7, 7))
    assert matched.same["LogicalChannel/1"] == There("LogicalChannel", 7)
    assert matched.edited == {"LogicalChannel/1", "Channel/10"}


def test_what_the_source_shares_is_shared_even_if_the_import_does_not() -> None:
    matched = match(channels(1, 1, 1), channels(5, 7, 8))
    assert matched.edited == {"Channel/11"}
    assert matched.extras == [There("LogicalChannel", 8)]
    matched = match(channels(1, 1, 1, 2, names={2: "own"}), channels(5, 7, 8, 7))
    assert (matched.missing, matched.extras) == (
        ["LogicalChannel/2"],
        [There("LogicalChannel", 8)],
    )


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ({"doubleValue": math.nan}, {"doubleValue": math.nan}, True),
        ({"doubleValue": 1.0}, {"doubleValue": 1.5}, False),
        ({"doubleValue": 1.0, "description": ""}, {"doubleValue": 1.0}, False),
        ({"doubleValue": 1.0, "created": 5}, {"doubleValue": 1.0, "created": 6}, True),
    ],
)
def test_content(one: dict[str, Value], other: dict[str, Value], equal: bool) -> None:
    nodes = [
        Node(f"DoubleAnnotation/{number}", "DoubleAnnotation", dict(fields))
        for number, fields in ((1, one), (2, other))
    ]
    graph = TransferGraph(Header("https://omero.example.org/"), nodes)
    found = [content(graph, node.iri) for node in nodes]
    assert (found[0] == found[1]) is equal


def plated(number: int, *images: int, row: int = 0, runs: tuple[str, ...] = ()) -> list[Node]:
    """Return a plate with images in the wells of a row, and acquisitions without images."""
    nodes = [Node(f"Plate/{number}", "Plate", {"name": f"plate {number}"})]
    for column, of in enumerate(images):
        ends: dict[str, tuple[str, ...]] = {"plate": (f"Plate/{number}",)}
        ends["wellSamples"] = (f"WellSample/{of}",)
        nodes += [
            Node(f"Well/{of}", "Well", {"row": row, "column": column}, ends),
            Node(f"WellSample/{of}", "WellSample", {}, {"image": (f"Image/{of}",)}),
        ]
    for place, name in enumerate(runs):
        run = f"PlateAcquisition/{10 * number + place}"
        nodes.append(Node(run, "PlateAcquisition", {"name": name}, {"plate": (f"Plate/{number}",)}))
    return nodes


def test_plates_are_found_by_their_images_and_wells_by_row_and_column() -> None:
    ours = side(1, [image(1, 0), image(2, 1)], *plated(1, 1, 2))
    theirs = side(5, [image(50, 0), image(51, 1)], *plated(7, 50, 51))
    matched = match(ours, theirs)
    assert matched.same["Plate/1"] == There.of("Plate/7")
    assert [matched.same[f"Well/{n}"] for n in (1, 2)] == [There("Well", 50), There("Well", 51)]
    assert matched.same["WellSample/2"] == There.of("WellSample/51")
    assert "Plate/1" in matched.edited
    assert (matched.missing, matched.extras) == ([], [])


def test_a_plate_that_is_not_made_is_missing() -> None:
    ours = side(1, [image(1, 0)], *plated(1, 1))
    matched = match(ours, side(5, [image(50, 0)]))
    assert set(matched.missing) == {"Plate/1", "Well/1", "WellSample/1"}
    matched = match(side(1, [image(1, 0)]), side(5, [image(50, 0)], *plated(7, 50)))
    assert {str(one) for one in matched.extras} == {"Plate:7", "Well:50", "WellSample:50"}


def test_another_plate_is_an_error() -> None:
    ours = side(1, [image(1, 0), image(2, 1)], *plated(1, 1, 2))
    with pytest.raises(GraphxferError, match=r"created 1 object with the edge Well.plate, none at"):
        match(ours, side(5, [image(50, 0), image(51, 1)], *plated(7, 50)))
    one_sample = r"1 object with the edge Well.wellSamples, none at \(0, "
    with pytest.raises(GraphxferError, match=one_sample):
        match(ours, side(5, [image(50, 0), image(51, 1)], *plated(7, 50, 51, row=1)))
    turned = side(5, [image(50, 0), image(51, 1)], *plated(7, 51, 50))
    with pytest.raises(GraphxferError, match=r"none at \(0, 1\)"):
        match(ours, turned)


def test_two_acquisitions_that_became_one_are_an_error() -> None:
    def of_runs(number: int, images: tuple[int, int], plate: int, *runs: int) -> Side:
        nodes = plated(plate, *images, runs=("a", "b"))
        for node, run in zip([n for n in nodes if n.type == "WellSample"], runs, strict=True):
            node.edges["plateAcquisition"] = (f"PlateAcquisition/{10 * plate + run}",)
        return side(number, [image(images[0], 0), image(images[1], 1)], *nodes)

    ours = of_runs(1, (1, 2), 1, 0, 1)
    assert match(ours, of_runs(5, (50, 51), 7, 0, 1)).extras == []
    with pytest.raises(GraphxferError, match=r"created PlateAcquisition:70 for .*, and for"):
        match(ours, of_runs(5, (50, 51), 7, 0, 0))
    with pytest.raises(GraphxferError, match="with another plateAcquisition"):
        match(of_runs(1, (1, 2), 1, 0, 0), of_runs(5, (50, 51), 7, 0, 1))


def test_what_a_person_made_of_the_images_is_not_looked_for() -> None:
    ours = side(1, [image(1, 0)], *plated(1, 1))
    for node in ours.graph:
        node.fields["created"] = 2 if node.type.startswith(("Plate", "Well")) else 1
    matched = match(ours, side(5, [image(50, 0)]))
    assert (matched.missing, "Plate/1" in matched.same) == ([], False)


def test_acquisitions_without_images_are_matched_by_their_content() -> None:
    ours = side(1, [image(1, 0)], *plated(1, 1, runs=("a", "b", "edited")))
    theirs = side(5, [image(50, 0)], *plated(7, 50, runs=("c", "b", "a")))
    same = match(ours, theirs).same
    assert [same[f"PlateAcquisition/{n}"] for n in (10, 11, 12)] == [
        There("PlateAcquisition", n) for n in (72, 71, 70)
    ]
    ours = side(1, [image(1, 0)], *plated(1, 1, runs=("edited", "too")))
    with pytest.raises(GraphxferError, match=r"ambiguous.*PlateAcquisition.plate"):
        match(ours, side(5, [image(50, 0)], *plated(7, 50, runs=("a", "b"))))
