# SPDX-License-Identifier: GPL-2.0-or-later
"""Name objects of the destination for a message: with their owners, and links with their ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from graphxfer import catalogue
from graphxfer.graph.correspondence import There
from graphxfer.omero import lookup
from graphxfer.omero.connect import Server
from graphxfer.omero.queries import kind

_NAMED = re.compile(r"\b([A-Z][A-Za-z]+):(\d+)\b")
"""An object in the reason of a refusal: ``Image:5``."""


def owners(server: Server, objects: Iterable[There]) -> dict[There, str]:
    """Return the names of the owners of those objects that have one, and that the user sees.

    Parameters
    ----------
    server : Server
        The destination.
    objects : iterable of There
        The objects.
    """
    return {
        There(name, row[0]): str(row[1])
        for name, ids in lookup.by_type(objects).items()
        if catalogue.has_owner(name)
        for some in lookup.chunks(ids)
        for row in server.rows(
            f"select x.id, x.details.owner.omeName from {name} x where x.id in (:ids)",  # noqa: S608
            ids=some,
        )
    }


def described(server: Server, objects: Iterable[There], most: int) -> str:
    """Return objects with their owners, and links with what they connect, also with its owners.

    For example ``TagAnnotation:12 of eve; DatasetAnnotationLink:3 of eve, from Dataset:7 of ana to
    TagAnnotation:12 of eve``.

    Parameters
    ----------
    server : Server
        The destination.
    objects : iterable of There
        The objects.
    most : int
        How many are named; the others are counted.
    """
    listed = list(objects)
    shown, more = listed[:most], len(listed) - most
    ends = {one: found for one in shown if (found := _ends(server, one))}
    names = owners(server, {*shown, *(end for pair in ends.values() for end in pair)})
    texts = []
    for one in shown:
        text = _owned(one, names)
        if one in ends:
            parent, child = ends[one]
            text += f", from {_owned(parent, names)} to {_owned(child, names)}"
        texts.append(text)
    return "; ".join([*texts, *([f"{more:,} more"] if more > 0 else [])])


def with_owners(server: Server, text: str) -> str:
    """Return a text with the owner beside each object that it names.

    Parameters
    ----------
    server : Server
        The destination.
    text : str
        The reason of a refusal: ``may not delete TagAnnotation:1 because Dataset:2 is tagged``.
    """
    named = {There(name, int(number)) for name, number in _NAMED.findall(text)}
    names = owners(server, named)
    return _NAMED.sub(lambda found: _owned(There(found[1], int(found[2])), names), text)


def _owned(one: There, names: Mapping[There, str]) -> str:
    return f"{one} of {names[one]}" if one in names else str(one)


def _ends(server: Server, link: There) -> tuple[There, ...]:
    """Return the parent and the child of a link; nothing if it is not one, or is hidden."""
    ends = catalogue.link_ends(link.type)
    columns = [
        f"{end}.id, type({end}.class)" if several else f"{end}.id, x.id"
        for end, (_, several) in zip(("p", "c"), ends, strict=False)
    ]
    if not columns:
        return ()
    hql = (
        f"select {', '.join(columns)} from {link.type} x"  # noqa: S608
        " join x.parent p join x.child c where x.id = :id"
    )
    return tuple(
        There(kind(row[at + 1 : at + 2] if several else (), name), row[at])
        for row in server.rows(hql, id=link.id)
        for at, (name, several) in zip((0, 2), ends, strict=True)
    )
