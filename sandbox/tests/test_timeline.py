# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.ITimeline, with BlitzGateway and omero.client.

Source: omero-blitz `ome.services.blitz.impl.TimelineI`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import omero
import pytest
from omero.gateway import ProjectWrapper, TagAnnotationWrapper
from omero.model import ImageI, ProjectI
from omero.rtypes import rstring, rtime
from omero.sys import ParametersI

DAY = 86_400_000


@pytest.fixture
def images(conn: Any) -> list[int]:
    """Three images: of day 1, of day 2, and of no day."""
    made = []
    for number, day in enumerate((1, 2, None)):
        image = ImageI()
        image.name = rstring(f"image {number}")
        image.acquisitionDate = rtime(day * DAY) if day else None
        made.append(image)
    return list(conn.getUpdateService().saveAndReturnIds(made))


def project(conn: Any, name: str) -> Any:
    made = ProjectWrapper(conn, ProjectI())
    made.setName(name)
    made.save()
    return made


def ids(found: Any) -> list[int]:
    return [image.id for image in found]


def test_images_by_their_acquisition_date(conn: Any, images: list[int]) -> None:
    assert ids(conn.timelineListImages()) == [images[1], images[0]]
    assert ids(conn.timelineListImages(limit=1)) == [images[1]]
    assert ids(conn.timelineListImages(tfrom=0, tto=DAY)) == [images[0]]
    assert ids(conn.timelineListImages(tfrom=DAY + 1)) == [images[1]]


def test_images_of_others(lab: Callable[..., Any], gateways: Callable[..., Any]) -> None:
    group = lab("rwra--")
    one, other = gateways(group.user()), gateways(group.user())
    image = ImageI()
    image.name, image.acquisitionDate = rstring("image"), rtime(DAY)
    one.getUpdateService().saveObject(image)
    assert ids(other.timelineListImages()) == []
    assert len(ids(other.timelineListImages(only_owned=False))) == 1


def test_counts(conn: Any, images: list[int]) -> None:
    project(conn, "project")
    service = conn.getTimelineService()
    counts = service.countByPeriod([], None, None, None)
    assert counts == {
        "RenderingDef": 0, "Image": 2, "Project": 1, "Dataset": 0, "Annotation": -1,
    }  # fmt: skip
    assert service.countByPeriod(["Image"], rtime(DAY), rtime(DAY), None) == {"Image": 1}


def test_recent_first(conn: Any, images: list[int]) -> None:
    first, second = project(conn, "first"), project(conn, "second")
    service = conn.getTimelineService()
    found = service.getMostRecentObjects(["Project", "Image"], None, False)
    assert [one.id.val for one in found["Project"]] == [second.id, first.id]
    first.setName("again")
    first.save()
    merged = service.getMostRecentObjects(["Project", "Image"], ParametersI().page(0, 1), True)
    # tried on OMERO 5.7: of the newest of each class, the oldest is the one
    assert (len(merged["Project"]), len(merged["Image"])) == (0, 1)


def test_annotation_links(conn: Any, image: Any) -> None:
    tag = TagAnnotationWrapper.createAndLink(image, "example.org/a", "tag")
    assert tag is None
    service = conn.getTimelineService()

    def names(types: Any, namespaces: Any) -> list[str]:
        links = service.getMostRecentAnnotationLinks(None, types, namespaces, ParametersI())
        mine = [x for x in links if x.details.owner.id.val == conn.getUserId()]
        return [link.child.textValue.val for link in mine]

    assert names(None, None) == ["tag"]
    assert names(["TagAnnotation"], ["example.org/%"]) == ["tag"]
    assert names(["CommentAnnotation"], None) == []
    assert names(None, ["example.com"]) == []
    with pytest.raises(omero.ApiUsageException):
        names(["TagAnnotation", "CommentAnnotation"], None)


def test_logs(conn: Any, images: list[int]) -> None:
    """Projects and datasets as they were saved, and images as if saved when acquired."""
    made = project(conn, "project")
    logs = conn.getTimelineService().getEventLogsByPeriod(rtime(0), rtime(10**14), None)
    found = [(log.entityType.val, log.entityId.val, log.action.val) for log in logs]
    assert found == [
        ("ome.model.containers.Project", made.id, "INSERT"),
        ("ome.model.core.Image", images[0], "INSERT"),
        ("ome.model.core.Image", images[1], "INSERT"),
    ]
