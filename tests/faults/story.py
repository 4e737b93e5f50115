# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong during a transfer, drawn from a seed; and the smallest part of it that fails."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto

from tests.faults import graphs
from tests.faults.proxy import What


class When(Enum):
    """When a request arrives that was held back."""

    BEFORE = auto()
    """Before the next run."""
    DURING = auto()
    """While the next run is under way."""
    AFTER = auto()
    """When the transfer is complete."""
    AFTER_UNDO = auto()
    """When it was undone."""


@dataclass(frozen=True)
class Fault:
    """One run that a fault strikes.

    Parameters
    ----------
    at : int
        The request that is struck: its number among those of the run that write.
    what : What
        What happens to it.
    when : When
        When it arrives, if it is late.
    into : int
        The request of the next run before which it arrives, if it arrives during that.
    waits : bool
        Whether that request arrives only after the late one was answered; else they race.
    """

    at: int
    what: What
    when: When = When.BEFORE
    into: int = 0
    waits: bool = True

    def __str__(self) -> str:
        when = f" {self.when.name}" if self.what.comes_late else ""
        into = f" {self.into}" if when and self.when is When.DURING else ""
        race = " racing" if when and not self.waits else ""
        return f"request {self.at} {self.what.name}{when}{into}{race}"


@dataclass(frozen=True)
class Story:
    """Runs of apply, each struck by a fault, until one is left alone; perhaps the same of undo.

    Parameters
    ----------
    applies, undos : tuple of Fault
        The faults.
    joined : bool
        Whether all runs join one session, which stays open; else each has a session of its own.
    undone : bool
        Whether the transfer is undone in the end.
    restarted : bool
        Whether the server dies, and is restarted, after the first run.
    graph : str
        What is transferred: a name of :data:`tests.faults.graphs.GRAPHS`.
    """

    applies: tuple[Fault, ...]
    undos: tuple[Fault, ...] = ()
    joined: bool = False
    undone: bool = False
    restarted: bool = False
    graph: str = "all"

    def __str__(self) -> str:
        applies = ", ".join(map(str, self.applies)) or "nothing"
        undos = ", ".join(map(str, self.undos)) or "nothing"
        return "; ".join(
            (
                self.graph,
                *("joined session",) * self.joined,
                *("restart after the first run",) * self.restarted,
                f"apply: {applies}",
                *(f"undo: {undos}",) * self.undone,
            )
        )


OFTEN = (*(What.LATE, What.STALLED) * 3, What.DELAYED, What.AGAIN, *What)
"""What happens, the most interesting more often."""


def story(seed: int, requests: Callable[[str], tuple[int, int]], **fixed: bool) -> Story:
    """Return the story of a seed.

    Parameters
    ----------
    seed : int
        Any number.
    requests : callable
        Returns how many requests write in an apply of a graph, and in an undo, that nothing happens
        to.
    **fixed
        What is not drawn: `restarted`.
    """
    chance = random.Random(seed)
    graph = chance.choice(graphs.OFTEN)
    apply, undo = requests(graph)
    undone = chance.random() < 0.25
    applies = tuple(_faults(chance, apply, chance.choice((1, 1, 1, 2, 2, 3)), undone=undone))
    undos = tuple(_faults(chance, undo, chance.randrange(3) if undone else 0, undone=undone))
    return Story(applies, undos, chance.random() < 0.6, undone, graph=graph, **fixed)


def _faults(chance: random.Random, requests: int, number: int, *, undone: bool) -> Iterator[Fault]:
    """Draw faults; a run that resumes another has fewer requests left."""
    left = requests
    for _ in range(number):
        at = chance.randrange(max(left, 3))
        left -= at
        times = list(When) if undone else [When.BEFORE, When.DURING, When.AFTER]
        yield Fault(
            at,
            chance.choice(OFTEN),
            chance.choice(times),
            chance.randrange(max(left, 3)),
            chance.random() < 0.5,
        )


def smallest(whole: Story, fails: Callable[[Story], bool]) -> Story:
    """Return the smallest story, of those that are a part of one, that still fails."""
    for part in _parts(whole):
        if fails(part):
            return smallest(part, fails)
    return whole


def _parts(whole: Story) -> Iterator[Story]:
    """Iterate over what is a little smaller: without a fault, or with a simpler one."""
    for undos in _fewer(whole.undos):
        yield replace(whole, undos=undos)
    for applies in _fewer(whole.applies):
        yield replace(whole, applies=applies)
    if whole.undone:
        yield replace(whole, undone=False, undos=())
    if whole.restarted:
        yield replace(whole, restarted=False)
    if whole.joined:
        yield replace(whole, joined=False)
    if whole.graph == "all":
        for graph in graphs.GRAPHS:
            if graph != whole.graph:
                yield replace(whole, graph=graph)


def _fewer(faults: tuple[Fault, ...]) -> Iterator[tuple[Fault, ...]]:
    for number in range(len(faults)):
        yield faults[:number] + faults[number + 1 :]
    for number, fault in enumerate(faults):
        for simpler in _simpler(fault):
            yield (*faults[:number], simpler, *faults[number + 1 :])


def _simpler(fault: Fault) -> Iterator[Fault]:
    if fault.what in (What.AGAIN, What.STALLED):
        yield replace(fault, what=What.LATE)
    if fault.what.comes_late and fault.when is not When.AFTER:
        yield replace(fault, when=When.AFTER)
    if not fault.waits:
        yield replace(fault, waits=True)
