# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.grid.RawAccessRequest: files of the repository without regard to their rows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import omero
import omero.all

from omero_sandbox.errors import fail, misused
from omero_sandbox.files.checksums import checksum
from omero_sandbox.files.repository import Repository
from omero_sandbox.services.commands import Failure, Job, command, error

log = logging.getLogger(__name__)


@command(omero.grid.RawAccessRequest)
def raw_access(job: Job) -> Any:
    """Carry out one of the commands below; for administrators (RawAccessRequestI)."""
    request = job.request
    with job.transaction() as call:
        admin = call.caller.admin
    if not admin:
        raise Failure(error(request, "not-admin", ""))
    if request.repoUuid != job.server.repository.uuid:
        raise Failure(
            omero.cmd.Unknown(name="unknown-repo", parameters={"repoUuid": request.repoUuid})
        )
    try:
        if request.command == "log":
            _log(request.path, request.args)
        elif request.command in _COMMANDS:
            _COMMANDS[request.command](job.server.repository, request.args)
        else:
            raise misused(f"Unknown command: {request.command}")
    except (omero.ServerError, OSError) as problem:
        failure = error(request, "raw-access", problem)
        failure.parameters["command"] = request.command
        raise Failure(failure) from problem
    return omero.cmd.OK()


def _log(level: str, args: Sequence[str]) -> None:
    """Add lines to the server's log; the level is where other commands have a path."""
    number = _LEVELS.get(level.lower())
    if number is None:
        raise misused(f"Unknown log level: {level}")
    for line in args:
        log.log(number, "%s", line)


_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}


def _touch(repository: Repository, args: Sequence[str]) -> None:
    for arg in args:
        path = repository.inside(arg)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def _exists(repository: Repository, args: Sequence[str]) -> None:
    if not repository.inside(args[0]).exists():
        raise fail(omero.grid.RepositoryException, f"file does not exist: {args[0]}")


def _mkdir(repository: Repository, args: Sequence[str]) -> None:
    parents = "-p" in args
    for arg in args:
        if arg != "-p":
            repository.inside(arg).mkdir(parents=parents, exist_ok=parents)


def _rm(repository: Repository, args: Sequence[str]) -> None:
    if len(args) != 1:
        raise misused("Command: rm takes just one argument")
    path = repository.inside(args[0])
    path.rmdir() if path.is_dir() else path.unlink()


def _mv(repository: Repository, args: Sequence[str]) -> None:
    if len(args) != 2:
        raise misused("Command: mv takes two arguments")
    source, target = (repository.inside(arg) for arg in args)
    source.rename(target / source.name if target.is_dir() else target)


def _checksum(repository: Repository, args: Sequence[str]) -> None:
    if len(args) != 3:
        raise misused(f"'checksum' requires HASHER HASH FILEPATH, not: {list(args)}")
    hasher, expected, path = args
    found = checksum(repository.inside(path), hasher)
    if found != expected:
        raise fail(
            omero.ResourceError,
            f"Checksum mismatch ({hasher}): expected={expected} found={found}",
        )


_COMMANDS: dict[str, Callable[[Repository, Sequence[str]], None]] = {
    "touch": _touch,
    "exists": _exists,
    "mkdir": _mkdir,
    "rm": _rm,
    "mv": _mv,
    "checksum": _checksum,
}
