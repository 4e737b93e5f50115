# SPDX-License-Identifier: GPL-2.0-or-later
"""Sandboxes as processes: start, stop, kill, restart, list; by name and from the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import omero
import omero.all
import pytest
from omero.model import TagAnnotationI
from omero.rtypes import rstring

from graphxfer.sandbox import manage


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def log_in(sandbox: Any) -> Any:
    client = omero.client(sandbox.host, sandbox.port)
    client.createSession("root", "omero")
    return client


def test_data_survives_a_kill(tmp_path: Path) -> None:
    with manage.running(tmp_path / "a") as sandbox:
        client = log_in(sandbox)
        tag = TagAnnotationI()
        tag.textValue = rstring("kept")
        id_ = client.sf.getUpdateService().saveAndReturnObject(tag).id.val
        uuid = client.sf.getConfigService().getDatabaseUuid()
        port = sandbox.port
        sandbox.kill()
        sandbox.restart()
        assert sandbox.port == port
        again = log_in(sandbox)
        assert again.sf.getQueryService().get("TagAnnotation", id_).textValue.val == "kept"
        assert again.sf.getConfigService().getDatabaseUuid() == uuid
        again.closeSession()


def test_by_name(tmp_path: Path) -> None:
    started = manage.start("mine")
    try:
        assert manage.find("mine") == started
        assert started.directory == manage.folder("mine")
        with pytest.raises(manage.SandboxError, match="already"):
            manage.start("mine")
    finally:
        manage.stop(started.directory)
    assert manage.listing() == {"mine": None}
    with pytest.raises(manage.SandboxError, match="No sandbox"):
        manage.find("mine")


def test_in_a_folder_elsewhere(tmp_path: Path) -> None:
    started = manage.start("far", tmp_path / "elsewhere")
    try:
        assert started.repository == tmp_path / "elsewhere" / "ManagedRepository"
        assert manage.find("far").pid == started.pid
    finally:
        manage.stop(started.directory)


@pytest.mark.parametrize("name", ["../x", "", "/etc", ".hidden", "a b"])
def test_names_are_plain(name: str) -> None:
    with pytest.raises(manage.SandboxError):
        manage.folder(name)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    sandbox = manage.Sandbox(tmp_path / "a", arguments=["--fault", "nonsense"])
    with pytest.raises(manage.SandboxError, match="fault"):
        sandbox.start()


def test_sigterm_stops_it_in_order(tmp_path: Path) -> None:
    with manage.running(tmp_path / "a") as sandbox:
        sandbox.stop()
        assert sandbox.process is not None
        assert sandbox.process.returncode == 0
        assert not (sandbox.directory / "server.json").exists()


def test_from_the_command_line(tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "graphxfer.cli", "sandbox", *arguments]
        if not (Path(manage.__file__).parents[1] / "cli" / "__main__.py").exists():
            main = "from graphxfer.cli import sandbox; sandbox.app()"
            command = [sys.executable, "-c", main, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = run("start", "one", "--dir", str(tmp_path / "one"))
    try:
        (address,) = json.loads(run("list", "--json")).values()
        assert f"127.0.0.1:{address['port']}" in said
        assert str(tmp_path / "one" / "ManagedRepository") in said
    finally:
        run("stop", "one")
    assert run("list") == "one\tstopped\n"


def test_a_test_that_is_killed_leaves_no_server(tmp_path: Path) -> None:
    main = (
        "import pathlib, sys, time; from graphxfer.sandbox import manage\n"
        "with manage.running(pathlib.Path(sys.argv[1])):\n"
        "    print('up', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", main, str(tmp_path / "a")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        assert manage.address_of(tmp_path / "a") is not None
        parent.kill()
    deadline = time.monotonic() + 30
    while manage.address_of(tmp_path / "a") is not None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
