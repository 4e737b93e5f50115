# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests that change the graph of objects: delete, move, give, duplicate; from further in."""

from __future__ import annotations

import copy
from typing import Any

import omero
import omero.all

from omero_sandbox.graphs.containment import named
from omero_sandbox.model import find
from omero_sandbox.services.admin import require
from omero_sandbox.services.commands import Failure, Job, command, error
from omero_sandbox.services.requests.graphquery import graph_errors, on_graph

#: What may be wrapped in a SkipHead, those that are WrappableRequest in omero-blitz; and where
#: their responses say what they take.
_TAKEN = {
    omero.cmd.Delete2: "deletedObjects",
    omero.cmd.Chgrp2: "includedObjects",
    omero.cmd.Chown2: "includedObjects",
    omero.cmd.Duplicate: "duplicates",
}


@command(omero.cmd.DoAll)
def do_all(job: Job) -> Any:
    """Carry out requests one after the other in one transaction: all or nothing (DoAllI)."""
    requests = job.request.requests
    responses = []
    everywhere = not all(isinstance(request, omero.cmd.Duplicate) for request in requests)
    with job.transaction(everywhere=everywhere) as call:
        for number, request in enumerate(requests):
            job.step(number, len(requests))
            response = job.part(request, call).run()
            if isinstance(response, omero.cmd.ERR):
                raise Failure(response)
            responses.append(response)
    return omero.cmd.DoAllRsp(responses, [omero.cmd.Status(flags=[]) for _ in responses])


@command(omero.cmd.Delete2)
def delete(job: Job) -> Any:
    """Delete along the graph rules; files are removed from the disk after the rows are deleted."""
    request = job.request
    with on_graph(job) as call:
        deleted = call.tx.delete(
            request.targetObjects, request.childOptions or [], bool(request.dryRun)
        )
        if not request.dryRun:
            job.server.repository.forget(call, deleted)
    return omero.cmd.Delete2Response(deleted)


@command(omero.cmd.Chgrp2)
def chgrp(job: Job) -> Any:
    """Move to another group."""
    request = job.request
    with on_graph(job) as call:
        if "Chgrp" not in call.caller.privileges and request.groupId not in call.caller.member_of:
            message = "not a member of the chgrp destination group"
            raise Failure(error(request, "not-in-group", message))
        moved, deleted = call.tx.chgrp(
            request.targetObjects, request.groupId, request.childOptions or [], bool(request.dryRun)
        )
    return omero.cmd.Chgrp2Response(moved, deleted)


@command(omero.cmd.Chown2)
def chown(job: Job) -> Any:
    """Give to another user."""
    request = job.request
    with on_graph(job) as call:
        given, deleted = call.tx.chown(
            request.targetObjects, request.targetUsers or [], request.userId,
            request.childOptions or [], bool(request.dryRun),
        )  # fmt: skip
    return omero.cmd.Chown2Response(given, deleted)


@command(omero.cmd.Chmod2)
def chmod(job: Job) -> Any:
    """Set the permissions of groups."""
    request = job.request
    groups = request.targetObjects.get("ExperimenterGroup", [])
    with on_graph(job) as call:
        for group in groups:
            require(call, "ModifyGroup", leader_of=group)
            if not request.dryRun:
                call.tx.chmod(group, request.permissions)
    return omero.cmd.Chmod2Response({"ome.model.meta.ExperimenterGroup": list(groups)}, {})


@command(omero.cmd.SkipHead)
def skip_head(job: Job) -> Any:
    """Do what is wrapped, from objects further in: those a dry run from the targets takes."""
    request = job.request
    if type(request.request) not in _TAKEN:
        kind = type(request.request).__name__
        raise Failure(error(request, "graph-fail", f"cannot use SkipHead on {kind}"))
    if not request.startFrom:
        message = "SkipHead requires the start classes to be named"
        raise Failure(error(request, "graph-fail", message))
    head, tail = copy.copy(request.request), copy.copy(request.request)
    head.targetObjects, head.childOptions = request.targetObjects, request.childOptions
    head.dryRun, tail.dryRun = True, bool(request.dryRun)
    everywhere = not isinstance(request.request, omero.cmd.Duplicate)
    with job.transaction(everywhere=everywhere) as call:
        taken = _succeeded(job.part(head, call).run())
        tail.targetObjects = _start(request, taken)
        return _succeeded(job.part(tail, call).run())


def _succeeded(response: Any) -> Any:
    if isinstance(response, omero.cmd.ERR):
        raise Failure(response)
    return response


def _start(request: Any, response: Any) -> dict[str, list[int]]:
    """Return what is of the classes to start from in the response to the dry run."""
    with graph_errors(request):
        start = [named(name) for name in request.startFrom]
    return {
        name: ids
        for name, ids in getattr(response, _TAKEN[type(request.request)]).items()
        if any((find(name) or named(name)).is_a(type_.name) for type_ in start)
    }
