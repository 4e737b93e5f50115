# SPDX-License-Identifier: GPL-2.0-or-later
"""The remote calls of a piece of work: counted, and kept so that they can be made again alone."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from graphxfer.omero.server import ALL_GROUPS, IN_FLIGHT, Query, Server, parameters

SAVES = ("saveAndReturnIds", "saveArray")


class Call(NamedTuple):
    """A call of a stateless service; several queries that were asked at once are one of these."""

    operation: str
    arguments: tuple[Any, ...]


class Calls:
    """The calls that a server gets from now on.

    Parameters
    ----------
    server : Server
        Whose calls.
    keep : bool
        Keep the arguments of queries and saves, which takes memory.
    before_saving : callable
        Called once, before the first save.

    Attributes
    ----------
    operations : Counter
        How often each was called.
    kept : list of Call
        Queries and saves, in order.
    """

    def __init__(
        self,
        server: Server,
        *,
        keep: bool = False,
        before_saving: Callable[[], object] = lambda: None,
    ) -> None:
        self.operations: Counter[str] = Counter()
        self.kept: list[Call] = []
        self._keep, self._before_saving = keep, before_saving
        self._call, self._stream = server.call, server.stream
        server.call, server.stream = self.call, self.stream  # type: ignore[method-assign]

    def call(self, operation: Callable[..., Any], *arguments: Any) -> Any:
        """Stand in for `Server.call`."""
        begun_or_called = getattr(operation, "func", operation)
        name = begun_or_called.__name__.removeprefix("begin_")
        self.operations[name] += 1
        if self._keep:
            if name in SAVES and not any(one.operation in SAVES for one in self.kept):
                self._before_saving()
            if name in REPLAYED:
                self.kept.append(Call(name, arguments))
        return self._call(operation, *arguments)

    def stream(self, queries: Iterable[Query]) -> Iterator[list[list[Any]]]:
        """Stand in for `Server.stream`; each query of it is a call, too."""
        asked = list(queries)
        if self._keep:
            self.kept.append(Call("stream", tuple((hql, dict(params)) for hql, params in asked)))
        return self._stream(asked)


def replay(server: Server, calls: Iterable[Call]) -> float:
    """Make calls again, do nothing with what they return, and return how many seconds it took."""
    query, update = (server.service(name).proxy for name in ("IQuery", "IUpdate"))
    context = server.context(ALL_GROUPS)
    begun = time.perf_counter()
    for operation, arguments in calls:
        REPLAYED[operation](query, update, arguments, context)
    return time.perf_counter() - begun


def _query(name: str, query: Any, _: Any, arguments: tuple[Any, ...], context: Any) -> None:
    getattr(query, name)(*arguments[:-1], context)


def _save(name: str, _: Any, update: Any, arguments: tuple[Any, ...], __: Any) -> None:
    getattr(update, name)(*arguments)


def _stream(query: Any, _: Any, asked: tuple[Query, ...], context: Any) -> None:
    begun: deque[Any] = deque()
    for hql, params in asked:
        if len(begun) == IN_FLIGHT:
            query.end_projection(begun.popleft())
        begun.append(query.begin_projection(hql, parameters(params), _ctx=context))
    for one in begun:
        query.end_projection(one)


REPLAYED: dict[str, Callable[..., None]] = {
    "findAllByQuery": partial(_query, "findAllByQuery"),
    **{name: partial(_save, name) for name in SAVES},
    "stream": _stream,
}
"""The operations that are kept, and how each is made again."""
