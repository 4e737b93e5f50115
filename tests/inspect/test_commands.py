# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands that look at a bundle: bad input, short output of much, and no need of Ice."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from tests.docs.test_commands import run
from tests.inspect import sample
from tests.inspect.sample import own

CHECKOUT = Path(__file__).parents[2]
LOOKING = {
    "summary": "",
    "graph": "",
    "validate": "",
    "report": "-o page.html",
    "convert": "--to turtle",
    "query": "keys",
    "serve": "--port 0",
}
"""Commands that take one bundle, and what else they need."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a bundle and what is none."""
    monkeypatch.chdir(tmp_path)
    sample.write(tmp_path / "it")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("hello")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "page.xml").write_text("<html/>")
    return tmp_path


# -- what cannot be meant -----------------------------------------------------------------------


@pytest.mark.parametrize("command", LOOKING)
@pytest.mark.parametrize(
    ("bundle", "told"),
    [
        ("nothing", "nothing: does not exist"),
        ("empty", "empty: is not a bundle: graph.jsonld is missing\n  → create one with"),
        ("text", "text: is neither JSON-LD nor OME-XML\n  → convert Turtle and N-Quads first:"),
        ("list.json", "list.json: has no nodes"),
        ("page.xml", "page.xml, line 1: is not valid OME-XML"),
    ],
)
def test_what_is_no_bundle(place: Path, command: str, bundle: str, told: str) -> None:
    before = sorted(place.iterdir())
    answer = run(f"graphxfer {command} {bundle} {LOOKING[command]}")
    assert answer.startswith(f"graphxfer: {told}")
    assert answer.endswith("(exit code 1)")
    assert sorted(place.iterdir()) == before


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("diff it nothing", 1, "nothing: does not exist"),
        ("query it", 2, "the bundle or the query is missing\n  → graphxfer query BUNDLE QUERY"),
        ("query it no-such-query", 2, "use --list to show the names"),
        ("query it @no.rq", 1, "no.rq: No such file or directory"),
        ("graph it --node Image/404", 2, "Image/404: is not in the graph"),
        ("graph it -o it.png", 2, ".graphml, .gexf or .svg"),
        ("graph it -o no/it.gexf", 1, "no: the folder does not exist"),
        ("report it -o no/it.html", 1, "no: the folder does not exist"),
        ("convert it --to turtle -o no/it.ttl", 1, "no: the folder does not exist"),
        ("convert it --to bundle", 2, "add -o FOLDER"),
        ("report it --plan list.json", 1, "list.json: is not a plan"),
        ("report it --plan no.json", 1, "no.json: No such file or directory"),
        ("validate it --shapes no.ttl", 1, "no.ttl: No such file or directory"),
        ("validate it --shapes text", 1, "text: is not valid RDF"),
        ("serve it --host no.where", 2, "no.where: is not an IP address"),
        ("serve it --no-validate --port 0 --host 192.0.2.1", 1, "Cannot assign requested address"),
    ],
)
def test_what_cannot_be_meant(place: Path, line: str, code: int, told: str) -> None:
    before = sorted(place.iterdir())
    answer = run(f"graphxfer {line}")
    assert told in answer
    assert ".part" not in answer
    assert answer.endswith(f"(exit code {code})")
    assert sorted(place.iterdir()) == before


# -- what is told -------------------------------------------------------------------------------


def test_the_neighbourhood_of_a_node(place: Path) -> None:
    near = run("graphxfer graph it --node Roi/4").splitlines()
    assert near == ["Roi/4 image Image/7", "Roi/4 shapes Point/12", "Roi/4 shapes Rectangle/11"]
    told = json.loads(run("graphxfer graph it --node Roi/4 --json"))
    assert {"iri": "Roi/4", "type": "Roi", "name": "cell"} in told["nodes"]
    assert {"subject": "Roi/4", "predicate": "image", "object": "Image/7"} in told["edges"]
    sample.write(place / "lonely", own("TagAnnotation/77", {"textValue": "lonely"}))
    assert run("graphxfer graph lonely --node TagAnnotation/77") == "TagAnnotation/77 has no edges"


def test_a_long_difference_is_counted(place: Path) -> None:
    many = (own(f"TagAnnotation/{number}", {"textValue": "new"}) for number in range(100, 130))
    sample.write(place / "later", *many)
    lines = run("graphxfer diff it later").splitlines()
    assert lines[9:12] == [
        "+ TagAnnotation/109  new",
        "+ … and 20 more TagAnnotation",
        "30 added, 0 removed, 0 changed",
    ]


# -- without Ice --------------------------------------------------------------------------------

BLOCKED = """\
import sys
from importlib.abc import MetaPathFinder

class Blocked(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Blocked())
from graphxfer.cli import app, common
app.register()
for line in {lines!r}:
    code = common.run(lambda: app.app(line), debug=True)
    assert code in (0, 3), (line, code)
"""


def test_looking_needs_nothing_but_what_pip_installs(place: Path) -> None:
    """With no module to be had that ``pip install graphxfer`` does not bring, no Ice above all."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    brought = with_dependencies(project["dependencies"]) | {"graphxfer"}
    missing = {
        module
        for module, distributions in metadata.packages_distributions().items()
        if not brought & set(map(normal, distributions))
    }
    assert {"omero", "ezomero", "numpy", "PIL"} <= missing
    missing |= {"Ice", "IcePy", "Glacier2"}  # Ice's wheel does not name what is in it
    sample.write(place / "later", own("TagAnnotation/77", {"textValue": "anaphase"}))
    commands = [command for command in LOOKING if command != "serve"]
    lines = [[command, "it", *LOOKING[command].split()] for command in commands]
    lines += [["diff", "it", "later"], ["graph", "it", "-o", "it.gexf"], ["serve", "--help"]]
    lines += [["convert", "it", "--to", to, "-o", f"it.{to}"] for to in ("ome-xml", "graphml")]
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED.format(names=missing, lines=lines)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    served = (
        "from pathlib import Path; from graphxfer.bundle import Bundle;"
        "from graphxfer.inspect import serve\n"
        "with serve.server(Bundle(Path('it')), serve.Options()): pass"
    )
    blocked = BLOCKED.format(names=missing, lines=[])
    subprocess.run([sys.executable, "-c", blocked + served], check=True)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def with_dependencies(requirements: list[str]) -> set[str]:
    """Return the names of distributions that requirements bring, those of extras left out."""
    found: set[str] = set()
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        name = normal(re.split(r"[^\w.-]", requirement, maxsplit=1)[0])
        if name not in found and "extra ==" not in requirement:
            found.add(name)
            try:
                waiting += metadata.requires(name) or []
            except metadata.PackageNotFoundError:
                continue  # for another system or Python
    return found
