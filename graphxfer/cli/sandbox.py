# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer sandbox`: the commands of omero-sandbox; failures are reported as graphxfer's own."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import platformdirs
import typer
from typer.core import TyperGroup

from graphxfer.errors import GraphxferError, UsageError

if find_spec("omero_sandbox"):
    from omero_sandbox.cli import app
else:
    app = typer.Typer()  # has no commands: the group says what to install


class Group(TyperGroup):
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

        _refuse_old_names(folder.PASSWORD, manage.home())
        try:
            return super().invoke(ctx)
        except manage.SandboxError as error:
            kind = UsageError if error.is_usage else GraphxferError
            raise kind(str(error), where="sandbox") from error


def _refuse_old_names(password: str, home: Path) -> None:
    """Fail where the old variable or folder would be ignored, with another result than before."""
    if "GRAPHXFER_SANDBOX_PASSWORD" in os.environ:
        raise UsageError("GRAPHXFER_SANDBOX_PASSWORD was renamed", do=f"set {password} instead")
    old = Path(platformdirs.user_state_dir("graphxfer")) / "sandboxes"
    if old.is_dir() and any(old.iterdir()) and not home.exists():
        raise UsageError(f"{old} holds sandboxes, which are now in {home}", do=f"mv {old} {home}")
