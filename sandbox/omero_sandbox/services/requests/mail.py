# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests that send mail. The sandbox checks them and sends none; the response says so."""

from __future__ import annotations

from typing import Any

import omero
import omero.all

from omero_sandbox.security.roles import SYSTEM_GROUP
from omero_sandbox.services.commands import Failure, Job, command, error
from omero_sandbox.sessions import groups_of


def _refused(name: str, kind: str = "", message: str = "") -> Failure:
    return Failure(omero.cmd.ERR(name=name, parameters={kind: message} if kind else {}))


@command(omero.cmd.SendEmailRequest)
def send_email(job: Job) -> Any:
    """Send mail to users; for administrators (SendEmailRequestI)."""
    request, misused = job.request, "ApiUsageException"
    with job.transaction(everywhere=True) as call:
        admin = call.caller.admin
    if not admin:
        raise _refused("no-permissions", misused, "You have no permissions to send email.")
    if not (request.everyone or request.groupIds or request.userIds):
        raise _refused("no-body", misused, "No recipients specified.")
    if not job.server.config.get("omero.mail.from", "").strip():
        raise _refused("no-sender", misused, "omero.mail.from cannot be empty.")
    if not request.subject.strip():
        raise _refused("no-subject", misused, "Email must contain subject.")
    if not request.body.strip():
        raise _refused("no-body", misused, "Email must contain body.")
    raise Failure(error(request, "not-implemented", "The sandbox sends no mail"))


@command(omero.cmd.ResetPasswordRequest)
def reset_password(job: Job) -> Any:
    """Send a user a new password; for anybody who knows the address (ResetPasswordRequestI)."""
    request, misused = job.request, "ApiUsageException"
    with job.transaction(everywhere=True) as call:
        users = call.tx.find_all("Experimenter", omeName=request.omename)
        if not users:
            raise _refused("unknown-user", misused, f"No such experimenter: {request.omename}")
        email = users[0].email.val if users[0].email is not None else None
        groups = [id_ for id_, _ in groups_of(call.tx, users[0].id.val)]
    if email is None:
        raise _refused("unknown-email", misused, "User has no email address.")
    if email != request.email:
        raise _refused("not-match", misused, "Email address does not match.")
    if SYSTEM_GROUP in groups:
        raise _refused(
            "password-change-failed", "PasswordChangeException",
            "Cannot reset password of administrators. "
            "Have another administrator set the new password.",
        )  # fmt: skip
    raise Failure(error(request, "not-implemented", "The sandbox sends no mail"))
