# SPDX-License-Identifier: GPL-2.0-or-later
"""What is printed: JSON for programs, names of strangers, pipes that close, poor terminals."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import omero
import omero.all
import pytest

from graphxfer import bundle as bundles
from graphxfer.cli.app import COMMANDS
from graphxfer.graph import Header, Node, TransferGraph
from graphxfer.omero.write import link, save
from tests.apply.test_apply import make
from tests.cli.conftest import Filled
from tests.cli.person import COMMAND, Person
from tests.places import Place
from tests.test_undo import made
from tests.transfers import SOURCE, small, write

HOSTILE = "a\x1b]0;owned\x07\x1b[2J\x9b31m\u202eb\r\x08\x7f"
"""Sets a title, rings, clears, colours, turns around, overwrites."""
FOREIGN = "Zellkern α-Tubulin 細胞 🎉"


def test_json_of_every_command_that_has_it(
    person: Person, filled: Filled, destination: Place
) -> None:
    """Nothing else is on standard output, and nothing at all on standard error."""
    export = ("export", filled.uri, filled.project, "--to", "bundle", "--partial-ok")
    uri = destination.uri
    lines: dict[str, tuple[str, ...]] = {
        "export": export,
        "fetch": ("fetch", "bundle", "--from", filled.uri),
        "summary": ("summary", "bundle"),
        "plan": ("plan", "bundle", uri),
        "apply": ("apply", "bundle", uri),
        "verify": ("verify", "bundle", uri, "--receipt", "r.jsonld"),
        "verify-receipt": ("verify-receipt", "r.jsonld", "bundle"),
        "graph": ("graph", "bundle"),
        "validate": ("validate", "bundle"),
        "diff": ("diff", "bundle", "bundle"),
        "undo": ("undo", "bundle", uri),
        "query": ("query", "bundle", "ASK {}", "--format", "json"),
        "sandbox": ("sandbox", "list"),
    }
    for name, line in lines.items():
        more = () if name == "query" else ("--json",)
        ran = person.run(*line, *more)
        assert ran.code == 0 or name == "validate", ran
        assert isinstance(ran.json, dict | list), name
        assert ran.err == "", name
    having = {c for c in COMMANDS if "\n  --json " in person.run(c, "--help").out}
    assert having <= {*lines, "run"}, "a command whose JSON is tried nowhere"


def test_json_of_commands_that_do_not_end_with_0(person: Person, destination: Place) -> None:
    """JSON is all that is on standard output, or nothing; the reason is on standard error."""
    nodes = [
        Node("Image/1", "Image", {"name": "without files"}),
        Node("Dataset/1", "Dataset", {"name": "json: left out"}, {"images": ("Image/1",)}),
    ]
    bundle, uri = write(person.home / "b", nodes, {}), destination.uri

    def ran(code: int, *line: str) -> Any:
        done = person.run(line[0], "b", uri, *line[1:], "--json").failed(code)
        assert done.err.startswith("graphxfer: " if code != 2 else ("graphxfer: ", "Usage: "))
        return done.json if done.out else None

    assert ran(2, "undo") is None
    assert ran(2, "plan", "--no-such-option") is None
    assert ran(1, "plan", "--strict") is None
    assert ran(1, "apply", "--strict") is None
    for command in ("plan", "apply", "plan"):
        kinds = {one["node"]: one["kind"] for one in ran(4, command)["actions"] if not one["child"]}
        assert kinds["Image/1"] == "skip"
    assert {one["kind"] for one in ran(4, "verify")} == {"left out"}
    (comment,) = make(destination, omero.model.CommentAnnotationI())
    with destination.connect() as server:
        ends = ("Dataset", made(bundle, server, "Dataset/1")), ("CommentAnnotation", comment)
        save(server, [link("DatasetAnnotationLink", *ends)])
    assert {one["kind"] for one in ran(3, "verify")} == {"left out", "extra"}
    assert ran(1, "undo") is None
    kept = person.run("undo", "b", uri, "--keep", "--json").done().json["kept"]
    assert len(kept) == 1


@pytest.fixture
def hostile(person: Person) -> Path:
    nodes = [
        Node("Project/1", "Project", {"name": HOSTILE}, {"datasets": ("Dataset/1",)}),
        Node("Dataset/1", "Dataset", {"name": FOREIGN}, {"annotations": ("TagAnnotation/1",)}),
        Node("TagAnnotation/1", "TagAnnotation", {"textValue": HOSTILE}),
        Node("Image/1", "Image", {"name": HOSTILE, "description": HOSTILE}),
    ]
    roots = ("Project/1", "Image/1")
    graph = TransferGraph(Header("https://omero.example.org/", SOURCE, roots=roots), nodes)
    return bundles.write(person.home / "bundle", graph).folder


def test_hostile_names_do_not_reach_the_terminal(
    person: Person, hostile: Path, destination: Place
) -> None:
    """`Person.hear` refuses what steers a terminal, in all that is said here."""
    uri = destination.uri
    said = person.run("summary", "bundle").done().out
    assert "owned" in said
    assert FOREIGN in said
    person.run("plan", "bundle", uri).failed(4)
    person.run("apply", "bundle", uri).failed(4)
    person.run("verify", "bundle", uri)
    person.run("plan", "bundle", uri, "--json").failed(4)
    for name in ("graph", "validate"):
        person.run(name, "bundle")
    person.run("query", "bundle", "SELECT ?s ?o { ?s ?p ?o }").done()
    (hostile.parent / "copy").mkdir()
    for name in ("graph.jsonld", "manifest.csv"):
        (hostile.parent / "copy" / name).write_bytes((hostile / name).read_bytes())
    person.run("apply", "copy", uri, "--tags", "error").failed(1, "owned")
    person.run("apply", "copy", uri, "--merge").failed(4)
    text = (hostile / "graph.jsonld").read_text()
    broken = text.replace('"Image/1"', '"Im\\u001b[2Jage/1"')
    (hostile.parent / "copy/graph.jsonld").write_text(broken)
    person.run("summary", "copy").failed(1, "line")
    person.run("diff", "bundle", "copy")
    person.run("undo", "bundle", uri)


def test_names_are_printed_as_they_are(person: Person, destination: Place) -> None:
    """No text is taken for an emoji or markup; a name that is shown changed proves nothing."""
    name = "a :x: [bold]b[/bold] :smile:"
    nodes = [
        Node("Project/1", "Project", {"name": name}, {"datasets": ("Dataset/1",)}),
        Node("Dataset/1", "Dataset", {"name": name, "description": name}),
    ]
    write(person.home / "one", nodes, {})
    nodes[0].fields["name"] = "b"
    write(person.home / "two", nodes, {})
    for line in ("summary one", "graph one", "diff two one"):
        assert name in person.run(*line.split()).out, line
    person.run("apply", "two", destination.uri).done()
    shutil.copytree(person.home / "two" / "journals", person.home / "one" / "journals")
    assert name in person.run("verify", "one", destination.uri).out
    person.run("export", destination.uri, "Project:x:1", "--to", "b").failed(2, "Project:x:1")


def test_hostile_arguments(person: Person) -> None:
    for line in (
        ("summary", HOSTILE),
        ("export", f"omero://u@{HOSTILE}", "Project:1", "--to", "b"),
        ("export", HOSTILE, "Project:1", "--to", "b"),
        ("export", "omero://u@h", HOSTILE, "--to", "b"),
        ("fetch", "b", "--from", HOSTILE),
        ("run", HOSTILE),
        (HOSTILE,),
    ):
        assert person.run(*line).code in (1, 2)


def test_json_keeps_what_it_makes_safe(person: Person, hostile: Path) -> None:
    told = json.dumps(person.run("summary", "bundle", "--json").done().json)
    assert json.dumps(HOSTILE)[1:-1] in told


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_has_not_all_letters(person: Person, hostile: Path, encoding: str) -> None:
    for line in (("summary", "bundle"), ("summary", "bundle", "--json"), ("summary", "nowhere")):
        ran = subprocess.run(
            [*COMMAND, *line],
            env=person.environment(PYTHONIOENCODING=encoding, PYTHONUTF8="0"),
            cwd=person.home,
            capture_output=True,
        )
        assert ran.returncode == (1 if "nowhere" in line else 0), ran
        assert b"Error" not in ran.stderr
        if "--json" in line:
            json.loads(ran.stdout.decode(encoding))


def test_a_pipe_that_is_closed(person: Person) -> None:
    """As with ``| head``: no traceback, and nothing about it at all."""
    small(person.home / "bundle")
    for line in ("summary bundle", "summary bundle --json", "query bundle 'SELECT * {?s ?p ?o}'"):
        ran = subprocess.run(
            ["/bin/bash", "-c", f"{' '.join(COMMAND)} {line} | true; echo ${{PIPESTATUS[0]}}"],
            env=person.environment(),
            cwd=person.home,
            capture_output=True,
            text=True,
        )
        assert ran.stderr == ""
        assert int(ran.stdout) in (0, 1, 141)


def test_an_output_that_is_full(person: Person) -> None:
    small(person.home / "bundle")
    for more in ([], ["--json"]):
        with Path("/dev/full").open("w") as full:
            ran = subprocess.run(
                [*COMMAND, "summary", "bundle", *more],
                env=person.environment(),
                cwd=person.home,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
            )
        assert ran.returncode == 1
        assert "No space left on device" in ran.stderr
        assert "Traceback" not in ran.stderr
