# SPDX-License-Identifier: GPL-2.0-or-later
"""Each named query gives what its sentence says, on data made to mislead it; in rdflib as well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import pytest
import rdflib

from graphxfer import bundle as bundles
from graphxfer import catalogue
from graphxfer.bundle import Bundle
from graphxfer.catalogue import Quantity, Value
from graphxfer.graph import Node, TransferGraph
from graphxfer.inspect.query import PREFIXES, ask, library, load, named
from graphxfer.inspect.report import FIRST_QUERY
from graphxfer.inspect.triples import Triples
from tests.inspect import sample
from tests.inspect.sample import PIXELS, own

Rows = list[tuple[str, ...]]
BASE = "https://omero.example.org/"


def image(number: int, fileset: int, name: str, *annotations: str, **sizes: str) -> list[Node]:
    """Return an image, and its pixels of 0.5 in a unit for each axis that is named."""
    physical: dict[str, Value] = {
        f"physicalSize{axis}": Quantity(0.5, unit) for axis, unit in sizes.items()
    }
    linked = {"annotations": annotations} if annotations else {}
    return [
        own(
            f"Image/{number}",
            {"name": name, "series": number},
            fileset=(f"Fileset/{fileset}",),
            pixels=(f"Pixels/{number}",),
            **linked,
        ),
        own(f"Pixels/{number}", PIXELS | physical),
    ]


def file(number: int, **fields: Value) -> list[Node]:
    """Return a file of a fileset, and the entry that leads to it."""
    iri = f"OriginalFile/{number}"
    return [
        own(f"FilesetEntry/{number}", {"clientPath": "p"}, originalFile=(iri,)),
        own(iri, {"name": f"{number}.tif", "path": "/", **fields}),
    ]


def plate(number: int, name: str, *wells: int) -> list[Node]:
    """Return a plate, and its wells; the first may have a sample."""
    ends = {"plate": (f"Plate/{number}",)}
    sampled = {"wellSamples": ("WellSample/1",)}
    return [
        own(f"Plate/{number}", {"name": name}),
        *(own(f"Well/{well}", {}, **ends, **(sampled if well == 1 else {})) for well in wells),
    ]


def tag(number: int, text: str, **fields: Value) -> Node:
    return own(f"TagAnnotation/{number}", {"textValue": text, **fields})


def tricky() -> TransferGraph:
    """Return the graph: two projects that share a dataset, an image, and some of their tags."""
    nodes = [
        sample.user(2, "ada", "Ada", "Lovelace"),
        own("Project/1", {"name": "A"}, datasets=("Dataset/1", "Dataset/2"), annotations=(T(1),)),
        own("Project/2", {"name": "B"}, datasets=("Dataset/2", "Dataset/3"), annotations=(T(1),)),
        own("Project/3", {"name": "C"}, annotations=(T(9),)),
        own("Dataset/1", {"name": "one"}, images=("Image/1", "Image/2", "Image/3")),
        own("Dataset/2", {"name": "both"}, annotations=(T(2),)),
        own("Dataset/3", {"name": "three"}, images=("Image/3",)),
        # Two of this fileset were asked for, one came along.
        *image(1, 1, "a", T(3), T(4), X="MICROMETER", Y="MICROMETER", Z="REFERENCEFRAME"),
        *image(2, 1, "a", T(3), "CommentAnnotation/1", X="MICROMETER"),
        *image(3, 1, "c", T(5), "CommentAnnotation/1", X="PIXEL", Y="PIXEL"),
        # All of this one were asked for. Nobody tagged this image, but its ROI.
        *image(4, 2, "d", "CommentAnnotation/2", "CommentAnnotation/3"),
        own("Roi/1", {}, image=("Image/4",), annotations=(T(3),)),
        own("Roi/2", {}, image=("Image/4",)),
        own("Roi/3", {}, image=("Image/1",)),
        own("Roi/4", {}),
        own("Fileset/1", {}, usedFiles=("FilesetEntry/1", "FilesetEntry/2")),
        *file(1, size=10, hash="00", hasher="SHA1-160"),
        *file(2, size=5),
        own("Fileset/2", {}, usedFiles=("FilesetEntry/3",)),
        *file(3, hash="00", hasher="SHA1-160"),
        tag(1, "on projects"),
        tag(2, "on a dataset of both"),
        tag(3, "on two images of one project"),
        tag(4, "Same"),
        tag(5, "same"),
        tag(6, "same"),
        tag(9, "a set", namespace=catalogue.TAG_SET),
        own("CommentAnnotation/1", {"textValue": "on two"}),
        own("CommentAnnotation/2", {"textValue": "of another"}, owner=("Experimenter/9",)),
        Node("CommentAnnotation/3", "CommentAnnotation", {"textValue": "of nobody"}),
        own("CommentAnnotation/4", {"textValue": "on nothing"}),
        own("MapAnnotation/1", {"pairs": (("k", "1"), ("k", "1"), ("", "x"))}),
        own("MapAnnotation/2", {"pairs": (("k", "2"), ("K", ""))}),
        # Of these plates, one was touched by its image, one by its run; one has no wells.
        *plate(1, "by its image", 1),
        own("WellSample/1", {}, image=("Image/4",)),
        *plate(2, "untouched", 2, 3),
        own("PlateAcquisition/1", {}, plate=("Plate/2",)),
        *plate(3, "by its run", 4),
        own("PlateAcquisition/2", {}, plate=("Plate/3",), annotations=(T(3),)),
        *plate(4, "empty"),
        own("Screen/1", {"name": "with a plate"}, plates=("Plate/4",)),
        own("Screen/2", {"name": "no plates"}),
        own("FileAnnotation/1", {}, file=("OriginalFile/9",)),
        own("OriginalFile/9", {"name": "t.csv", "path": "/", "size": 7, "hash": "00"}),
    ]
    header = sample.header()
    header.roots, header.included = ("Project/1", "Image/1", "Image/2", "Image/4"), ("Image/3",)
    return TransferGraph(header, nodes)


def T(number: int) -> str:  # noqa: N802
    return f"TagAnnotation/{number}"


EXPECTED: dict[str, Rows] = {
    "annotations-by-others": [
        ("Image/4", "CommentAnnotation/2", "Experimenter/2", "Experimenter/9"),
    ],
    "attachments": [("FileAnnotation/1", "t.csv", "7", "0")],
    "comments": [
        ("", "Experimenter/2", "on nothing"),
        ("Image/2", "Experimenter/2", "on two"),
        ("Image/3", "Experimenter/2", "on two"),
        ("Image/4", "Experimenter/9", "of another"),
        ("Image/4", "", "of nobody"),
    ],
    "duplicate-tags": [("same", "2", T(5), T(6))],
    "empty-containers": [
        ("Project/3", "C"),
        ("Dataset/2", "both"),
        ("Plate/4", "empty"),
        ("Screen/2", "no plates"),
    ],
    "files-without-checksum": [("OriginalFile/2", "2.tif")],
    "images-in-no-dataset": [("Image/4", "d")],
    "images-in-several-datasets": [("Image/3", "c", "2")],
    "images-without-tag": [("Image/4", "d")],
    "keys": [("k", "3", "2"), ("", "1", "1"), ("K", "1", "1")],
    "largest-filesets": [("Fileset/1", "2", "15"), ("Fileset/2", "1", "0")],
    "missing-pixel-sizes": [("Image/2", "a"), ("Image/4", "d")],
    "odd-units": [
        ("Image/1", "a", "Z", "0.5", "REFERENCEFRAME"),
        ("Image/3", "c", "X", "0.5", "PIXEL"),
        ("Image/3", "c", "Y", "0.5", "PIXEL"),
    ],
    "owners": [("Experimenter/2", "ada", "52"), ("Experimenter/9", "", "1")],
    "partial-filesets": [
        ("Fileset/1", "Image/1", "a", "1"),
        ("Fileset/1", "Image/2", "a", "1"),
    ],
    "rois-per-image": [("Image/4", "d", "2"), ("Image/1", "a", "1")],
    "tags-across-projects": [
        (T(2), "on a dataset of both", "2", "1"),
        (T(1), "on projects", "2", "2"),
        (T(5), "same", "2", "1"),
    ],
    "untouched-plates": [("Plate/4", "empty", "0"), ("Plate/2", "untouched", "2")],
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundles.write(tmp_path_factory.mktemp("tricky") / "it", tricky())


@pytest.fixture(scope="module")
def oxigraph(bundle: Bundle) -> Iterator[Callable[[str], Rows]]:
    with load(bundle) as store:
        yield lambda text: [
            tuple(told(getattr(term, "value", "")) for term in row)
            for row in ask(store, text).solutions()
        ]


@pytest.fixture(scope="module")
def other(bundle: Bundle) -> Callable[[str], Rows]:
    """The same triples in rdflib, which evaluates SPARQL by itself."""
    triples = Triples(bundle.graph().header)
    graph = rdflib.Graph().parse(data="".join(triples.of(bundle.graph())), format="nt")
    return lambda text: [
        tuple("" if term is None else told(str(term)) for term in cast("tuple[object]", row))
        for row in graph.query(text, initNs=PREFIXES)
    ]


def told(value: str) -> str:
    return value.removeprefix(BASE)


@pytest.mark.parametrize("name", library())
def test_a_named_query_gives_what_it_says(
    name: str, oxigraph: Callable[[str], Rows], other: Callable[[str], Rows]
) -> None:
    assert oxigraph(named(name)) == EXPECTED[name]
    assert other(named(name)) == EXPECTED[name]


def test_examples_have_as_many_parts_as_answers() -> None:
    for query in library().values():
        assert query.example.count(", ") + 1 == len(EXPECTED[query.name][0]), query.name


def test_the_editor_begins_with_a_query_that_has_an_answer(
    bundle: Bundle, oxigraph: Callable[[str], Rows]
) -> None:
    images = bundle.graph().of_type("Image")
    assert sorted(oxigraph(FIRST_QUERY)) == sorted((i.iri, str(i.fields["name"])) for i in images)
