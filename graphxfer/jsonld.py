# SPDX-License-Identifier: GPL-2.0-or-later
"""TransferGraph <-> JSON-LD 1.1: our own documents line by line, any other through pyld."""

from __future__ import annotations

from typing import Any, BinaryIO

import rdflib

from graphxfer.graph import Header, TransferGraph


def context(base: str = "") -> dict[str, Any]:
    """Return the JSON-LD context that the catalogue makes; with `@base` where a base is given."""
    raise NotImplementedError


def write(graph: TransferGraph, stream: BinaryIO) -> None:
    """Write a graph, one node a line."""
    raise NotImplementedError


def read(stream: BinaryIO) -> TransferGraph:
    """Read a JSON-LD document: ours line by line, any other through pyld.

    Raises
    ------
    BadDocument
        If it is no graph of the catalogue; the message names the line or node.
    """
    raise NotImplementedError


def read_header(stream: BinaryIO) -> Header:
    """Read only the header of one of our documents."""
    raise NotImplementedError


def read_any(document: object, where: str = "") -> TransferGraph:
    """Read parsed JSON-LD of any form through pyld, without ever using the network."""
    raise NotImplementedError


def to_rdflib(graph: TransferGraph) -> rdflib.Graph:
    """Return the graph as RDF: the triples that its JSON-LD document means."""
    raise NotImplementedError
