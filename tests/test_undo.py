# SPDX-License-Identifier: GPL-2.0-or-later
"""Undo removes what an apply made, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import omero
import omero.all
import pytest
from omero.rtypes import rstring

from graphxfer.apply import apply
from graphxfer.bundle import Bundle
from graphxfer.errors import GraphxferError, ServerFailure, UsageError
from graphxfer.graph import Node
from graphxfer.journal import Journal
from graphxfer.omero import lookup, write
from graphxfer.omero.server import Server
from graphxfer.plan import ApplyOptions
from graphxfer.undo import Undone, undo
from tests.apply.test_apply import added, applied, container, counted, differences, make, tag
from tests.places import Place
from tests.transfers import small
from tests.transfers import write as written


def undone(bundle: Bundle, place: Place, **options: Any) -> Undone:
    with place.connect(own_session=True) as server:
        return undo(bundle, server, **options)


def made(bundle: Bundle, server: Server, node: str) -> int:
    with Journal(bundle.journal(server.database_uuid)) as journal:
        return journal[node].id


def test_all_goes_and_what_was_there_stays(destination: Place, tmp_path: Path) -> None:
    make(destination, tag("shared-undo"), container("Project", "p-undo"))
    with destination.connect() as server:
        before = counted(server)
    bundle = small(tmp_path / "b", "-undo")
    applied(bundle, destination, merge=True)
    would = undone(bundle, destination, dry_run=True)
    assert differences(bundle, destination) == []
    done = undone(bundle, destination)
    assert done == would
    assert done.removed["TagAnnotation"] == 1  # the set; the tag was there
    assert "Project" not in done.removed
    with destination.connect() as server:
        assert added(before, counted(server)) == {}
    assert undone(bundle, destination) == Undone()


def test_an_apply_after_it_starts_anew(destination: Place, tmp_path: Path) -> None:
    bundle = small(tmp_path / "b", "-anew")
    applied(bundle, destination)
    undone(bundle, destination)
    assert not applied(bundle, destination).nothing_to_do
    assert differences(bundle, destination) == []


def test_others_objects_are_not_taken_along(destination: Place, tmp_path: Path) -> None:
    bundle = small(tmp_path / "b", "-others")
    applied(bundle, destination)
    (project,) = make(destination, container("Project", "of somebody else"))
    with destination.connect() as server:
        dataset = made(bundle, server, "Dataset/1")
        link = write.link("ProjectDatasetLink", ("Project", project), ("Dataset", dataset))
        (link_id,) = write.save(server, [link])
        before = counted(server)
    with pytest.raises(GraphxferError, match=f"ProjectDatasetLink:{link_id}"):
        undone(bundle, destination)
    with destination.connect() as server:
        assert added(before, counted(server)) == {}, "refused before anything was removed"
    done = undone(bundle, destination, keep=True)
    user = destination.profile.user
    assert done.kept == [
        f"Dataset:{dataset} (ProjectDatasetLink:{link_id} of {user},"
        f" from Project:{project} of {user} to Dataset:{dataset} of {user})"
    ]
    with destination.connect() as server:
        assert lookup.linked(server, "ProjectDatasetLink", [project]) == {(project, dataset)}
        assert lookup.present(server, "Dataset", [dataset]) == [dataset]
        write.delete(server, {"ProjectDatasetLink": [link_id]})
    assert undone(bundle, destination).removed == {"Dataset": 1}


def test_others_annotations_on_what_we_made(destination: Place, tmp_path: Path) -> None:
    bundle = small(tmp_path / "b", "-noted")
    applied(bundle, destination)
    comment = omero.model.CommentAnnotationI()
    comment.textValue = rstring("seen")
    (number,) = make(destination, comment)
    with destination.connect() as server:
        image = made(bundle, server, "Image/1")
        parent, child = ("Image", image), ("CommentAnnotation", number)
        write.save(server, [write.link("ImageAnnotationLink", parent, child)])
        fileset = made(bundle, server, "Fileset/1")
    with pytest.raises(GraphxferError, match=f"CommentAnnotation:{number}"):
        undone(bundle, destination)
    done = undone(bundle, destination, keep=True)
    assert [one.partition(" ")[0] for one in done.kept] == [f"Fileset:{fileset}"]
    with destination.connect() as server:
        assert lookup.present(server, "Image", [image]) == [image]


def test_what_is_gone_already_is_no_trouble(destination: Place, tmp_path: Path) -> None:
    bundle = small(tmp_path / "b", "-gone")
    applied(bundle, destination)
    with destination.connect() as server:
        write.delete(server, {"Roi": [made(bundle, server, "Roi/1")]})
        write.delete(server, {"Fileset": [made(bundle, server, "Fileset/1")]})
    done = undone(bundle, destination)
    assert "Fileset" not in done.removed
    assert done.removed["Roi"] == 1


def test_a_partial_apply_can_be_taken_back(
    destination: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with destination.connect() as server:
        before = counted(server)
    bundle = small(tmp_path / "b", "-partial")

    def refuse(*_: object) -> list[int]:
        raise ServerFailure("no more room")

    with monkeypatch.context() as patch, destination.connect(own_session=True) as server:
        patch.setattr(write, "link", refuse)
        with pytest.raises(ServerFailure):
            apply(bundle, server, ApplyOptions())
    undone(bundle, destination)
    with destination.connect() as server:
        assert added(before, counted(server)) == {}


def test_nothing_was_applied(destination: Place, tmp_path: Path) -> None:
    bundle = written(tmp_path / "b", [Node("Project/1", "Project", {"name": "p"})], {})
    with pytest.raises(UsageError, match="nothing of this bundle was applied"):
        undone(bundle, destination)
