# SPDX-License-Identifier: GPL-2.0-or-later
"""What pages of docs/ show of a terminal is what the commands print.

In a block of ```` ```console ````, a line that begins with ``$ `` is run, one after another; what
follows is what it prints, and a line ``(exit code 3)`` what it ends with if not 0.
"""

from __future__ import annotations

import io
import re
import shlex
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from graphxfer.bundle import Bundle
from graphxfer.cli import app, common
from graphxfer.graph import Node
from graphxfer.receipt import signature
from tests.inspect import sample
from tests.inspect.sample import own
from tests.receipt.samples import document_of, keygen

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("summary", "query", "graph-view", "validate", "diff", "convert", "receipt")
_OWN = re.compile(r"SHA256:\S+")
"""A key that is made for the test."""
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)

BROKEN: tuple[Node, ...] = (
    own("Dataset/102", {"name": "to do"}, images=("Image/404",)),
    own("Fileset/3", {}),
    own("MapAnnotation/9", {"pairs": (("gene", "tubA"), ("", "tubB"))}),
    own("Rectangle/11", {"x": 640.0, "y": 4.5, "width": 10.0, "height": 12.0}),
)
LATER: tuple[Node, ...] = (
    own("TagAnnotation/77", {"textValue": "anaphase"}),
    own(
        "Image/9", {"name": "c.tif [0]", "series": 0}, fileset=("Fileset/4",), pixels=("Pixels/9",)
    ),
)
HOUSE_RULES = """\
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix ome: <http://www.openmicroscopy.org/rdf/2016-06/ome_core/> .
@prefix model: <http://www.openmicroscopy.org/Schemas/OME/2016-06#> .

<http://example.org/Dated> a sh:NodeShape ;
    sh:targetClass model:Dataset ;
    sh:property [ sh:path ome:Name ; sh:pattern "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" ;
                  sh:message "is not named by its date" ] .
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the bundles and files that the pages speak of."""
    sample.write(tmp_path / "my-transfer")
    sample.write(tmp_path / "broken", *BROKEN)
    sample.write(tmp_path / "later", *LATER, without=("CommentAnnotation/4",))
    (tmp_path / "house-rules.ttl").write_text(HOUSE_RULES)
    receipt, signer = tmp_path / "receipt.jsonld", keygen(tmp_path / "ada")
    receipt.write_bytes(document_of(Bundle(tmp_path / "my-transfer")))
    signature.sign(receipt, signer)
    signer.with_name("ada.allowed").rename(tmp_path / "signers")
    return tmp_path


def run(line: str) -> str:
    """Return what a command prints, on either stream."""
    name, *arguments = shlex.split(line)
    assert name == "graphxfer", line
    if not app.app.registered_commands:
        app.register()
    printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with redirect_stdout(printed), redirect_stderr(printed):
        code = common.run(lambda: app.app(arguments), debug=False)
    printed.seek(0)
    ended = [f"(exit code {code})"] if code else []
    return "\n".join([*(line.rstrip() for line in printed), *ended])


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_what_its_commands_print(
    page: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "100")
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    tried = 0
    for block in _BLOCK.findall(text):
        for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, expected = example.partition("\n")
            assert _OWN.sub("SHA256:KEY", run(line)) == expected.rstrip(), line
            tried += 1
    assert tried
