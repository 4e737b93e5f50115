# SPDX-License-Identifier: GPL-2.0-or-later
"""Sandboxes as processes: start, stop, kill, restart, list; by name and from the command line."""

from __future__ import annotations

import json
import socket
import sqlite3
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

from omero_sandbox import cli, manage, seed


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


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--fault=nonsense", "--fault: not a fault: 'nonsense'"),
        ("--fault=error@1:IQuery.gett", "--fault: no such operation: 'IQuery.gett'"),
        ("--fault=error@1:Queery.get", "--fault: no such service: 'Queery'"),
        ("--latency=-5ms", "--latency: not a duration: '-5ms'"),
        ("--port=65536", "--port: not a port: '65536'"),
        ("--config=omero.fs.repo.path", "--config: not a setting"),
    ],
)
def test_an_option_that_cannot_be_meant_is_named(tmp_path: Path, option: str, said: str) -> None:
    (tmp_path / "server.log").write_text("what an earlier start wrote\n")
    with pytest.raises(manage.SandboxError) as error:
        manage.Sandbox(tmp_path, arguments=[option]).start()
    assert str(error.value).startswith(said)
    assert error.value.is_usage


def test_a_server_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(manage.SandboxError) as error:
            manage.Sandbox(tmp_path, arguments=[f"--port={port}"]).start()
    assert str(error.value).endswith(f"did not start: port {port}: Address already in use")
    assert not error.value.is_usage
    with pytest.raises(manage.SandboxError, match=r"did not start: .*nowhere/calls"):
        manage.Sandbox(tmp_path, arguments=["--record=/nowhere/calls"]).start()


def test_a_database_that_is_not_this_version_s_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "omero.sqlite") as connection:
        connection.execute("CREATE TABLE image (id INTEGER PRIMARY KEY)")
    with pytest.raises(manage.SandboxError, match="made by another version"):
        manage.Sandbox(tmp_path).start()


def test_a_first_start_that_was_killed_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "omero.sqlite").touch()
    with manage.running(tmp_path) as sandbox:
        log_in(sandbox).closeSession()


def test_seeding_with_another_password_says_so(tmp_path: Path) -> None:
    with (
        manage.running(tmp_path, password="else") as sandbox,
        pytest.raises(manage.SandboxError, match="OMERO_SANDBOX_PASSWORD"),
    ):
        seed.account(sandbox.host, sandbox.port, "root", "omero", member_password="x")


def test_sigterm_stops_it_in_order(tmp_path: Path) -> None:
    with manage.running(tmp_path / "a") as sandbox:
        sandbox.stop()
        assert sandbox.process is not None
        assert sandbox.process.returncode == 0
        assert not (sandbox.directory / "server.json").exists()


def test_from_the_command_line(tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        command = [sys.executable, "-W", "ignore", "-m", "omero_sandbox", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = run("start", "one", "--dir", str(tmp_path / "one"))
    try:
        (address,) = json.loads(run("list", "--json")).values()
        assert f"127.0.0.1:{address['port']}" in said
        assert str(tmp_path / "one" / "ManagedRepository") in said
        assert "user researcher" in run("seed", "one", "--account")
    finally:
        run("stop", "one")
    assert run("list") == "one\tstopped\n"


def ended(monkeypatch: pytest.MonkeyPatch, line: str) -> int:
    """Run the command in this process; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["omero-sandbox", *line.split()])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(end.value.code or 0)


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("stop nobody", 1, "omero-sandbox: No sandbox named nobody is running"),
        ("start x --latency soon", 2, "omero-sandbox: --latency: not a duration: 'soon'"),
        ("start ../x", 1, "omero-sandbox: '../x' is not a valid name"),
        ("list", 0, "No servers. Start one with: omero-sandbox start NAME"),
        ("serve", 2, "the following arguments are required: directory"),
    ],
)
def test_messages_of_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, line: str, code: int, message: str
) -> None:
    assert ended(monkeypatch, line) == code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["--latency soon", "--fault error@1:IQuery.gett"])
def test_a_refused_start_leaves_no_name(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, wrong: str
) -> None:
    assert ended(monkeypatch, f"start new {wrong}") == 2
    assert ended(monkeypatch, "list") == 0
    assert "new" not in capsys.readouterr().out


def test_folders_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert ended(monkeypatch, f"start new --dir {tmp_path}/file") == 1
    assert f"{tmp_path}/file: File exists; name another folder" in capsys.readouterr().err
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "omero.sqlite").write_text("garbage, and enough of it" * 100)
    assert ended(monkeypatch, f"start other --dir {tmp_path}/other") == 1
    assert "its database cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["start", "stop", "list", "seed", "serve"])
def test_each_command_has_help(monkeypatch: pytest.MonkeyPatch, capsys: Any, name: str) -> None:
    assert ended(monkeypatch, f"{name} --help") == 0
    assert capsys.readouterr().out.lower().startswith(f"usage: omero-sandbox {name} ")


def test_in_the_foreground(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "omero_sandbox", "serve", str(tmp_path), "--idle", "60000"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while manage.address_of(tmp_path) is None or not (tmp_path / "server.json").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.parametrize("how", ["", "preload.enable()"])
def test_a_test_that_is_killed_leaves_no_server(tmp_path: Path, how: str) -> None:
    main = (
        f"import pathlib, sys, time; from omero_sandbox import manage, preload; {how}\n"
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
