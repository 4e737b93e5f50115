# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of a plan: an action for each node and link; and the options of an apply.

Each kind of action is a class. The modules of :mod:`graphxfer.apply` run the actions, recover them
after a crash and revert them: one module for each kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, TypeVar

from graphxfer import catalogue, unmovable
from graphxfer.graph import TransferGraph, fileset_tree
from graphxfer.unmovable import Why

EDITED = "users changed it after the import"
"""Why the counterpart of a node is updated after its import."""
HERE = "changed here"
"""The graph changed since it was applied: a newer export. Apply brings it over."""
THERE = "changed there"
"""A person changed the destination. Only `repair` restores it."""
CONFLICT = "conflict"
"""Both changed, or what was applied is not known."""
REMOVED = "removed here"
"""The graph does not have it any more. Only `delete` removes it."""
DELETED = "deleted there"
"""A person deleted it at the destination. Apply creates it again."""


class Tags(StrEnum):
    """What to do with a tag (`Reusable.POLICY`) that already exists at the destination."""

    REUSE = "reuse"
    CREATE = "create"
    ERROR = "error"


class FileMetadata(StrEnum):
    """Which metadata imported objects have, where the file and the graph differ."""

    GRAPH = "graph"
    """That of the graph: what users changed or deleted at the source is so at the destination."""
    FILE = "file"
    """That of the file: what the import sets and creates stays."""


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """Options of an apply.

    Parameters
    ----------
    tags : Tags
        What to do with tags that already exist at the destination.
    merge : bool
        Use containers of the same name in the destination's group instead of creating new ones.
    in_place : bool
        Link the files into the destination's repository instead of uploading them.
    streams : int
        Number of files to upload at once.
    strict : bool
        Refuse a plan that leaves anything out, before anything is written.
    take_over : bool
        Continue what was begun with another journal, or by another user.
    file_metadata : FileMetadata, optional
        What counts where a file and the graph differ; None for the choice of an earlier run, or
        the graph.
    repair : bool
        Set what was changed at the destination, or at both ends, to what the graph has.
    delete : bool
        Remove what was created, and the graph does not have any more.
    """

    tags: Tags = Tags.REUSE
    merge: bool = False
    in_place: bool = False
    streams: int = 3
    strict: bool = False
    take_over: bool = False
    file_metadata: FileMetadata | None = None
    repair: bool = False
    delete: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """One step of an apply; each kind is a subclass.

    Parameters
    ----------
    node : str
        IRI in the graph; for a link that of its parent.
    type : str
        Class of the node, or the link class.
    reason : str
        The reason, for people; empty if it is obvious.
    destination : int or None
        Id at the destination, if it is known.
    bytes : int
        Bytes to upload.
    child : str
        For a link, the IRI of its child.
    detail : str
        The file or node that the reason is about, and what is wrong with it.
    fields : tuple of str
        The fields and references that it is about, if not the whole node.

    Examples
    --------
    >>> action = Create("Project/51", "Project")
    >>> action.as_json()["kind"]
    'create'
    >>> read(action.as_json()) == action
    True
    """

    node: str
    type: str
    reason: str = ""
    destination: int | None = None
    bytes: int = 0
    child: str = ""
    detail: str = ""
    fields: tuple[str, ...] = ()

    kind: ClassVar[str]
    """Its name in tables, pages and JSON."""
    past: ClassVar[str]
    """Its name in a table once it is done."""
    pending: ClassVar[bool] = True
    """Whether something remains to be done at the destination."""
    done: ClassVar[bool] = False
    """Whether an earlier run did it."""

    @property
    def skipped(self) -> bool:
        """Whether to report that it cannot be moved."""
        return False

    @property
    def why(self) -> str:
        """The reason with its detail, for people."""
        return str(Why(self.reason, self.detail))

    def uploads(self, graph: TransferGraph) -> Iterator[str]:
        """Iterate over the IRIs of the files that it sends.

        Parameters
        ----------
        graph : TransferGraph
            The source's.
        """
        return iter(())

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"kind": self.kind, **asdict(self)}


class Create(Action):
    """Create an object, and send its bytes if it is a file."""

    __slots__ = ()
    kind, past = "create", "created"

    def uploads(self, graph: TransferGraph) -> Iterator[str]:
        """Iterate over its own IRI, if it is a file."""
        if catalogue.CLASSES[self.type].bytes:
            yield self.node


class Upload(Action):
    """Send the bytes of a file that an earlier run created."""

    __slots__ = ()
    kind, past = "upload", "uploaded"

    def uploads(self, graph: TransferGraph) -> Iterator[str]:
        """Iterate over its own IRI."""
        yield self.node


class Reuse(Action):
    """Use an equal object that already exists at the destination: a tag."""

    __slots__ = ()
    kind, past = "reuse", "reused"


class Merge(Reuse):
    """Use a container of the same name that already exists at the destination."""

    __slots__ = ()
    kind, past = "merge", "merged"


class Import(Action):
    """Import a fileset."""

    __slots__ = ()
    kind, past = "import", "imported"

    def uploads(self, graph: TransferGraph) -> Iterator[str]:
        """Iterate over the fileset's files."""
        return (file.iri for _, file in fileset_tree.files(graph, graph[self.node]))


class Match(Action):
    """Find an object that the import of its fileset creates."""

    __slots__ = ()
    kind, past = "match", "matched"


class Link(Action):
    """Link two objects."""

    __slots__ = ()
    kind, past = "link", "linked"


class Update(Action):
    """Set fields and references of an object: they were changed at the source."""

    __slots__ = ()
    kind, past = "update", "updated"


class Restore(Update):
    """Set fields and references that were changed at the destination to what the graph has."""

    __slots__ = ()
    kind, past = "restore", "restored"


class Remove(Action):
    """Remove an object or link that an apply created, and the graph does not have.

    What only an import created has no node; `destination` is its id.
    """

    __slots__ = ()
    kind, past = "remove", "removed"


class Keep(Action):
    """Leave what differs at the destination as it is there."""

    __slots__ = ()
    kind, past, pending = "keep", "kept", False

    @property
    def why(self) -> str:
        """The reason with its detail, which has the names and both values."""
        reason = self.reason.partition(":")[0] if self.fields else self.reason
        return str(Why(reason, self.detail))


class Skip(Action):
    """Skip a node or link that cannot be moved."""

    __slots__ = ()
    kind, past, pending = "skip", "skipped", False

    @property
    def skipped(self) -> bool:
        """Whether to report it: not if it is a link or a part of something that is reported."""
        return unmovable.is_reported(self.type, self.reason)


class Done(Action):
    """Do nothing: an earlier run did it."""

    __slots__ = ()
    kind, past, pending, done = "done", "done", False, True


KINDS: dict[str, type[Action]] = {
    one.kind: one
    for one in (
        Create,
        Upload,
        Reuse,
        Merge,
        Import,
        Match,
        Link,
        Update,
        Restore,
        Remove,
        Keep,
        Skip,
        Done,
    )
}
"""The kinds of actions by name."""


def read(document: Mapping[str, Any]) -> Action:
    """Return the action that :meth:`Action.as_json` wrote.

    Parameters
    ----------
    document : mapping
        Plain values.

    Raises
    ------
    TypeError
        If it is not an action.
    """
    if not isinstance(document, Mapping):
        raise TypeError(f"not an action: {document!r:.100}")
    values = dict(document)
    kind = KINDS.get(values.pop("kind", ""))
    if kind is None:
        raise TypeError(f"not an action: {dict(document)!r:.100}")
    values["fields"] = tuple(values.get("fields", ()))
    action = kind(**values)
    texts = (action.node, action.type, action.reason, action.child, action.detail, *action.fields)
    if not all(isinstance(text, str) for text in texts) or not isinstance(action.bytes, int):
        raise TypeError(f"not an action: {dict(document)!r:.100}")
    return action


A = TypeVar("A", bound=Action)


class Line(NamedTuple):
    """A line of a plan's summary: actions that differ only in their nodes.

    Parameters
    ----------
    kind, past : str
        As the actions have them.
    type, reason : str
        As the actions have them.
    number, bytes : int
        How many actions, and how many bytes they send.
    done : bool
        Whether an earlier run did them.
    """

    kind: str
    past: str
    type: str
    reason: str
    number: int
    bytes: int
    done: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        names = ("kind", "type", "reason", "number", "bytes")
        return {name: getattr(self, name) for name in names}


@dataclass(slots=True)
class Plan:
    """All actions of an apply, in order.

    Parameters
    ----------
    actions : list of Action
        One for each node and link.
    notes : list of str
        Further information for the user.
    """

    actions: list[Action] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def of(self, *kinds: type[A]) -> Iterator[A]:
        """Iterate over the actions of some kinds."""
        return (action for action in self.actions if isinstance(action, kinds))

    @property
    def skipped(self) -> list[Action]:
        """The nodes that cannot be moved, and the links to objects that are not in the graph.

        Those that others depend on come first.
        """
        found = [action for action in self.actions if action.skipped]
        return sorted(found, key=lambda action: action.reason in unmovable.CONSEQUENCES)

    @property
    def left_out(self) -> set[str]:
        """The IRIs of all nodes that are not moved, with the parts of what is reported."""
        return {action.node for action in self.of(Skip) if not action.child}

    def leave_out(self, why_not: Mapping[str, Why]) -> None:
        """Skip nodes that turned out not to be movable, with their links.

        Parameters
        ----------
        why_not : mapping
            The reasons by the node's IRI.
        """

        def checked(action: Action) -> Action:
            if action.kind == Skip.kind or not {action.node, action.child} & why_not.keys():
                return action
            if action.child:
                return Skip(action.node, action.type, unmovable.FOLLOWS, child=action.child)
            why = why_not[action.node]
            return Skip(action.node, action.type, why.reason, detail=why.detail)

        self.actions = [checked(action) for action in self.actions]

    @property
    def kept(self) -> list[Action]:
        """What differs at the destination, and stays so."""
        return list(self.of(Keep))

    @property
    def nothing_to_do(self) -> bool:
        """Whether nothing remains to be done."""
        return not any(action.pending for action in self.actions)

    def uploads(self, graph: TransferGraph) -> Iterator[str]:
        """Iterate over the IRIs of the files that it sends.

        Parameters
        ----------
        graph : TransferGraph
            The source's.
        """
        for action in self.actions:
            yield from action.uploads(graph)

    def summary(self) -> list[Line]:
        """Count the actions by kind, type and reason."""
        counts: Counter[tuple[str, str, str, str, bool]] = Counter()
        sizes: Counter[tuple[str, str, str, str, bool]] = Counter()
        for one in self.actions:
            key = one.kind, one.past, one.type, one.reason, one.done
            counts[key] += 1
            sizes[key] += one.bytes
        return [Line(*key[:4], number, sizes[key], key[4]) for key, number in counts.items()]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "actions": [action.as_json() for action in self.actions],
            "summary": [line.as_json() for line in self.summary()],
            "notes": self.notes,
        }
