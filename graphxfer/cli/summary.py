# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer summary`: what is in a bundle, at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from graphxfer.bundle import Bundle
from graphxfer.cli.common import OUT, BundleFolder, Json, human, print_json
from graphxfer.inspect.summary import Branch, Summary, summarise

SHOWN = 10
"""How many of a kind are shown before the rest is only counted."""


def summary(bundle: BundleFolder, as_json: Json = False) -> None:
    """Show what is in a bundle: its tree, counts, files, owners, what is shared or left out."""
    graph = Bundle(bundle).graph()
    found = summarise(graph)
    if as_json:
        print_json(asdict(found))
    else:
        _print(found)


def _print(found: Summary) -> None:
    for branch in found.tree:
        OUT.print(_tree(branch))
    OUT.print(_counts("Nodes", found.nodes, shown=None))
    files = {ending: f"{count:,} ({human(size)})" for ending, (count, size) in found.files.items()}
    OUT.print(_counts("Files", files))
    OUT.print(_counts("Owners", found.owners))
    OUT.print(_counts("Groups", found.groups))
    if found.shared:
        shared = {f"{one.type} {one.text}": f"on {one.objects:,}" for one in found.shared}
        OUT.print(_counts("Shared", shared))
    for alike in found.duplicates[:SHOWN]:
        OUT.print(f"The same, but for the id: {', '.join(alike)}")
    if found.came_along:
        OUT.print(f"{found.came_along:,} images come along because filesets are taken whole")
    for left in found.left_out:
        OUT.print(f"Left out: {left.number:,} {left.type} ({left.why})")


def _tree(branch: Branch, tree: Tree | None = None) -> Tree:
    text = Text(f"{branch.iri} {branch.name}")
    counts = (("images", branch.images), ("ROIs", branch.rois), ("annotations", branch.annotations))
    told = [f"{number:,} {what}" for what, number in counts if number]
    text.append(f"  {', '.join([*told, human(branch.bytes)])}", style="dim")
    here = tree.add(text) if tree else Tree(text)
    for child in branch.children[:SHOWN]:
        _tree(child, here)
    if (more := len(branch.children) - SHOWN) > 0:
        here.add(Text(f"… and {more:,} more", style="dim"))
    return here


def _counts(title: str, counts: Mapping[str, int | str], shown: int | None = SHOWN) -> Table:
    table = Table(title, "", box=None, pad_edge=False, header_style="bold")
    for name, number in list(counts.items())[:shown]:
        table.add_row(Text(name), f"{number:,}" if isinstance(number, int) else number)
    if shown and len(counts) > shown:
        table.add_row(Text(f"… and {len(counts) - shown:,} more", style="dim"), "")
    return table
