# SPDX-License-Identifier: GPL-2.0-or-later
"""omero-cli-transfer, unmodified: `omero transfer pack` as its README shows it.

Source of what is expected: the README of ome/omero-cli-transfer. ``unpack`` runs `omero import`,
which is a Java program, and is not tried.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import ome_types
import pytest
from omero.cli import NonZeroReturnCode

from tests.conftest import Command, Filled
from tests.importing_client import import_files

pytest.importorskip("omero_cli_transfer", reason="omero-cli-transfer is not installed")


@pytest.fixture(scope="module")
def pack(omero_command: Command, filled: Filled) -> Any:
    omero_command.log_in(filled.server, filled.user, filled.password)
    return lambda *arguments: omero_command("transfer", "pack", *map(str, arguments))


@pytest.fixture(scope="module")
def project(filled: Filled) -> int:
    return filled.made["Project"][0]


def contents(path: Path) -> dict[str, bytes]:
    """Return name without leading dots -> content of all files in a pack."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as pack:
            return {n: pack.read(n) for n in pack.namelist() if not n.endswith("/")}
    with tarfile.open(path) as tar:
        return {
            m.name.removeprefix("./"): tar.extractfile(m).read()  # type: ignore[union-attr]
            for m in tar.getmembers()
            if m.isfile()
        }


def test_a_project_with_its_files_and_a_description_of_all(
    pack: Any, project: int, filled: Filled, tmp_path: Path
) -> None:
    pack(f"Project:{project}", tmp_path / "pack.tar")
    files = contents(tmp_path / "pack.tar")
    ome = ome_types.from_xml(files.pop("transfer.xml").decode())

    hql = "select i.name from ProjectDatasetLink l join l.child.imageLinks il join il.child i"
    names = {row[0] for row in filled.rows(hql)}
    assert {image.name for image in ome.images} == names
    assert [p.name for p in ome.projects] == [
        row[0] for row in filled.rows("select p.name from Project p")
    ]
    assert {d.name for d in ome.datasets} == {
        row[0] for row in filled.rows("select d.name from ProjectDatasetLink l join l.child d")
    }
    # "all original files necessary to create the images", byte for byte; `omero download` repeats
    # the directories of the client path
    hql = (
        "select distinct f.path, f.name from ProjectDatasetLink l join l.child.imageLinks il"
        " join il.child.fileset.usedFiles e join e.originalFile f"
    )
    for path, name in filled.rows(hql):
        data = (filled.server.repository / path / name).read_bytes()
        assert data in [d for n, d in files.items() if n.startswith(path) and n.endswith(name)]


def test_annotations_and_rois_are_described(
    pack: Any, project: int, filled: Filled, tmp_path: Path
) -> None:
    """MapAnnotations, tags, files, ratings and comments; all kinds of ROI except masks."""
    pack("--binaries", "none", f"Project:{project}", f"{tmp_path}/")
    ome: Any = ome_types.from_xml((tmp_path / "transfer.xml").read_text())
    described = Counter(type(a).__name__ for a in ome.structured_annotations)
    in_use = filled.rows("select distinct t.textValue from ImageAnnotationLink l join l.child t"
                          " where t.class = TagAnnotation")  # fmt: skip
    tags = {a.value for a in ome.structured_annotations if type(a).__name__ == "TagAnnotation"}
    assert {value for (value,) in in_use} <= tags
    assert {"CommentAnnotation", "FileAnnotation", "LongAnnotation"} <= described.keys()
    keys = {
        m.k
        for a in ome.structured_annotations
        if type(a).__name__ == "MapAnnotation"
        for m in a.value.ms
    }
    hql = (
        "select nv.name from ProjectDatasetLink p join p.child.imageLinks il"
        " join il.child.annotationLinks l join l.child m join m.mapValue nv"
    )
    assert {name for (name,) in filled.rows(hql)} <= keys
    shapes = Counter(type(s).__name__ for roi in ome.rois for s in roi.union)
    (masks,) = filled.rows("select count(m.id) from Mask m")
    assert "Mask" not in shapes
    assert masks[0] > 0
    for name in ("Rectangle", "Ellipse", "Point", "Line", "Polygon", "Polyline", "Label"):
        (count,) = filled.rows(f"select count(s.id) from {name} s where s.roi.image is not null")
        assert shapes[name] == count[0], name


def test_formats_and_several_objects(pack: Any, filled: Filled, tmp_path: Path) -> None:
    first, second = filled.made["Image"][:2]
    pack(f"Image:{first}", tmp_path / "one.zip")
    one = ome_types.from_xml(contents(tmp_path / "one.zip")["transfer.xml"].decode())
    assert len(one.images) == 1
    pack(f"Image:{first},{second}", tmp_path / "two.tar")
    two = ome_types.from_xml(contents(tmp_path / "two.tar")["transfer.xml"].decode())
    assert len(two.images) == 2


def test_a_number_alone_is_a_project(pack: Any, project: int, tmp_path: Path) -> None:
    pack("--binaries", "none", str(project), f"{tmp_path}/")
    ome: Any = ome_types.from_xml((tmp_path / "transfer.xml").read_text())
    assert [p.id for p in ome.projects] == [f"Project:{project}"]


def test_a_package_for_people(pack: Any, filled: Filled, tmp_path: Path) -> None:
    """One folder per project or dataset, and the image files in them."""
    image = filled.made["Image"][0]
    pack(f"Image:{image}", "--simple", tmp_path / "simple.tar")
    ((name,),) = filled.rows(f"select i.name from Image i where i.id = {image}")
    assert name in {Path(path).name for path in contents(tmp_path / "simple.tar")}


def test_a_bioimage_archive(pack: Any, project: int, filled: Filled, tmp_path: Path) -> None:
    pack(f"Project:{project}", "--barchive", tmp_path / "archive.tar")
    table = contents(tmp_path / "archive.tar")["submission.tsv"].decode().splitlines()
    assert table[0].split("\t")[-1] == "original_omero_ids"


def test_plates_need_a_binary_access_policy(
    pack: Any, filled: Filled, omero_command: Command, tmp_path: Path
) -> None:
    """Default OMERO settings prevent one from downloading plates: the README says so."""
    with filled.client() as client:
        response = import_files(client, {"p&plates=1&plateRows=1&plateCols=1&fields=1.fake": b"x"})
    plate = response.objects[0].id.val
    with pytest.raises(NonZeroReturnCode):
        pack(f"Plate:{plate}", tmp_path / "plate.tar")
    omero_command.log_in(filled.server)
    group = filled.rows(f"select p.details.group.id from Plate p where p.id = {plate}")[0][0]
    omero_command("obj", "map-set", f"ExperimenterGroup:{group}", "config",
                  "omero.policy.binary_access", "+plate")  # fmt: skip
    omero_command.log_in(filled.server, filled.user, filled.password)
    pack(f"Plate:{plate}", tmp_path / "plate.tar")
    assert b"x" in contents(tmp_path / "plate.tar").values()
