# SPDX-License-Identifier: GPL-2.0-or-later
"""Count the remote calls of a piece of work, and record them to replay them alone."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from graphxfer.omero.server import ALL_GROUPS, IN_FLIGHT, Query, Server, parameters

SAVES = ("saveAndReturnIds", "saveArray")


class Call(NamedTuple):
    """A call of a stateless service; several queries at once are one call."""

    operation: str
    arguments: tuple[Any, ...]


class Calls:
    """Counts and records the calls of a server from now on.

    Parameters
    ----------
    server : Server
        The server.
    keep : bool
        Record queries and saves with their arguments, which takes memory.
    before_saving : callable
        Called once, before the first save.

    Attributes
    ----------
    operations : Counter
        Number of calls, by operation.
    recorded : list of Call
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
        self.recorded: list[Call] = []
        self._keep, self._before_saving = keep, before_saving
        self._call, self._stream = server.call, server.stream
        server.call, server.stream = self.call, self.stream  # type: ignore[method-assign]

    def call(self, operation: Callable[..., Any], *arguments: Any) -> Any:
        """Replace `Server.call`."""
        begun_or_called = getattr(operation, "func", operation)
        name = begun_or_called.__name__.removeprefix("begin_")
        self.operations[name] += 1
        if self._keep:
            if name in SAVES and not any(one.operation in SAVES for one in self.recorded):
                self._before_saving()
            if name in REPLAYED:
                self.recorded.append(Call(name, arguments))
        return self._call(operation, *arguments)

    def stream(self, queries: Iterable[Query]) -> Iterator[list[list[Any]]]:
        """Replace `Server.stream`; each of its queries is a call, too."""
        asked = list(queries)
        if self._keep:
            self.recorded.append(
                Call("stream", tuple((hql, dict(params)) for hql, params in asked))
            )
        return self._stream(asked)


def replay(server: Server, calls: Iterable[Call]) -> float:
    """Repeat calls, ignore their results, and return the seconds."""
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
"""The operations that are recorded, and the functions that repeat them."""
