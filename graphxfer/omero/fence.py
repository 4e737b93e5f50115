# SPDX-License-Identifier: GPL-2.0-or-later
"""The fence of an apply at a destination: annotations that admit each call once.

The rules are in :mod:`graphxfer.journal.fencing`; here they are calls to a server. The fence and
its tokens are annotations with namespaces of graphxfer's, linked to nothing but each other, and are
deleted when an apply has finished. Until then they tell others who applies a bundle, since when.
"""

from __future__ import annotations

import datetime
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import omero
import omero.all
from omero.rtypes import rstring

from graphxfer import __version__, catalogue
from graphxfer.catalogue import Via
from graphxfer.errors import ServerFailure
from graphxfer.journal import Batch, LinkKey, fencing
from graphxfer.omero import lookup, write
from graphxfer.omero.connect import Server

FENCE, TOKEN = "graphxfer/fence", "graphxfer/token"
"""Namespaces of the fence and of its tokens."""
_LINK = next(e.attribute for e in catalogue.CLASSES[catalogue.FENCE].edges if e.via is Via.LINK)


class Story(NamedTuple):
    """Who made a call, where and when; and what it created.

    Parameters
    ----------
    label : str
        The call.
    user, host, at : str
        OMERO's user, the machine, and the time there (ISO 8601, UTC).
    journal : str
        Name of the journal.
    batch : Batch or None
        What the call created.
    """

    label: str
    user: str
    host: str
    at: str
    journal: str
    batch: Batch | None = None

    def __str__(self) -> str:
        return f"{self.user} on {self.host} since {self.at}"

    def text(self) -> str:
        """Return it as the text of an annotation."""
        document = self._asdict() | {"batch": None, "made_by": f"graphxfer {__version__}"}
        if self.batch is not None:
            document |= {"type": self.batch.type, "items": self.batch.items}
        return json.dumps(document)

    @classmethod
    def read(cls, text: str | None) -> Story:
        """Read an annotation's text; another text has no story."""
        try:
            document = json.loads(text or "")
            label, user, host, at, journal = (str(document[name]) for name in cls._fields[:5])
            items = tuple(
                LinkKey(*map(str, one)) if isinstance(one, list) else str(one)
                for one in document.get("items", ())
            )
            type_ = str(document.get("type", ""))
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls("", "somebody", "another machine", "an unknown time", "")
        return cls(label, user, host, at, journal, Batch(label, type_, items))


class Call(NamedTuple):
    """What a call created, as its token records: token's id, the batch, ids in its order."""

    token: int
    batch: Batch
    ids: tuple[int, ...]


@dataclass(slots=True)
class Keeper:
    """Asks a server what the protocol asks.

    Parameters
    ----------
    server : Server
        The destination.
    transfer : str
        Names what is applied: the same for all copies of a bundle.
    journal : str
        Name of the journal.
    refusal : ServerFailure or None
        The error of the last call that was refused.
    openings : dict
        Labels of openings by the fence's id, as far as they are known.
    """

    server: Server
    transfer: str
    journal: str
    refusal: ServerFailure | None = None
    openings: dict[int, str] = field(default_factory=dict)

    def ask(
        self, request: fencing.Request, batch: Batch | None = None, objects: Sequence[Any] = ()
    ) -> fencing.Answer:
        """Ask the server, and return its answer.

        Parameters
        ----------
        request : Request
            What to ask.
        batch : Batch, optional
            The open intent.
        objects : sequence
            The objects of the batch, to insert.

        Raises
        ------
        ServerFailure
            If there is no answer: the connection was lost.
        """
        match request:
            case fencing.Find(label):
                return self._find(label)
            case fencing.Open(label):
                return self._open(label)
            case fencing.Others(fence):
                return fencing.Fences(tuple(one for one in self.fences() if one.fence != fence))
            case fencing.Insert(label, fence, head):
                return self._insert(label, fence, head, batch, objects)
            case fencing.Burn(label, fence, head):
                return self._insert(label, fence, head, None, ())
            case fencing.Look(fence, head):
                return self._look(fence, head, batch.type if batch is not None else "")

    def fences(self) -> list[fencing.Fence]:
        """Return all fences of the transfer, with their first tokens."""
        return self._fences("f.description = :transfer", transfer=self.transfer)

    def _fences(self, where: str, **params: Any) -> list[fencing.Fence]:
        """Return fences; a fence and its first token were created by one call."""
        hql = (
            f"select f.id, f.name, t.id from {catalogue.FENCE} f, {catalogue.FENCE} t"  # noqa: S608
            f" where f.ns = :fence and {where} and t.ns = :token"
            " and t.details.creationEvent.id = f.details.creationEvent.id order by f.id"
        )
        rows = self.server.rows(hql, fence=FENCE, token=TOKEN, **params)
        return [fencing.Fence(label, fence, head) for fence, label, head in rows]

    def story(self, label: str) -> Story:
        """Return who made a call."""
        for namespace in (FENCE, TOKEN):
            hql = _select("a.textValue", namespace, "a.name = :label")
            for (text,) in self.server.rows(hql, ns=namespace, label=label):
                return Story.read(text)
        return Story.read(None)

    def owners(self, fences: Sequence[int]) -> dict[int, int]:
        """Return the ids of fences' owners; a fence that does not exist has none."""
        hql = f"select a.id, a.details.owner.id from {catalogue.FENCE} a where a.id in (:ids)"  # noqa: S608
        return {
            fence: owner for some in lookup.chunks(fences) for fence, owner in self._ids(hql, some)
        }

    def calls(self, opening: str) -> list[Call]:
        """Return what all calls of a lane created, in their order, by the tokens' texts."""
        hql = _select(
            "a.id, a.name, a.textValue, a.details.creationEvent.id",
            TOKEN,
            "a.description = :opening order by a.id",
        )
        found = []
        for token, _, text, event in self.server.rows(hql, ns=TOKEN, opening=opening):
            batch = Story.read(text).batch or Batch("", "")
            but = token if batch.type == catalogue.FENCE else self._used(event)
            found.append(Call(token, batch, self._made(batch.type, event, but)))
        return found

    def _used(self, event: int) -> int | None:
        hql = (
            f"select l.id from {_LINK} l, {catalogue.FENCE} f"  # noqa: S608
            " where l.parent.id = f.id and f.ns = :ns and l.details.creationEvent.id = :event"
        )
        rows = self.server.rows(hql, ns=FENCE, event=event)
        return rows[0][0] if rows else None

    def remove_token(self, token: int) -> None:
        """Delete a token that no call has used: whoever wants to use it fails."""
        write.delete(self.server, {catalogue.ANNOTATION: [token]})

    def _ids(self, hql: str, ids: Sequence[int]) -> list[list[Any]]:
        return self.server.rows(hql, ids=list(ids)) if ids else []

    def remove(self, openings: Sequence[str]) -> None:
        """Delete the fences of some openings, with their tokens: a later call of theirs fails."""
        ids = [
            number
            for namespace, attribute in ((TOKEN, "description"), (FENCE, "name"))
            for some in lookup.chunks(openings)
            for (number,) in self.server.rows(
                _select("a.id", namespace, f"a.{attribute} in (:labels)"),
                ns=namespace,
                labels=some,
            )
        ]
        if ids:
            write.delete(self.server, {catalogue.ANNOTATION: ids})

    # -- requests ---------------------------------------------------------------------------------

    def _find(self, label: str) -> fencing.Answer:
        for one in self._fences("f.name = :label", label=label):
            return fencing.Opened(one.fence, one.head)
        return fencing.Absent()

    def _open(self, label: str) -> fencing.Answer:
        story = self._story(label)
        created = [
            _annotation(FENCE, label, self.transfer, story),
            _annotation(TOKEN, label, label, story),
        ]
        return fencing.Opened(*write.save(self.server, created))

    def _insert(
        self, label: str, fence: int, head: int, batch: Batch | None, objects: Sequence[Any]
    ) -> fencing.Answer:
        used = write.link(_LINK, (catalogue.FENCE, fence), (catalogue.FENCE, head))
        opening = self._opening(fence)
        token = _annotation(TOKEN, label, opening, self._story(label, batch))
        try:
            *ids, _, next_ = write.save(self.server, [*objects, used, token])
        except ServerFailure as error:
            if not _refused(error):
                raise
            self.refusal = error
            return fencing.Refused()
        # Of objects that were there before, only those are recorded that the batch names: none.
        return fencing.Inserted(next_, tuple(ids) if batch is not None and batch.items else ())

    def _opening(self, fence: int) -> str:
        """Return the label of a fence's opening, which its tokens carry."""
        if fence not in self.openings:
            hql = _select("a.name", FENCE, "a.id = :fence")
            rows = self.server.rows(hql, ns=FENCE, fence=fence)
            self.openings[fence] = rows[0][0] if rows else ""
        return self.openings[fence]

    def _look(self, fence: int, head: int, type_: str) -> fencing.Answer:
        hql = (
            f"select l.id, l.details.creationEvent.id from {_LINK} l"  # noqa: S608
            " where l.parent.id = :fence and l.child.id = :head"
        )
        for link, event in self.server.rows(hql, fence=fence, head=head):
            made = "a.details.creationEvent.id = :event"
            hql = _select("a.id, a.name", TOKEN, made)
            ((token, label),) = self.server.rows(hql, ns=TOKEN, event=event)
            ids = self._made(type_, event, {catalogue.FENCE: token, _LINK: link}.get(type_))
            return fencing.Used(label, token, ids)
        there = lookup.present(self.server, catalogue.FENCE, [head])
        return fencing.Unused() if there else fencing.Absent()

    def _made(self, type_: str, event: int, but: int | None) -> tuple[int, ...]:
        """Return what a call created: a call has one event, and ids grow in its order."""
        if not type_:
            return ()
        hql = (
            f"select x.id from {type_} x"  # noqa: S608
            " where x.details.creationEvent.id = :event order by x.id"
        )
        return tuple(number for (number,) in self.server.rows(hql, event=event) if number != but)

    def _story(self, label: str, batch: Batch | None = None) -> Story:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return Story(label, self.server.user_name, platform.node(), now, self.journal, batch)


def _select(what: str, namespace: str, where: str) -> str:
    return f"select {what} from {catalogue.FENCE} a where a.ns = :ns and {where}"  # noqa: S608


def _annotation(namespace: str, label: str, description: str, story: Story) -> Any:
    created = write.new(catalogue.FENCE)
    created.ns, created.name = rstring(namespace), rstring(label)
    created.description, created.textValue = rstring(description), rstring(story.text())
    return created


def _refused(error: ServerFailure) -> bool:
    """Return whether the server answered that it did nothing; a lost connection tells nothing."""
    cause = error.__cause__
    return isinstance(cause, omero.ServerError) and not isinstance(cause, omero.SessionException)
