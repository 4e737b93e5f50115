# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer sandbox`: the commands of omero-sandbox; failures are reported as graphxfer's own."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

import typer
from typer.core import TyperGroup

from graphxfer.errors import GraphxferError, UsageError

PASSWORD = "GRAPHXFER_SANDBOX_PASSWORD"  # noqa: S105
"""The variable that names root's password, as do all of graphxfer's; omero-sandbox has its own."""

if find_spec("omero_sandbox"):
    from omero_sandbox.cli import app
else:
    app = typer.Typer()  # has no commands: the group says what to install


class SandboxGroup(TyperGroup):
    """The group of the commands."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command.

        Raises
        ------
        GraphxferError
            When the command fails, or omero-sandbox is not installed.
        """
        if not find_spec("omero_sandbox"):
            raise GraphxferError(
                "omero-sandbox is not installed",
                where="sandbox",
                do="pip install 'graphxfer[sandbox]'",
            )
        from omero_sandbox import folder, manage

        if PASSWORD in os.environ:
            os.environ.setdefault(folder.PASSWORD, os.environ[PASSWORD])
        try:
            return super().invoke(ctx)
        except manage.SandboxError as error:
            kind = UsageError if error.is_usage else GraphxferError
            raise kind(str(error), where="sandbox") from error
