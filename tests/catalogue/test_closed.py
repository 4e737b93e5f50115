# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogue is closed: nothing else names a class of OMERO's.

So a new class cannot be half known: what knows of classes at all, knows of all in the catalogue.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import graphxfer
from graphxfer import catalogue
from graphxfer.catalogue import omero_model
from graphxfer.inspect.query import PREFIXES

ROOT = Path(graphxfer.__file__).parent
NAMES = omero_model.classes().keys()
NAMED = re.compile(rf"\b(?:{'|'.join(sorted(NAMES, key=len, reverse=True))})\b")

ALLOWED = {
    # What is sent to a server or asked of it, and never a node of a graph.
    ("omero/importer.py", "FilesetI"): "importFileset takes one, before there is a node for it",
    ("omero/importer.py", "FilesetEntryI"): "as above",
    ("omero/importer.py", "UploadJobI"): "as above",
    ("omero/importer.py", "ChecksumAlgorithmI"): "ImportSettings take one",
    ("omero/in_place.py", "CommentAnnotationI"): "OMERO's own note that a file is linked in place",
    ("omero/lookup.py", "FilesetJobLink"): "which files are the logs of the server's own jobs",
    ("omero/lookup.py", "JobOriginalFileLink"): "as above",
    ("omero/rights.py", "EventLog"): "whether what cannot be seen was deleted",
    ("omero/unfinished.py", "FilesetJobLink"): "how far the server's own jobs are",
    ("omero/unfinished.py", "Session"): "whether a session of the server's is alive",
    ("omero/unfinished.py", "UploadJob"): "the server's own job, which carries an import's token",
    ("omero/server.py", "SessionI"): "closeSession takes one",
    # Names of others that are the same.
    ("graph/omexml/write.py", "Namespace"): "an attribute of OME-XML's",
    ("cli/convert.py", "Format"): "a name of ours: the formats that convert writes",
    # Words of English and examples, for people.
    ("bundle/crate.py", "Image"): "English",
    ("cli/plan.py", "Link"): "English",
    ("cli/export.py", "Project"): "an example of what to type",
    ("cli/export.py", "Dataset"): "as above",
    ("cli/export.py", "Image"): "as above",
}
"""Where a name may stand, and why."""


def named(source: str) -> Iterator[str]:
    """Yield the names of classes in a module's texts, and of omero-py's Python classes in it.

    Neither docstrings are looked at nor ``__all__``, which has the module's own names.
    """
    tree = ast.parse(source)
    passed_over = {
        id(node) for part in ast.walk(tree) if _is_our_own(part) for node in ast.walk(part)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            if id(node) not in passed_over:
                yield from NAMED.findall(str(node.value))
        elif isinstance(node, ast.keyword) and node.arg in NAMES:
            yield node.arg
        elif isinstance(node, ast.Name | ast.Attribute | ast.alias):
            name = getattr(node, "id", "") or getattr(node, "attr", "") or getattr(node, "name", "")
            if name.endswith("I") and name[:-1] in NAMES:
                yield name


def _is_our_own(part: ast.AST) -> bool:
    if isinstance(part, ast.Expr):
        return isinstance(part.value, ast.Constant)
    return isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) == "__all__"


def found() -> set[tuple[str, str]]:
    modules = (path.relative_to(ROOT) for path in ROOT.rglob("*.py"))
    return {
        (path.as_posix(), name)
        for path in modules
        if path.parts[0] != "catalogue"
        for name in named((ROOT / path).read_text("utf-8"))
    }


def test_no_other_module_names_a_class() -> None:
    assert sorted(found() - ALLOWED.keys()) == []


def test_no_exception_is_left_over() -> None:
    assert sorted(ALLOWED.keys() - found()) == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("x = 'Image'", ["Image"]),
        ("x = f'from Plate {y}'", ["Plate"]),
        ("x = omero.model.WellI()", ["WellI"]),
        ("from omero.model import RoiI", ["RoiI"]),
        ("x = dict(Plate=b'Well')", ["Plate", "Well"]),
        (
            "x = 'JobStatus ProjectDatasetLink Annotation'",
            ["JobStatus", "ProjectDatasetLink", "Annotation"],
        ),
        ("'''An Image.'''\nx = 1\n'''A Plate.'''\n__all__ = ['Node']", []),
        ("x = 'images ImageId image'", []),
    ],
)
def test_a_name_is_found_wherever_it_stands(source: str, names: list[str]) -> None:
    assert list(named(source)) == names


@pytest.mark.parametrize("path", (ROOT / "inspect/page/script").glob("*.js"), ids=lambda p: p.name)
def test_no_script_of_the_page_names_a_class(path: Path) -> None:
    code = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text("utf-8"), flags=re.DOTALL)
    assert set(NAMED.findall(code)) <= {"Node"}  # the browser's own


def test_the_page_names_no_class() -> None:
    """Its words for people stand outside what Jinja evaluates."""
    page = (ROOT / "inspect/page/page.html").read_text("utf-8")
    evaluated = re.findall(r"\{[{%].*?[}%]\}", page, re.DOTALL)
    assert [code for code in evaluated if NAMED.search(code)] == []


@pytest.mark.parametrize("path", (ROOT / "inspect/queries").glob("*.rq"), ids=lambda p: p.name)
def test_a_query_asks_for_classes_that_the_catalogue_has(path: Path) -> None:
    """A SPARQL query is about some classes by nature; it may at least not ask for others."""
    known = {entry.iri for entry in catalogue.CLASSES.values()}
    for prefix, name in re.findall(r"\ba (\w*):(\w+)", path.read_text("utf-8")):
        assert PREFIXES[prefix] + name in known
