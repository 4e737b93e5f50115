# SPDX-License-Identifier: GPL-2.0-or-later
"""Read a receipt. It may come from a stranger: each member of each line is checked."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from graphxfer.bundle.manifest import MAX_FILES
from graphxfer.errors import BadDocument
from graphxfer.graph import LeftOut
from graphxfer.graph.jsonld.nodes import NODE_IRI, checked_base, to_header
from graphxfer.graph.jsonld.values import TRANSFER, Record
from graphxfer.receipt.contents import (
    FORMAT,
    MAX_DIFFERENCES,
    MAX_LINE,
    By,
    Checksum,
    Evidence,
    File,
    Finding,
    Part,
    Place,
    Receipt,
)
from graphxfer.receipt.write import END, GRAPH, START, context

DAMAGED = "use the receipt as `graphxfer verify` wrote it"
_IRI = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}#", re.ASCII)
_ROOT = re.compile(r"[0-9a-f]{64}", re.ASCII)
_CLASS = re.compile(r"[A-Za-z]{1,100}", re.ASCII)
MAX_PARTS, MAX_NAMES = 1000, 1000
"""The most classes of a receipt, and the most names of a class's fields and edges."""
_TIME = re.compile(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}\+00:00", re.ASCII)


def read(stream: BinaryIO) -> tuple[Receipt, Iterator[File], Iterator[Finding]]:
    """Read a receipt: its files first, then its differences, each as a stream.

    Parameters
    ----------
    stream : binary file
        The document; it has to stay open while files and differences are read.

    Returns
    -------
    tuple
        The receipt, its files, its differences. A bad line raises when it is read, and the end of
        the document is checked after the last difference.

    Raises
    ------
    BadDocument
        If it is not a receipt; the message names the line.
    """
    lines = _Lines(stream)
    receipt = _read_head(lines)
    if receipt.files > MAX_FILES or receipt.differences > MAX_DIFFERENCES:
        raise lines.wrong("counts too many files or differences")
    return receipt, _read_files(receipt, lines), _read_findings(receipt, lines)


def _read_files(receipt: Receipt, lines: _Lines) -> Iterator[File]:
    for _ in range(receipt.files):
        yield _file(lines.next())


def _read_findings(receipt: Receipt, lines: _Lines) -> Iterator[Finding]:
    for number in range(1, receipt.differences + 1):
        yield _finding(lines.next(), number)
    lines.end()


def _read_head(lines: _Lines) -> Receipt:
    iri, base = lines.start()
    activity = lines.next().named("this:verification", "prov:Activity")
    if activity.text("format") != FORMAT:
        raise lines.wrong(f"the format is not {FORMAT!r}")
    activity.same("used", ["this:graph"])
    agents = activity.take("wasAssociatedWith")
    header = to_header(lines.next().record, base, lines.where)
    graph = lines.next().named("this:graph", "prov:Entity")
    graph.same("wasGeneratedBy", TRANSFER)
    parts = []
    while lines.peek().startswith("this:graph/"):
        parts.append(_part(lines.next()))
        if len(parts) > MAX_PARTS or (parts[1:] and parts[-2].type >= parts[-1].type):
            raise lines.wrong("the classes are too many, or not sorted by their names")
    source = _place(lines.next(), By.SOURCE)
    if source != Place(header.base, header.database_uuid, header.server_version):
        raise lines.wrong("the source is not that of the graph")
    destination = _place(lines.next(), By.DESTINATION)
    user, person = _people(lines, agents)
    software = lines.next().named(By.SOFTWARE, "prov:SoftwareAgent")
    software.same("name", "graphxfer")
    receipt = Receipt(
        iri=iri,
        started=activity.time("startedAtTime"),
        ended=activity.time("endedAtTime"),
        header=header,
        nodes=graph.number("nodes"),
        root=graph.root("merkleRoot"),
        parts=tuple(parts),
        destination=destination,
        user=user,
        person=person,
        software=software.text("version"),
        not_moved=_left_out(activity),
        files=activity.number("files"),
        differences=activity.number("differences"),
    )
    activity.same("outcome", receipt.outcome)
    for entity in (activity, graph, software):
        entity.end()
    if sum(part.nodes for part in parts) != receipt.nodes:
        raise lines.wrong("the classes do not have as many nodes as the graph")
    return receipt


def _people(lines: _Lines, agents: Any) -> tuple[str, str]:
    """Return the account, and the person's name or nothing."""
    user = lines.next().named("this:user", "prov:Agent")
    user.same("server", By.DESTINATION)
    person = ""
    if lines.peek() == "this:person":
        user.same("actedOnBehalfOf", "this:person")
        entity = lines.next().named("this:person", "prov:Person")
        person = entity.text("name")
        entity.end()
    if agents != ["this:software", "this:user", *(["this:person"] if person else [])]:
        raise lines.wrong("the agents are not those of the verification")
    name = user.text("name")
    user.end()
    return name, person


def _place(entity: _Entity, by: By) -> Place:
    entity.named(by, "prov:SoftwareAgent")
    place = Place(
        address=entity.text("address", ""),
        database_uuid=entity.text("databaseUuid", ""),
        version=entity.text("serverVersion", ""),
        group=entity.text("group", ""),
    )
    entity.end()
    return place


def _left_out(activity: _Entity) -> tuple[LeftOut, ...]:
    raw = activity.take("notMoved")
    if type(raw) is not list:
        raise activity.wrong("notMoved is not a list")
    found = []
    for each in raw:
        inside = _Entity(each, activity.where)
        found.append(LeftOut(inside.text("type"), inside.number("number"), inside.text("why")))
        inside.end()
    return tuple(found)


def _part(entity: _Entity) -> Part:
    type_ = entity.like(_CLASS, "class", "the name of a class")
    entity.named(f"this:graph/{type_}", "prov:Entity").same("partOf", "this:graph")
    compared = entity.take("compared")
    if type(compared) is not bool:
        raise entity.wrong("compared is not true or false")
    names = entity.texts("notCompared")
    if len(names) > MAX_NAMES:
        raise entity.wrong("notCompared has too many names")
    part = Part(type_, entity.number("nodes"), entity.root("merkleRoot"), compared, names)
    entity.end()
    return part


def _file(entity: _Entity) -> File:
    node = entity.like(NODE_IRI, "@id", "the IRI of a node")
    entity.same("@type", "prov:Entity")
    entity.same("verifiedBy", "this:verification")
    size = entity.number("size") if "size" in entity.record else None
    sums = entity.take("checksums")
    if type(sums) is not list:
        raise entity.wrong("checksums is not a list")
    file = File(node, entity.text("path"), size, tuple(_checksum(entity, each) for each in sums))
    entity.end()
    return file


def _checksum(entity: _Entity, raw: Any) -> Checksum:
    inside = _Entity(raw, entity.where)
    try:
        by, evidence = By(inside.text("by")), Evidence(inside.text("evidence"))
    except ValueError:
        raise entity.wrong("a checksum is of unknown origin") from None
    checksum = Checksum(by, evidence, inside.text("algorithm"), inside.text("value"))
    inside.end()
    return checksum


def _finding(entity: _Entity, number: int) -> Finding:
    entity.named(f"this:difference-{number}", "prov:Entity")
    entity.same("wasGeneratedBy", "this:verification")
    node = entity.like(NODE_IRI, "about", "the IRI of a node") if "about" in entity.record else ""
    finding = Finding(node, *map(entity.text, ("kind", "member", "foundAt", "text")))
    entity.end()
    return finding


class _Entity:
    """The object of one line; each member is taken once, and none may remain."""

    def __init__(self, raw: Any, where: str) -> None:
        self.where = where
        if type(raw) is not dict:
            raise self.wrong("is not an object")
        self.record: Record = raw

    def wrong(self, what: str) -> BadDocument:
        return _damaged(what, self.where)

    def named(self, iri: str, type_: str) -> _Entity:
        """Check the IRI and the type."""
        self.same("@id", iri)
        self.same("@type", type_)
        return self

    def take(self, name: str) -> Any:
        try:
            return self.record.pop(name)
        except KeyError:
            raise self.wrong(f"{name} is missing") from None

    def same(self, name: str, expected: object) -> None:
        """Take a member that can have one value only."""
        if self.take(name) != expected:
            raise self.wrong(f"{name} is not {expected}")

    def text(self, name: str, default: str | None = None) -> str:
        value = self.take(name) if default is None else self.record.pop(name, default)
        if type(value) is not str:
            raise self.wrong(f"{name} is not a text")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        values = self.take(name)
        if type(values) is not list or not all(type(each) is str for each in values):
            raise self.wrong(f"{name} is not a list of texts")
        return tuple(values)

    def number(self, name: str) -> int:
        value = self.take(name)
        if type(value) is not int or not 0 <= value < 2**63:
            raise self.wrong(f"{name} is not a whole number")
        return value

    def root(self, name: str) -> str:
        return self.like(_ROOT, name, "a SHA-256 hash")

    def time(self, name: str) -> str:
        value = self.like(_TIME, name, "a time in UTC")
        try:
            datetime.datetime.fromisoformat(value)
        except ValueError as error:  # there is no month 13
            raise self.wrong(f"{name} is not a time in UTC: {error}") from None
        return value

    def like(self, pattern: re.Pattern[str], name: str, what: str) -> str:
        value = self.text(name)
        if not pattern.fullmatch(value):
            raise self.wrong(f"{name} is not {what}")
        return value

    def end(self) -> None:
        if self.record:
            raise self.wrong(f"has unknown members: {', '.join(sorted(self.record)):.200}")


def _damaged(what: str, where: str) -> BadDocument:
    return BadDocument(what, where=where, do=DAMAGED)


def parsed(text: str) -> Any:
    """Parse JSON that has one meaning only: no member twice, no NaN, no half characters.

    Raises
    ------
    ValueError
        If it is not such JSON.
    """
    value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    if "\\ud" in text.lower():
        json.dumps(value, ensure_ascii=False).encode()  # UnicodeEncodeError is a ValueError
    return value


def _once(pairs: list[tuple[str, Any]]) -> Record:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a member appears twice")
    return record


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not valid JSON")


class _Lines:
    """The lines of a receipt, none too long, and the current place for messages."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._name = str(getattr(stream, "name", "the receipt"))
        self._number = 0
        self._more = True
        self._ahead: _Entity | None = None

    @property
    def where(self) -> str:
        return f"{self._name}, line {self._number}"

    def wrong(self, what: str) -> BadDocument:
        return _damaged(what, self.where)

    def start(self) -> tuple[str, str]:
        """Read the context; return the receipt's IRI, and the base of the source's IRIs."""
        line = self._line()
        if not (line.startswith(START) and line.endswith(GRAPH)):
            raise self.wrong("is not a receipt")
        terms = self._json(line[len(START) : -len(GRAPH)])
        iri = terms.get("this") if type(terms) is dict else None
        if type(iri) is not str or not _IRI.fullmatch(iri):
            raise self.wrong("the receipt has no valid IRI")
        base = checked_base(terms.get("@base"), self.where)
        if terms != context(iri, base):
            raise self.wrong("the context is not that of a receipt")
        return iri, base

    def next(self) -> _Entity:
        """Return the next entity."""
        entity, self._ahead = self._ahead or self._entity(), None
        return entity

    def peek(self) -> str:
        """Return the IRI of the next entity, which stays the next."""
        self._ahead = self._ahead or self._entity()
        iri = self._ahead.record.get("@id")
        return iri if type(iri) is str else ""

    def end(self) -> None:
        """Check that the document ends here."""
        if self._more or self._line() != END or self._stream.read(1):
            raise self.wrong("the document does not end after the last entity")

    def _entity(self) -> _Entity:
        if not self._more:
            raise self.wrong("the document has too few entities")
        line = self._line()
        self._more = line.endswith(",")
        return _Entity(self._json(line.removesuffix(",")), self.where)

    def _line(self) -> str:
        self._number += 1
        line = self._stream.readline(MAX_LINE + 2)
        if not line.endswith(b"\n"):
            too_long = len(line) > MAX_LINE
            raise self.wrong(f"is longer than {MAX_LINE:,} bytes" if too_long else "is truncated")
        try:
            return line[:-1].decode()
        except UnicodeDecodeError:
            raise self.wrong("is not UTF-8 text") from None

    def _json(self, text: str) -> Any:
        try:
            return parsed(text)
        except (ValueError, RecursionError) as error:
            raise self.wrong(f"is not valid JSON: {error}") from None
