# SPDX-License-Identifier: GPL-2.0-or-later
"""Remove objects that an apply created, and nothing of others.

The server is asked first what would be deleted with them. What it refuses, and what something else
depends on, is kept and named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from graphxfer import catalogue
from graphxfer.apply.step import Context, Step, Targets
from graphxfer.errors import Refused
from graphxfer.graph.correspondence import There
from graphxfer.graph.fileset_tree import FILESET
from graphxfer.omero import lookup
from graphxfer.omero.owners import described, with_owners
from graphxfer.omero.rights import SHOWN

T = TypeVar("T")
B = TypeVar("B")


class Kept(NamedTuple):
    """An object that is not removed, and why."""

    there: There
    reason: str

    def __str__(self) -> str:
        return f"{self.there} ({self.reason})"


def harmless(
    some: Sequence[T],
    blocking: Callable[[Sequence[T]], B],
    keep: Callable[[T, B], None],
    enough: Callable[[], bool] = lambda: False,
) -> list[list[T]]:
    """Return what can be removed of a batch, in parts; halve it to find what cannot.

    Parameters
    ----------
    some : sequence
        The batch.
    blocking : callable
        Returns what blocks the removal of objects; something empty if nothing does.
    keep : callable
        Called with each object that cannot be removed, and what blocks it.
    enough : callable
        Tells whether to end.

    Examples
    --------
    >>> kept = []
    >>> odd = lambda numbers: [n for n in numbers if n % 2]
    >>> harmless([2, 4, 5, 6], odd, lambda number, why: kept.append(number)), kept
    ([[2, 4], [6]], [5])
    """
    if enough():
        return []
    why = blocking(some)
    if not why:
        return [list(some)]
    if len(some) == 1:
        keep(some[0], why)
        return []
    half = len(some) // 2
    return [
        *harmless(some[:half], blocking, keep, enough),
        *harmless(some[half:], blocking, keep, enough),
    ]


class Removal:
    """Removes objects, batch by batch.

    Parameters
    ----------
    context : Context
        The bundle, the destination and the journal.
    protected : collection of There
        Objects of the journal that may not be deleted with others.
    """

    def __init__(self, context: Context, protected: Collection[There] = ()) -> None:
        self._server, self._journal = context.server, context.journal
        self._sessions = context.journal.sessions()
        self._events = lookup.import_events(self._server, context.journal.known(FILESET))
        self._stay: defaultdict[str, set[int]] = defaultdict(set)
        for name, number in protected:
            self._stay[name].add(number)
        self.kept: list[Kept] = []

    def keep(self, there: There, reason: str) -> None:
        """Note that an object is not removed, nor with others."""
        self.kept.append(Kept(there, reason))
        self._stay[there.type].add(there.id)

    def removable(
        self, batches: Iterable[tuple[Step, Targets]], most: int | None = None
    ) -> Iterator[tuple[Step, Targets]]:
        """Iterate over what can be removed without others' objects; note what cannot.

        With `most`, end at that many objects that cannot.
        """
        for step, targets in batches:
            for harmless in self._harmless(step, targets, most):
                yield step, harmless

    def _harmless(self, step: Step, targets: Targets, most: int | None) -> list[Targets]:
        """Return what can be removed of a batch; note what cannot."""
        name, ids = targets
        parts = harmless(
            ids,
            lambda some: self._blocking(step, Targets(name, list(some))),
            lambda number, why: self.keep(There(name, number), self._named(why)),
            lambda: most is not None and len(self.kept) >= most,
        )
        return [Targets(name, part) for part in parts]

    def _blocking(self, step: Step, targets: Targets) -> str | list[There]:
        """Return why objects are not to be removed: the server's reason, or what would go too."""
        try:
            deleted = step.delete(targets, dry_run=True)
        except Refused as refusal:  # others' data that this user may not change depends on them
            return refusal.reason
        return list(self._others(deleted))

    def _named(self, blocking: str | list[There]) -> str:
        """Return what blocks a removal, with the owners: whom to ask."""
        if isinstance(blocking, str):
            return with_owners(self._server, blocking)
        return described(self._server, blocking, SHOWN)

    def _others(self, deleted: Mapping[str, Sequence[int]]) -> Iterator[There]:
        """Iterate over objects that are kept, or that neither the journal nor its imports have."""
        for name in sorted(deleted.keys() & catalogue.of_people()):
            ids = set(deleted[name])
            unknown = ids - self._journal.known(name)
            others = lookup.others(self._server, name, unknown, self._sessions, self._events)
            for number in sorted({*others, *(self._stay[name] & ids)}):
                yield There(name, number)

    def remove(self, step: Step, targets: Targets) -> None:
        """Remove objects, except those that were deleted with others before: a file."""
        name, ids = targets
        known = self._journal.known(name)
        left = [number for number in ids if number in known]
        gone = step.delete(Targets(name, left)) if left else {}
        self._journal.forget({**gone, name: ids})
