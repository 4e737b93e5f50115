# SPDX-License-Identifier: GPL-2.0-or-later
"""Exactly once: every order of crashes, late and doubled calls, and a second client, explored.

The model is small, as the protocol is: a server whose links are unique, a network that may keep any
call and deliver it at any time and twice, clients that die at any moment and go on from their
journal, and a second client with a copy of it. All states that can be reached are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import pytest

from graphxfer.journal import fencing
from graphxfer.journal.fencing import (
    Absent,
    Answer,
    Burn,
    Committed,
    Fence,
    Fences,
    Find,
    Insert,
    Inserted,
    Lane,
    Look,
    Open,
    Opened,
    Others,
    Outcome,
    Ready,
    Refused,
    Request,
    Taken,
    Unused,
    Used,
    Void,
)


class Link(NamedTuple):
    """A token that was used: by the call of a label, which created the next token."""

    fence: int
    token: int
    label: str
    next: int


@dataclass(frozen=True)
class Server:
    """The tables of the destination: ids are never used twice."""

    last: int = 0
    fences: tuple[tuple[str, int, int], ...] = ()
    links: tuple[Link, ...] = ()
    made: tuple[str, ...] = ()
    """The labels of the calls that created the objects of a batch: an object for each."""
    tokens: frozenset[int] = frozenset()

    def do(self, call: Request) -> tuple[Server, Answer]:
        """Do a call, all of it or nothing."""
        match call:
            case Open(label):
                fence, token = self.last + 1, self.last + 2
                opened = replace(
                    self,
                    last=token,
                    fences=(*self.fences, (label, fence, token)),
                    tokens=self.tokens | {token},
                )
                return opened, Opened(fence, token)
            case Find(label):
                for its, fence, token in self.fences:
                    if its == label:
                        return self, Opened(fence, token)
                return self, Absent()
            case Others(mine):
                found = (Fence(*each) for each in self.fences if each[1] != mine)
                return self, Fences(tuple(found))
            case Look(fence, head):
                for link in self.links:
                    if (link.fence, link.token) == (fence, head):
                        return self, Used(link.label, link.next, self.ids(link.label))
                return self, Unused() if head in self.tokens else Absent()
        return self.insert(call)

    def insert(self, call: Insert | Burn) -> tuple[Server, Answer]:
        used = (call.fence, call.head) in {(link.fence, link.token) for link in self.links}
        if used or call.head not in self.tokens:
            return self, Refused()
        token = self.last + 1
        after = replace(
            self,
            last=token,
            links=(*self.links, Link(call.fence, call.head, call.label, token)),
            tokens=self.tokens | {token},
            made=(*self.made, call.label) if isinstance(call, Insert) else self.made,
        )
        return after, Inserted(token, after.ids(call.label))

    def ids(self, label: str) -> tuple[int, ...]:
        """Return the ids of what a call created: its place among all that were."""
        return tuple(number for number, its in enumerate(self.made) if its == label)


@dataclass(frozen=True)
class Client:
    """A client: its journal, which survives, and what it waits for, which does not."""

    name: str
    lane: Lane = field(default_factory=Lane)
    written: tuple[tuple[int, ...], ...] = ()
    """For each batch that is in the journal the ids of what was created."""
    calls: int = 0
    """How many labels it used; they are the journal's too, as a run has a random name."""
    run: int = 1
    waits: Request | None = None
    awake: bool = False
    lost: bool = False
    """Whether it found that somebody else continues."""


@dataclass(frozen=True)
class World:
    """A state of everything."""

    server: Server
    clients: tuple[Client, ...]
    late: frozenset[tuple[Request, int]] = frozenset()
    """Calls that the network has kept, and how often it may still deliver each."""
    crashes: int = 0


@dataclass(frozen=True)
class Bounds:
    """How much may happen."""

    batches: int
    crashes: int
    clients: int = 1


def labelled(client: Client) -> tuple[Client, str]:
    calls = client.calls + 1
    return replace(client, calls=calls), f"{client.name}{client.run}/{calls}"


def steps(client: Client, bounds: Bounds) -> Client:
    """Let an awake client that waits for nothing begin what comes next."""
    return carried(client, fencing.resume(client.lane), bounds)


def carried(client: Client, todo: Request | Outcome, bounds: Bounds) -> Client:
    """Do what the protocol says: write the journal, and ask."""
    match todo:
        case Committed(ids):
            client = replace(client, written=(*client.written, ids))
        case Taken():
            return replace(client, lost=True, awake=False, waits=None)
        case Ready() | Void():
            pass
        case Find() | Open() | Others() | Insert() | Burn() | Look():
            return replace(client, waits=todo)
        case _:
            raise AssertionError(todo)  # nothing is refused here for its content
    if len(client.written) == bounds.batches:
        return replace(client, waits=None)
    client, label = labelled(client)
    if not client.lane.fence:
        openings = (*client.lane.openings, label)
        lane = replace(client.lane, opening=label, openings=openings)
        return replace(client, lane=lane, waits=Open(label))
    lane = replace(client.lane, intent=label)
    return replace(client, lane=lane, waits=Insert(label, lane.fence, lane.head))


def successors(world: World, bounds: Bounds) -> Iterator[World]:
    """Return every state that may come next."""
    for kept in world.late:
        (call, times), others = kept, world.late - {kept}
        server, _ = world.server.do(call)
        again = {(call, times - 1)} if times > 1 else set()
        yield replace(world, server=server, late=others | again)
    for place, client in enumerate(world.clients):

        def put(new: Client, place: int = place) -> tuple[Client, ...]:
            return (*world.clients[:place], new, *world.clients[place + 1 :])

        if client.lost:
            continue
        if not client.awake:
            woken = steps(replace(client, awake=True, run=client.run + 1), bounds)
            yield replace(world, clients=put(woken))
            continue
        if client.waits is not None:
            server, answer = world.server.do(client.waits)
            lane, todo = fencing.answered(client.lane, client.waits, answer)
            after = carried(replace(client, lane=lane, waits=None), todo, bounds)
            yield replace(world, server=server, clients=put(after))
            if not isinstance(
                client.waits, Find | Others | Look
            ):  # the call was doubled on its way
                late = world.late | {(client.waits, 1)}
                yield replace(world, server=server, clients=put(after), late=late)
            if world.crashes < bounds.crashes:
                asleep = replace(client, awake=False, waits=None)
                late = world.late | {(client.waits, 2)}
                crashed = replace(world, clients=put(asleep), crashes=world.crashes + 1)
                yield crashed  # the call never left
                yield replace(crashed, late=late)  # it is on its way
                yield replace(crashed, server=server)  # it was done, and nobody heard so
        if len(world.clients) < bounds.clients:  # somebody copies the journal and continues there
            other = Client("b", client.lane, client.written, client.calls, client.run)
            yield replace(world, clients=(*world.clients, other))


def pruned(world: World) -> World:
    """Drop late calls that can do nothing any more: their token is used, and stays so."""
    used = {(link.fence, link.token) for link in world.server.links}
    late = frozenset(
        kept
        for kept in world.late
        if not (isinstance(kept[0], Insert | Burn) and (kept[0].fence, kept[0].head) in used)
    )
    return replace(world, late=late)


def reachable(bounds: Bounds) -> set[World]:
    """Return all states that can be reached."""
    first = World(Server(), (Client("a", awake=False),))
    seen, todo = {first}, [first]
    while todo:
        for after in map(pruned, successors(todo.pop(), bounds)):
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return seen


BOUNDS = [
    Bounds(batches=2, crashes=2),
    Bounds(batches=2, crashes=0, clients=2),
    pytest.param(Bounds(batches=3, crashes=3), marks=pytest.mark.slow),
    pytest.param(Bounds(batches=1, crashes=1, clients=2), marks=pytest.mark.slow),
    pytest.param(Bounds(batches=2, crashes=1, clients=2), marks=pytest.mark.slow),
]


@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
def test_never_twice_never_lost_always_ends(bounds: Bounds) -> None:
    worlds = reachable(bounds)
    ended = 0
    for world in worlds:
        made = world.server.made
        # Never twice: at no moment is there more than one object for each batch.
        assert len(made) <= bounds.batches, world
        for client in world.clients:
            # What a journal has is at the server, each batch's own object.
            assert client.written == tuple((number,) for number in range(len(client.written))), (
                world
            )
            if len(client.written) == bounds.batches:
                assert len(made) == bounds.batches, world  # never lost
                ended += 1
        # Always ends: one alone gets there. Two who open at the same moment may both be told.
        assert bounds.clients > 1 or not world.clients[0].lost, world
    assert ended > 0
    print(f"{len(worlds):,} states, {ended:,} times at the end")
