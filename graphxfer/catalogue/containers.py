# SPDX-License-Identifier: GPL-2.0-or-later
"""Projects and datasets."""

from __future__ import annotations

from graphxfer.catalogue.common import ANNOTATIONS, DESCRIPTION, NAME
from graphxfer.catalogue.declare import Member, edge, entry
from graphxfer.catalogue.entries import OME, Class, Reusable, Spelling, XmlEdge


def _container(name: str, *members: Member) -> Class:
    return entry(
        name,
        NAME,
        DESCRIPTION,
        *members,
        ANNOTATIONS,
        xml=name,
        root=True,
        reuse=Reusable.MERGE,
        identity=("name",),
    )


CONTAINERS = (
    _container(
        "Project",
        edge("datasetLinks", OME + "Datasets", xml=XmlEdge(Spelling.REFERENCE, "DatasetRef")),
    ),
    _container(
        "Dataset",
        edge("imageLinks", OME + "Images", xml=XmlEdge(Spelling.REFERENCE, "ImageRef")),
    ),
)
