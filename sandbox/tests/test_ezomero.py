# SPDX-License-Identifier: GPL-2.0-or-later
"""ezomero, unmodified; source: its documentation (thejacksonlaboratory.github.io/ezomero).

What each test expects is what the docstring of the function promises.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ezomero
import numpy as np
import omero
import omero.gateway
import pytest
from ezomero import rois

from omero_sandbox import manage
from tests.conftest import PASSWORD
from tests.elsewhere import needs_tables
from tests.importing_client import import_files

#: Functions of ezomero that no test here calls, and why.
UNTRIED = {"ezimport": "it runs `omero import`, which is Java"}
PLATE = "p&plates=1&plateRows=2&plateCols=3&fields=1&plateAcqs=2&sizeX=20&sizeY=20.fake"


@pytest.fixture
def conn(lab: Callable[..., Any], server: manage.Sandbox) -> Iterator[Any]:
    conn = ezomero.connect(
        lab("rwra--").user(), PASSWORD, group="", host=server.host, port=server.port, secure=True
    )
    yield conn
    conn.close()


@pytest.fixture
def image(conn: Any) -> int:
    response = import_files(conn.c, {"a/cells&sizeX=40&sizeY=30&sizeC=2.fake": b""})
    return int(response.pixels[0].image.id.val)


def test_containers(conn: Any, image: int) -> None:
    project = ezomero.post_project(conn, "project", "text")
    dataset = ezomero.post_dataset(conn, "dataset", project, "text")
    screen = ezomero.post_screen(conn, "screen")
    assert ezomero.link_images_to_dataset(conn, [image], dataset) is None
    assert ezomero.get_project_ids(conn) == [project]
    assert ezomero.get_dataset_ids(conn, project=project) == [dataset]
    assert ezomero.get_image_ids(conn, dataset=dataset) == [image]
    assert ezomero.get_image_ids(conn, project=project) == [image]
    assert ezomero.get_screen_ids(conn) == [screen]


def test_map_annotations(conn: Any, image: int) -> None:
    id_ = ezomero.post_map_annotation(conn, "Image", image, {"a": "1", "b": ["2", "3"]}, "ns")
    assert ezomero.get_map_annotation(conn, id_) == {"a": "1", "b": ["2", "3"]}
    assert ezomero.get_map_annotation_ids(conn, "Image", image, ns="ns") == [id_]
    ezomero.put_map_annotation(conn, id_, {"a": "9"})
    assert ezomero.get_map_annotation(conn, id_) == {"a": "9"}
    assert ezomero.filter_by_kv(conn, [image], "a", "9") == [image]


def test_files_and_comments(conn: Any, image: int, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    id_ = ezomero.post_file_annotation(conn, str(path), "ns", "Image", image)
    assert ezomero.get_file_annotation_ids(conn, "Image", image) == [id_]
    (tmp_path / "back").mkdir()
    back = ezomero.get_file_annotation(conn, id_, str(tmp_path / "back"))
    assert Path(back).read_text() == "hello"
    comment = ezomero.post_comment_annotation(conn, "Image", image, "nice")
    assert ezomero.get_comment_annotation(conn, comment) == "nice"


def test_rois(conn: Any, image: int) -> None:
    shapes = [
        rois.Rectangle(x=1, y=2, width=3, height=4, z=0, label="r", fill_color=(1, 2, 3, 4)),
        rois.Ellipse(x=5, y=5, x_rad=2, y_rad=3),
        rois.Point(x=1, y=1),
        rois.Line(x1=1, y1=2, x2=3, y2=4),
        rois.Polygon(points=[(1, 1), (2, 2), (3, 1)]),
        rois.Polyline(points=[(1, 1), (2, 2)]),
        rois.Label(x=1, y=1, label="text", fontSize=10),
    ]
    roi = ezomero.post_roi(conn, image, shapes, name="roi")
    assert ezomero.get_roi_ids(conn, image) == [roi]
    back = [ezomero.get_shape(conn, id_) for id_ in ezomero.get_shape_ids(conn, roi)]
    assert [type(shape) for shape in back] == [type(shape) for shape in shapes]
    assert (back[0].x, back[0].width, back[0].label, back[0].z) == (1, 3, "r", 0)
    assert back[0].fill_color == (1, 2, 3, 4)


def test_pixels(conn: Any, image: int) -> None:
    _, pixels = ezomero.get_image(conn, image)
    assert pixels.shape == (1, 1, 30, 40, 2)
    _, part = ezomero.get_image(
        conn, image, start_coords=(2, 3, 0, 1, 0), axis_lengths=(5, 4, 1, 1, 1)
    )
    assert np.array_equal(part[0, 0, :, :, 0], pixels[0, 0, 3:7, 2:7, 1])


def test_posting_an_image(conn: Any) -> None:
    values = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(4, 3, 2, 1, 1)
    id_ = ezomero.post_image(conn, values, "mine", dim_order="xyzct")
    _, back = ezomero.get_image(conn, id_, dim_order="xyzct")
    assert np.array_equal(np.squeeze(back), np.squeeze(values))


def test_tables(conn: Any, image: int) -> None:
    needs_tables(conn.c)
    rows = [["name", "count"], ["a", 1], ["b", 2]]
    id_ = ezomero.post_table(conn, rows, "Image", image, title="t")
    back = ezomero.get_table(conn, id_)
    assert [list(back.columns), *back.values.tolist()] == rows


def test_files_of_images_and_users(conn: Any, image: int) -> None:
    paths = ezomero.get_original_filepaths(conn, image)
    assert [Path(path).name for path in paths] == ["cells&sizeX=40&sizeY=30&sizeC=2.fake"]
    assert ezomero.filter_by_filename(conn, [image], "cells&sizeX=40&sizeY=30&sizeC=2.fake") == [
        image
    ]
    assert ezomero.get_user_id(conn, conn.getUser().getOmeName()) == conn.getUserId()
    assert ezomero.get_group_id(conn, conn.getGroupFromContext().getName()) is not None
    ezomero.put_description(conn, "Image", image, "new")
    assert conn.getObject("Image", image).getDescription() == "new"


def tag(conn: Any, target: Any, text: str) -> int:
    """Tag an object, as the gateway does: ezomero only reads tags."""
    made = omero.gateway.TagAnnotationWrapper(conn)
    made.setValue(text)
    made.setNs("ns")
    made.save()
    target.linkAnnotation(made)
    return int(made.getId())


def test_tags(conn: Any, image: int) -> None:
    id_ = tag(conn, conn.getObject("Image", image), "mitosis")
    assert ezomero.get_tag(conn, id_) == "mitosis"
    assert ezomero.get_tag_ids(conn, "Image", image) == [id_]
    assert ezomero.get_tag_ids(conn, "Image", image, ns="another") == []
    assert ezomero.filter_by_tag_value(conn, [image], "mitosis") == [image]
    assert ezomero.filter_by_tag_value(conn, [image], "mit") == []


def test_ids_of_comments(conn: Any, image: int) -> None:
    id_ = ezomero.post_comment_annotation(conn, "Image", image, "nice", ns="ns")
    assert ezomero.get_comment_annotation_ids(conn, "Image", image, ns="ns") == [id_]
    assert ezomero.get_comment_annotation_ids(conn, "Image", image, ns="another") == []


def test_screens_and_plates(conn: Any) -> None:
    plate = int(import_files(conn.c, {PLATE: b""}).objects[0].id.val)
    screen = ezomero.post_screen(conn, "screen", "text")
    assert ezomero.get_plate_ids(conn) == [plate]
    assert ezomero.link_plates_to_screen(conn, [plate], screen) is None
    assert ezomero.get_plate_ids(conn, screen=screen) == [plate]
    runs = ezomero.get_plate_acquisition_ids(conn, plate=plate)
    assert len(runs) == 2
    assert sorted(ezomero.get_plate_acquisition_ids(conn, screen=screen)) == sorted(runs)
    wells = ezomero.get_well_ids(conn, plate=plate)
    assert len(wells) == 6
    assert sorted(ezomero.get_well_ids(conn, screen=screen)) == sorted(wells)
    corner = ezomero.get_well_id(conn, plate, row=1, column=2)
    assert conn.getObject("Well", corner).getWellPos() == "B3"
    assert ezomero.get_well_id(conn, plate, row=2, column=0) is None
    images = ezomero.get_image_ids(conn, plate=plate)
    assert len(images) == 6 * 2
    assert set(ezomero.get_image_ids(conn, well=corner)) < set(images)
    assert set(ezomero.get_image_ids(conn, plate_acquisition=runs[0])) < set(images)
    id_ = tag(conn, conn.getObject("Well", corner), "positive")
    assert ezomero.get_well_ids(conn, annotation=id_) == [corner]


def test_datasets_of_projects(conn: Any) -> None:
    project, dataset = ezomero.post_project(conn, "project"), ezomero.post_dataset(conn, "dataset")
    assert ezomero.link_datasets_to_project(conn, [dataset], project) is None
    assert ezomero.get_dataset_ids(conn, project=project) == [dataset]


def test_series_and_resolutions(conn: Any, image: int) -> None:
    response = import_files(conn.c, {"a/three&sizeX=40&sizeY=30&series=3.fake": b""})
    images = [pixels.image.id.val for pixels in response.pixels]
    assert [ezomero.get_series_index(conn, id_) for id_ in images] == [0, 1, 2]
    posted = ezomero.post_image(conn, np.zeros((4, 3, 1, 1, 1), np.uint8), "n", dim_order="xyzct")
    assert ezomero.get_series_index(conn, posted) == -1
    assert ezomero.get_pyramid_levels(conn, image) == [(40, 30)]


def test_what_is_printed(conn: Any, image: int, capsys: pytest.CaptureFixture[str]) -> None:
    project = ezomero.post_project(conn, "a project")
    orphan = ezomero.post_dataset(conn, "an orphan")
    dataset = ezomero.post_dataset(conn, "a dataset", project)
    pairs = ezomero.post_map_annotation(conn, "Image", image, {"key": "value"}, "ns")
    group = conn.getGroupFromContext()
    ezomero.print_projects(conn)
    assert f"a project:\t{project}" in capsys.readouterr().out
    ezomero.print_datasets(conn, project=project)
    assert f"a dataset:\t{dataset}" in capsys.readouterr().out
    ezomero.print_datasets(conn)
    assert f"an orphan:\t{orphan}" in capsys.readouterr().out
    ezomero.print_map_annotation(conn, pairs)
    assert "Namespace: ns\nKey-Value Pairs:\n\tkey:\tvalue" in capsys.readouterr().out
    ezomero.print_groups(conn)
    assert f"{group.getName()}: {group.getId()}\tmember" in capsys.readouterr().out


def test_switching_groups(lab: Callable[..., Any], server: manage.Sandbox) -> None:
    group, other, foreign = lab(), lab(), lab()
    name, admin = group.user(), group.root.sf.getAdminService()
    user = omero.model.ExperimenterI(admin.lookupExperimenter(name).id.val, False)
    admin.addGroups(user, [omero.model.ExperimenterGroupI(other.id, False)])
    conn = ezomero.connect(name, PASSWORD, "", server.host, server.port, secure=True)
    try:
        assert ezomero.set_group(conn, other.id) is True
        made = ezomero.post_project(conn, "there")
        assert conn.getObject("Project", made).getDetails().group.id.val == other.id
        assert ezomero.set_group(conn, foreign.id) is False
    finally:
        conn.close()


def test_stored_parameters(
    lab: Callable[..., Any],
    server: manage.Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    group = lab()
    name = group.user()
    ezomero.store_connection_params(
        name, group.name, server.host, server.port, True, config_path=str(tmp_path)
    )
    assert PASSWORD not in (tmp_path / ".ezomero").read_text()
    monkeypatch.setenv("OMERO_PASS", PASSWORD)
    conn = ezomero.connect(config_path=str(tmp_path))
    try:
        assert conn.getUser().getName() == name
        assert conn.getGroupFromContext().getId() == group.id
        assert conn.isSecure()
    finally:
        conn.close()


def test_every_function_is_tried() -> None:
    """What ezomero exports is called by a test of this module, or has a reason in `UNTRIED`."""
    exported = {name for name, _ in inspect.getmembers(ezomero, inspect.isfunction)}
    calls = (
        node.func
        for test in ast.parse(Path(__file__).read_text()).body
        if isinstance(test, ast.FunctionDef)
        for node in ast.walk(test)
        if isinstance(node, ast.Call)
    )
    called = {
        function.attr
        for function in calls
        if isinstance(function, ast.Attribute) and ast.unparse(function.value) == "ezomero"
    }
    assert exported - called == set(UNTRIED)
