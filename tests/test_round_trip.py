# SPDX-License-Identifier: GPL-2.0-or-later
"""The main oracle: whatever was built at one server arrives at another.

A random graph is built at the source with plain omero-py, exported, fetched, applied at the
destination and exported there. The export has to say what was built, the destination's export
what the source's says, and `verify` has to agree.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from graphxfer import catalogue
from graphxfer.apply import apply
from graphxfer.bundle import Bundle
from graphxfer.catalogue import Follow, Maker
from graphxfer.export import export
from graphxfer.fetch import fetch
from graphxfer.graph import Node, TransferGraph, id_of, iri
from graphxfer.graph.correspondence import Correspondence, GraphThere, There
from graphxfer.graph.differences import compare
from graphxfer.journal import Journal
from graphxfer.plan import ApplyOptions, Tags
from graphxfer.verify import verify
from tests.build import build
from tests.places import Place
from tests.strategies import graphs


def buildable(graph: TransferGraph) -> TransferGraph:
    """Return the graph as the builder can make it: small attachments, one-file filesets."""
    dropped: set[str] = set()
    for fileset in graph.of_type("Fileset"):
        dropped |= set(fileset.edges["usedFiles"][1:])
        images = [one for one in graph.of_type("Image") if one.target("fileset") == fileset.iri]
        pixels = [graph[one.edges["pixels"][0]] for one in images]
        channels = min(len(one.edges["channels"]) for one in pixels)
        for one in pixels:
            dropped |= set(one.edges["channels"][channels:])
            one.edges["channels"] = one.edges["channels"][:channels]
            one.fields["sizeC"] = channels
        fileset.edges["usedFiles"] = fileset.edges["usedFiles"][:1]
    kept = [node for node in graph if node.iri not in dropped and node.type in catalogue.CLASSES]
    for node in kept:
        for name, targets in node.edges.items():
            node.edges[name] = tuple(target for target in targets if target not in dropped)
    imported = {node.target("originalFile") for node in kept}
    for node in graph.of_type("OriginalFile"):
        if node.iri not in imported:
            node.fields.pop("repo", None)
            node.fields["size"] = int(str(node.fields.get("size", 0))) % 1000
    return TransferGraph(graph.header, kept)


def as_built(graph: TransferGraph) -> TransferGraph:
    """Return the graph without what servers decide: facts of imported files, and checksums."""

    def decided(node: Node, name: str) -> bool:
        entry = catalogue.CLASSES[node.type]
        field = entry.field(name)
        if "repo" in node.fields or name in ("hash", "hasher"):
            return True
        return entry.maker is Maker.IMPORT and field is not None and not field.editable

    nodes = (
        Node(
            node.iri,
            node.type,
            {name: value for name, value in node.fields.items() if not decided(node, name)},
            node.edges,
        )
        for node in graph
    )
    return TransferGraph(graph.header, nodes)


def asked_for(graph: TransferGraph) -> set[str]:
    """Return what has to come with all that can be selected, by the catalogue's Follow."""
    found: set[str] = set()
    new = [node.iri for node in graph if catalogue.CLASSES[node.type].root]
    coming: defaultdict[str, list[str]] = defaultdict(list)
    for edge in graph.edges():
        kind = catalogue.CLASSES[graph[edge.subject].type].edge(edge.predicate)
        if kind is None or kind in catalogue.DETAILS:
            continue
        if kind.follow is not Follow.IN:
            coming[edge.subject].append(edge.object)
        if kind.follow in (Follow.IN, Follow.BOTH):
            coming[edge.object].append(edge.subject)
    while new:
        iri = new.pop()
        if iri not in found:
            found.add(iri)
            new += coming[iri]
    return found


def moved(
    source: Place,
    destination: Place,
    roots: dict[str, list[int]],
    folder: Path,
    options: ApplyOptions,
) -> tuple[Bundle, dict[str, There], set[There]]:
    """Export, fetch and apply; return the bundle, each node's counterpart, and what was reused."""
    with source.connect() as server:
        bundle = export(server, roots, folder)
        report = fetch(bundle, server)
        assert report.problems == []
    with destination.connect(own_session=True) as server:
        assert apply(bundle, server, options).skipped == []
        path = bundle.journal(server.database_uuid)
    with destination.connect(own_session=True) as server:
        assert apply(bundle, server, options).nothing_to_do
        assert list(verify(bundle, server)) == []
    with Journal(path) as journal:
        reused = {made.there for made in journal.nodes().values() if not made.how.ours}
        return bundle, journal.same(), reused


@settings(max_examples=12, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(drawn=graphs(), tags=st.sampled_from([Tags.REUSE, Tags.CREATE]))
def test_what_was_built_arrives(
    drawn: TransferGraph, tags: Tags, source: Place, destination: Place
) -> None:
    graph = buildable(drawn)
    client = source.client()
    try:
        built = build(client, graph)
    finally:
        client.closeSession()
    roots: defaultdict[str, list[int]] = defaultdict(list)
    for node in graph:
        if catalogue.CLASSES[node.type].root:
            roots[node.type].append(id_of(built[node.iri]))
    if not roots:
        return
    with TemporaryDirectory() as folder:
        bundle, there, reused = moved(
            source, destination, roots, Path(folder, "bundle"), ApplyOptions(tags)
        )
        exported = bundle.graph()
        assert {built[one] for one in asked_for(graph) if one in built} <= {
            node.iri for node in exported
        }
        whole = as_built(graph)
        came = [node for node in whole if built.get(node.iri, "") in exported]
        said = as_built(exported)
        as_read = Correspondence({node: There.of(made) for node, made in built.items()})
        assert not [*compare(TransferGraph(graph.header, came), GraphThere(said), as_read)]
        roots_there: defaultdict[str, list[int]] = defaultdict(list)
        for root in exported.header.roots:
            roots_there[exported[root].type].append(there[root].id)
        with destination.connect() as server:
            arrived = export(server, roots_there, Path(folder, "arrived")).graph()
        same = Correspondence(there)
        assert list(compare(exported, GraphThere(arrived), same, reused)) == []
        if not reused:
            back = Correspondence({iri(*made): There.of(node) for node, made in there.items()})
            assert list(compare(arrived, GraphThere(exported), back)) == []
