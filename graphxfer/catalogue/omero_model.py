# SPDX-License-Identifier: GPL-2.0-or-later
"""OMERO's own model: every class and field of omero-py.

The facts are generated (``omero_model.json``, by `graphxfer.omero.model_facts`). They do not state
how graphxfer moves a class: the tables beside this file state that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

PATH = Path(__file__).with_suffix(".json")
TOP, DETAILS = "IObject", "Details"
"""The root class; and the part of each object with its owner, group and permissions."""


class Attribute(NamedTuple):
    """One field of an OMERO class.

    Parameters
    ----------
    kind : str
        ``string int long double boolean time bytes pairs strings permissions``: a value;
        ``enumeration``: one of the names that are stored in the class `of`; ``quantity``: a value
        with a unit of the dimension `of`; ``reference``: another object; ``list`` and ``set``:
        several objects, in order or not.
    of : str
        The class that it refers to, or the dimension.
    required : bool
        It may not be null.
    inverse : str
        For a ``list`` or ``set``: the attribute by which its members refer back.
    """

    kind: str
    of: str = ""
    required: bool = False
    inverse: str = ""


@dataclass(frozen=True)
class OmeroClass:
    """One class of OMERO's model.

    Parameters
    ----------
    name : str
        Its name: ``Image``.
    own : mapping
        The fields that it declares itself, by name.
    parent : str
        Its superclass.
    package : str
        Its Java package: ``core`` for ``ome.model.core.Image``.
    is_abstract : bool
        Only its subclasses have objects.
    is_global : bool
        Its objects have no owner and no group (users, enumerations).
    is_immutable : bool
        Its objects are never changed.
    """

    name: str
    own: Mapping[str, Attribute]
    parent: str = ""
    package: str = ""
    is_abstract: bool = False
    is_global: bool = False
    is_immutable: bool = False

    @cached_property
    def lineage(self) -> tuple[str, ...]:
        """Its name, and the names of its superclasses."""
        return (self.name, *(classes()[self.parent].lineage if self.parent else ()))

    @cached_property
    def attributes(self) -> Mapping[str, Attribute]:
        """All fields, inherited ones included, by name."""
        return {
            name: attribute
            for above in reversed(self.lineage)
            for name, attribute in classes()[above].own.items()
        }

    @property
    def is_link(self) -> bool:
        """Whether it is a link class: many to many, with a parent and a child."""
        return self.own.keys() >= {"parent", "child"}

    @property
    def is_enumeration(self) -> bool:
        """Whether it is an enumeration."""
        return "value" in self.own and self.own.keys() <= {"value", "bitSize"}

    @property
    def is_annotatable(self) -> bool:
        """Whether annotations may be linked to its objects."""
        return "annotationLinks" in self.attributes


@cache
def classes() -> Mapping[str, OmeroClass]:
    """Return all classes by name; also `TOP` and `DETAILS`."""
    return {name: _class(name, facts) for name, facts in _facts()["classes"].items()}


@cache
def units() -> Mapping[str, frozenset[str]]:
    """Return the names of the units of each dimension: ``Length``, ``Time``."""
    return {name: frozenset(names) for name, names in _facts()["units"].items()}


@cache
def _facts() -> Any:
    return json.loads(PATH.read_text("utf-8"))


def _class(name: str, facts: dict[str, Any]) -> OmeroClass:
    own = {field: Attribute(**of) for field, of in facts.pop("own").items()}
    return OmeroClass(name, own, **facts)


def attribute(name: str, path: str) -> Attribute:
    """Return a field of a class.

    Parameters
    ----------
    name : str
        The class.
    path : str
        The field's name; with dots it leads through references.

    Raises
    ------
    LookupError
        If OMERO's model has no such field.

    Examples
    --------
    >>> attribute("Image", "details.creationEvent.time").kind
    'time'
    """
    first, _, rest = path.partition(".")
    found = classes()[name].attributes.get(first)
    if found is None:
        raise LookupError(f"OMERO's {name} has no {first}")
    if not rest:
        return found
    further = attribute(found.of, rest)
    return further._replace(required=found.required and further.required)
