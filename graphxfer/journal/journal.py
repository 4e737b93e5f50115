# SPDX-License-Identifier: GPL-2.0-or-later
"""The journal of a destination: a SQLite file.

The *intent* is written before a call to the server, the *result* after it; both are on the disk
before the next step. A crash leaves an intent without a result; see
:mod:`graphxfer.apply.recover`. Sessions are recorded by the id of their row, not by their key.
"""

from __future__ import annotations

import fcntl
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self

from graphxfer.errors import FileProblem, UsageError
from graphxfer.graph.correspondence import There
from graphxfer.journal.entries import Batch, Counterpart, FilesetImport, How, LinkKey, Stage

FORMAT = "1"

_SCHEMA = """
create table meta (name text primary key, value text not null);
insert into meta values ('format', '1');
create table session (id integer primary key, at real not null);
create table node (
    iri text primary key, type text not null, id integer not null, how text not null,
    settled integer not null);
create table link (
    type text not null, parent text not null, child text not null, id integer,
    primary key (type, parent, child)) without rowid;
create table batch (
    id integer primary key, session integer not null, type text not null, at real not null);
create table item (
    batch integer not null references batch on delete cascade, position integer not null,
    node text not null, child text not null, primary key (batch, position)) without rowid;
create table fileset (
    node text primary key, session integer not null, stage text not null, at real not null);
create table extra (type text not null, id integer not null, primary key (type, id)) without rowid;
"""


class Journal:
    """The journal of one destination.

    Parameters
    ----------
    path : Path
        Its file; created if missing.
    writing : bool
        Whether to write to it; only one process at a time may.

    Raises
    ------
    UsageError
        If another process is writing to it.
    FileProblem
        If it is not a journal, or cannot be written.
    """

    def __init__(self, path: Path, *, writing: bool = False) -> None:
        self.path = path
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
        self._nodes = {
            row[0]: Counterpart(row[1], row[2], How(row[3]), bool(row[4]))
            for row in self._db.execute("select iri, type, id, how, settled from node")
        }
        self._links = {
            LinkKey(*row) for row in self._db.execute("select type, parent, child from link")
        }

    def _connect(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        if self._owner is not None:
            self._db.execute("pragma journal_mode = wal")
        # A result that is not on the disk would be created twice.
        self._db.execute("pragma synchronous = full")
        self._db.execute("pragma foreign_keys = on")
        if not self._db.execute("select 1 from sqlite_master where name = 'meta'").fetchone():
            self._db.executescript(f"begin; {_SCHEMA} commit;")
        if self.meta("format") != FORMAT:
            raise sqlite3.DatabaseError(f"the format is {self.meta('format')}, not {FORMAT}")

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

    def set_about(self, source: str, group: int) -> None:
        """Record the source, and the destination's group."""
        self.set_meta("destination", self.path.stem)
        self.set_meta("source", source)
        self.set_meta("group", str(group))

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
        if self.meta("destination") not in (None, self.path.stem):
            raise UsageError(
                f"is the journal of another destination (database {self.meta('destination')})",
                where=str(self.path),
                do=f"rename it to {self.meta('destination')}.sqlite",
            )
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
        with self._writing() as db:
            self._add_nodes(db, list(nodes))

    def record_links(self, links: Iterable[LinkKey]) -> None:
        """Record links that already existed."""
        with self._writing() as db:
            self._add_links(db, [(link, None) for link in links])

    def settle(self, nodes: Iterable[str]) -> None:
        """Record that nodes are complete."""
        done = list(nodes)
        with self._writing() as db:
            db.executemany("update node set settled = 1 where iri = ?", [(n,) for n in done])
        for node in done:
            self._nodes[node] = self._nodes[node]._replace(settled=True)

    def _add_nodes(self, db: sqlite3.Connection, nodes: Sequence[tuple[str, Counterpart]]) -> None:
        db.executemany(
            "insert into node values (?, ?, ?, ?, ?)", [(node, *found) for node, found in nodes]
        )
        self._nodes.update(nodes)

    def _add_links(
        self, db: sqlite3.Connection, links: Sequence[tuple[LinkKey, int | None]]
    ) -> None:
        db.executemany(
            "insert into link values (?, ?, ?, ?)", [(*link, number) for link, number in links]
        )
        self._links.update(link for link, _ in links)

    # -- batches: intent and result ---------------------------------------------------------------

    def begin(self, session: int, type_: str, items: Sequence[str | LinkKey]) -> Batch:
        """Record the intent to create nodes, or links, in one call.

        Parameters
        ----------
        session : int
            Id of the session's row at the destination.
        type_ : str
            Class, or link class.
        items : sequence of str or LinkKey
            What to create, in order.

        Returns
        -------
        Batch
            The intent.
        """
        at = time.time()
        with self._writing() as db:
            number = db.execute(
                "insert into batch (session, type, at) values (?, ?, ?)", (session, type_, at)
            ).lastrowid
            rows = [
                (number, place, *((item, "") if isinstance(item, str) else item[1:]))
                for place, item in enumerate(items)
            ]
            db.executemany("insert into item values (?, ?, ?, ?)", rows)
        return Batch(number or 0, session, type_, at, tuple(items))

    def finish(self, batch: Batch, ids: Sequence[int], *, settled: bool = True) -> None:
        """Record the result of a batch: the ids of what was created, in the order of its items.

        Parameters
        ----------
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
            db.execute("delete from batch where id = ?", (batch.id,))

    def abandon(self, batch: Batch) -> None:
        """Delete an intent: nothing was created."""
        with self._writing() as db:
            db.execute("delete from batch where id = ?", (batch.id,))

    def pending(self) -> list[Batch]:
        """Return the intents without a result."""
        return [
            Batch(row[0], row[1], row[2], row[3], self._items(row[0], row[2]))
            for row in self._db.execute("select id, session, type, at from batch order by id")
        ]

    def _items(self, batch: int, type_: str) -> tuple[str | LinkKey, ...]:
        rows = self._db.execute(
            "select node, child from item where batch = ? order by position", (batch,)
        )
        return tuple(LinkKey(type_, node, child) if child else node for node, child in rows)

    # -- imports ----------------------------------------------------------------------------------

    def begin_import(self, node: str, session: int) -> None:
        """Record the intent to import a fileset."""
        with self._writing() as db:
            row = (node, session, Stage.BEGUN, time.time())
            db.execute("insert or replace into fileset values (?, ?, ?, ?)", row)

    def reach(self, node: str, stage: Stage) -> None:
        """Record the state of a fileset's import."""
        with self._writing() as db:
            db.execute(
                "update fileset set stage = ?, at = ? where node = ?", (stage, time.time(), node)
            )

    def imported(self, node: str, type_: str, id_: int) -> None:
        """Record that the server has created a fileset's images."""
        with self._writing() as db:
            self._add_nodes(db, [(node, Counterpart(type_, id_, How.IMPORTED))])
            db.execute("update fileset set stage = ? where node = ?", (Stage.IMPORTED, node))

    def matched(
        self, node: str, nodes: Iterable[tuple[str, Counterpart]], extras: Iterable[There]
    ) -> None:
        """Record what an import created: counterparts of nodes, and objects not in the graph."""
        with self._writing() as db:
            self._add_nodes(db, list(nodes))
            db.executemany("insert or ignore into extra values (?, ?)", list(extras))
            db.execute("update fileset set stage = ? where node = ?", (Stage.MATCHED, node))

    def forget_import(self, node: str) -> None:
        """Delete the intent to import a fileset: nothing of it exists any more."""
        with self._writing() as db:
            db.execute("delete from fileset where node = ?", (node,))

    def imports(self, *stages: Stage) -> list[FilesetImport]:
        """Return the imports in some stages."""
        rows = self._db.execute("select node, session, stage, at from fileset order by rowid")
        found = [FilesetImport(row[0], row[1], Stage(row[2]), row[3]) for row in rows]
        return [one for one in found if one.stage in stages]

    def extras(self) -> list[There]:
        """Return what imports created that is not in the graph."""
        return [There(*row) for row in self._db.execute("select type, id from extra")]

    def known(self, type_: str) -> set[int]:
        """Return the ids of a class that the journal lists."""
        with self._lock:
            nodes = {found.id for found in self._nodes.values() if found.type == type_}
            links = self._db.execute("select id from link where type = ?", (type_,))
            extras = self._db.execute("select id from extra where type = ?", (type_,))
            return nodes | {row[0] for row in links} | {row[0] for row in extras}

    # -- undo -------------------------------------------------------------------------------------

    def removed(self, type_: str, ids: Iterable[int]) -> None:
        """Delete the entries of objects that do not exist at the destination any more."""
        gone = set(ids)
        nodes = [n for n, one in self._nodes.items() if one.type == type_ and one.id in gone]
        numbers = [(type_, number) for number in gone]
        with self._writing() as db:
            db.executemany("delete from node where iri = ?", [(node,) for node in nodes])
            db.executemany("delete from fileset where node = ?", [(node,) for node in nodes])
            db.executemany("delete from extra where type = ? and id = ?", numbers)
            db.executemany("delete from link where type = ? and id = ?", numbers)
        for node in nodes:
            del self._nodes[node]

    def clear(self) -> None:
        """Delete all nodes and links: an undo reverted everything."""
        with self._writing() as db:
            for table in ("node", "link", "fileset", "extra"):
                db.execute(f"delete from {table}")  # noqa: S608  (our own names)
            db.execute("delete from meta where name <> 'format'")
        self._nodes.clear()
        self._links.clear()


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
