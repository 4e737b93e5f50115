# SPDX-License-Identifier: GPL-2.0-or-later
"""ezomero, unmodified; source: its documentation (thejacksonlaboratory.github.io/ezomero)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ezomero
import numpy as np
import pytest
from ezomero import rois

from graphxfer.sandbox import manage
from tests.sandbox.conftest import PASSWORD
from tests.sandbox.importing_client import import_files


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
