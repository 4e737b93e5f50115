# SPDX-License-Identifier: GPL-2.0-or-later
"""The second oracle: whatever is changed at the destination after a transfer, verify says so.

Everything follows from the catalogue: each field of each class, each link, reference and list, what
is added from either side, and what is deleted. Here many changes are made at once, and each has to
be named; `slow` makes them one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from omero.rtypes import rstring

from graphxfer import catalogue
from graphxfer.bundle import Bundle
from graphxfer.catalogue import AffineTransform, Edge, Field, Maker, Quantity, Type, Via
from graphxfer.graph import Node, class_of, iri
from graphxfer.graph.correspondence import There
from graphxfer.graph.differences import Difference
from graphxfer.journal import Journal
from graphxfer.omero import lookup, write
from graphxfer.omero.server import Server
from graphxfer.plan import Tags
from graphxfer.verify import verify
from tests.apply.test_apply import applied
from tests.build import wrapped
from tests.places import Place
from tests.strategies import ENUMERATIONS, UNITS
from tests.transfers import file_node, fileset, tiff
from tests.transfers import write as written

TABLE = b"a,b\n1,2\n"
FIRST, LAST = "TagAnnotation", "MapAnnotation"
"""The classes of the annotations of everything; of the last, those of annotations."""
ZERO = {("Image", "series")}
"""Where OMERO stores 0 for null."""


# -- a graph with all classes of the catalogue, and all their fields ----------------------------


def value(field: Field, variant: int = 0) -> Any:
    """Return a value for a field; another one for each variant."""
    choices: dict[Type, Any] = {
        Type.STRING: (f"{field.name} µ", "another"),
        Type.INT: (7, 8),
        Type.LONG: (70, 80),
        Type.DOUBLE: (1.5, 1.25),
        Type.BOOLEAN: (True, False),
        Type.TIME: (10**12, 10**12 + 1),
        Type.BYTES: (b"\x01\x02", b"\x01\x03"),
        Type.PAIRS: ((("k", "1"), ("k", "2")), (("k", "2"), ("k", "1"))),
        Type.TRANSFORM: tuple(AffineTransform(*[float(n)] * 6) for n in (1, 2)),
        Type.ENUM: ENUMERATIONS.get(field.of),
        Type.QUANTITY: [Quantity(2.5, unit) for unit in UNITS.get(field.of, ())],
    }
    return choices[field.type][variant]


def filled(node: Node, fields: Iterable[Field]) -> Node:
    for field in fields:
        if not (field.varies or field.computed):
            node.fields[field.name] = value(field)
    return node


def rich(folder: Path, row: int = 7) -> Bundle:
    """Return a bundle with a node of each class; an import creates some of them.

    Parameters
    ----------
    folder : Path
        Where it is to be.
    row : int
        Of its well: two wells of a plate cannot have one.
    """
    content = tiff(folder.with_name("mutations.tif"))
    image = Node("Image/1", "Image", {"series": 0})
    nodes = {node.type: node for node in fileset(1, content, "a.tif", [image])}
    for node in nodes.values():
        if not class_of(node).bytes:
            filled(node, (one for one in class_of(node).fields if one.editable))
    attachment = file_node("OriginalFile/2", "t.csv", TABLE, imported=False)
    imported, nodes["OriginalFile"] = nodes["OriginalFile"], attachment
    for number, entry in enumerate(catalogue.CLASSES.values(), 10):
        if entry.maker in (Maker.USER, Maker.EITHER) and not entry.bytes:
            created = {"created": 5} if entry.maker is Maker.EITHER else {}
            node = Node(iri(entry.name, number), entry.name, dict(created))
            nodes[entry.name] = filled(node, entry.fields)
    nodes["Well"].fields["row"] = row
    for node in nodes.values():
        for edge in class_of(node).edges:
            if edge.name not in node.edges and not edge.varies:
                node.edges[edge.name] = tuple(_targets(node, edge, nodes))
    return written(
        folder, [*nodes.values(), imported], {imported.iri: content, attachment.iri: TABLE}
    )


def _targets(node: Node, edge: Edge, nodes: dict[str, Node]) -> Iterator[str]:
    for entry in catalogue.subclasses(edge.target):
        names = (LAST,) if class_of(node).parent == edge.target else (FIRST, LAST)
        wanted = edge.target != catalogue.ANNOTATION or entry.name in names
        if wanted and entry.name in nodes and entry.name != node.type:
            yield nodes[entry.name].iri


# -- changes at the destination -----------------------------------------------------------------


class Change(NamedTuple):
    """A change: what to do, how to take it back, and whether verify says so."""

    name: str
    do: Callable[[], None]
    back: Callable[[], None]
    is_told: Callable[[list[Difference]], bool]


class Changer:
    """Makes all changes that the catalogue knows, with plain OMERO objects.

    Parameters
    ----------
    bundle : Bundle
        The transfer that is verified.
    foreign : Bundle
        A copy that was applied, too: objects that have nothing to do with the first.
    server : Server
        The destination.
    """

    def __init__(self, bundle: Bundle, foreign: Bundle, server: Server) -> None:
        self.bundle, self.server = bundle, server
        self.update = server.service("IUpdate")
        self.same, self.foreign = (_counterparts(one, server) for one in (bundle, foreign))
        self.nodes = [node for node in bundle.graph() if node.iri in self.same]

    def load(self, there: There, *fetched: str) -> Any:
        joins = " ".join(f"left outer join fetch x.{name}" for name in fetched)
        hql = f"select distinct x from {there.type} x {joins} where x.id = :id"
        return self.server.objects(hql, id=there.id)[0]

    def put(self, there: There, attribute: str, value: Any, *fetched: str) -> None:
        found = self.load(there, *fetched)
        setattr(found, attribute, value)
        self.update.saveObject(found)

    def edges(self, via: Via) -> Iterator[tuple[Node, Edge, str]]:
        for node in self.nodes:
            for edge in class_of(node).edges:
                if edge.via is via and not edge.varies:
                    yield from ((node, edge, target) for target in node.edges.get(edge.name, ()))

    # -- changes of what is there

    def fields(self, *, null: bool) -> Iterator[Change]:
        for node in self.nodes:
            for field in class_of(node).fields:
                now = node.fields.get(field.name)
                never = field.required or now is None or (node.type, field.name) in ZERO
                if not field.varies and not (null and never):
                    new = next(v for n in (0, 1) if (v := value(field, n)) != now)
                    yield self.field(node, field, None if null else new, now)

    def field(self, node: Node, field: Field, new: Any, now: Any) -> Change:
        fetched = [field.attribute] if field.type is Type.PAIRS else []

        def put(some: Any) -> None:
            plain = None if some is None else wrapped(field, some)
            if some is None and field.type is Type.PAIRS:
                plain = []
            self.put(self.same[node.iri], field.attribute, plain, *fetched)

        return Change(
            f"{node.iri}: {field.name} from {now!r} to {new!r}",
            lambda: put(new),
            lambda: put(now),
            lambda found: (node.iri, "field", field.name) in _keys(found),
        )

    def links(self) -> Iterator[Change]:
        for node, edge, target in self.edges(Via.LINK):
            ends = self.same[node.iri], self.same[target]
            yield Change(
                f"{node.iri} -{edge.name}-> {target} removed",
                partial(self.unlink, edge, *ends),
                partial(self.link, edge, *ends),
                partial(_is_lost, node, edge, target),
            )

    def link(self, edge: Edge, parent: There, child: There) -> None:
        self.update.saveObject(write.link(edge.attribute, parent, child))

    def unlink(self, edge: Edge, parent: There, child: There) -> None:
        hql = f"select l.id from {edge.attribute} l where l.parent.id = :p and l.child.id = :c"
        ids = [row[0] for row in self.server.rows(hql, p=parent.id, c=child.id)]
        write.delete(self.server, {edge.attribute: ids}, alone=True)

    def references(self) -> Iterator[Change]:
        for node, edge, target in self.edges(Via.REFERENCE):
            there, now, other = self.same[node.iri], self.same[target], self.foreign[target]
            yield Change(
                f"{node.iri} -{edge.name}-> {other} instead of {now}",
                partial(self.put, there, edge.attribute, write.reference(*other)),
                partial(self.put, there, edge.attribute, write.reference(*now)),
                partial(_leads_elsewhere, node, edge, target, other),
            )

    # -- additions, from either side

    def additions(self) -> Iterator[Change]:
        for node, edge, target in self.edges(Via.LINK):
            mine, theirs = (self.same[node.iri], self.same[target]), self.foreign
            for parent, child in ((mine[0], theirs[target]), (theirs[node.iri], mine[1])):
                yield Change(
                    f"{parent} -{edge.name}-> {child} added",
                    partial(self.link, edge, parent, child),
                    partial(self.unlink, edge, parent, child),
                    partial(_is_added, child if parent == mine[0] else parent),
                )
        for node, edge, target in self.edges(Via.REFERENCE):
            there, now, ours = self.foreign[node.iri], self.foreign[target], self.same[target]
            yield Change(
                f"{there} -{edge.name}-> {ours} added",
                partial(self.put, there, edge.attribute, write.reference(*ours)),
                partial(self.put, there, edge.attribute, write.reference(*now)),
                partial(_is_added, there),
            )

    def parts(self) -> Iterator[Change]:
        """Add a part to each list."""
        build = write.Builder(
            self.bundle.graph(), lambda node: self.foreign[node].id, lambda _: "SHA1-160"
        ).build
        for node, edge, target in self.edges(Via.LIST):
            made: list[There] = []

            def add(node: Node = node, edge: Edge = edge, target: str = target,
                    made: list[There] = made) -> None:  # fmt: skip
                part, name = build(self.bundle.graph()[target]), self.bundle.graph()[target].type
                if hasattr(part, "sha1"):
                    part.sha1 = rstring("unknown")
                made.append(self.add_part(self.same[node.iri], edge, part, name))

            yield Change(
                f"another {edge.name} in {node.iri}",
                add,
                lambda: None,
                partial(_has_added, made),
            )

    def add_part(self, parent: There, edge: Edge, part: Any, name: str) -> There:
        found = self.load(parent, edge.attribute)
        attribute = f"{edge.attribute[0].upper()}{edge.attribute[1:]}"
        getattr(found, f"add{edge.target}")(part)
        saved = self.update.saveAndReturnObject(found)
        return There(name, max(one.id.val for one in getattr(saved, f"copy{attribute}")()))


def _counterparts(bundle: Bundle, server: Server) -> dict[str, There]:
    with Journal(bundle.journal(server.database_uuid)) as journal:
        return journal.same()


def _keys(found: list[Difference]) -> set[tuple[str, str, str]]:
    return {(one.node, one.kind, one.name) for one in found}


def _added(found: list[Difference]) -> set[There]:
    return {there for one in found if one.is_addition for there in one.objects}


def _is_added(there: There, found: list[Difference]) -> bool:
    return there in _added(found)


def _has_added(made: list[There], found: list[Difference]) -> bool:
    return bool(made) and set(made) <= _added(found)


def _leads_elsewhere(
    node: Node, edge: Edge, target: str, other: There, found: list[Difference]
) -> bool:
    return _is_lost(node, edge, target, found) and other in _added(found)


def _is_lost(node: Node, edge: Edge, target: str, found: list[Difference]) -> bool:
    key = node.iri, "lost", edge.name
    lost = [one.expected for one in found if (one.node, one.kind, one.name) == key]
    return any(isinstance(some, tuple) and target in some for some in lost)


# -- the tests ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def changer(destination: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changer]:
    folder = tmp_path_factory.mktemp("mutations")
    bundle, foreign = rich(folder / "ours"), rich(folder / "theirs", row=30)
    for one in (bundle, foreign):
        applied(one, destination, tags=Tags.CREATE)
    with destination.connect() as server:
        yield Changer(bundle, foreign, server)


def told(changer: Changer) -> list[Difference]:
    return list(verify(changer.bundle, changer.server))


def test_the_graph_has_all_of_the_catalogue(changer: Changer) -> None:
    names = {name for name, one in catalogue.CLASSES.items() if one.maker is not Maker.SERVER}
    assert {node.type for node in changer.nodes} == names
    edges = {(node.type, name) for node in changer.nodes for name in node.edges}
    missing = {
        (name, edge.name)
        for name in names
        for edge in catalogue.CLASSES[name].edges
        if not edge.varies and (name, edge.name) not in edges
    }
    assert missing == {(LAST, "annotations")}
    assert told(changer) == []


KINDS: dict[str, Callable[[Changer], Iterator[Change]]] = {
    "fields": lambda changer: changer.fields(null=False),
    "nulls": lambda changer: changer.fields(null=True),
    "links": Changer.links,
    "references": Changer.references,
    "additions": Changer.additions,
}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_changed_is_named(changer: Changer, kind: str) -> None:
    changes = list(KINDS[kind](changer))
    for change in changes:
        change.do()
    found = told(changer)
    assert [change.name for change in changes if not change.is_told(found)] == []
    assert len(changes) >= 10
    for change in changes:
        change.back()
    assert list(map(str, told(changer))) == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS)
def test_each_change_alone_is_named(changer: Changer, kind: str) -> None:
    for change in KINDS[kind](changer):
        change.do()
        found = told(changer)
        assert change.is_told(found), change.name
        change.back()
        assert list(map(str, told(changer))) == []


def test_what_is_added_to_a_list_and_what_is_deleted_is_named(changer: Changer) -> None:
    parts = list(changer.parts())
    for part in parts:
        part.do()
    found = told(changer)
    assert [part.name for part in parts if not part.is_told(found)] == []
    assert {class_of(node).name for node, _, _ in changer.edges(Via.LIST)} >= {"Roi", "Well"}
    # With the fileset goes all that its import created.
    deleted = [
        changer.same[node.iri]
        for node in changer.nodes
        if node.type == catalogue.FILESET
        or (class_of(node).maker is not Maker.IMPORT and "repo" not in node.fields)
    ]
    write.delete(changer.server, lookup.by_type(deleted))
    missing = {one.node for one in told(changer) if one.kind == "missing"}
    assert missing == {node.iri for node in changer.nodes}
