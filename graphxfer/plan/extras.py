# SPDX-License-Identifier: GPL-2.0-or-later
"""Decide what happens to objects that imports created, and that are not in the graph: extras.

The import at the destination also creates the ROIs and annotations of the file that a user changed
or deleted at the source. With ``--file-metadata graph`` such an object is removed; but only if the
graph would have it, were it still at the source.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from graphxfer import catalogue
from graphxfer.catalogue import Via
from graphxfer.graph import TransferGraph, class_of, fileset_tree
from graphxfer.graph.correspondence import There
from graphxfer.journal import How, Journal
from graphxfer.omero.selection import UNUSED
from graphxfer.plan.actions import ApplyOptions, FileMetadata

META = "file_metadata"
"""Under this name the journal has the choice."""
NOT_IN_GRAPH = "the import created it; it is not in the graph"
"""Why an extra is removed."""
OTHER_PROGRAM = "the graph was not exported by graphxfer, so it may not have all objects"
LEFT_OUT = "the export left out some ROIs or annotations"
CHOSEN = "--file-metadata file"
WAITING = "objects of this class that the graph has are left out"


def chosen(options: ApplyOptions, journal: Journal | None) -> ApplyOptions:
    """Return options with the choice of an earlier run, if they have none.

    Parameters
    ----------
    options : ApplyOptions
        The options of this run.
    journal : Journal or None
        The destination's journal, if there is one.
    """
    if options.file_metadata is not None:
        return options
    earlier = journal.meta(META) if journal is not None else None
    return replace(options, file_metadata=FileMetadata(earlier or FileMetadata.GRAPH))


def why_kept(graph: TransferGraph, options: ApplyOptions) -> str:
    """Return why no extras are removed; empty if they are.

    Parameters
    ----------
    graph : TransferGraph
        The source's graph.
    options : ApplyOptions
        The options of the apply.
    """
    if options.file_metadata is FileMetadata.FILE:
        return CHOSEN
    if not graph.header.database_uuid:
        return OTHER_PROGRAM
    missing = (one.type for one in graph.header.left_out if one.why != UNUSED)
    return LEFT_OUT if any(map(is_content, missing)) else ""


def forecast(graph: TransferGraph, options: ApplyOptions) -> str:
    """Return what an apply will do with extras of new imports, for people.

    Parameters
    ----------
    graph : TransferGraph
        The source's graph.
    options : ApplyOptions
        The options of the apply.
    """
    why = why_kept(graph, options)
    what = f"kept ({why})" if why else "removed (--file-metadata file keeps them)"
    return f"ROIs and annotations that are in the files, but not in the graph: {what}"


def removable(
    graph: TransferGraph, journal: Journal, options: ApplyOptions, skipped: Collection[str] = ()
) -> list[There]:
    """Return the extras to remove: objects and links.

    What only an import creates (a Plate, a channel) is not removed, nor are the counterparts of
    nodes. A changed object whose new version is left out (its file is missing) stays until then.

    Parameters
    ----------
    graph : TransferGraph
        The source's graph.
    journal : Journal
        The destination's journal.
    options : ApplyOptions
        The options of the apply.
    skipped : collection of str
        IRIs of the nodes that are left out.
    """
    extras = journal.extras()
    if not extras or why_kept(graph, options):
        return []
    waiting, counterparts = _waiting(graph, journal, skipped), set(journal.same().values())
    return [
        one
        for one in extras
        if one.type not in waiting and one not in counterparts and is_removable(one)
    ]


def is_removable(extra: There) -> bool:
    """Tell whether users may delete an extra by itself: a link, a ROI, an annotation, its file."""
    entry = catalogue.CLASSES.get(extra.type)
    return entry is None or (not entry.part_of and is_content(extra.type))


def is_content(type_: str) -> bool:
    """Tell whether objects of a class are what files contain: ROIs, annotations, their files."""
    entry = catalogue.CLASSES.get(type_)
    return type_ in fileset_tree.embedded() or (entry is not None and entry.bytes)


def _waiting(graph: TransferGraph, journal: Journal, skipped: Collection[str]) -> set[str]:
    """Return the classes of nodes that are left out, though their image is at the destination."""
    if not skipped:
        return set()
    there = {
        node for node, found in journal.nodes().items() if found.how in (How.IMPORTED, How.MATCHED)
    }
    waiting = set[str]()
    for node in graph:
        for edge in class_of(node).edges:
            ends = node.edges.get(edge.name, ())
            if edge.via is Via.LINK and node.iri in there:
                waiting |= {graph[one].type for one in ends if one in skipped}
            elif edge.via is Via.REFERENCE and node.iri in skipped and there.intersection(ends):
                waiting.add(node.type)
    files = {catalogue.FILE} if waiting & set(_with_files(waiting)) else set()
    return waiting | files


def _with_files(names: Iterable[str]) -> Iterable[str]:
    """Iterate over the classes that refer to a file."""
    for name in names:
        if any(edge.target == catalogue.FILE for edge in catalogue.CLASSES[name].edges):
            yield name
