# SPDX-License-Identifier: GPL-2.0-or-later
"""omero-rdf, unmodified: `omero rdf` with each of its options.

Source of what is expected: omero-rdf's README and the help texts of its command
(German-BioImaging/omero-rdf, ``omero_rdf/control.py``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from omero.cli import NonZeroReturnCode
from rdflib import Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCTERMS, RDF

from tests.conftest import Command, Filled

pytest.importorskip("omero_rdf", reason="omero-rdf is not installed")
OME = Namespace("http://www.openmicroscopy.org/rdf/2016-06/ome_core/")
NT = "ntriples"
TYPE = "http://www.openmicroscopy.org/Schemas/OME/2016-06#"


@pytest.fixture(scope="module")
def rdf(omero_command: Command, filled: Filled) -> Any:
    omero_command.log_in(filled.server, filled.user, filled.password)
    remove_transforms(filled)

    def run(*arguments: str) -> str:
        said = omero_command("rdf", *arguments)
        return "".join(
            line for line in said.splitlines(True) if not line.startswith("Using session for")
        )

    return run


@pytest.fixture(scope="module")
def project(filled: Filled) -> str:
    return f"Project:{filled.made['Project'][0]}"


@pytest.fixture(scope="module")
def image(filled: Filled) -> str:
    """An image with annotations and pixels with physical sizes, and no big ROIs."""
    hql = (
        "select min(l.parent.id) from ImageAnnotationLink l"
        " where not exists (select r.id from Roi r where r.image = l.parent)"
    )
    ((id_,),) = filled.rows(hql)
    return f"Image:{id_}"


def remove_transforms(filled: Filled) -> None:
    """Make the shapes such as omero-rdf can take: its query does not fetch their transforms.

    What a query does not fetch arrives unloaded (IceMapper, omero-blitz), and the encoder of
    omero-marshal reads it all the same.
    """
    with filled.client() as client:
        hql = "select s from Shape s where s.transform is not null"
        shapes = client.sf.getQueryService().findAllByQuery(hql, None)
        for shape in shapes:
            shape.transform = None
        client.sf.getUpdateService().saveArray(shapes)


def graph(text: str, format_: str) -> Graph:
    if format_ == NT:  # it writes Turtle terms with Python's escapes: undo those
        text, format_ = text.encode("ascii").decode("unicode_escape"), "turtle"
    return Graph().parse(data=text, format=format_)


def of_type(found: Graph, name: str) -> set[int]:
    subjects = found.subjects(RDF.type, URIRef(TYPE + name))
    return {int(str(subject).rpartition("/")[2]) for subject in subjects}


def test_descends_by_default_to_the_annotations_and_rois_of_the_images(
    rdf: Any, project: str, filled: Filled
) -> None:
    found = graph(rdf(project), NT)
    hql = "select i.id from ProjectDatasetLink l join l.child.imageLinks il join il.child i"
    assert of_type(found, "Image") == {id_ for (id_,) in filled.rows(hql)}
    for name in ("Project", "Dataset"):
        assert of_type(found, name) == set(filled.made[name]), name
    on_images = filled.rows(
        "select m.id from ProjectDatasetLink p join p.child.imageLinks il"
        " join il.child.annotationLinks l join l.child m where m.class = MapAnnotation"
    )
    assert {id_ for (id_,) in on_images} <= of_type(found, "MapAnnotation")
    roi = URIRef(f"https://127.0.0.1/ROI/{filled.made['Roi'][0]}")
    assert (None, DCTERMS.hasPart, roi) in found


def test_flat_stays_at_the_object(rdf: Any, project: str, filled: Filled) -> None:
    found = graph(rdf("-S", "flat", project), NT)
    assert of_type(found, "Project") == set(filled.made["Project"])
    assert of_type(found, "Image") == set()


@pytest.mark.parametrize(
    ("option", "format_"),
    [("--format=turtle", "turtle"), ("--pretty", "turtle"), ("-Fjsonld", "json-ld")],
)
def test_every_format_says_the_same(rdf: Any, image: str, option: str, format_: str) -> None:
    plain = graph(rdf(image), NT)
    assert len(plain) > 20
    assert len(graph(rdf(option, image), format_)) == len(plain)


def test_ro_crate(rdf: Any, image: str) -> None:
    crate = json.loads(rdf("--format=ro-crate", image))
    assert "ro/crate" in json.dumps(crate["@context"])
    assert crate["@graph"]


def test_ellide_shortens_long_strings(rdf: Any, omero_command: Command) -> None:
    target = omero_command("obj", "new", "Dataset", f"name={'long ' * 20}").strip().split()[-1]
    full = [o for o in graph(rdf(target), NT).objects() if isinstance(o, Literal)]
    short = [o for o in graph(rdf("--ellide", target), NT).objects() if isinstance(o, Literal)]
    assert max(len(o) for o in full) > 50
    assert max(len(o) for o in short) <= 50


def test_trim_whitespace(rdf: Any, omero_command: Command) -> None:
    new = omero_command("obj", "new", "Dataset", "name=  blank before and after ")
    target = new.strip().splitlines()[-1]
    names = [
        next(graph(rdf(*options, target), NT).objects(predicate=OME.Name))
        for options in ((), ("--trim-whitespace",))
    ]
    assert [str(name) for name in names] == [
        "  blank before and after ",
        "blank before and after",
    ]


def test_first_handler_wins_without_handlers_changes_nothing(rdf: Any, image: str) -> None:
    assert len(graph(rdf("-1", image), NT)) == len(graph(rdf(image), NT))


def test_writes_a_file(
    rdf: Any, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda prompt: "y")
    rdf("--file", str(tmp_path / "graph.nt"), image)
    written = (tmp_path / "graph.nt").read_text()
    assert len(graph(written, NT)) == len(graph(rdf(image), NT))


def test_what_is_not_there(rdf: Any) -> None:
    with pytest.raises(NonZeroReturnCode) as raised:
        rdf("Image:999999")
    assert raised.value.rv == 110
