# SPDX-License-Identifier: GPL-2.0-or-later
"""The seed program fills a server over the wire, and an ordinary client finds what it made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import omero
import omero.all
import omero.sys
import pytest
from omero.constants.metadata import NSINSIGHTTAGSET
from omero.rtypes import unwrap

from omero_sandbox import manage
from omero_sandbox.seed.data import SHAPES, seed
from omero_sandbox.seed.examples import SHIPPED, nuclei
from omero_sandbox.seed.upload import ImportFailed, upload

PASSWORD = "for the test"


@dataclass
class Seeded:
    """A seeded server, as its user sees it."""

    server: manage.Sandbox
    made: dict[str, list[int]]
    lines: list[str]
    client: Any

    def rows(self, hql: str, **values: Any) -> list[Any]:
        """Answer a projection, unwrapped."""
        parameters = omero.sys.ParametersI()
        for name, value in values.items():
            parameters.add(name, value)
        found = self.client.sf.getQueryService().projection(hql, parameters)
        return [tuple(unwrap(row)) for row in found]

    def objects(self, hql: str) -> list[Any]:
        """Answer a query."""
        found: list[Any] = self.client.sf.getQueryService().findAllByQuery(hql, None)
        return found


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    with manage.running(tmp_path_factory.mktemp("seeded")) as server:
        lines: list[str] = []
        made = seed(
            server.host, server.port, "root", "omero", scale=2, member_password=PASSWORD,
            say=lines.append,
        )  # fmt: skip
        client = omero.client(server.host, server.port)
        client.createSession("researcher", PASSWORD)
        yield Seeded(server, made, lines, client)
        client.closeSession()


def test_it_tells_what_it_does(seeded: Seeded) -> None:
    assert seeded.lines[0] == "group Imaging (read-annotate)"
    assert "import cell.tif" in seeded.lines
    assert f"{len(seeded.made['Image']):5} Image" in seeded.lines


def test_everything_is_the_users_and_in_his_group(seeded: Seeded) -> None:
    context = seeded.client.sf.getAdminService().getEventContext()
    assert (context.userName, context.groupName) == ("researcher", "Imaging")
    group = seeded.client.sf.getAdminService().lookupGroup("Imaging")
    assert str(group.details.permissions) == "rwra--"
    rows = seeded.rows("select distinct i.details.owner.omeName, i.details.group.name from Image i")
    assert rows == [("researcher", "Imaging")]


def test_returned_ids_are_those_of_the_objects(seeded: Seeded) -> None:
    for name in ("Project", "Dataset", "Image", "TagAnnotation", "MapAnnotation", "Roi"):
        ids = {row[0] for row in seeded.rows(f"select x.id from {name} x")}
        assert set(seeded.made[name]) <= ids, name


def test_images_of_all_formats(seeded: Seeded) -> None:
    rows = seeded.rows(
        "select i.name, p.sizeC, p.sizeZ, p.sizeT from Pixels p join p.image i order by i.id"
    )
    assert ("cell.tif", 1, 1, 1) in rows
    assert ("retina.jpg", 3, 1, 1) in rows
    assert ("series_t0.ome.tif", 1, 2, 2) in rows
    assert ("positions.ome.tif [position 3]", 3, 4, 1) in rows
    assert [row[0] for row in rows if row[0].startswith("nuclei")] == [
        "nuclei_0000.ome.tif", "nuclei_0001.ome.tif",
    ]  # fmt: skip


def test_files_are_in_their_filesets_in_order(seeded: Seeded) -> None:
    rows = seeded.rows(
        "select f.id, e.clientPath, o.size, o.hash from Fileset f join f.usedFiles e"
        " join e.originalFile o order by f.id, index(e)"
    )
    names = [path.rpartition("/")[2] for _, path, _, _ in rows]
    start = names.index("series_t0.ome.tif")
    assert names[start + 1] == "series_t1.ome.tif"
    assert rows[start][0] == rows[start + 1][0]
    assert all(len(checksum) == 40 for *_, checksum in rows)
    retina = rows[names.index("retina.jpg")]
    assert retina[2] == (SHIPPED / "retina.jpg").stat().st_size


def test_pixels_on_the_wire_are_those_of_the_file(seeded: Seeded) -> None:
    (row,) = seeded.rows(
        "select p.id, p.sizeX, p.sizeY from Pixels p where p.image.name = 'nuclei_0001.ome.tif'"
    )
    store = seeded.client.sf.createRawPixelsStore()
    try:
        store.setPixelsId(row[0], False)
        plane = np.frombuffer(store.getPlane(2, 1, 0), ">u2").reshape(row[2], row[1])
    finally:
        store.close()
    assert np.array_equal(plane, nuclei(1, (1, 2, 3, 96, 128))[0, 1, 2])


def test_an_image_in_two_datasets_and_one_in_none(seeded: Seeded) -> None:
    rows = seeded.rows("select i.name, l.parent.name from DatasetImageLink l join l.child i")
    homes = {name: {home for n, home in rows if n == name} for name, _ in rows}
    assert homes["cell.tif"] == {"Cells", "Tissue"}
    assert "retina.jpg" not in homes


def test_tags_are_shared_and_in_a_set(seeded: Seeded) -> None:
    rows = seeded.rows(
        "select l.parent.textValue, l.child.textValue from AnnotationAnnotationLink l"
        " where l.parent.ns = :ns",
        ns=omero.rtypes.rstring(NSINSIGHTTAGSET),
    )
    assert sorted(rows) == [("Phenotype", "Zellkern µ"), ("Phenotype", "mitosis")]
    (count,) = seeded.rows(
        "select count(l) from ImageAnnotationLink l where l.child.textValue = 'mitosis'"
    )
    assert count == (3,)


def test_map_annotations_keep_repeated_keys_in_order(seeded: Seeded) -> None:
    maps = seeded.objects("select a from MapAnnotation a left outer join fetch a.mapValue")
    pairs = [[(p.name, p.value) for p in a.getMapValue()] for a in maps]
    assert [
        ("gene", "tubA"),
        ("gene", "tubB"),
        ("stain", ""),
        ("", "no key"),
        ("温度", "37 °C"),
    ] in pairs
    assert [] in pairs


def test_every_class_of_annotation(seeded: Seeded) -> None:
    made = seeded.objects("select a from Annotation a")
    names = {type(annotation).__name__.removesuffix("AnnotationI") for annotation in made}
    assert names >= {
        "Boolean", "Comment", "Double", "File", "Long", "Map", "Tag", "Term", "Timestamp", "Xml",
    }  # fmt: skip
    texts = [a.textValue.val for a in made if type(a).__name__ == "CommentAnnotationI"]
    assert "" in texts


def test_annotations_on_what_is_small(seeded: Seeded) -> None:
    for link in ("RoiAnnotationLink", "ShapeAnnotationLink", "ChannelAnnotationLink"):
        (text,) = seeded.rows(f"select l.child.textValue from {link} l")
        assert text == ("drawn by hand",), link


def test_every_class_of_shape(seeded: Seeded) -> None:
    rois = seeded.objects(
        "select distinct r from Roi r left outer join fetch r.shapes s"
        " left outer join fetch s.transform where r.name = 'every shape'"
    )
    shapes = rois[0].copyShapes()
    assert [type(shape).__name__.removesuffix("I") for shape in shapes] == list(SHAPES)
    assert {shape.theZ is None for shape in shapes} == {True, False}
    assert shapes[0].transform.a10.val == 0.1
    assert shapes[0].strokeColor.val == -1
    mask = shapes[-1]
    assert len(mask.getBytes()) == -(-21 * 17 // 8)


def test_rois_and_tags_that_a_file_brings(seeded: Seeded) -> None:
    rows = seeded.rows("select r.image.name, r.name from Roi r where r.name = 'lesions'")
    assert rows == [("microaneurysms.ome.tif", "lesions")]
    rows = seeded.rows(
        "select l.parent.name from ImageAnnotationLink l where l.child.textValue = 'from the file'"
    )
    assert rows == [("microaneurysms.ome.tif",)]


def test_the_attachment_can_be_read(seeded: Seeded) -> None:
    files = seeded.objects("select f from OriginalFile f where f.mimetype = 'text/csv'")
    assert [file.name.val for file in files] == ["Messwerte ä.csv"]
    store = seeded.client.sf.createRawFileStore()
    try:
        store.setFileId(files[0].id.val, seeded.client.getContext(-1))
        content = store.read(0, files[0].size.val)
    finally:
        store.close()
    assert content == b"nucleus,area\n1,83.5\n2,91.25\n"


def test_a_member_fills_his_own_group_a_second_time(seeded: Seeded) -> None:
    before = len(seeded.rows("select i.id from Image i"))
    made = seed(
        seeded.server.host, seeded.server.port, "researcher", PASSWORD, "Imaging", scale=0,
        say=lambda line: None,
    )  # fmt: skip
    after = len(seeded.rows("select i.id from Image i"))
    assert after - before == len(made["Image"]) > 0


def test_a_file_that_is_no_image_fails_with_the_servers_word(
    seeded: Seeded, tmp_path: Path
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no image")
    with pytest.raises(ImportFailed, match="error-on-init"):
        upload(seeded.client, [path])
