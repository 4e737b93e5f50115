# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer summary`: show what is in a bundle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from graphxfer import catalogue
from graphxfer.cli.common import (
    OUT,
    BundleFolder,
    Json,
    included,
    named,
    opened,
    print_json,
    printable,
)
from graphxfer.errors import counted, human
from graphxfer.inspect.summary import Branch, Summary, summarise

SHOWN = 10
"""How many of a kind are printed; the rest is only counted."""
WHOLE_TREE = 40
"""The most branches of a tree that is printed whole; else wells and images are only counted."""


def summary(bundle: BundleFolder, as_json: Json = False) -> None:
    """Show what is in a bundle: tree, counts, files, owners, what is shared or left out."""
    found = summarise(opened(bundle).graph())
    if as_json:
        print_json(asdict(found))
    else:
        _print(found)


def _print(found: Summary) -> None:
    _head(found)
    whole = sum(map(_size, found.tree)) <= WHOLE_TREE
    for branch in found.tree if whole else found.tree[:SHOWN]:
        OUT.print(_tree(branch, Tree(_branch(branch)), whole=whole))
    if not whole and len(found.tree) > SHOWN:
        OUT.print(_more(len(found.tree) - SHOWN))
    for title, counts in (("Nodes", found.nodes), ("Edges", found.edges)):
        _rows(title, ((name, f"{number:,}") for name, number in counts.items()), shown=None)
    files = ((it, f"{count:,}", human(size)) for it, (count, size) in found.files.items())
    _rows("Files", files)
    for title, counts in (("Owners", found.owners), ("Groups", found.groups)):
        _rows(title, ((name, f"{number:,}") for name, number in counts.items()))
    _rows(
        "Shared",
        ((named(it.iri, it.text), f"on {counted(it.objects, 'object')}") for it in found.shared),
    )
    alike = ((f"{it.text}  {_some(it.iris)}", f"{len(it.iris):,} alike") for it in found.duplicates)
    _rows("Duplicates", alike)
    if found.included or found.left_out:
        OUT.print()
    if found.included:
        OUT.print(included(found.included))
    for missing in found.left_out:
        OUT.print(str(missing))


def _head(found: Summary) -> None:
    """Print the source and the totals."""
    server = f"OMERO {found.server_version}" if found.server_version else ""
    exported = f"exported {found.made_at}" if found.made_at else ""
    OUT.print(", ".join(filter(None, (f"From {found.base}", server, exported))))
    numbers, sizes = zip(*found.files.values(), strict=True) if found.files else ((0,), (0,))
    totals = (
        counted(sum(found.nodes.values()), "node"),
        counted(sum(found.edges.values()), "edge"),
        f"{counted(sum(numbers), 'file')} ({human(sum(sizes))})",
    )
    OUT.print(f"{', '.join(totals)}\n")


def _size(branch: Branch) -> int:
    return 1 + sum(map(_size, branch.children))


def _tree(branch: Branch, tree: Tree, *, whole: bool) -> Tree:
    """Add a branch's children; of a large tree only some, and only containers."""
    children = branch.children if whole else [it for it in branch.children if _is_shown(it)]
    for child in children if whole else children[:SHOWN]:
        _tree(child, tree.add(_branch(child)), whole=whole)
    if not whole and len(children) > SHOWN:
        tree.add(_more(len(children) - SHOWN))
    return tree


def _is_shown(branch: Branch) -> bool:
    """Tell whether a large tree shows a branch: wells and images are only counted."""
    return bool(branch.children) and branch.type in catalogue.roots()


def _branch(branch: Branch) -> Text:
    is_leaf = not branch.children
    counts = (
        *Counter(
            it.type.lower() for it in branch.children if it.type not in catalogue.roots()
        ).items(),
        ("image", 0 if is_leaf else branch.images),
        ("ROI", branch.rois),
        ("annotation", branch.annotations),
    )
    facts = [counted(number, what) for what, number in counts if number]
    facts += [human(branch.bytes), *(["included"] if branch.included else [])]
    return Text(named(branch.iri, branch.name)).append(f"  {', '.join(facts)}", style="dim")


def _more(number: int) -> Text:
    return Text(f"… and {number:,} more", style="dim")


def _some(iris: tuple[str, ...]) -> str:
    return ", ".join([*iris[:4], *(["…"] if len(iris) > 4 else [])])


def _rows(title: str, rows: Iterable[tuple[str, ...]], shown: int | None = SHOWN) -> None:
    """Print a table of names and numbers, unless it is empty."""
    every = list(rows)
    if not every:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(title)
    for _ in every[0][1:]:
        table.add_column(justify="right")
    for name, *numbers in every[:shown]:
        table.add_row(Text(printable(name)), *numbers)
    if shown and len(every) > shown:
        table.add_row(_more(len(every) - shown))
    OUT.print()
    OUT.print(table)
