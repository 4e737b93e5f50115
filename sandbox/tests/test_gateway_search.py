# SPDX-License-Identifier: GPL-2.0-or-later
"""Full text search with omero.gateway.BlitzGateway and `omero search`, unmodified.

Sources: the docstring of BlitzGateway.searchObjects; OMERO's "Search" page for users and
developers (docs.openmicroscopy.org, developers/Modules/Search.html); omero-server
`ome.services.SearchBean`, `ome.services.search.FullText`, `ome.services.fulltext.FullTextBridge`;
omero-common `ome.util.search.LuceneQueryBuilder`; Lucene 3.1's query syntax.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import omero
import pytest
from omero import gateway
from omero.cli import NonZeroReturnCode
from omero.gateway import BlitzGateway
from omero.rtypes import rtime, unwrap

from omero_sandbox import manage
from omero_sandbox.search.builder import build
from tests.conftest import PASSWORD, Command
from tests.elsewhere import Elsewhere
from tests.importing_client import import_files


def annotate(image: Any, kind: str, value: Any) -> None:
    made = getattr(gateway, f"{kind}AnnotationWrapper")(image._conn)
    made.setValue(value)
    made.save()
    image.linkAnnotation(made)


@pytest.fixture(scope="module")
def images(module_lab: Any) -> dict[str, Any]:
    """Two images by name: green, which has annotations, and red."""
    conn = module_lab
    files = {name: import_files(conn.c, {f"{name}_cell-01&sizeX=4&sizeY=4.fake": b""})
             for name in ("green", "red")}  # fmt: skip
    found = {
        name: conn.getObject("Image", response.pixels[0].image.id.val)
        for name, response in files.items()
    }
    annotate(found["green"], "Tag", "mitosis phase")
    annotate(found["green"], "Map", [["gene", "tubA"]])
    annotate(found["green"], "Comment", "Größe")
    annotate(found["red"], "Long", 1234)
    if Elsewhere.named():
        wait_for_the_indexer(conn)
    return found


def wait_for_the_indexer(conn: Any) -> None:
    """Have a real server index the last annotation; skip where no indexer runs."""
    end = time.monotonic() + 60
    while not conn.searchObjects(["Image"], "1234"):
        if time.monotonic() > end:
            pytest.skip("this server runs without a search indexer")
        time.sleep(2)


@pytest.fixture(scope="module")
def module_lab(server: manage.Sandbox) -> Any:
    """A gateway of a user in a group of its own, for the length of the module."""
    root = BlitzGateway("root", server.password, host=server.host, port=server.port, secure=True)
    assert root.connect()
    name = f"search-{time.time_ns()}"
    group = root.createGroup(name, perms="rwra--")
    user = omero.model.ExperimenterI()
    for field in ("omeName", "firstName", "lastName"):
        setattr(user, field, omero.rtypes.rstring(name))
    user.ldap = omero.rtypes.rbool(False)
    everybody = omero.model.ExperimenterGroupI(1, False)
    root.getAdminService().createExperimenterWithPassword(
        user, omero.rtypes.rstring(PASSWORD), omero.model.ExperimenterGroupI(group, False),
        [everybody],
    )  # fmt: skip
    root.close()
    conn = BlitzGateway(name, PASSWORD, host=server.host, port=server.port, secure=True)
    assert conn.connect()
    yield conn
    conn.close()


def names(images: dict[str, Any], found: list[Any]) -> str:
    by_id = {image.id: name for name, image in images.items()}
    return " ".join(sorted(by_id[one.id] for one in found))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("green", "green"),
        ("GREEN", "green"),
        ("green red", "green red"),
        ("green AND red", ""),
        ("cell AND green", "green"),
        ("green OR red", "green red"),
        ("+cell -red", "green"),
        ("cell NOT red", "green"),
        ("-red", ""),
        ("(green AND red) OR 1234", "red"),
        ("gre*", "green"),
        ("gr?en", "green"),
        ("*een", "green"),
        ('"mitosis phase"', "green"),
        ('"phase mitosis"', ""),
        ("tag:mitosis", "green"),
        ("name:mitosis", ""),
        ("gene:tubA", "green"),
        ("has_key:gene", "green"),
        ("annotation:tubA", "green"),
        ("annotation:(tubA 1234)", "green red"),
        ("größe", "green"),
        ("grosse", ""),
        ("annotation.type:LongAnnotation", "red"),
        ("fileset.entry.name:green", "green"),
        ("details.owner.omeName:search", "green red"),
        ("details.owner.omeName:root", ""),
        ("details.group.name:search AND green", "green"),
        ('"core image" AND red', "red"),
        ("details.creationEvent.time:[20200101 TO 29991231]", "green red"),
        ("details.creationEvent.time:[20200101 TO 20200102]", ""),
        ("green^4 red", "green red"),
    ],
)
def test_what_is_found(images: dict[str, Any], query: str, expected: str) -> None:
    found = images["green"]._conn.searchObjects(["Image"], query)
    assert names(images, found) == expected


def test_found_objects(images: dict[str, Any]) -> None:
    conn = images["green"]._conn
    (found,) = conn.searchObjects(["Image", "Dataset"], "tubA")
    assert isinstance(found, gateway.ImageWrapper)
    assert found.getName() == images["green"].getName()
    assert conn.searchObjects(["Project", "Dataset", "Screen", "Plate", "Well"], "tubA") == []
    assert conn.searchObjects(["Image"], "") == []


def test_fields_and_days(images: dict[str, Any]) -> None:
    conn = images["green"]._conn

    def find(text: str, fields: tuple[str, ...] = (), days: Any = None) -> str:
        found = conn.searchObjects(["Image"], text, created=days, fields=fields, rawQuery=False)
        return names(images, found)

    now, day = time.time() * 1000, 86_400_000
    assert find("mitosis", ("name",)) == ""
    assert find("mitosis", ("name", "annotation")) == "green"
    assert find("cell AND mitosis") == "green"
    assert find("cell", days=(rtime(now - 2 * day), rtime(now + day))) == "green red"
    assert find("cell", days=(rtime(now - 9 * day), rtime(now - 5 * day))) == ""


def test_restrictions(images: dict[str, Any]) -> None:
    conn = images["green"]._conn
    now = time.time() * 1000
    assert conn.searchObjects(["Image"], "cell", ownedBy=0) == []
    mine = conn.searchObjects(["Image"], "cell", ownedBy=conn.getUserId())
    assert names(images, mine) == "green red"
    assert conn.searchObjects(["Image"], "cell", created=(rtime(0), rtime(1000))) == []
    assert len(conn.searchObjects(["Image"], "cell", created=(rtime(0), rtime(now * 2)))) == 2


def test_batches(images: dict[str, Any]) -> None:
    conn = images["green"]._conn
    first = conn.searchObjects(["Image"], "cell", batchSize=1, page=0)
    second = conn.searchObjects(["Image"], "cell", batchSize=1, page=1)
    assert names(images, first + second) == "green red"
    assert conn.searchObjects(["Image"], "cell", batchSize=1, page=2) == []


def test_only_what_may_be_read(
    images: dict[str, Any], lab: Callable[..., Any], gateways: Callable[..., Any]
) -> None:
    assert gateways(lab().user()).searchObjects(["Image"], "tubA") == []


def test_what_is_new_is_found(images: dict[str, Any]) -> None:
    conn = images["green"]._conn
    project = gateway.ProjectWrapper(conn, omero.model.ProjectI())
    project.setName("brand-new")
    project.save()
    assert [p.id for p in conn.searchObjects(["Project"], "brand")] == [project.id]
    project.setName("old")
    project.save()
    assert conn.searchObjects(["Project"], "brand") == []


def test_what_is_refused(images: dict[str, Any]) -> None:
    """FullText: one class, no leading wildcard unless allowed, and queries that can be parsed."""
    search = images["green"]._conn.c.sf.createSearchService()
    with pytest.raises(omero.ApiUsageException, match="single type"):
        search.byFullText("green")
    search.onlyType("Image")
    with pytest.raises(omero.ApiUsageException, match="leading"):
        search.byFullText("*een")
    with pytest.raises(omero.ApiUsageException, match="parse exception"):
        search.byFullText("(green")
    with pytest.raises(omero.ApiUsageException, match="AND expression"):
        search.byLuceneQueryBuilder("", "", "", "", "green AND")
    with pytest.raises(omero.ApiUsageException, match="hasNext"):
        search.results()
    search.close()


def test_other_queries(images: dict[str, Any]) -> None:
    conn = images["green"]._conn
    search = conn.c.sf.createSearchService()
    search.onlyType("Image")
    search.bySomeMustNone(["green"], ["cell"], ["red"])
    search.byHqlQuery("select i from Image i where i.name like 'red%'", None)
    assert search.activeQueries() == 2
    found = [search.next(), search.next()]
    assert [image.name.val for image in found] == [images[n].getName() for n in ("green", "red")]
    assert not search.hasNext()
    search.close()
    rows = conn.getQueryService().findAllByFullText("Image", "tubA", None)
    assert [unwrap(row.id) for row in rows] == [images["green"].id]


def test_the_command(
    images: dict[str, Any], omero_command: Command, server: manage.Sandbox
) -> None:
    omero_command.log_in(server, images["green"]._conn.getUser().getName(), PASSWORD)
    said = omero_command("search", "Image", "tubA", "--ids-only", "--style=csv")
    assert str(images["green"].id) in said
    said = omero_command("search", "Image", "cell", "--field", "name", "--from", "2020-01-01")
    assert all(image.getName() in said for image in images.values())
    with pytest.raises(NonZeroReturnCode) as failure:
        omero_command("search", "Image", "nowhere")
    assert failure.value.rv == 433  # NO_RESULTS


@pytest.mark.parametrize(
    ("fields", "text", "query"),
    [
        (["name", "description"], "a b AND c AND d f",
         "name:a description:a ((name:b description:b) AND (name:c description:c)"
         " AND (name:d description:d)) name:f description:f"),
        ([], "a.tif, b", "a tif b"),
        (["name"], '"a.tif"', 'name:"a.tif"'),
        (["name"], "gene:tubA", "gene:tubA"),
        ([], "* a", "a"),
    ],
)  # fmt: skip
def test_what_users_type(fields: list[str], text: str, query: str) -> None:
    """After the example in LuceneQueryBuilder's description; in what order does not matter."""
    assert build(fields, "", "", "", text) == query


def test_days_are_a_range() -> None:
    """A day is added to the last: LuceneQueryBuilder.buildLuceneQuery."""
    assert build([], "20200101", "20201231", "d", "a") == "(a) AND d:[20200101 TO 20210101]"
    assert build([], "20200101", "20201231", "d", "") == "d:[20200101 TO 20210101]"
