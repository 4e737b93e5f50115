# SPDX-License-Identifier: GPL-2.0-or-later
"""Verify finds whatever is not as the graph says, and nothing else."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import omero
import omero.all
import pytest
from omero.rtypes import rint, rstring

from graphxfer.bundle import Bundle
from graphxfer.errors import UsageError
from graphxfer.graph import Node
from graphxfer.journal import Journal
from graphxfer.omero import write
from graphxfer.omero.server import Server
from graphxfer.verify import Verification, verify
from tests.apply.test_apply import applied, container, differences, make, tag
from tests.places import Place
from tests.transfers import fileset, small, tiff
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


# -- additions ----------------------------------------------------------------------------------


def test_what_refers_to_ours_is_an_addition(bundle: Bundle, destination: Place) -> None:
    with destination.connect() as server:
        image, dataset = (there(bundle, server, one).id.val for one in ("Image/1", "Dataset/1"))  # type: ignore[attr-defined]
        roi, project = omero.model.RoiI(), omero.model.ProjectI()
        roi.image, project.name = omero.model.ImageI(image, False), rstring("of somebody else")
        (roi_id,) = write.save(server, [roi])
        (project_id,) = write.save(server, [project])
        ends = ("Project", project_id), ("Dataset", dataset)
        write.save(server, [write.link("ProjectDatasetLink", *ends)])
        found = verify(bundle, server)
        assert {str(one) for one in found} == {
            f"Image/1 (counterpart Image:{image}): Roi:{roi_id} at the destination refers to it "
            "(image)",
            f"Dataset/1 (counterpart Dataset:{dataset}): Project:{project_id} at the destination "
            "refers to it (datasets)",
        }
        assert found.counted() == ["2 additions"]
        assert found.counted(allow_additions=True) == []
        write.delete(server, {"Roi": [roi_id], "Project": [project_id]}, alone=True)
        assert list(verify(bundle, server)) == []


def test_what_was_merged_or_reused_may_have_more(destination: Place, tmp_path: Path) -> None:
    name = f"merged {uuid.uuid4().hex}"
    mine = container("Dataset", name)
    (dataset,) = make(destination, mine)
    (known,) = make(destination, tag(name))
    nodes = [
        Node("Dataset/1", "Dataset", {"name": name}, {"annotations": ("TagAnnotation/1",)}),
        Node("TagAnnotation/1", "TagAnnotation", {"textValue": name}),
        Node("CommentAnnotation/2", "CommentAnnotation", {"textValue": "new"}),
    ]
    bundle = written(tmp_path / "b", nodes, {})
    applied(bundle, destination, merge=True)
    assert differences(bundle, destination) == []
    (project, other, comment) = (
        *make(destination, container("Project", name)),
        *make(destination, container("Dataset", "other")),
        *make(destination, tag("another")),
    )
    with destination.connect() as server:
        links = [
            write.link("ProjectDatasetLink", ("Project", project), ("Dataset", dataset)),
            write.link("DatasetAnnotationLink", ("Dataset", other), ("TagAnnotation", known)),
            write.link("DatasetAnnotationLink", ("Dataset", dataset), ("TagAnnotation", comment)),
        ]
        for link in links:
            write.save(server, [link])
        assert list(verify(bundle, server)) == []
        ours = there(bundle, server, "CommentAnnotation/2").id.val  # type: ignore[attr-defined]
        ends = ("Dataset", dataset), ("CommentAnnotation", ours)
        write.save(server, [write.link("DatasetAnnotationLink", *ends)])
        (line,) = map(str, verify(bundle, server))
    assert line.endswith("annotations also has CommentAnnotation/2")


def test_links_of_two_users_that_become_one_are_named(destination: Place, tmp_path: Path) -> None:
    ends: dict[str, tuple[str, ...]] = {"parent": ("Dataset/1",), "child": ("TagAnnotation/1",)}
    mark = uuid.uuid4().hex
    nodes = [
        Node("Dataset/1", "Dataset", {"name": "d"}, {"annotations": ("TagAnnotation/1",)}),
        Node("TagAnnotation/1", "TagAnnotation", {"textValue": mark}),
        *(
            Node(f"DatasetAnnotationLink/{n}", "DatasetAnnotationLink", {}, dict(ends))
            for n in (1, 2)
        ),
    ]
    bundle = written(tmp_path / "b", nodes, {})
    for _ in range(2):
        plan = applied(bundle, destination)
        (skipped,) = plan.skipped
        assert (skipped.node, skipped.child) == ("Dataset/1", "TagAnnotation/1")
        assert "you can link them only once" in skipped.reason
    (line,) = differences(bundle, destination)
    assert line.endswith("does not have 1 more link to TagAnnotation/1, of another owner")


# -- bytes --------------------------------------------------------------------------------------


def stored(bundle: Bundle, place: Place, node: str) -> Path:
    """Return where a file is on the destination's disk."""
    if place.sandbox is None:
        pytest.skip("the disk of a real server is elsewhere")
    with place.connect() as server:
        found: Any = there(bundle, server, node)
    if found.repo is not None:
        return place.sandbox.repository / found.path.val / found.name.val
    (path,) = place.sandbox.repository.parent.glob(f"Files/**/{found.id.val}")
    return path


def checked(bundle: Bundle, place: Place) -> Verification:
    with place.connect() as server:
        return verify(bundle, server, check_bytes=True)


def test_all_bytes_are_proven(bundle: Bundle, destination: Place) -> None:
    found = checked(bundle, destination)
    assert (found.differences, found.unproven) == ([], {})
    assert (found.checked_by_server, found.read_back) == (1, 1)


@pytest.mark.parametrize("node", ["OriginalFile/1", "OriginalFile/2"])
@pytest.mark.parametrize("what", ["changed", "truncated", "gone"])
def test_changed_or_lost_bytes_are_a_line(
    bundle: Bundle, destination: Place, node: str, what: str
) -> None:
    path = stored(bundle, destination, node)
    content = path.read_bytes()
    if what == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-1] + (b"" if what == "truncated" else b"!"))
    assert differences(bundle, destination) == [], "the server's record is as it was"
    found = checked(bundle, destination)
    assert [(one.node, one.kind) for one in found] == [(node, "bytes")]
    assert (found.checked_by_server, found.read_back) == (
        (0, 1) if node == "OriginalFile/1" else (1, 0)
    )
    path.write_bytes(content)
    assert checked(bundle, destination).differences == []


def test_a_file_that_is_gone_does_not_hide_the_others(destination: Place, tmp_path: Path) -> None:
    contents = {f"OriginalFile/{n}": tiff(tmp_path / f"{n}.tif", n) for n in range(1, 6)}
    nodes = [
        node
        for n in range(1, 6)
        for node in fileset(
            n,
            contents[f"OriginalFile/{n}"],
            f"{n}.tif",
            [Node(f"Image/{n}", "Image", {"name": "i"})],
        )
    ]
    bundle = written(tmp_path / "b", nodes, contents)
    applied(bundle, destination)
    stored(bundle, destination, "OriginalFile/2").unlink()
    stored(bundle, destination, "OriginalFile/5").write_bytes(b"something else")
    found = checked(bundle, destination)
    assert [(one.node, one.kind) for one in found if one.kind == "bytes"] == [
        ("OriginalFile/2", "bytes"),
        ("OriginalFile/5", "bytes"),
    ]
    assert found.checked_by_server == 3


def test_what_has_no_checksum_is_not_called_good(
    bundle: Bundle, destination: Place, change: Callable[..., None]
) -> None:
    with destination.connect() as server:
        digest = there(bundle, server, "OriginalFile/1").hash  # type: ignore[attr-defined]
    change("OriginalFile/1", "hash", None)
    found = checked(bundle, destination)
    assert found.unproven == {"OriginalFile/1": "the destination recorded no checksum"}
    assert [(one.node, one.name) for one in found] == [("OriginalFile/1", "hash")]
    change("OriginalFile/1", "hash", digest)
    assert checked(bundle, destination).unproven == {}


# -- paths --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/nas/day 1/a.tif", "nas/a.tif", "//nas/a.tif", "C:\\data\\a.tif", "C:/data/a.tif", "a.tif",
     "/nas//b/./a.tif", "../a.tif", "file:///nas/a.tif", "/nas/µ/renamed by the server.tif"],
)  # fmt: skip
def test_client_paths_arrive_as_they_were(destination: Place, tmp_path: Path, path: str) -> None:
    content = tiff(tmp_path / "a.tif")
    nodes = fileset(1, content, "a.tif", [Node("Image/1", "Image", {"name": "i", "series": 0})])
    for node in nodes:
        if node.type == "FilesetEntry":
            node.fields["clientPath"] = path
    bundle = written(tmp_path / "b", nodes, {"OriginalFile/1": content})
    applied(bundle, destination)
    assert differences(bundle, destination) == []
    with destination.connect() as server:
        entry: Any = there(bundle, server, "FilesetEntry/1")
        assert entry.clientPath.val == path
        entry.clientPath = rstring(f"{path}~")
        server.service("IUpdate").saveObject(entry)
        (line,) = map(str, verify(bundle, server))
    assert "clientPath is" in line


def test_what_was_never_applied_cannot_be_verified(destination: Place, tmp_path: Path) -> None:
    bundle = written(tmp_path / "b", [Node("Project/1", "Project", {"name": "p"})], {})
    with pytest.raises(UsageError, match="nothing of this bundle was applied"):
        differences(bundle, destination)


# -- what the catalogue does not have -------------------------------------------------------------


def linked(name: str, parent: Any, child: Any) -> Any:
    made = getattr(omero.model, f"{name}I")()
    made.parent, made.child = parent, child
    return made


@pytest.mark.parametrize(
    ("node", "parent", "link"),
    [
        ("Image/1", "Folder", "FolderImageLink"),
        ("Roi/1", "Folder", "FolderRoiLink"),
        ("TagAnnotation/1", "Folder", "FolderAnnotationLink"),
        ("MapAnnotation/3", "Instrument", "InstrumentAnnotationLink"),
        ("TagAnnotation/2", "GenericExcitationSource", "LightSourceAnnotationLink"),
    ],
)
def test_what_is_used_by_a_class_that_is_not_moved_is_named(
    bundle: Bundle, destination: Place, node: str, parent: str, link: str
) -> None:
    with destination.connect() as server:
        child = there(bundle, server, node)
        user: Any = getattr(omero.model, f"{parent}I")()
        if parent == "Folder":
            user.name = rstring("favourites")
        if parent == "GenericExcitationSource":
            user.instrument = omero.model.InstrumentI()
        saved = server.service("IUpdate").saveAndReturnObject(user)
        by = type(saved)(saved.id.val, False)
        made = server.service("IUpdate").saveAndReturnObject(
            linked(link, by, type(child)(child.id.val, False))  # type: ignore[attr-defined, call-arg]
        )
        (found,) = verify(bundle, server)
        assert (found.node, found.kind, found.name) == (node, "added", link)
        assert found.is_addition
        assert f"{parent}:{saved.id.val} at the destination refers to it" in str(found)
        write.delete(server, {link: [made.id.val]})
        assert list(verify(bundle, server)) == []


# -- checksums of another algorithm ---------------------------------------------------------------


@pytest.fixture
def recorded(bundle: Bundle, destination: Place) -> Iterator[Callable[[str, str | None], None]]:
    """Write a checksum of another algorithm, or of none, into the record of a file."""
    before: dict[str, Any] = {}

    def load(server: Server, node: str) -> Any:
        number = there(bundle, server, node).id.val  # type: ignore[attr-defined]
        hql = "select x from OriginalFile x left outer join fetch x.hasher where x.id = :id"
        return server.objects(hql, id=number)[0]

    def record(node: str, hasher: str | None, digest: str | None = None) -> None:
        with destination.connect() as server:
            file = load(server, node)
            before.setdefault(node, (file.hasher, file.hash))
            hql = "select x from ChecksumAlgorithm x where x.value = :name"
            file.hasher = server.objects(hql, name=hasher)[0] if hasher else None
            file.hash = rstring(digest) if digest else file.hash
            server.service("IUpdate").saveObject(file)

    yield record
    with destination.connect() as server:
        for node, (hasher, digest) in before.items():
            file = load(server, node)
            file.hasher, file.hash = hasher, digest
            server.service("IUpdate").saveObject(file)
        assert list(verify(bundle, server)) == []


@pytest.mark.parametrize("node", ["OriginalFile/1", "OriginalFile/2"])
def test_a_checksum_without_its_algorithm_is_a_line(
    bundle: Bundle, destination: Place, node: str, recorded: Callable[..., None]
) -> None:
    recorded(node, None)
    assert [line.partition(" ")[0] for line in differences(bundle, destination)] == [node]


@pytest.mark.parametrize("node", ["OriginalFile/1", "OriginalFile/2"])
@pytest.mark.parametrize("honest", [True, False])
def test_a_checksum_of_another_algorithm_proves_nothing(
    bundle: Bundle,
    destination: Place,
    node: str,
    honest: bool,
    recorded: Callable[..., None],
) -> None:
    """The bytes and the destination's record of them are changed: they still fit each other."""
    path = stored(bundle, destination, node)
    content = path.read_bytes()
    other = content if honest else content[:-1] + b"!"
    recorded(node, "MD5-128", hashlib.md5(other).hexdigest())
    path.write_bytes(other)
    with destination.connect() as server:
        found = verify(bundle, server)
    assert list(found) == []
    assert found.unproven == {
        node: "its checksum at the destination is of another algorithm (MD5-128)"
    }
    found = checked(bundle, destination)
    assert [(one.node, one.kind) for one in found] == ([] if honest else [(node, "bytes")])
    assert found.unproven == {}
    path.write_bytes(content)
