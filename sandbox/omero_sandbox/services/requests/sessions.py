# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests about sessions: who is logged in, and for how long."""

from __future__ import annotations

from typing import Any

import omero
import omero.all

from omero_sandbox.services.commands import Failure, Job, command, error


@command(omero.cmd.CurrentSessionsRequest)
def current_sessions(job: Job) -> Any:
    """List the sessions alive; those of others for administrators only."""
    with job.transaction() as call:
        alive = [
            session
            for session in job.server.sessions.alive()
            if call.caller.admin or session.user == job.session.user
        ]
        rows = [call.tx.find("Session", session.id) for session in alive]
        groups = {g.id.val: g.name.val for g in call.tx.find_all("ExperimenterGroup")}
    contexts = [
        omero.sys.EventContext(
            sessionId=s.id,
            sessionUuid=s.uuid,
            userId=s.user,
            userName=s.name,
            groupId=s.group,
            groupName=groups[s.group],
            eventType=s.event_type,
        )
        for s in alive
    ]
    return omero.cmd.CurrentSessionsResponse(rows, contexts, [{} for _ in alive])


_LIMITS = {"timeToIdle": 6_000_000}
"""omero.sessions.max_user_time_to_idle (milliseconds); for the time to live, there is none."""


@command(omero.cmd.UpdateSessionTimeoutRequest)
def update_session_timeout(job: Job) -> Any:
    """Change when a session ends; users up to a limit, and not to never (tried on OMERO 5.7)."""
    request = job.request
    asked = {
        name: value.val
        for name in ("timeToLive", "timeToIdle")
        if (value := getattr(request, name)) is not None
    }
    with job.transaction(everywhere=True) as call:
        rows = call.tx.find_all("Session", uuid=request.session)
        if not rows:
            raise Failure(error(request, "no-session", request.session))
        if not asked:
            raise Failure(error(request, "no-update-performed", request.session))
        for name, target in asked.items():
            if call.caller.admin:
                continue
            if target <= 0:
                raise Failure(error(request, "non-admin-disabling", f"{name}: {target}"))
            asked[name] = min(target, _LIMITS.get(name, target))
        call.tx.set_system("Session", rows[0].id.val, **asked)
    session = job.server.sessions.get(request.session)
    session.live = asked.get("timeToLive", session.live)
    session.idle = asked.get("timeToIdle", session.idle)
    return omero.cmd.OK()
