# SPDX-License-Identifier: GPL-2.0-or-later
"""The JSON-LD context, generated from the catalogue."""

from __future__ import annotations

import json
from typing import Any

from graphxfer.catalogue import Class, Edge, Field
from graphxfer.graph.jsonld.values import (
    HEADER,
    PREFIXES,
    classes,
    datatype,
    is_list,
    members,
    parts,
)


def context(base: str = "") -> dict[str, Any]:
    """Return the JSON-LD context of the catalogue.

    A name with the same meaning in all classes is defined once. Any other (a Roi's name is
    ``ome:Name``, a tag's is ``omero:name``) is defined in the context of each class.

    Parameters
    ----------
    base : str
        The base of relative IRIs; if empty, the context has no `@base`.
    """
    known = list(classes())
    everywhere: dict[str, list[Any]] = {}
    for entry in (HEADER, *known):
        for member in members(entry):
            everywhere.setdefault(member.name, []).append(_definition(member))
    shared = {
        name: definitions[0]
        for name, definitions in everywhere.items()
        if all(definition == definitions[0] for definition in definitions)
    }
    types = {entry.name: _type_definition(entry, shared) for entry in known}
    start: dict[str, Any] = {"@version": 1.1} | ({"@base": base} if base else {})
    return start | PREFIXES | types | shared


def understood(terms: dict[str, Any]) -> dict[str, set[str]] | None:
    """Return which terms of the catalogue a context defines: names of members by class.

    With these, a document of an older or newer graphxfer, with fewer or more terms, is read line
    by line, too.

    Parameters
    ----------
    terms : dict
        The document's context, without `@base`.

    Returns
    -------
    dict or None
        None if a term does not mean the same as in the catalogue.
    """
    text = json.dumps(terms)
    for prefix, namespace in PREFIXES.items():
        if terms.get(prefix, namespace) != namespace or (
            prefix not in terms and f'"{prefix}:' in text
        ):
            return None
    if terms.keys() & _KEYWORDS or terms.get("@version") != 1.1:
        return None
    known: dict[str, set[str]] = {}
    for entry in (HEADER, *classes()):
        names = _understood_of(entry, terms)
        if names is None:
            return None
        if entry is HEADER or entry.name in terms:
            known[entry.name] = names
    return known


_KEYWORDS = {"@base", "@direction", "@import", "@language", "@propagate", "@type", "@vocab"}
"""Keywords that change the meaning of several terms; graphxfer's contexts have none."""


def _understood_of(entry: Class, terms: dict[str, Any]) -> set[str] | None:
    """Return the members of a class that a context defines; None if it defines one otherwise."""
    type_ = terms.get(entry.name, _compact(entry.iri))
    own: dict[str, Any] = {}
    if isinstance(type_, dict):
        own = type_.get("@context", {})
        type_ = type_.get("@id")
    if type_ != _compact(entry.iri) or not isinstance(own, dict):
        return None
    if own.keys() & (_KEYWORDS | PREFIXES.keys()):
        return None
    scope = terms | own
    there = [member for member in members(entry) if member.name in scope]
    if any(scope[member.name] != _definition(member) for member in there):
        return None
    return {member.name for member in there}


def _type_definition(entry: Class, shared: dict[str, Any]) -> Any:
    own = {
        member.name: _definition(member) for member in members(entry) if member.name not in shared
    }
    return {"@id": _compact(entry.iri), "@context": own} if own else _compact(entry.iri)


def _definition(member: Field | Edge) -> Any:
    definition: dict[str, Any] = {"@id": _compact(member.iri)}
    if isinstance(member, Edge):
        definition["@type"] = "@id"
    elif inside := parts(member):
        definition["@context"] = {part.name: _definition(part) for part in inside}
    elif type_ := datatype(member.type):
        definition["@type"] = _compact(type_)
    if is_list(member):
        definition["@container"] = "@list"
    return definition if len(definition) > 1 else definition["@id"]


def _compact(iri: str) -> str:
    for prefix, namespace in PREFIXES.items():
        if iri.startswith(namespace):
            return f"{prefix}:{iri.removeprefix(namespace)}"
    return iri
