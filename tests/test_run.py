# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole transfer from a file, between two servers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import omero
import pytest

from graphxfer import config
from graphxfer.errors import Exit, UsageError
from graphxfer.run import run
from omero_sandbox import manage
from omero_sandbox.seed import seed

INI = """
[source_omero]
hostname = {source.host}
port = {source.port}
user = root
password = omero
secure = True
datatype = Project
id = {project}

[dest_omero]
hostname = {destination.host}
port = {destination.port}
group = system
user = root
password = omero
secure = True

[source_server]
managedrepo_dir = {repository}

[data_storage]
data_directory = {folder}/data

[general]
xml_filepath = {folder}/xml/transfer.ome.xml
ln_s_import = {in_place}
"""


@dataclass
class Lab:
    """Two servers, and a folder for what is between them."""

    source: manage.Sandbox
    destination: manage.Sandbox
    project: int
    folder: Path

    def ini(self, repository: str = "", in_place: bool = False) -> Path:
        text = INI.format(**vars(self), repository=repository, in_place=in_place)
        path = self.folder / "config.cfg"
        path.write_text(text)
        path.chmod(0o600)
        return path

    def toml(self) -> str:
        return f"""
[servers.source]
host = "{self.source.host}"
port = {self.source.port}
user = "root"
[bundle]
folder = "{self.folder}/bundle"
[source]
server = "source"
password = "omero"
objects = ["Project:{self.project}"]
[destination]
server = "omero://root@{self.destination.host}:{self.destination.port}/system"
password = "omero"
"""

    def run(self, path: Path, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from graphxfer.cli import main; main()", "run"]
        return subprocess.run(
            [*command, str(path), *options],
            capture_output=True,
            text=True,
            env={**os.environ, "HOME": str(self.folder), "OMERO_USERDIR": str(self.folder)},
        )


def counts(sandbox: manage.Sandbox) -> dict[str, int]:
    """How much there is at a server, as omero-py's own client sees it."""
    client = omero.client(f"ssl://{sandbox.host}:{sandbox.port}")
    query = client.createSession("root", "omero").getQueryService()
    context = client.getContext(-1)
    classes = ("Project", "Dataset", "Image", "Roi", "Annotation", "Fileset", "OriginalFile")
    found = {
        name: query.projection(f"select count(o) from {name} o", None, context)[0][0].val
        for name in classes
    }
    client.closeSession()
    return found


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[manage.Sandbox, int]]:
    with manage.running(tmp_path_factory.mktemp("source")) as source:
        made = seed(source.host, source.port, "root", "omero")
        yield source, made["Project"][0]


@pytest.fixture
def lab(filled: tuple[manage.Sandbox, int], tmp_path: Path) -> Iterator[Lab]:
    with manage.running(tmp_path / "destination") as destination:
        yield Lab(*filled[:1], destination, filled[1], tmp_path)


@pytest.mark.parametrize("over", ["the connection", "the repository", "the repository in place"])
def test_one_command_moves_a_project_and_proves_it(lab: Lab, over: str) -> None:
    repository = "" if over == "the connection" else str(lab.source.repository)
    path = lab.ini(repository, in_place=over.endswith("in place"))
    done = lab.run(path, "--json")
    assert done.returncode in (Exit.DONE, Exit.INCOMPLETE), done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["differences"] == []
    assert outcome["plan"]["actions"]
    assert (lab.folder / "xml" / "transfer.ome.xml").read_bytes().startswith(b"<?xml")
    assert Path(outcome["bundle"]).parent == lab.folder / "data"
    there = counts(lab.destination)
    assert there["Project"] == 1
    assert there["Image"] == outcome["nodes"]["Image"]

    again = lab.run(path, "--json")
    assert again.returncode == done.returncode, again.stderr
    assert counts(lab.destination) == there
    assert json.loads(again.stdout)["fetched"]["fetched"] == 0


@pytest.mark.parametrize("partial_ok", [True, False])
def test_a_bad_file_is_left_out_and_the_rest_arrives(lab: Lab, partial_ok: bool) -> None:
    accepted = f"partial_ok = {str(partial_ok).lower()}"
    files = f'[files]\nfrom = "{lab.source.repository}"\n'
    text = files + lab.toml().replace("[destination]", f"{accepted}\n[destination]")
    path = lab.folder / "transfer.toml"
    path.write_text(text)
    victim = next(lab.source.repository.rglob("*.ome.tif*"))
    whole = victim.read_bytes()
    victim.write_bytes(whole[:100])
    try:
        path.write_text(text + "strict = true\n")
        stopped = lab.run(path)
        assert counts(lab.destination)["Project"] == 0
        path.write_text(text)
        partial = lab.run(path)
    finally:
        victim.write_bytes(whole)
    assert stopped.returncode == Exit.FAILED
    assert victim.name in stopped.stderr
    assert partial.returncode == (Exit.DONE if partial_ok else Exit.INCOMPLETE), partial.stderr
    assert f"truncated: 100 of {len(whole):,} bytes" in partial.stderr
    named = [line for line in partial.stdout.splitlines() if victim.name in line]
    for start in ("Skipped: OriginalFile/", "Skipped: Image/"):
        assert [line for line in named if line.startswith(start)], named
    there = counts(lab.destination)
    assert there["Project"] == 1
    mended = json.loads(lab.run(path, "--json").stdout)
    assert mended["fetched"]["fetched"] == 1
    assert mended["differences"] == []
    assert not [one for one in mended["plan"]["actions"] if one["kind"] == "skip"]
    assert counts(lab.destination)["Fileset"] == there["Fileset"] + 1


def test_a_wrong_password_or_option_is_said_and_no_password_told(lab: Lab) -> None:
    path = lab.ini()
    path.write_text(path.read_text().replace("password = omero", "password = hunter2"))
    failed = lab.run(path)
    assert failed.returncode == Exit.FAILED
    assert "the password is wrong" in failed.stderr
    assert "hunter2" not in failed.stderr + failed.stdout
    assert not (lab.folder / "data").exists()
    path.write_text(path.read_text().replace("ln_s_import", "ln_import"))
    failed = lab.run(path)
    assert failed.returncode == Exit.USAGE
    assert "did you mean 'ln_s_import'?" in failed.stderr


def test_a_bundle_of_another_transfer_is_not_gone_on_with(lab: Lab) -> None:
    text = lab.toml()
    path = lab.folder / "transfer.toml"
    path.write_text(text)
    assert lab.run(path).returncode in (Exit.DONE, Exit.INCOMPLETE)
    path.write_text(text.replace("Project:", "Dataset:"))
    other = lab.run(path)
    assert other.returncode == Exit.USAGE
    assert "another transfer" in other.stderr


def test_the_choices_of_a_file_are_checked_first(tmp_path: Path) -> None:
    login = config.Login("omero://nobody@127.0.0.1:1/")
    whole = config.Transfer(login, login, ("Project:1",), tmp_path / "b")
    choices = {
        "tags": replace(whole, tags="no"),
        "file_metadata": replace(whole, file_metadata="no"),
    }
    for option, transfer in choices.items():
        with pytest.raises(UsageError, match=f"{option} = no is unknown\n  → use "):
            run(transfer)
