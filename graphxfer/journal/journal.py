# SPDX-License-Identifier: GPL-2.0-or-later
"""The journal of a destination: a SQLite file.

The *intent* is written before a call to the server, the *result* after it; both are on the disk
before the next step. A crash leaves an intent without a result, and the state of the lane in which
it was made: see :mod:`graphxfer.journal.fencing`. Sessions are recorded by the id of their row, not
by their key.
"""

from __future__ import annotations

import fcntl
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple, Self

from graphxfer.catalogue import Via
from graphxfer.errors import FileProblem, GraphxferError, UsageError
from graphxfer.graph import TransferGraph, class_of
from graphxfer.graph.correspondence import There
from graphxfer.graph.digests import Digests, digests
from graphxfer.journal import entries
from graphxfer.journal.entries import Batch, Counterpart, FilesetImport, How, LinkKey, Stage
from graphxfer.journal.fencing import Lane

FORMAT = "2"
_AT_ONCE = 1000
"""The most nodes of one query."""

_SCHEMA = """
create table meta (name text primary key, value text not null);
insert into meta values ('format', '2');
create table session (id integer primary key, at real not null);
create table node (
    iri text primary key, type text not null, id integer not null, how text not null,
    settled integer not null);
create table link (
    type text not null, parent text not null, child text not null, id integer,
    primary key (type, parent, child)) without rowid;
create table batch (label text primary key, type text not null);
create table item (
    batch text not null references batch on delete cascade, position integer not null,
    node text not null, child text not null, primary key (batch, position)) without rowid;
create table fileset (
    node text primary key, session integer not null, stage text not null, token text not null);
create table extra (type text not null, id integer not null, primary key (type, id)) without rowid;
"""
_LATER = """
create table if not exists refusal (node text primary key, reason text not null) without rowid;
create table if not exists file_field (
    node text not null, field text not null, primary key (node, field)) without rowid;
create table if not exists base (node text primary key, digests text not null) without rowid;
"""
"""What earlier versions of graphxfer did not record: filesets that the server refused, fields whose
values at the destination are those of the file, and digests of what was applied."""


class Forgotten(NamedTuple):
    """The entries that were deleted, because their objects do not exist any more."""

    nodes: frozenset[str] = frozenset()
    links: frozenset[LinkKey] = frozenset()


class Journal:
    """The journal of one destination.

    Parameters
    ----------
    path : Path
        Its file; created if missing.
    writing : bool
        Whether to write to it; only one process at a time may.
    graph : TransferGraph, optional
        The graph that is applied. What it has of a node is recorded with the node's counterpart, as
        the *base* of later changes.

    Raises
    ------
    UsageError
        If another process is writing to it.
    FileProblem
        If it is not a journal, or cannot be written.
    """

    def __init__(
        self, path: Path, *, writing: bool = False, graph: TransferGraph | None = None
    ) -> None:
        self.path, self._graph = path, graph
        self._lock = threading.RLock()
        self._owner = _own(path) if writing else None
        try:
            self._connect(path)
        except sqlite3.Error as error:
            self.close()
            raise FileProblem(
                f"cannot be read as a journal: {error}",
                where=str(path),
                do="check that the disk is not full or read-only; else the journal is damaged",
            ) from error
        try:
            self._nodes, self._links = self._read()
        except (ValueError, TypeError, sqlite3.Error) as error:
            self.close()
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> FileProblem:
        return FileProblem(
            f"the journal is damaged: {error}",
            where=str(self.path),
            do="restore it from a backup; or remove it: `graphxfer apply --take-over` finds "
            "what an unfinished apply created",
        )

    def _read(self) -> tuple[dict[str, Counterpart], set[LinkKey]]:
        """Read all entries, and check each."""
        nodes = {
            node: entries.counterpart(node, *row)
            for node, *row in self._db.execute("select iri, type, id, how, settled from node")
        }
        links = {
            entries.link(*row)
            for row in self._db.execute("select type, parent, child, id from link")
        }
        self.imports(*Stage)
        _ = self.lane, self.pending(), self.extras()
        return nodes, links

    def _connect(self, path: Path) -> None:
        if not path.exists():
            _create(path)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        if self._owner is not None:
            self._db.execute("pragma journal_mode = wal")
        # A result that is not on the disk would be created twice.
        self._db.execute("pragma synchronous = full")
        self._db.execute("pragma foreign_keys = on")
        if not self._has("meta"):
            raise sqlite3.DatabaseError("it is empty")
        if self.meta("format") != FORMAT:
            raise sqlite3.DatabaseError(f"the format is {self.meta('format')}, not {FORMAT}")
        if self._owner is not None:
            self._db.executescript(_LATER)

    def _has(self, table: str) -> bool:
        """Tell whether there is a table; one of an earlier version may be open for reading."""
        known = "select 1 from sqlite_master where name = ?"
        return self._db.execute(known, (table,)).fetchone() is not None

    @classmethod
    def existing(cls, path: Path, *, writing: bool = False) -> Journal | None:
        """Open a journal; return None if it does not exist."""
        return cls(path, writing=writing) if path.exists() else None

    def close(self) -> None:
        """Close the journal, and let others write to it."""
        if hasattr(self, "_db"):
            if self._owner is not None:
                with suppress(sqlite3.Error):  # so that a read-only disk can have it
                    self._db.execute("pragma journal_mode = delete")
            self._db.close()
        if self._owner is not None:
            self._owner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Run the block in one transaction, and sync it to the disk."""
        with self._lock:
            try:
                self._db.execute("begin immediate")
                yield self._db
                self._db.execute("commit")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                if isinstance(error, sqlite3.Error):
                    raise FileProblem(
                        f"cannot be written: {error}",
                        where=str(self.path),
                        do="make room on the disk, and run the same command again to resume",
                    ) from error
                raise

    # -- source and destination -------------------------------------------------------------------

    def meta(self, name: str) -> str | None:
        """Return a fact about the journal itself."""
        row = self._db.execute("select value from meta where name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set_meta(self, name: str, value: str) -> None:
        """Record a fact about the journal itself."""
        with self._writing() as db:
            db.execute("insert or replace into meta values (?, ?)", (name, value))

    def set_about(
        self,
        source: str,
        group: int,
        *,
        group_name: str = "",
        user: int | None = None,
        user_name: str = "",
    ) -> None:
        """Record the source, the destination's group, and who creates things in it."""
        self.set_meta("destination", self.path.stem)
        self.set_meta("source", source)
        self.set_meta("group", str(group))
        if user is not None:
            self.set_meta("group_name", group_name)
            self.set_meta("user", str(user))
            self.set_meta("user_name", user_name)

    def check_user(self, user: int) -> None:
        """Check that no other user began this transfer.

        Others may not see what was created, so they can neither continue nor revert it.

        Parameters
        ----------
        user : int
            Id of the user at the destination.

        Raises
        ------
        GraphxferError
            If another user did.
        UsageError
            If it belongs to another destination, where that id is another person's.
        """
        self._check_destination()
        if self.meta("user") not in (None, str(user)):
            name, group = self.meta("user_name"), self.meta("group_name")
            raise GraphxferError(
                f"begun by {name} (group {group})",
                where=str(self.path),
                do=f"run it as {name}, or see --take-over",
            )

    def _check_destination(self) -> None:
        if self.meta("destination") not in (None, self.path.stem):
            raise UsageError(
                f"is the journal of another destination (database {self.meta('destination')})",
                where=str(self.path),
                do=f"rename it to {self.meta('destination')}.sqlite",
            )

    def check_not_undone(self) -> None:
        """Check that no undo was interrupted: its last deletion may arrive late.

        After a complete undo that is harmless, as no object has an id that another had before.

        Raises
        ------
        GraphxferError
            If one was.
        """
        if self.meta("undoing"):
            raise GraphxferError(
                "an undo of this transfer was interrupted",
                where=str(self.path),
                do="run `graphxfer undo` again, until it is complete; then apply",
            )

    def check_about(self, source: str, group: int | None = None) -> None:
        """Check that the journal belongs to this source, destination and group.

        Parameters
        ----------
        source : str
            Database UUID of the source.
        group : int, optional
            Id of the destination's group.

        Raises
        ------
        UsageError
            If it belongs to another.
        """
        self._check_destination()
        if self.meta("source") not in (None, source):
            raise UsageError(
                "is the journal of a graph from another source",
                where=str(self.path),
                do="keep each graph in its own folder",
            )
        if group is not None and self.meta("group") not in (None, str(group)):
            raise UsageError(
                f"the bundle was applied to another group of this server, id {self.meta('group')}",
                where=str(self.path),
                do="name that group, or apply a copy of the bundle without its journals",
            )

    def add_session(self, session: int) -> None:
        """Record a session of ours at the destination."""
        with self._writing() as db:
            db.execute("insert or ignore into session values (?, ?)", (session, time.time()))

    def sessions(self) -> list[int]:
        """Return the sessions in which objects were created, by the ids of their rows."""
        return [row[0] for row in self._db.execute("select id from session order by id")]

    # -- nodes and links --------------------------------------------------------------------------

    def __contains__(self, key: object) -> bool:
        return key in self._nodes or key in self._links

    def __getitem__(self, node: str) -> Counterpart:
        return self._nodes[node]

    def get(self, node: str) -> Counterpart | None:
        """Return the counterpart of a node, or None."""
        return self._nodes.get(node)

    def nodes(self) -> dict[str, Counterpart]:
        """Return the counterparts by the nodes' IRIs, in the order of recording."""
        return dict(self._nodes)

    def links(self) -> Iterator[tuple[LinkKey, int]]:
        """Iterate over the links that were created, with their ids at the destination."""
        rows = self._db.execute("select type, parent, child, id from link where id is not null")
        return iter([(LinkKey(*row[:3]), row[3]) for row in rows])

    def same(self) -> dict[str, There]:
        """Return the object at the destination for each node's IRI."""
        return {node: found.there for node, found in self._nodes.items()}

    def unsettled(self, *hows: How) -> list[str]:
        """Return the nodes that are not complete, of those with these `How`."""
        return [n for n, found in self._nodes.items() if not found.settled and found.how in hows]

    def record(self, nodes: Iterable[tuple[str, Counterpart]]) -> None:
        """Record counterparts that exist at the destination, all or none."""
        new = list(nodes)
        with self._writing() as db:
            self._add_nodes(db, new)
            # Of a part, the intent to create its owner recorded it.
            _add_bases(db, self._described(node for node, _ in new), replace=False)

    def record_links(self, links: Iterable[LinkKey]) -> None:
        """Record links that already existed."""
        with self._writing() as db:
            self._add_links(db, [(link, None) for link in links])

    def settle(self, nodes: Iterable[str], names: Collection[str] | None = None) -> None:
        """Record that nodes are complete.

        Parameters
        ----------
        nodes : iterable of str
            Their IRIs.
        names : collection of str, optional
            The fields that were completed now, if not all: their base is what the graph has.
        """
        done = list(nodes)
        with self._writing() as db:
            db.executemany("update node set settled = 1 where iri = ?", [(n,) for n in done])
            some = None if names is None else dict.fromkeys(done, names)
            _add_bases(db, self._described(done) if some is None else self._mixed(some))
        for node in done:
            self._nodes[node] = self._nodes[node]._replace(settled=True)

    def unsettle(self, nodes: Iterable[str], *, kept: bool = False) -> None:
        """Note that nodes are not complete any more: their bytes have to be sent again.

        Parameters
        ----------
        nodes : iterable of str
            Their IRIs.
        kept : bool
            Whether to record it in the file, for later runs.
        """
        some = list(nodes)
        if kept and some:
            with self._writing() as db:
                db.executemany("update node set settled = 0 where iri = ?", [(n,) for n in some])
        for node in some:
            self._nodes[node] = self._nodes[node]._replace(settled=False)

    def _add_nodes(self, db: sqlite3.Connection, nodes: Sequence[tuple[str, Counterpart]]) -> None:
        db.executemany(
            "insert into node values (?, ?, ?, ?, ?)", [(node, *found) for node, found in nodes]
        )
        self._nodes.update(nodes)

    # -- bases: what the graph had of a node when it was applied last -----------------------------

    def bases(self, nodes: Collection[str]) -> dict[str, Digests]:
        """Return the bases of nodes, as far as they are known.

        Raises
        ------
        FileProblem
            If one cannot be read.
        """
        found = dict[str, Digests]()
        asked = list(nodes) if self._has("base") else []
        for start in range(0, len(asked), _AT_ONCE):
            some = asked[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            sql = f"select node, digests from base where node in ({marks})"  # noqa: S608
            try:
                found |= {node: entries.base(text) for node, text in self._db.execute(sql, some)}
            except ValueError as error:
                raise self._damaged(error) from error
        return found

    def agree(self, names: Mapping[str, Collection[str]]) -> None:
        """Record that the destination has now what the graph has of fields and references.

        Parameters
        ----------
        names : mapping
            The names of the fields and references, by the node's IRI.
        """
        self.set_bases(self._mixed(names))

    def set_bases(self, bases: Mapping[str, Digests]) -> None:
        """Record what the graph and the destination both have of nodes now.

        Nothing is recorded if the file is not open for writing.
        """
        if bases and self._owner is not None:
            with self._writing() as db:
                _add_bases(db, bases)

    def _described(self, nodes: Iterable[str]) -> dict[str, Digests]:
        """Return what the graph has of nodes."""
        graph = self._graph
        return {one: digests(graph[one]) for one in nodes if graph is not None and one in graph}

    def _mixed(self, names: Mapping[str, Collection[str]]) -> dict[str, Digests]:
        """Return the bases of nodes, with what the graph has of some fields."""
        known = self.bases(names)
        return {
            node: {
                **{n: one for n, one in known.get(node, {}).items() if n not in names[node]},
                **{n: one for n, one in now.items() if n in names[node]},
            }
            for node, now in self._described(names).items()
        }

    def _add_links(
        self, db: sqlite3.Connection, links: Sequence[tuple[LinkKey, int | None]]
    ) -> None:
        db.executemany(
            "insert into link values (?, ?, ?, ?)", [(*link, number) for link, number in links]
        )
        self._links.update(link for link, _ in links)

    # -- batches: intent and result ---------------------------------------------------------------

    @property
    def name(self) -> str:
        """A random name, which copies of the journal share: imports carry it to the destination."""
        name = self.meta("journal")
        if name is None:
            name = secrets.token_hex(8)
            self.set_meta("journal", name)
        return name

    @property
    def lane(self) -> Lane:
        """The state of the lane in which objects are created."""
        text = self.meta("lane")
        return Lane.read(text) if text else Lane()

    def set_lane(self, lane: Lane) -> None:
        """Record the state of the lane."""
        with self._writing() as db:
            _set_lane(db, lane)

    def begin(self, lane: Lane, type_: str, items: Sequence[str | LinkKey]) -> Batch:
        """Record the intent to create nodes, or links, in one call.

        Parameters
        ----------
        lane : Lane
            The lane, with the label of the call as its intent.
        type_ : str
            Class, or link class; empty if nothing is created.
        items : sequence of str or LinkKey
            What to create, in order.

        Returns
        -------
        Batch
            The intent.
        """
        with self._writing() as db:
            db.execute("insert into batch values (?, ?)", (lane.intent, type_))
            rows = [
                (lane.intent, place, *((item, "") if isinstance(item, str) else item[1:]))
                for place, item in enumerate(items)
            ]
            db.executemany("insert into item values (?, ?, ?, ?)", rows)
            # Here, and not with the result: until that is known, the graph may be another.
            _add_bases(db, self._described(self._with_parts(items)))
            _set_lane(db, lane)
        return Batch(lane.intent, type_, tuple(items))

    def finish(self, lane: Lane, batch: Batch, ids: Sequence[int], *, settled: bool = True) -> None:
        """Record the result of a batch: the ids of what was created, in the order of its items.

        Parameters
        ----------
        lane : Lane
            The lane after it.
        batch : Batch
            The intent.
        ids : sequence of int
            The destination's answer.
        settled : bool
            Whether the nodes are complete.
        """
        created = list(zip(batch.items, ids, strict=True))
        nodes = [
            (item, Counterpart(batch.type, number, How.CREATED, settled))
            for item, number in created
            if isinstance(item, str)
        ]
        links = [(item, number) for item, number in created if isinstance(item, LinkKey)]
        with self._writing() as db:
            self._add_nodes(db, nodes)
            self._add_links(db, links)
            db.execute("delete from batch where label = ?", (batch.label,))
            _set_lane(db, lane)

    def _with_parts(self, items: Sequence[str | LinkKey]) -> Iterator[str]:
        """Iterate over nodes, and the parts that are saved with them."""
        for item in items:
            if isinstance(item, str) and self._graph is not None and item in self._graph:
                node = self._graph[item]
                yield item
                for edge in class_of(node).edges:
                    if edge.via is Via.LIST:
                        yield from node.edges.get(edge.name, ())

    def abandon(self, lane: Lane, batch: Batch) -> None:
        """Delete an intent: nothing was created, nor will be."""
        with self._writing() as db:
            db.execute("delete from batch where label = ?", (batch.label,))
            _set_lane(db, lane)

    def adopt(self, batch: Batch, ids: Sequence[int], *, settled: bool = True) -> None:
        """Record what another journal's call created, except what is recorded already."""
        created = [(item, id_) for item, id_ in zip(batch.items, ids, strict=True)]
        new = [(item, id_) for item, id_ in created if item not in self]
        with self._writing() as db:
            self._add_nodes(
                db,
                [
                    (item, Counterpart(batch.type, id_, How.CREATED, settled))
                    for item, id_ in new
                    if isinstance(item, str)
                ],
            )
            self._add_links(db, [(item, id_) for item, id_ in new if isinstance(item, LinkKey)])

    def take_over(self, name: str, lane: Lane, imports: Iterable[FilesetImport]) -> None:
        """Continue in place of another journal: with its name, lane and open imports."""
        with self._writing() as db:
            db.execute("delete from batch")
            db.execute("insert or replace into meta values ('journal', ?)", (name,))
            db.executemany("insert or replace into fileset values (?, ?, ?, ?)", list(imports))
            _set_lane(db, lane)

    def pending(self) -> Batch | None:
        """Return the intent without a result; a lane has one at most."""
        row = self._db.execute("select label, type from batch").fetchone()
        return Batch(row[0], row[1], self._items(*row)) if row else None

    def _items(self, batch: str, type_: str) -> tuple[str | LinkKey, ...]:
        rows = self._db.execute(
            "select node, child from item where batch = ? order by position", (batch,)
        )
        return tuple(LinkKey(type_, node, child) if child else node for node, child in rows)

    # -- imports ----------------------------------------------------------------------------------

    def token(self, node: str) -> str:
        """Return a new token for what is created at the destination for a fileset."""
        return f"{self.name} {node} {secrets.token_hex(8)}"

    def begin_import(self, node: str, session: int) -> FilesetImport:
        """Record the intent to import a fileset; return it, with a token for this attempt."""
        begun = FilesetImport(node, session, Stage.BEGUN, self.token(node))
        with self._writing() as db:
            db.execute("insert or replace into fileset values (?, ?, ?, ?)", begun)
        return begun

    def reach(self, node: str, stage: Stage) -> None:
        """Record the state of a fileset's import."""
        with self._writing() as db:
            db.execute("update fileset set stage = ? where node = ?", (stage, node))

    def imported(self, node: str, type_: str, id_: int) -> None:
        """Record that the server has created a fileset's images."""
        with self._writing() as db:
            self._add_nodes(db, [(node, Counterpart(type_, id_, How.IMPORTED))])
            _add_bases(db, self._described([node]))
            db.execute("delete from refusal where node = ?", (node,))
            db.execute("update fileset set stage = ? where node = ?", (Stage.IMPORTED, node))

    def matched(
        self,
        node: str,
        nodes: Iterable[tuple[str, Counterpart]],
        extras: Iterable[There],
        file_fields: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Record what an import created.

        Parameters
        ----------
        node : str
            IRI of the fileset.
        nodes : iterable
            Counterparts of nodes.
        extras : iterable of There
            Objects and links that are not in the graph.
        file_fields : iterable of (str, str)
            Fields of nodes whose counterparts keep what the file has.
        """
        new = list(nodes)
        with self._writing() as db:
            self._add_nodes(db, new)
            _add_bases(db, self._described(one for one, _ in new))
            db.executemany("insert or ignore into extra values (?, ?)", list(extras))
            db.executemany("insert or ignore into file_field values (?, ?)", list(file_fields))
            db.execute("update fileset set stage = ? where node = ?", (Stage.MATCHED, node))

    def forget_import(self, node: str) -> None:
        """Delete the intent to import a fileset: nothing of it exists any more."""
        with self._writing() as db:
            db.execute("delete from fileset where node = ?", (node,))

    def refuse(self, node: str, reason: str) -> None:
        """Record why the server could not import a fileset."""
        with self._writing() as db:
            db.execute("insert or replace into refusal values (?, ?)", (node, reason))

    def refusal(self, node: str) -> str:
        """Return why the server could not import a fileset the last time; empty if it did not."""
        if not self._has("refusal"):
            return ""
        row = self._db.execute("select reason from refusal where node = ?", (node,)).fetchone()
        return str(row[0]) if row else ""

    def imports(self, *stages: Stage) -> list[FilesetImport]:
        """Return the imports in some stages."""
        rows = self._db.execute("select node, session, stage, token from fileset order by rowid")
        found = [entries.fileset_import(*row) for row in rows]
        return [one for one in found if one.stage in stages]

    def extras(self) -> list[There]:
        """Return what imports created that is not in the graph: objects and links."""
        return [entries.extra(*row) for row in self._db.execute("select type, id from extra")]

    def file_fields(self) -> dict[str, set[str]]:
        """Return the fields whose values at the destination are those of the file, by node."""
        found: dict[str, set[str]] = {}
        known = self._has("file_field")
        rows = self._db.execute("select node, field from file_field") if known else ()
        for node, name in rows:
            found.setdefault(node, set()).add(name)
        return found

    def forget_file_fields(self, nodes: Iterable[str]) -> None:
        """Record that the counterparts of nodes have the values of the graph."""
        with self._writing() as db:
            db.executemany("delete from file_field where node = ?", [(node,) for node in nodes])

    def known(self, type_: str) -> set[int]:
        """Return the ids of a class that the journal lists."""
        with self._lock:
            nodes = {found.id for found in self._nodes.values() if found.type == type_}
            links = self._db.execute("select id from link where type = ?", (type_,))
            extras = self._db.execute("select id from extra where type = ?", (type_,))
            return nodes | {row[0] for row in links} | {row[0] for row in extras}

    # -- undo -------------------------------------------------------------------------------------

    def forget(self, gone: Mapping[str, Iterable[int]]) -> Forgotten:
        """Delete the entries of objects and links that do not exist at the destination any more.

        Parameters
        ----------
        gone : mapping
            Ids by class, or link class. Links of the objects are deleted, too.

        Returns
        -------
        Forgotten
            The nodes and links that were deleted.
        """
        numbers = [(name, number) for name, some in gone.items() for number in some]
        deleted = set(numbers)
        nodes = {node for node, one in self._nodes.items() if one[:2] in deleted}
        links = {key for key, number in self.links() if (key.type, number) in deleted}
        links |= {key for key in self._links if key.parent in nodes or key.child in nodes}
        self._forget(nodes, links, numbers)
        return Forgotten(frozenset(nodes), frozenset(links))

    def forget_links(self, links: Iterable[LinkKey]) -> None:
        """Delete the entries of links that do not exist at the destination any more."""
        if gone := self._links.intersection(links):
            self._forget(set(), gone, [])

    def _forget(
        self, nodes: set[str], links: set[LinkKey], numbers: Sequence[tuple[str, int]]
    ) -> None:
        """Delete entries; the file is changed only if it is open for writing."""
        if self._owner is not None:
            with self._writing() as db:
                columns = {"node": "iri", "fileset": "node", "file_field": "node", "base": "node"}
                for table, column in columns.items():
                    statement = f"delete from {table} where {column} = ?"  # noqa: S608  (our names)
                    db.executemany(statement, [(node,) for node in nodes])
                db.executemany("delete from extra where type = ? and id = ?", numbers)
                db.executemany(
                    "delete from link where type = ? and parent = ? and child = ?", sorted(links)
                )
        for node in nodes:
            del self._nodes[node]
        self._links -= links

    def clear(self) -> None:
        """Delete all nodes and links: an undo reverted everything."""
        with self._writing() as db:
            for table in ("node", "link", "fileset", "extra", "file_field", "base", "refusal"):
                db.execute(f"delete from {table}")  # noqa: S608  (our own names)
            db.execute("delete from meta where name not in ('format', 'journal', 'lane')")
        self._nodes.clear()
        self._links.clear()


def _create(path: Path) -> None:
    """Create a journal, whole or not at all: an empty one would pass for that of a new transfer."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with closing(sqlite3.connect(part, isolation_level=None)) as db:
            db.executescript(f"begin; {_SCHEMA} {_LATER} commit;")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _add_bases(
    db: sqlite3.Connection, bases: Mapping[str, Digests], *, replace: bool = True
) -> None:
    statement = f"insert or {'replace' if replace else 'ignore'} into base values (?, ?)"  # noqa: S608
    rows = [(node, json.dumps(one, separators=(",", ":"))) for node, one in bases.items()]
    db.executemany(statement, rows)


def _set_lane(db: sqlite3.Connection, lane: Lane) -> None:
    db.execute("insert or replace into meta values ('lane', ?)", (lane.as_json(),))


def _own(path: Path) -> IO[str]:
    """Lock a journal for writing; the system unlocks it when this process ends."""
    try:
        path.parent.mkdir(exist_ok=True)
        stream = path.with_name(f"{path.name}.lock").open("w")
    except OSError as error:
        raise FileProblem(
            f"the journal cannot be written: {error.strerror}",
            where=str(path.parent),
            do="the journal is in the bundle: make room there, or copy the bundle elsewhere",
        ) from error
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stream.close()
        raise UsageError(
            "another graphxfer is using this journal",
            where=str(path),
            do="wait until it has ended",
        ) from None
    return stream
