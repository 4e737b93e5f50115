# SPDX-License-Identifier: GPL-2.0-or-later
"""Check what a package's modules import, without importing them.

Every import counts: at the top, in a function, under TYPE_CHECKING, and by importlib.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

Graph = Mapping[str, set[str]]


def imports(package: Path) -> dict[str, set[str]]:
    """Return module -> modules of the same package that it imports, by dotted name."""
    paths = {_name(package, path): path for path in package.rglob("*.py")}
    return {
        name: {
            found
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            for wanted in _imported(node)
            if (found := _module(wanted, paths)) not in (None, name)
        }
        for name, path in paths.items()
    }


def packages(path: Path) -> set[str]:
    """Return the top-level packages that a module imports."""
    tree = ast.parse(path.read_text("utf-8"))
    return {name.partition(".")[0] for node in ast.walk(tree) for name in _imported(node)}


def upwards(graph: Graph, floors: Sequence[str]) -> list[str]:
    """Return the imports that do not run down.

    Parameters
    ----------
    graph
        What :func:`imports` returns.
    floors
        From top to bottom, the modules and packages of each floor, separated by spaces. The longest
        prefix of a module's name decides. Modules of one package may import each other; different
        ones on the same floor may not.
    """
    level = {room: number for number, floor in enumerate(floors) for room in floor.split()}
    rooms = {module: _room(module, level) for module in graph}
    return [
        f"{module} imports {other}"
        for module, others in sorted(graph.items())
        for other in sorted(others)
        if rooms[module] != rooms[other] and level[rooms[module]] >= level[rooms[other]]
    ]


def circle(graph: Graph) -> list[str]:
    """Return modules that import each other in a circle, or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _name(package: Path, path: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(node: ast.AST) -> Iterator[str]:
    """Yield the dotted names that a statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and _is_dynamic(node):
        yield from (str(word.value) for word in node.args if isinstance(word, ast.Constant))


def _is_dynamic(call: ast.Call) -> bool:
    """Tell whether a call imports a module by its name."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in {"import_module", "__import__"}


def _module(name: str, modules: Mapping[str, Path]) -> str | None:
    """Return the module that a name is, or is in."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name or None


def _room(module: str, level: Mapping[str, int]) -> str:
    """Return the longest of the listed names that a module is, or is in; the package is last."""
    name = module.partition(".")[2] or module
    while name and name not in level:
        name = name.rpartition(".")[0]
    assert name in level, f"{module} is on no floor"
    return name
