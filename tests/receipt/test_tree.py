# SPDX-License-Identifier: GPL-2.0-or-later
"""The root hash is what docs/receipt.md says, and any change of a graph changes it."""

from __future__ import annotations

import hashlib
import io
import json
import random
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from graphxfer import catalogue
from graphxfer.errors import BadDocument
from graphxfer.graph import Node, TransferGraph, class_of, jsonld, omexml
from graphxfer.receipt.tree import GraphTree, canonical
from tests import strategies
from tests.inspect import sample

# -- a program of its own, from the words of docs/receipt.md ------------------------------------


def ecmascript(number: float) -> str:
    """Write a number as ECMA-262 does (Number::toString), from its shortest digits."""
    if number == 0 or isinstance(number, int):
        return str(int(number))
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    text = "".join(map(str, digits))
    point = len(text) + int(exponent)
    if 0 < point <= 21:
        text = f"{text[:point].ljust(point, '0')}.{text[point:]}".rstrip(".")
    elif -6 < point <= 0:
        text = f"0.{'0' * -point}{text}"
    else:
        mantissa = f"{text[0]}.{text[1:]}".rstrip(".")
        text = f"{mantissa}e{point - 1:+d}"
    return "-" * sign + text


def write(value: Any) -> str:
    """Write JSON as RFC 8785 requires."""
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join(f"{write(key)}:{write(each)}" for key, each in members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ecmascript(value)
    return json.dumps(value, ensure_ascii=False)


def tree(hashes: list[bytes]) -> bytes:
    if len(hashes) <= 1:
        return hashes[0] if hashes else hashlib.sha256(b"").digest()
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return hashlib.sha256(b"\1" + tree(hashes[:half]) + tree(hashes[half:])).digest()


def is_list(context: dict[str, Any], type_: str, name: str) -> bool:
    own = context[type_]
    scope = context | (own.get("@context", {}) if isinstance(own, dict) else {})
    return isinstance(scope[name], dict) and scope[name].get("@container") == "@list"


def root_of_document(document: dict[str, Any]) -> str:
    leaves = {}
    for node in document["@graph"][1:]:
        for name, value in node.items():
            if isinstance(value, list) and not is_list(document["@context"], node["@type"], name):
                value.sort()
        leaves[node["@id"]] = hashlib.sha256(b"\0" + write(node).encode()).digest()
    return tree([leaves[iri] for iri in sorted(leaves)]).hex()


def document_of(graph: TransferGraph) -> dict[str, Any]:
    stream = io.BytesIO()
    jsonld.write(graph, stream)
    found: dict[str, Any] = json.loads(stream.getvalue())
    return found


def root(graph: TransferGraph) -> str:
    return GraphTree(graph).root()


def test_the_sample() -> None:
    graph = sample.graph()
    assert root(graph) == root_of_document(document_of(graph))


@settings(suppress_health_check=list(HealthCheck), max_examples=25)
@given(strategies.graphs(own_links=True))
def test_the_root_is_what_the_page_describes(graph: TransferGraph) -> None:
    assert root(graph) == root_of_document(document_of(graph))


@given(st.floats(allow_nan=False, allow_infinity=False).filter(lambda one: one != 0))
def test_numbers_are_those_of_ecmascript(number: float) -> None:
    assert canonical(number).decode() == ecmascript(number)


# -- every change changes the root --------------------------------------------------------------


def changed(graph: TransferGraph, draw: Any) -> TransferGraph:
    """Return a graph with one thing changed."""
    nodes = list(graph)
    place = draw(st.integers(0, len(nodes) - 1))
    node = nodes[place]
    kinds = {"remove": True, "add": True, "field": bool(class_of(node).fields)}
    kinds |= {"edge": bool(node.edges), "lose": bool(node.fields), "order": bool(_ordered(node))}
    kind = draw(st.sampled_from([kind for kind, possible in kinds.items() if possible]))
    if kind == "remove":
        return TransferGraph(graph.header, [*nodes[:place], *nodes[place + 1 :]])
    if kind == "add":
        return TransferGraph(graph.header, [*nodes, Node(f"{node.type}/987654321", node.type)])
    nodes[place] = _changed(node, kind, draw)
    return TransferGraph(graph.header, nodes)


def _changed(node: Node, kind: str, draw: Any) -> Node:
    fields, edges = dict(node.fields), dict(node.edges)
    if kind == "lose":
        del fields[draw(st.sampled_from(sorted(fields)))]
    elif kind == "field":
        field = draw(st.sampled_from(class_of(node).fields))
        value = draw(strategies.values(class_of(node), field))
        assume(repr(value) != repr(fields.get(field.name)))
        fields[field.name] = value
    elif kind == "order":
        name = draw(st.sampled_from(_ordered(node)))
        edges[name] = tuple(reversed(edges[name]))
    else:
        name = draw(st.sampled_from(sorted(edges)))
        target, *others = edges[name]
        more = f"{target.partition('/')[0]}/987654321"
        edges[name] = draw(st.sampled_from([(more, *others), tuple(others)]))
        if not edges[name]:
            del edges[name]
    return replace(node, fields=fields, edges=edges)


def _ordered(node: Node) -> list[str]:
    """Return the edges of a node whose order can be changed."""
    ordered = {edge.name for edge in class_of(node).edges if edge.ordered}
    return [name for name, targets in node.edges.items() if name in ordered and len(targets) > 1]


@settings(suppress_health_check=list(HealthCheck), max_examples=60)
@given(st.data())
def test_any_change_changes_the_root(data: st.DataObject) -> None:
    graph = data.draw(strategies.graphs(own_links=True))
    other = changed(graph, data.draw)
    assert root(other) != root(graph)
    kept = {each.type: each for each in GraphTree(graph).subtrees()}
    new = {each.type: each for each in GraphTree(other).subtrees()}
    assert len({*kept.items()} ^ {*new.items()}) in (1, 2), "the class is named"


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("x", 0.0, -0.0),
        ("x", 1e308, float("inf")),
        ("x", 0.1 + 0.2, 0.3),
        ("theZ", 0, None),
        ("textValue", "", None),
        ("textValue", "a", "a "),
        ("textValue", "\u00e9", "e\u0301"),
    ],
)
def test_small_changes_count(name: str, first: Any, second: Any) -> None:
    given_ = [{} if value is None else {name: value} for value in (first, second)]
    ours, theirs = (
        root(sample.graph(Node("Point/1", "Point", {"y": 0.0, **one}))) for one in given_
    )
    assert ours != theirs


# -- what does not count ------------------------------------------------------------------------


@settings(suppress_health_check=list(HealthCheck), max_examples=25)
@given(strategies.graphs(own_links=True), st.randoms())
def test_an_order_without_meaning_does_not_count(
    graph: TransferGraph, chance: random.Random
) -> None:
    nodes = []
    for node in graph:
        edges = dict(node.edges)
        for edge in class_of(node).edges:
            if not edge.ordered and edge.name in edges:
                edges[edge.name] = tuple(chance.sample(edges[edge.name], len(edges[edge.name])))
        nodes.append(replace(node, edges=edges))
    chance.shuffle(nodes)
    assert root(TransferGraph(graph.header, nodes)) == root(graph)


def test_a_notation_does_not_count(tmp_path: Path) -> None:
    graph = sample.graph()
    assert root(jsonld.read_any(document_of(graph))) == root(graph)
    with (tmp_path / "g.ome.xml").open("wb") as stream:
        omexml.write(graph, stream)
    assert root(omexml.read(tmp_path / "g.ome.xml")) == root(graph)


def test_a_header_is_not_a_node() -> None:
    graph = sample.graph()
    again = TransferGraph(replace(graph.header, made_at="2027"), graph)
    assert root(again) == root(graph)


def test_a_node_that_appears_twice_is_refused() -> None:
    with pytest.raises(BadDocument, match="Image/7 appears twice"):
        GraphTree([*sample.nodes(), Node("Image/7", "Image")])


# -- proofs -------------------------------------------------------------------------------------


@settings(suppress_health_check=list(HealthCheck), max_examples=25)
@given(strategies.graphs(own_links=True), st.data())
def test_a_proof_holds_for_members_only(graph: TransferGraph, data: st.DataObject) -> None:
    whole = GraphTree(graph)
    node = data.draw(st.sampled_from(list(graph)))
    proof = whole.proof(node)
    assert proof is not None
    assert proof.leads_to(whole.root())
    assert not proof._replace(record=proof.record | {"@id": "Image/987654321"}).leads_to(
        whole.root()
    )
    assert not proof._replace(record=proof.record | {"more": 1}).leads_to(whole.root())
    assert not proof._replace(nodes=proof.nodes + 2 ** proof.nodes.bit_length()).leads_to(
        whole.root()
    )
    other = GraphTree(changed(graph, data.draw))
    assert not proof.leads_to(other.root())
    assert whole.proof(replace(node, iri=f"{node.type}/987654321")) is None


def test_every_class_of_the_catalogue_has_a_canonical_form() -> None:
    for number, name in enumerate(catalogue.CLASSES):
        assert len(GraphTree([Node(f"{name}/{number}", name)])) == 1
