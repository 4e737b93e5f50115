# SPDX-License-Identifier: GPL-2.0-or-later
"""Verify finds whatever is not as the graph says, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from omero.rtypes import rint, rstring

from graphxfer.bundle import Bundle
from graphxfer.errors import UsageError
from graphxfer.graph import Node
from graphxfer.journal import Journal
from graphxfer.omero import write
from graphxfer.omero.server import Server
from graphxfer.verify import verify
from tests.apply.test_apply import applied, differences, make, tag
from tests.places import Place
from tests.transfers import small
from tests.transfers import write as written


@pytest.fixture(scope="module")
def bundle(destination: Place, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    bundle = small(tmp_path_factory.mktemp("verify") / "b", "-verify")
    applied(bundle, destination)
    return bundle


@pytest.fixture
def change(bundle: Bundle, destination: Place) -> Callable[..., None]:
    """Change a field of a node's counterpart at the destination."""

    def change(node: str, attribute: str, value: object) -> None:
        with destination.connect() as server:
            found = there(bundle, server, node)
            setattr(found, attribute, value)
            server.service("IUpdate").saveObject(found)

    return change


def there(bundle: Bundle, server: Server, node: str) -> object:
    with Journal(bundle.journal(server.database_uuid)) as journal:
        made = journal[node]
    return server.objects(f"select x from {made.type} x where x.id = :id", id=made.id)[0]


def test_as_it_was_applied(bundle: Bundle, destination: Place) -> None:
    assert differences(bundle, destination) == []


@pytest.mark.parametrize(
    ("node", "attribute", "value", "back", "told"),
    [
        ("Dataset/1", "description", None, "", "description is nothing, expected ''"),
        ("Roi/1", "name", rstring("R"), "r", "name is 'R', expected 'r'"),
        ("Mask/2", "theZ", None, 0, "theZ is nothing, expected 0"),
        (
            "TagAnnotation/1",
            "textValue",
            rstring("x"),
            "shared-verify",
            "textValue is 'x', expected",
        ),
    ],
)
def test_a_changed_field_is_a_line(
    bundle: Bundle,
    destination: Place,
    change: Callable[..., None],
    node: str,
    attribute: str,
    value: object,
    back: str | int,
    told: str,
) -> None:
    change(node, attribute, value)
    (line,) = differences(bundle, destination)
    assert line.startswith(f"{node} (")
    assert told in line
    change(node, attribute, rstring(back) if isinstance(back, str) else rint(back))
    assert differences(bundle, destination) == []


def test_another_link_is_a_line(bundle: Bundle, destination: Place) -> None:
    (number,) = make(destination, tag("one more"))
    with destination.connect() as server:
        dataset = there(bundle, server, "Dataset/1").id.val  # type: ignore[attr-defined]
        parent, child = ("Dataset", dataset), ("TagAnnotation", number)
        (link,) = write.save(server, [write.link("DatasetAnnotationLink", parent, child)])
    (line,) = differences(bundle, destination)
    assert f"annotations also has TagAnnotation:{number} at the destination" in line
    with destination.connect() as server:
        write.delete(server, {"DatasetAnnotationLink": [link]})


def test_what_is_gone_is_a_line(destination: Place, tmp_path: Path) -> None:
    bundle = small(tmp_path / "b", "-gone-again")
    applied(bundle, destination)
    with destination.connect() as server:
        roi = there(bundle, server, "Roi/1")
        write.delete(server, {"Roi": [roi.id.val]})  # type: ignore[attr-defined]
        lines = [str(one) for one in verify(bundle, server)]
    assert [line.partition(" ")[0] for line in lines] == ["Roi/1", "Point/1", "Mask/2"]


def test_what_was_never_applied_cannot_be_verified(destination: Place, tmp_path: Path) -> None:
    bundle = written(tmp_path / "b", [Node("Project/1", "Project", {"name": "p"})], {})
    with pytest.raises(UsageError, match="nothing of this bundle was applied"):
        differences(bundle, destination)
