# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests about the graph of objects: what holds what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import omero
import omero.all

from omero_sandbox.graphs.containment import Found, named, search
from omero_sandbox.model import Type
from omero_sandbox.services.commands import Failure, Job, command, error
from omero_sandbox.services.requests.graphquery import on_graph


@command(omero.cmd.FindParents)
def find_parents(job: Job) -> Any:
    """Find what holds the targets (FindParentsI)."""
    return omero.cmd.FoundParents(_find(job, job.request.typesOfParents, "parents", upwards=True))


@command(omero.cmd.FindChildren)
def find_children(job: Job) -> Any:
    """Find what the targets hold (FindChildrenI)."""
    types = job.request.typesOfChildren
    return omero.cmd.FoundChildren(_find(job, types, "children", upwards=False))


def _find(job: Job, names: Sequence[str], what: str, *, upwards: bool) -> dict[str, list[int]]:
    request = job.request
    if not names:
        message = f"no types of {what} specified to find"
        raise Failure(error(request, "bad-options", message))
    with on_graph(job) as call:
        sought = [named(name) for name in names]
        stop = [named(name) for name in request.stopBefore or ()]
        found = search(call.tx, request.targetObjects or {}, sought, upwards, stop)
    return _by_class(found, sought)


def _by_class(found: Found, sought: Iterable[Type]) -> dict[str, list[int]]:
    result: dict[str, list[int]] = defaultdict(list)
    for rows in found.values():
        for id_, cls in rows.items():
            if any(cls.is_a(type_.name) for type_ in sought):
                result[cls.fqn].append(id_)
    return {name: sorted(ids) for name, ids in result.items()}
