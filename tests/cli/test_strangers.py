# SPDX-License-Identifier: GPL-2.0-or-later
"""Bundles and documents of strangers: broken, or made to do harm.

Nothing is read or written that they lead to, and the message says where it is wrong.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.person import Person, Ran, tree
from tests.places import Place
from tests.transfers import small


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small(tmp_path_factory.mktemp("strangers") / "bundle", "-strange").folder


@pytest.fixture
def bundle(template: Path, person: Person) -> Path:
    """A good bundle, in the person's home, with a secret beside it that it must not reach."""
    folder = person.home / "bundle"
    shutil.copytree(template, folder)
    (person.home / "outside").mkdir()
    return folder


@pytest.fixture
def refused(person: Person, bundle: Path, destination: Place) -> Callable[..., str]:
    """Run what reads a bundle; all of it fails, changes nothing, and says the same."""

    def run(*, by: tuple[str, ...] = ("fetch",), code: int = 1, source: str = "bundle") -> str:
        before = tree(person.home)
        commands = {
            "summary": ("summary", source),
            "fetch": ("fetch", source, "--from", str(person.home / "outside")),
            "plan": ("plan", source, destination.uri),
            "apply": ("apply", source, destination.uri),
            "verify": ("verify", source, destination.uri),
        }
        said = [person.run(*commands[command]).failed(code).err for command in by]
        # What a run keeps for the next one is nothing that it has done.
        kept = re.compile(r".*/files/\.fetch.*|.*journals(/.*)?")
        assert {at for at in tree(person.home) if not kept.fullmatch(at)} == set(before)
        assert len(set(said)) == 1, said
        return said[0]

    return run


Refused = Callable[..., str]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


# -- paths


@pytest.mark.parametrize(
    "path",
    ["../a.tif", "a/../../../a.tif", "/etc/passwd", "C:/a.tif", "c:a.tif", "..\\a.tif", "a\x1b[2J"],
)
def test_a_manifest_that_leads_out(bundle: Path, refused: Refused, path: str) -> None:
    edit(bundle / "manifest.csv", "\nuser_2/2026/a.tif,", f"\n{path},")
    told = refused(by=("fetch", "apply") if path.startswith("..") else ("fetch",))
    assert "manifest.csv, line 2" in told
    assert "OriginalFile/1" in told


@pytest.mark.parametrize("path", ["../../../outside", "/etc", "D:/x"])
def test_the_source_of_a_file_leads_out(bundle: Path, refused: Refused, path: str) -> None:
    edit(
        bundle / "manifest.csv",
        ",ManagedRepository,user_2/2026/a.tif,",
        f",ManagedRepository,{path}/a.tif,",
    )
    assert "manifest.csv, line 2" in refused(by=("fetch",))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"name": "a.tif", "path": "user_2/2026/"', '"name": "a.tif", "path": "../../"'),
        ('"name": "a.tif"', '"name": "../../a.tif"'),
        ('"name": "a.tif", "path": "user_2/2026/"', '"name": "a.tif", "path": "C:/x/"'),
    ],
)
def test_a_graph_that_leads_out(
    person: Person, bundle: Path, refused: Refused, old: str, new: str
) -> None:
    """A graph alone says itself which files it has."""
    edit(bundle / "graph.jsonld", old, new)
    (bundle / "manifest.csv").unlink()
    told = refused(by=("apply",), source="bundle/graph.jsonld")
    assert "OriginalFile/1" in told


def test_an_absolute_path_begins_in_the_bundle(
    person: Person, bundle: Path, destination: Place
) -> None:
    edit(
        bundle / "graph.jsonld",
        '"name": "a.tif", "path": "user_2/2026/"',
        '"name": "passwd", "path": "/etc/"',
    )
    (bundle / "manifest.csv").unlink()
    ran = person.run("plan", "bundle/graph.jsonld", destination.uri).failed(4)
    assert "OriginalFile/1  passwd (its file is missing: etc/passwd)" in ran.out


@pytest.mark.parametrize(
    "part", ["files/user_2", "files", "manifest.csv", "graph.jsonld", "journals"]
)
def test_a_symlink_that_leads_out(
    person: Person, bundle: Path, destination: Place, part: str
) -> None:
    link, outside = bundle / part, person.home / "outside"
    if link.is_dir():
        shutil.rmtree(link)
    elif link.exists():
        shutil.move(link, outside / link.name)
    link.symlink_to(outside / link.name if link.suffix else outside)
    before = tree(outside)
    commands: list[tuple[str, ...]] = [("apply", "bundle", destination.uri)]
    commands += [("fetch", "bundle", "--from", "/tmp")] if part != "journals" else []
    for command in commands:
        told = person.run(*command).failed(1).err
        assert "symlink leads out" in told
        assert str(link.relative_to(person.home)) in told
    assert tree(outside) == before


def test_a_file_that_is_a_link_to_a_secret_is_not_sent(
    person: Person, bundle: Path, destination: Place
) -> None:
    secret = person.home / "outside/shadow"
    secret.write_text("root:x")
    image = next((bundle / "files").rglob("a.tif"))
    image.unlink()
    image.symlink_to(secret)
    person.run("apply", "bundle", destination.uri).failed(1, "symlink leads out", "a.tif")
    person.run("fetch", "bundle", "--from", "/tmp").failed(1, "symlink leads out", "a.tif")


# -- JSON-LD


def lines(bundle: Path) -> list[str]:
    return (bundle / "graph.jsonld").read_text(encoding="utf-8").splitlines(keepends=True)


def at(bundle: Path, node: str) -> int:
    """Return the line of a node, as a person counts."""
    (number,) = [
        n for n, text in enumerate(lines(bundle), 1) if text.startswith(f'{{"@id": "{node}"')
    ]
    return number


def test_a_truncated_graph(bundle: Path, refused: Refused) -> None:
    path = bundle / "graph.jsonld"
    path.write_bytes(path.read_bytes()[:-300])
    told = refused(by=("summary", "apply"))
    assert "graph.jsonld" in told
    assert "line" in told


@pytest.mark.parametrize(
    ("node", "old", "new", "words"),
    [
        ("Project/1", '"name": "p', '"name": p', "is not valid JSON"),
        ("Project/1", '"@type": "Project"', '"@type": "Projekt"', "Projekt"),
        ("Project/1", '"@id": "Project/1"', '"@id": "Dataset/1"', "Dataset/1"),
        ("Dataset/1", '"@id": "Dataset/1"', '"@id": "../etc/1"', "etc/1"),
        ("Image/1", '"series": 0', '"series": "zero"', "series"),
        ("Image/1", '"series": 0', '"serious": 0', "serious"),
        ("Image/1", '"pixels": ["Pixels/1"]', '"pixels": ["Roi/1"]', "Roi/1"),
        ("Image/1", '"pixels": ["Pixels/1"]', '"pixels": [3]', "3 is not a valid IRI"),
        ("Mask/2", '"AP8="', '"not base64!"', "bytes"),
    ],
)
def test_a_broken_line(
    bundle: Path, refused: Refused, node: str, old: str, new: str, words: str
) -> None:
    number = at(bundle, node)
    edit(
        bundle / "graph.jsonld",
        lines(bundle)[number - 1],
        lines(bundle)[number - 1].replace(old, new, 1),
    )
    told = refused(by=("summary",))
    assert f"graph.jsonld, line {number}" in told
    assert words in told


def test_a_node_that_is_there_twice(bundle: Path, refused: Refused) -> None:
    text = lines(bundle)
    number = at(bundle, "TagAnnotation/1")
    text.insert(number, text[number - 1])
    (bundle / "graph.jsonld").write_text("".join(text))
    told = refused(by=("summary", "apply"))
    assert "TagAnnotation/1" in told
    assert f"line {number + 1}" in told


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ('"datasets": ["Dataset/1"]', "Dataset/9", 4, "ProjectDatasetLink Dataset/9"),
        ('"file": "OriginalFile/2"', "OriginalFile/9", 4, "Skipped: FileAnnotation/4"),
        ('"shapes": ["Point/3"]', "Point/9", 4, "Skipped: Point/3"),
        ('"shapes": ["Point/3"]', "Point/9", 4, "shapes Point/9"),
        ('"originalFile": "OriginalFile/1"', "OriginalFile/9", 4, "Fileset/1"),
    ],
)
def test_a_link_to_what_is_not_there(
    person: Person, bundle: Path, destination: Place, old: str, new: str, code: int, words: str
) -> None:
    """Told by a plan, before anything is made; never a link to something else with that id."""
    there = old.split('"')[3]
    edit(bundle / "graph.jsonld", old, old.replace(there, new))
    ran = person.run("plan", "bundle", destination.uri)
    assert ran.code == code, ran
    assert words in ran.out + ran.err


@pytest.fixture
def network() -> Iterator[tuple[str, list[bytes]]]:
    """A server on the network, and what it was asked for."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    taken, _ = server.accept()
                except OSError:
                    return
                with taken:
                    asked.append(taken.recv(1000))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize("form", ["ours", "theirs", "import"])
def test_a_context_on_the_network(
    bundle: Path, refused: Refused, network: tuple[str, list[bytes]], form: str
) -> None:
    url, asked = network
    path = bundle / "graph.jsonld"
    if form == "ours":
        first, *rest = lines(bundle)
        context = json.loads(
            first.rstrip().rstrip(",").removesuffix('"@graph": [').rstrip(", ") + "}"
        )
        new = json.dumps({"@context": [f"{url}/c", context["@context"]]})[:-1] + ', "@graph": [\n'
        path.write_text("".join([new, *rest]))
    elif form == "theirs":
        path.write_text(
            json.dumps({"@context": f"{url}/c", "@id": "Project/1", "@type": "Project"})
        )
    else:
        context = {"@version": 1.1, "@import": f"{url}/c"}
        path.write_text(json.dumps({"@context": context, "@id": "Project/1"}))
    told = refused(by=("summary",))
    assert f"{url}/c" in told
    assert "does not load documents from elsewhere" in told
    assert asked == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "line 1, column 1: is not valid JSON"),
        (b"\xff\xfe\x00", "graph.jsonld"),
        (b"[" * 100_000, "graph.jsonld"),
        (b'{"@graph": ' * 1000, "graph.jsonld"),
        (b"null", "graph.jsonld"),
        (b'{"@context": {}, "@graph": []}', "graph.jsonld"),
    ],
)
def test_what_is_no_graph_at_all(bundle: Path, refused: Refused, text: bytes, words: str) -> None:
    (bundle / "graph.jsonld").write_bytes(text)
    assert words in refused(by=("summary",))


# -- OME-XML


XXE = """<?xml version="1.0"?>
<!DOCTYPE OME [<!ENTITY stolen SYSTEM "{url}">]>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
  <Project ID="Project:1" Name="&stolen;"/>
</OME>
"""
LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE OME [<!ENTITY a "hahahahahahahahaha">{more}]>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
  <Project ID="Project:1" Name="&z;"/>
</OME>
"""


def test_an_external_entity_is_never_read(
    person: Person, destination: Place, network: tuple[str, list[bytes]]
) -> None:
    url, asked = network
    secret = person.home / "outside.txt"
    secret.write_text("the content of a private file")
    for target in (secret.as_uri(), f"{url}/entity"):
        (person.home / "a.ome.xml").write_text(XXE.format(url=target))
        told = person.run("apply", "a.ome.xml", destination.uri).failed(1, "a.ome.xml")
        assert "content of a private" not in told.out + told.err
        assert "entit" in told.err.lower()
    assert asked == []


def test_entities_that_multiply(person: Person, destination: Place) -> None:
    names = "abcdefghijklmnopqrstuvwxyz"
    more = "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in itertools.pairwise(names)
    )
    (person.home / "a.ome.xml").write_text(LAUGHS.format(more=more))
    person.run("apply", "a.ome.xml", destination.uri).failed(1, "a.ome.xml")


@pytest.mark.parametrize("text", ["<OME", "<OME/>", "<html><body/></html>", "<OME>\x1b[2J</OME>"])
def test_what_is_no_ome_xml(person: Person, destination: Place, text: str) -> None:
    (person.home / "a.ome.xml").write_text(text)
    person.run("apply", "a.ome.xml", destination.uri).failed(1, "a.ome.xml")


def test_a_person_who_names_no_bundle(person: Person, destination: Place) -> None:
    (person.home / "empty").mkdir()
    (person.home / "text").write_text("text")
    for name in ("empty", "text", "nothing"):
        for command in ("summary", "fetch", "apply"):
            more = {"summary": [], "fetch": ["--from", "/tmp"]}.get(command, [destination.uri])
            ran: Ran = person.run(command, name, *more)
            ran.failed(1, name)
    assert sorted(tree(person.home)) == ["empty", "text"]
