# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer summary`: what is in a bundle, at a glance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from graphxfer.bundle import open_source
from graphxfer.cli.common import OUT, BundleFolder, Json, counted, human, print_json, printable
from graphxfer.inspect.summary import Branch, Summary, summarise

SHOWN = 10
"""How many of a kind are shown before the rest is only counted."""
WHOLE_TREE = 40
"""The most branches of a tree that is shown as a whole; of a larger one, images are counted."""


def summary(bundle: BundleFolder, as_json: Json = False) -> None:
    """Show what is in a bundle: its tree, counts, files, owners, what is shared or left out."""
    found = summarise(open_source(bundle).graph())
    if as_json:
        print_json(asdict(found))
    else:
        _print(found)


def _print(found: Summary) -> None:
    whole = sum(map(_size, found.tree)) <= WHOLE_TREE
    for branch in found.tree if whole else found.tree[:SHOWN]:
        OUT.print(_tree(branch, Tree(_branch(branch)), whole=whole))
    if not whole and len(found.tree) > SHOWN:
        OUT.print(_more(len(found.tree) - SHOWN))
    for title, counts in (("Nodes", found.nodes), ("Edges", found.edges)):
        _rows(title, ((name, f"{number:,}") for name, number in counts.items()), shown=None)
    files = ((it, f"{count:,} ({human(size)})") for it, (count, size) in found.files.items())
    _rows("Files", files)
    for title, counts in (("Owners", found.owners), ("Groups", found.groups)):
        _rows(title, ((name, f"{number:,}") for name, number in counts.items()))
    _rows("Shared", ((f"{it.iri} {it.text}", f"on {it.objects:,} objects") for it in found.shared))
    _rows(
        "Duplicates", ((", ".join(iris[:4]), f"{len(iris):,} alike") for iris in found.duplicates)
    )
    if found.came_along:
        OUT.print(f"{counted(found.came_along, 'image')} along because filesets are taken whole")
    for left in found.left_out:
        OUT.print(printable(f"Left out: {left.number:,} {left.type} ({left.why})"))


def _size(branch: Branch) -> int:
    return 1 + sum(map(_size, branch.children))


def _tree(branch: Branch, tree: Tree, *, whole: bool) -> Tree:
    """Add what is below a branch; of a large tree only containers, and not all of them."""
    children = branch.children if whole else [it for it in branch.children if it.children]
    for child in children if whole else children[:SHOWN]:
        _tree(child, tree.add(_branch(child)), whole=whole)
    if not whole and len(children) > SHOWN:
        tree.add(_more(len(children) - SHOWN))
    return tree


def _branch(branch: Branch) -> Text:
    is_leaf = not branch.children
    counts = (
        ("image", 0 if is_leaf else branch.images),
        ("ROI", branch.rois),
        ("annotation", branch.annotations),
    )
    told = [counted(number, what) for what, number in counts if number]
    text = Text(f"{branch.iri} {printable(branch.name)}")
    return text.append(f"  {', '.join([*told, human(branch.bytes)])}", style="dim")


def _more(number: int) -> Text:
    return Text(f"… and {number:,} more", style="dim")


def _rows(title: str, rows: Iterable[tuple[str, str]], shown: int | None = SHOWN) -> None:
    """Print a table of two columns, if there is something in it."""
    every = list(rows)
    table = Table(title, "", box=None, pad_edge=False, header_style="bold")
    for name, told in every[:shown]:
        table.add_row(Text(printable(name)), told)
    if shown and len(every) > shown:
        table.add_row(_more(len(every) - shown), "")
    if every:
        OUT.print(table)
