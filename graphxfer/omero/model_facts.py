# SPDX-License-Identifier: GPL-2.0-or-later
"""OMERO's model as omero-py has it: ``python -m graphxfer.omero.model_facts``.

It writes ``graphxfer/catalogue/omero_model.json``, which is checked in, so that nothing needs Ice
to know the model.

No single place of omero-py tells all of it:

- the types of members stand only in the text of the modules that Slice generated
  (``IcePy.defineClass``): Ice keeps them where Python cannot look;
- ``_field_info`` says what may be null;
- a collection that is kept in order has ``getPrimary…``, others do not;
- the package of a class (``ome.model.core``) stands in its constant ``DETAILS``;
- ``isGlobal`` and ``isMutable`` answer for themselves.

What omero-py does not tell at all: how long a text may be, numeric limits, unique keys and the
values of enumerations.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import omero
import omero.all
import omero.model

from graphxfer.catalogue.omero_model import DETAILS, PATH, TOP

Facts = dict[str, Any]


_VALUES = {
    "_t_RString": "string", "_t_RInt": "int", "_t_RLong": "long", "_t_RDouble": "double",
    "_t_RBool": "boolean", "_t_RTime": "time", "_t_ByteSeq": "bytes", "_t_int": "int",
    "_t_StringArray": "strings", "_t_NamedValueList": "pairs", "_t_Permissions": "permissions",
}  # fmt: skip
"""Types of members that are values, by Ice's names of them."""
_UNITS = "Units"
"""How the enumerations of units are named: ``UnitsLength``."""
_NOT_STORED = ("Loaded", "CountPerOwner", "version")
"""How members are named that tell how an object was loaded, not what it holds."""


class _Stub(NamedTuple):
    """A class as Slice generated it: its superclass, and the Ice types of its members."""

    parent: str
    members: dict[str, str]


def text() -> str:
    """Return the model as JSON, a field or a dimension on each line."""
    classes = (_lines(name, facts) for name, facts in sorted(model().items()))
    dimensions = (f"  {json.dumps(name)}: {json.dumps(names)}" for name, names in units().items())
    sections = {"classes": ",\n".join(classes), "units": ",\n".join(dimensions)}
    written = (f' "{name}": {{\n{lines}\n }}' for name, lines in sections.items())
    return "{\n" + ",\n".join(written) + "\n}\n"


def _lines(name: str, facts: Facts) -> str:
    head = json.dumps(facts | {"own": {}}).removesuffix("}}")
    members = ",".join(
        f"\n   {json.dumps(key)}: {json.dumps(value)}" for key, value in facts["own"].items()
    )
    return f"  {json.dumps(name)}: {head}{members}}}}}"


def units() -> dict[str, list[str]]:
    """Return OMERO's names of the units of each dimension: ``Length``, ``Time``."""
    enumerations = vars(omero.model.enums).items()
    return {
        name.removeprefix(_UNITS): sorted(map(str, enumeration._enumerators.values()))
        for name, enumeration in sorted(enumerations)
        if name.startswith(_UNITS)
    }


def model() -> dict[str, Facts]:
    """Return what is known of each class, by its name."""
    stubs, _ = _stubs()
    inherited = [name for name in stubs if TOP in _lineage(name)]
    return {name: _facts(name) for name in (DETAILS, *inherited)}


def _facts(name: str) -> Facts:
    stubs, _ = _stubs()
    fields = {
        member.removesuffix("Seq"): _field(name, member, ice_type)
        for member, ice_type in stubs[name].members.items()
        if not member.endswith(_NOT_STORED)
    }
    fields = {field: facts for field, facts in fields.items() if facts}
    if name in (TOP, DETAILS):
        return {"own": fields}
    some = _instance(name)
    package = some.DETAILS.rsplit(".", 2)[1]
    facts = {
        "parent": stubs[name].parent,
        "package": package,
        "is_abstract": not hasattr(omero.model, f"{name}I"),
        "is_global": some.isGlobal(),
        "is_immutable": not some.isMutable(),
    }
    return {key: value for key, value in facts.items() if value is not False} | {"own": fields}


def _field(owner: str, member: str, ice_type: str) -> Facts:
    """Return what is known of a member; nothing of what OMERO does not store."""
    stubs, sequences = _stubs()
    target = ice_type.removeprefix("_t_")
    if ice_type in sequences:
        target = sequences[ice_type]
        ordered = hasattr(getattr(omero.model, owner), f"getPrimary{target}")
        facts = {"kind": "list" if ordered else "set", "of": target}
        return facts | {"inverse": _inverse(owner, target)}
    if ice_type in _VALUES:
        facts = {"kind": _VALUES[ice_type]}
    elif hasattr(omero.model.enums, _UNITS + target):
        facts = {"kind": "quantity", "of": target}
    elif target in stubs:
        facts = {"kind": "enumeration" if _is_enumeration(target) else "reference", "of": target}
    else:
        return {}
    return facts | ({} if _is_nullable(owner, member) else {"required": True})


def _is_enumeration(name: str) -> bool:
    """Tell whether a class is a list of names; PixelsType tells their sizes, too."""
    stored = {m for m in _stubs()[0][name].members if not m.endswith(_NOT_STORED)}
    return "value" in stored and stored <= {"value", "bitSize"}


def _is_nullable(owner: str, member: str) -> bool:
    if owner in (TOP, DETAILS):  # they have no _field_info
        return True
    return bool(getattr(_instance(owner)._field_info, member).nullable)


def _inverse(owner: str, target: str) -> str:
    """Return the attribute by which the members of a collection refer to its owner."""
    stubs, _ = _stubs()
    lineage = [f"_t_{name}" for name in _lineage(owner)]
    members = (member for name in _lineage(target) for member in stubs[name].members.items())
    back = [name for name, ice_type in members if ice_type in lineage]
    # Where a link joins two of one class, its owner holds the links that start at it.
    return "parent" if "parent" in back else back[0]


@cache
def _instance(name: str) -> Any:
    """Return an object of a class, or of one below it; not initialised, so that none warns."""
    stubs, _ = _stubs()
    for each in (name, *sorted(stubs)):
        cls = getattr(omero.model, f"{each}I", None)
        if cls is not None and name in _lineage(each):
            return cls.__new__(cls)
    raise LookupError(name)


@cache
def _lineage(name: str) -> tuple[str, ...]:
    """Return a class and those above it."""
    stub = _stubs()[0].get(name)
    return (name, *(_lineage(stub.parent) if stub and stub.parent else ()))


@cache
def _stubs() -> tuple[dict[str, _Stub], dict[str, str]]:
    """Return the classes, and the class of the members of each sequence by its Ice type."""
    classes, sequences = {}, {}
    for call in _definitions():
        scope, _, name = ast.literal_eval(call.args[0]).rpartition("::")
        if scope != "::omero::model":
            continue
        if _ending(call.func) == "defineSequence":
            sequences[f"_t_{name}"] = _ending(call.args[2]).removeprefix("_t_")
        elif isinstance(members := call.args[8], ast.Tuple):
            classes[name] = _Stub(_ending(call.args[6]).removeprefix("_t_"), _members(members))
    return classes, sequences


def _definitions() -> Iterator[ast.Call]:
    """Iterate over the calls that define classes and sequences."""
    folder = Path(inspect.getfile(sys.modules["omero_model_IObject_ice"])).parent
    for path in sorted(folder.glob("omero_model_*_ice.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and _ending(call.func) in _DEFINING:
                yield call


_DEFINING = ("defineClass", "defineSequence")


def _members(listed: ast.Tuple) -> dict[str, str]:
    """Return the Ice types of members, by their names."""
    found = {}
    for member in listed.elts:
        assert isinstance(member, ast.Tuple)  # noqa: S101  # (name, metadata, type, …)
        found[ast.literal_eval(member.elts[0]).removeprefix("_")] = _ending(member.elts[2])
    return found


def _ending(expression: ast.expr) -> str:
    """Return the last name of ``_M_omero.model._t_Image``; empty where it is none."""
    return expression.attr if isinstance(expression, ast.Attribute) else ""


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
