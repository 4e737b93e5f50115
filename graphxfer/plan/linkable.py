# SPDX-License-Identifier: GPL-2.0-or-later
"""Find links that the user may not create: an earlier run chose an object of somebody else's.

Then the user could link to it. Since then, the permissions of the group may have been tightened, or
the user may no longer own the group.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from graphxfer import catalogue
from graphxfer.graph.correspondence import There
from graphxfer.journal import Counterpart, Journal, LinkKey
from graphxfer.omero import lookup, queries
from graphxfer.omero.connect import Server
from graphxfer.omero.owners import owners
from graphxfer.omero.rights import rights


def not_allowed(server: Server, journal: Journal, links: Iterable[LinkKey]) -> dict[LinkKey, str]:
    """Return the links that the server would refuse, with the reason.

    Parameters
    ----------
    server : Server
        The destination.
    journal : Journal
        The journal, with the objects that earlier runs chose or created.
    links : iterable of LinkKey
        The links to create.
    """
    ends = {key: (journal.get(key.parent), journal.get(key.child)) for key in links}
    chosen = {
        There(one.type, one.id)
        for pair in ends.values()
        for one in pair
        if one is not None and not one.how.ours
    }
    names = owners(server, chosen)
    theirs = {one: name for one, name in names.items() if name != server.user_name}
    if not theirs:
        return {}
    here = rights(server)
    why = f"you may not link to it (the group {here.group} is {here.permissions})"
    refused = {
        key: f"{one} of {theirs[one]}: {why}"
        for key, pair in ends.items()
        if not (here.use if _is_of_annotation(key) else here.write)
        for one in (There(end.type, end.id) for end in pair if end is not None)
        if one in theirs
    }
    there = _existing(server, {key: ends[key] for key in refused})
    return {key: text for key, text in refused.items() if key not in there}


def _is_of_annotation(key: LinkKey) -> bool:
    return queries.family(catalogue.link_classes()[key.type].target) == catalogue.ANNOTATION


def _existing(
    server: Server, ends: Mapping[LinkKey, tuple[Counterpart | None, Counterpart | None]]
) -> set[LinkKey]:
    """Return the links that exist already: apply only records them."""
    by_class: defaultdict[str, dict[LinkKey, tuple[int, int]]] = defaultdict(dict)
    for key, (parent, child) in ends.items():
        if parent is not None and child is not None:  # a new object has no links
            by_class[key.type][key] = parent.id, child.id
    found = set[LinkKey]()
    for name, some in by_class.items():
        there = lookup.linked(server, name, {parent for parent, _ in some.values()})
        found |= {key for key, pair in some.items() if pair in there}
    return found
