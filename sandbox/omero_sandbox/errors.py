# SPDX-License-Identifier: GPL-2.0-or-later
"""OMERO's server errors, made in one place."""

from __future__ import annotations

from typing import Any

import omero


def fail(kind: type[Any], message: str, **members: Any) -> Any:
    """Return a server error to raise, such as ``fail(omero.ValidationException, "...")``.

    The name of the server's own exception class is the same, in ``ome.conditions``.
    """
    error = kind("", f"ome.conditions.{kind.__name__}", message)
    for name, value in members.items():
        setattr(error, name, value)
    return error


def invalid(message: str) -> Any:
    """Return a ValidationException."""
    return fail(omero.ValidationException, message)


def misused(message: str) -> Any:
    """Return an ApiUsageException."""
    return fail(omero.ApiUsageException, message)


def forbidden(message: str) -> Any:
    """Return a SecurityViolation."""
    return fail(omero.SecurityViolation, message)


class GraphFailure(omero.ApiUsageException):  # type: ignore[misc]
    """A graph request that cannot be done: the client gets an ERR ``graph-fail``."""

    def __init__(self, message: str) -> None:
        super().__init__("", "ome.services.graphs.GraphException", message)
