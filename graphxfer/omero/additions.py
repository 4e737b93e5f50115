# SPDX-License-Identifier: GPL-2.0-or-later
"""Find what people added to objects from the other side: a ROI of an image, a Dataset with it.

An object's own edges do not show it: the ROI refers to its image, the Dataset is the link's parent.
The catalogue has all edges that lead to a class; each is one query for a batch of objects. So is
each link class of OMERO's model that leads there from a class that is not moved: a folder.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from functools import cache, partial
from typing import NamedTuple

from graphxfer import catalogue
from graphxfer.catalogue import Class, Edge, LinkBeyond, Via
from graphxfer.graph.correspondence import There
from graphxfer.omero import queries
from graphxfer.omero.connect import Server
from graphxfer.omero.queries import Row
from graphxfer.omero.reader import Task, ask


class Referring(NamedTuple):
    """An edge that leads to an object: subject, name, object, and whether it is a link."""

    subject: There
    edge: str
    object: There
    is_link: bool


def referring(server: Server, objects: Iterable[There], known: Container[There]) -> list[Referring]:
    """Return the edges that lead to objects from unknown ones.

    Parameters
    ----------
    server : Server
        The destination.
    objects : iterable of There
        The objects.
    known : container of There
        Subjects whose edges are compared elsewhere.
    """
    families: defaultdict[str, dict[int, There]] = defaultdict(dict)
    for one in objects:
        families[queries.family(one.type)][one.id] = one
    search = _Search(families, known)
    ask(server, (task for family in families for task in search.tasks(family)))
    return search.found


class _Search:
    """The queries, and what their rows tell."""

    def __init__(self, families: dict[str, dict[int, There]], known: Container[There]) -> None:
        self._families, self._known = families, known
        self.found: list[Referring] = []

    def tasks(self, family: str) -> Iterator[Task]:
        for entry, edge in leading_to(family):
            named = edge.via is not Via.LINK and entry.field("namespace")
            params = {"ns": list(catalogue.IMPORT_NAMESPACES)} if named else {}
            hql, take = (
                queries.referring(entry.name, edge),
                partial(self._take, family, entry, edge),
            )
            yield Task(hql, self._families[family], take, params)
        for link in catalogue.links_beyond():
            if queries.family(link.child) == family:
                beyond = partial(self._take_beyond, family, link)
                yield Task(queries.referring_beyond(link), self._families[family], beyond)

    def _take(self, family: str, entry: Class, edge: Edge, rows: list[Row]) -> None:
        for _, object_, subject, *kind in rows:
            one = There(queries.kind(kind, entry.name), subject)
            if one not in self._known:
                there = self._families[family][object_]
                self.found.append(Referring(one, edge.name, there, edge.via is Via.LINK))

    def _take_beyond(self, family: str, link: LinkBeyond, rows: list[Row]) -> None:
        for _, object_, subject, *kind in rows:
            one = There(queries.kind(kind, link.parent), subject)
            there = self._families[family][object_]
            self.found.append(Referring(one, link.name, there, is_link=True))


@cache
def leading_to(family: str) -> tuple[tuple[Class, Edge], ...]:
    """Return the edges that lead to a family of classes, each with a class that has it.

    Classes that share links (all kinds of Shape) share their edge, too.
    """
    found: dict[tuple[str, str], tuple[Class, Edge]] = {}
    for entry in catalogue.CLASSES.values():
        for edge in entry.edges:
            if queries.family(edge.target) == family and edge not in catalogue.DETAILS:
                of = "" if edge.via is Via.LINK else entry.name
                found.setdefault((of, edge.attribute), (entry, edge))
    return tuple(found.values())
