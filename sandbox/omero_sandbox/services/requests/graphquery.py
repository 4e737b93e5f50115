# SPDX-License-Identifier: GPL-2.0-or-later
"""What the requests about a graph of objects have in common (omero.cmd.GraphQuery).

Source of the classes that they may be aimed at: omero-blitz ``ome/services/graph-rules``, the
lists ``deleteTargets``, ``chgrpTargets`` ...
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import omero
import omero.all

from omero_sandbox.model import find
from omero_sandbox.security.targets import CHOWN, CONTAINED, EVERY, LINKS, PARTS, SHOWN
from omero_sandbox.service import Call
from omero_sandbox.services.commands import Failure, Job, command, error

TARGETS = {
    omero.cmd.Chgrp2: EVERY,
    omero.cmd.Chmod2: "ExperimenterGroup",
    omero.cmd.Chown2: CHOWN,
    omero.cmd.Delete2: f"""{EVERY} {LINKS} {PARTS} PixelsOriginalFileMap ProjectionDef
        DetectorSettings FilterSetEmissionFilterLink FilterSetExcitationFilterLink
        ImagingEnvironment LightPathEmissionFilterLink LightPathExcitationFilterLink LightSettings
        Microscope ObjectiveSettings StageLabel TransmittanceRange GroupExperimenterMap Namespace
        ShareMember""",
    omero.cmd.DiskUsage2: f"{CONTAINED} Experimenter ExperimenterGroup",
    omero.cmd.Duplicate: f"{EVERY} {LINKS} {PARTS} {SHOWN}",
    omero.cmd.FindChildren: CONTAINED,
    omero.cmd.FindParents: CONTAINED,
}
#: Interfaces of the server's model, which are no classes of the clients'.
_INTERFACES = {"IAnnotationLink": "ome.model.IAnnotationLink", "Link": "ome.model.internal.Link"}


@contextmanager
def on_graph(job: Job, *, everywhere: bool = True) -> Iterator[Call]:
    """Check the targets of a request; open its transaction; name what is refused in it.

    Parameters
    ----------
    job : Job
        What carries out the request.
    everywhere : bool
        Across all groups, as nearly all of them run.
    """
    _check(job.request)
    with job.transaction(everywhere=everywhere) as call, graph_errors(job.request):
        yield call


def _check(request: Any) -> None:
    """Refuse targets of classes that the request is not for (GraphHelper.getTargetMultimap)."""
    legal = TARGETS[type(request)].split()
    for name in request.targetObjects or {}:
        type_ = find(name)
        if type_ is not None and not any(named in type_.names for named in legal):
            raise Failure(error(request, "bad-target", f"cannot target {type_.name}"))


@contextmanager
def graph_errors(request: Any) -> Iterator[None]:
    """Turn a refusal into the GraphException that Delete2I and the others answer with.

    The reason is in its own `message`; the one among the parameters is empty.
    """
    try:
        yield
    except omero.ServerError as problem:
        plain = error(request, "graph-fail", problem)
        parameters = {**plain.parameters, "message": ""}
        answer = omero.cmd.GraphException(
            plain.category, plain.name, parameters, plain.parameters["message"]
        )
        raise Failure(answer) from problem


@command(omero.cmd.LegalGraphTargets)
def legal_graph_targets(job: Job) -> Any:
    """List the classes that a graph request may be aimed at (LegalGraphTargetsI)."""
    about = job.request.request
    if type(about) not in TARGETS:
        kind = type(about).__name__
        message = f"no legal target types are defined for request {kind}"
        raise Failure(error(job.request, "graph-no-targets", message))
    found = []
    for name in TARGETS[type(about)].split():
        type_ = find(name)
        found.append(_INTERFACES[name] if type_ is None else type_.fqn)
    return omero.cmd.LegalGraphTargetsResponse(found)
