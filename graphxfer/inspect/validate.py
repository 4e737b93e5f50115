# SPDX-License-Identifier: GPL-2.0-or-later
"""Validate a graph against SHACL shapes, with pyshacl.

Shapes of structure concern one node each, so they are checked on small parts of the graph, several
at once. All other shapes may concern several nodes, and are checked on the complete graph. Both use
Oxigraph, which loads and answers in half the time of rdflib's own store.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pyoxigraph import RdfFormat, Store
from rdflib import RDF, SH, BNode, Graph, Literal, URIRef
from rdflib.term import Node as Term

from graphxfer.bundle import Bundle, file_errors
from graphxfer.errors import BadDocument
from graphxfer.generate import SHAPES
from graphxfer.inspect.query import load, refuse_network
from graphxfer.inspect.summary import label
from graphxfer.inspect.triples import Triples
from graphxfer.progress import SILENT, Progress

CHUNK = 1000
"""Number of nodes whose structure is checked at once."""
_BROKEN = {
    "MinCount": "is missing",
    "MaxCount": "has more than one value",
    "Datatype": "has a value of the wrong type",
    "NodeKind": "is not the right kind of term",
    "MaxLength": "is longer than OMERO stores",
    "MinInclusive": "is smaller than OMERO stores",
    "MaxInclusive": "is larger than OMERO stores",
}
"""Messages for the generated shapes, by the violated constraint."""
_SEVERITIES = ("Violation", "Warning", "Info")


class Finding(NamedTuple):
    """A violation of a shape.

    Parameters
    ----------
    severity : str
        ``Violation``, ``Warning`` or ``Info``.
    message : str
        What is wrong.
    node, name : str
        The node's IRI (relative for nodes of the graph) and its label.
    path : str
        The property; empty if the shape concerns the node itself.
    value : str
        The invalid value, if there is one.
    shape : str
        IRI of the shape; empty if it has none.
    """

    severity: str
    message: str
    node: str
    name: str
    path: str
    value: str
    shape: str


@dataclass(frozen=True, slots=True)
class Validation:
    """The result of a validation.

    Parameters
    ----------
    findings : tuple of Finding
        The findings, violations first.
    rdf : rdflib.Graph
        The standard SHACL report.
    """

    findings: tuple[Finding, ...]
    rdf: Graph

    @property
    def violations(self) -> int:
        """Number of violations."""
        return sum(finding.severity == _SEVERITIES[0] for finding in self.findings)


def shapes_folder() -> Path:
    """Return the folder of graphxfer's own shapes: in the wheel, or in the checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "shapes"
    return installed if installed.is_dir() else package.parent / "shapes"


def validate(bundle: Bundle, more: Iterable[Path] = (), progress: Progress = SILENT) -> Validation:
    """Check a bundle's graph against graphxfer's own shapes, and others.

    Parameters
    ----------
    bundle : Bundle
        The bundle.
    more : iterable of Path
        Files of SHACL shapes, such as a facility's own rules, in Turtle or another RDF syntax.
    progress : Progress
        Shows how much is done.

    Raises
    ------
    BadDocument
        If shapes cannot be read or applied, or use the network.
    """
    looking_far = _shapes([shapes_folder() / "sense.ttl", *more])
    report = Graph()
    for prefix, namespace in looking_far.namespaces():
        report.bind(prefix, namespace)
    for part in _structure(bundle, progress):
        report.parse(data=part, format="nt")
    with progress.task("sense"), load(bundle) as store:
        data = Store.read_only(str(store.folder))
        report += _checked(data, looking_far)
    _merge_reports(report)
    return Validation(tuple(_findings(report, bundle)), report)


# -- shapes -------------------------------------------------------------------------------------


@cache
def _structure_shapes() -> Graph:
    """Return the generated shapes; each process reads them once.

    Property shapes target all nodes of their class directly. With node shapes, pyshacl visits each
    property of each node separately: this takes three times as long and has the same results.
    """
    shapes = _shapes([shapes_folder() / "structure.ttl"])
    for shape, class_ in list(shapes.subject_objects(SH.targetClass)):
        for property_ in shapes.objects(shape, SH.property):
            shapes.add((property_, SH.targetClass, class_))
        shapes.remove((shape, SH.property, None))
    return shapes


def _shapes(paths: Iterable[Path]) -> Graph:
    shapes = Graph()
    for path in paths:
        with file_errors(path):
            text = path.read_bytes()
        try:
            read = Graph().parse(data=text, format=_format(path))
        except Exception as error:  # rdflib's parsers raise many types
            raise BadDocument(f"is not valid RDF: {str(error)[:300]}", where=str(path)) from None
        for query in (SH.select, SH.ask, SH.construct):
            for text_of_query in read.objects(None, query):
                refuse_network(str(text_of_query))
        shapes += read
        for prefix, namespace in read.namespaces():
            shapes.bind(prefix, namespace)
    return shapes


def _format(path: Path) -> str:
    known = {".nt": "nt", ".jsonld": "json-ld", ".rdf": "xml", ".xml": "xml"}
    return known.get(path.suffix.lower(), "turtle")


# -- checking -----------------------------------------------------------------------------------


def _structure(bundle: Bundle, progress: Progress) -> Iterator[bytes]:
    """Check nodes against the shapes of structure; yield the reports with results."""
    with bundle.nodes() as (header, nodes), progress.task("structure", unit="nodes") as advance:
        triples = Triples(header)
        chunks = iter(lambda: "".join(map(triples.of_node, islice(nodes, CHUNK))), "")
        first, second = next(chunks, ""), next(chunks, "")
        yield from filter(None, map(_check_structure, [first]))
        if not second:
            return
        workers = os.cpu_count() or 1
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            batch = [second]
            while batch:
                yield from filter(None, pool.map(_check_structure, batch))
                advance(CHUNK * len(batch))
                batch = list(islice(chunks, 4 * workers))


def _check_structure(lines: str) -> bytes:
    """Check the triples of some nodes; return a report with results as N-Triples, else nothing."""
    data = Store()
    data.load(lines, format=RdfFormat.N_TRIPLES, lenient=True)
    report = _checked(data, _structure_shapes())
    has_results = (None, SH.result, None) in report
    return report.serialize(format="nt", encoding="utf-8") if has_results else b""


def _checked(data: Store, shapes: Graph) -> Graph:
    import pyshacl  # takes a quarter of a second, and every command imports this module

    try:
        _, report, text = pyshacl.validate(
            data,  # type: ignore[arg-type]  # its types do not include Oxigraph's stores
            shacl_graph=shapes,
            inplace=True,
            advanced=True,
            do_owl_imports=False,
        )
    except Exception as error:  # pyshacl's libraries raise many types
        raise BadDocument(
            f"the shapes cannot be applied: {str(error)[:300]}", where="shapes"
        ) from error
    if not isinstance(report, Graph):
        raise BadDocument(f"the shapes cannot be applied: {text[:300]}", where="shapes")
    return report


# -- findings -----------------------------------------------------------------------------------


def _merge_reports(report: Graph) -> None:
    """Merge the sh:ValidationReports in a graph into one."""
    results = set(report.objects(None, SH.result))
    for part in set(report.subjects(RDF.type, SH.ValidationReport)):
        report.remove((part, None, None))
    whole = BNode()
    report.add((whole, RDF.type, SH.ValidationReport))
    report.add((whole, SH.conforms, Literal(not results)))
    for result in results:
        report.add((whole, SH.result, result))


def _findings(report: Graph, bundle: Bundle) -> list[Finding]:
    results = list(report.objects(None, SH.result))
    focus = {str(report.value(result, SH.focusNode)) for result in results}
    with bundle.nodes() as (header, nodes):
        base = header.base
        names = {node.iri: label(node) for node in nodes if base + node.iri in focus}
    findings = [_finding(report, result, base, names) for result in results]
    return sorted(findings, key=lambda it: (_SEVERITIES.index(it.severity), *it))


def _finding(report: Graph, result: Term, base: str, names: dict[str, str]) -> Finding:
    def result_of(predicate: URIRef) -> str:
        value = report.value(result, predicate)
        if value is None or isinstance(value, BNode):
            return ""
        text = value.removeprefix(base) if isinstance(value, URIRef) else str(value)
        return report.qname(text) if predicate == SH.resultPath else text

    severity = result_of(SH.resultSeverity).rpartition("#")[2]
    node, value, shape = result_of(SH.focusNode), result_of(SH.value), result_of(SH.sourceShape)
    message = result_of(SH.resultMessage)
    if shape.startswith(SHAPES):
        constraint = result_of(SH.sourceConstraintComponent).removeprefix(str(SH))
        broken = _BROKEN[constraint.removesuffix("ConstraintComponent")]
        message = f"{shape.rpartition('-')[2]} {broken}"
    return Finding(
        severity if severity in _SEVERITIES else _SEVERITIES[0],
        message,
        node,
        names.get(node, node),
        result_of(SH.resultPath),
        "" if value == node else value,
        shape,
    )
