# SPDX-License-Identifier: GPL-2.0-or-later
"""The `omero` command of omero-py, unmodified, in a home of its own.

Source: OMERO's pages on the command line (docs.openmicroscopy.org, users/cli).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from omero.cli import NonZeroReturnCode

from graphxfer.sandbox import manage
from tests.sandbox.conftest import Command
from tests.sandbox.importing_client import import_files


@pytest.fixture(scope="module")
def as_root(omero_command: Command, server: manage.Sandbox) -> Command:
    omero_command.log_in(server)
    return omero_command


def new(run: Command, *arguments: str) -> str:
    return run("obj", "new", *arguments).strip().splitlines()[-1]


def test_objects_and_queries(as_root: Command) -> None:
    project = new(as_root, "Project", "name=from the command line")
    assert "name=from the command line" in as_root("obj", "get", project)
    as_root("obj", "update", project, "description=text")
    id_ = project.partition(":")[2]
    rows = as_root("hql", "-q", f"select p.description from Project p where p.id = {id_}")
    assert "text" in rows


def test_users_and_groups(as_root: Command) -> None:
    as_root("group", "add", "cli-lab", "--type", "read-annotate")
    as_root("user", "add", "cli-ada", "Ada", "Love", "cli-lab", "-P", "pw")
    assert re.search(r"cli-lab +\| rwra--", as_root("group", "list"))
    assert "cli-ada" in as_root("user", "list")
    assert "root" in as_root("sessions", "who")


def test_tags(as_root: Command) -> None:
    tag = as_root("tag", "create", "--name", "cli-tag", "--desc", "d").split(":")[-1].strip()
    project = new(as_root, "Project", "name=tagged")
    as_root("tag", "link", project, tag)
    assert "cli-tag" in as_root("tag", "list")


def test_files(as_root: Command, tmp_path: Path) -> None:
    path = tmp_path / "up.txt"
    path.write_text("hello")
    file = as_root("upload", str(path)).strip().splitlines()[-1]
    as_root("download", file, str(tmp_path / "down.txt"))
    assert (tmp_path / "down.txt").read_text() == "hello"


def test_repositories(as_root: Command, server: manage.Sandbox) -> None:
    assert str(server.repository) in as_root("fs", "repos")
    as_root("fs", "mkdir", "cli/made", "--parents")
    assert (server.repository / "cli" / "made").is_dir()


def test_moving_and_deleting(as_root: Command) -> None:
    as_root("group", "add", "cli-target")
    project = new(as_root, "Project", "name=moved")
    assert "Dry run" in as_root("chgrp", "cli-target", project, "--dry-run")
    assert project in as_root("chgrp", "cli-target", project, "--report")
    as_root("user", "add", "cli-owner", "A", "B", "cli-target", "-P", "pw")
    assert project in as_root("chown", "cli-owner", project, "--report")
    assert project in as_root("delete", project, "--report", "--dry-run")
    assert project in as_root("delete", project, "--report")
    id_ = project.partition(":")[2]
    assert "0 rows" in as_root("hql", "-q", f"select p.id from Project p where p.id = {id_}")


def test_session_times(omero_command: Command, server: manage.Sandbox) -> None:
    """Only administrators may prolong: UpdateSessionTimeoutRequestI (omero-blitz)."""
    omero_command.log_in(server)
    omero_command("group", "add", "cli-times")
    omero_command("user", "add", "cli-timed", "A", "B", "cli-times", "-P", "pw")
    omero_command("sessions", "timeout", "900")
    assert "900.0" in omero_command("sessions", "timeout")
    omero_command.log_in(server, "cli-timed", "pw")
    omero_command("sessions", "timeout", "300")
    assert "300.0" in omero_command("sessions", "timeout")
    with pytest.raises(NonZeroReturnCode) as raised:
        omero_command("sessions", "timeout", "301")
    assert raised.value.rv == 558


def test_permissions_of_a_group(omero_command: Command, server: manage.Sandbox) -> None:
    omero_command.log_in(server)
    omero_command("group", "add", "cli-chmod")
    omero_command("group", "perms", "--name", "cli-chmod", "--type", "read-write")
    assert re.search(r"cli-chmod +\| rwrw--", omero_command("group", "list"))


def test_files_of_an_image(omero_command: Command, server: manage.Sandbox, root: Any) -> None:
    """Files and sizes: the help of `omero fs ls` and `fs sets`."""
    response = import_files(root, {"cli/cells&sizeX=8&sizeY=8.fake": b"x" * 10})
    image = response.objects[0]
    omero_command.log_in(server)
    fileset = image.fileset.id.val
    assert "cells&sizeX=8&sizeY=8.fake" in omero_command("fs", "ls", f"Fileset:{fileset}")
    assert re.search(rf"\| {fileset} +\| root_0/", omero_command("fs", "sets", "--extended"))
    usage = omero_command("fs", "usage", f"Image:{image.id.val}", "--report")
    assert re.search(r"FilesetEntry +\| +10 \|", usage)
    deleted = omero_command("delete", f"Fileset:{fileset}", "--report")
    assert f"Image:{image.id.val}" in deleted


def test_logging_out_ends_the_session(omero_command: Command, server: manage.Sandbox) -> None:
    omero_command.log_in(server)
    assert f"127.0.0.1:{server.port}" in omero_command("sessions", "list")
    omero_command("logout")
    assert "Logged in" not in omero_command("sessions", "list")
