# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays a story against a sandbox, and looks at what is there in the end."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import Ice
import omero

from graphxfer.bundle import Bundle
from graphxfer.omero.connect import Server
from graphxfer.verify import verify
from omero_sandbox.manage import Sandbox
from tests.faults.clients import DONE, Clients, clients
from tests.faults.graphs import GRAPHS
from tests.faults.proxy import WRITES, Proxy, Strike, What
from tests.faults.story import Fault, Story, When, smallest, story
from tests.places import USER, Place, create_groups, place
from tests.there import in_group

HANGS = 60.0
"""Seconds after which a run that has not ended hangs."""
PATIENCE = 3.0
"""Seconds in which the server has to carry out what it has accepted, such as an import."""
IMPORTING = (
    "select count(l.id) from JobOriginalFileLink l join l.parent j join j.status s join l.child f"
    " where s.value = 'Finished' and f.size is null"
)
"""Imports whose files have all arrived, and whose log is not complete yet."""
MOST = 5
"""The most problems that are shown."""
STORIES, APART = "stories", "apart"
"""Groups: of the stories, whose objects are counted, and of all else."""
FENCE = frozenset(("CommentAnnotation", "AnnotationAnnotationLink"))
"""Classes of the fence, of which none are left."""
Held = Callable[[], threading.Event]


@dataclass
class Figures:
    """What was tried, and the outcome."""

    seeds: int = 0
    runs: int = 0
    kills: int = 0
    late: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    doubled: int = 0
    lost: int = 0
    endless: int = 0
    failed: int = 0

    def __str__(self) -> str:
        kinds = Counter[str]()
        for name, number in self.struck.items():
            kinds[name.split()[0]] += number
        numbers = (
            f"{name} {number:,}"
            for name, number in (
                ("seeds", self.seeds),
                ("runs", self.runs),
                ("kills", self.kills),
                ("restarts of the server", self.restarts),
                ("late requests", self.late),
                ("doubled objects", self.doubled),
                ("lost objects", self.lost),
                ("runs without an end", self.endless),
                ("seeds that failed", self.failed),
            )
        )
        return "\n".join(map(" · ".join, (numbers, _numbers(kinds), _numbers(self.struck))))


def _numbers(counted: Counter[str]) -> Iterator[str]:
    return (f"{name} {number:,}" for name, number in counted.most_common())


class Undisturbed(NamedTuple):
    """A transfer that nothing happens to.

    Parameters
    ----------
    requests, undo_requests : list of str
        The requests that write, of the apply and of the undo: operations.
    created : Counter
        How many objects it creates, by class.
    """

    requests: list[str]
    undo_requests: list[str]
    created: Counter[str]

    @property
    def classes(self) -> frozenset[str]:
        """The classes of which there may be too many, or not enough."""
        return frozenset(self.created) | FENCE


class Stage:
    """A server, and what is needed to play stories there.

    All stories are played in one group, in which it is known how many objects there are.

    Parameters
    ----------
    place : Place
        The server, a sandbox that was started with ``--hold``.
    folder : Path
        For bundles; its ``hold`` is the sandbox's.
    programs : Clients
        Where runs of graphxfer are started.
    figures : Figures
        Where it is counted what was tried.
    """

    def __init__(self, place: Place, folder: Path, programs: Clients, figures: Figures) -> None:
        self._place, self._folder, self._clients = place, folder, programs
        self.figures = figures
        self.hold = folder / "hold"
        """The folder by which the sandbox is asked to hold calls."""
        self.proxy = Proxy(self._sandbox.tcp)
        self._connections = ExitStack()
        self._connect()
        self._bundles = itertools.count(1)
        self._undisturbed: dict[str, Undisturbed] = {}
        self._there = dict(self.count())

    def undisturbed(self, graph: str) -> Undisturbed:
        """Return what the transfer of a graph is like that nothing happens to."""
        if graph not in self._undisturbed:
            copy = self.room(graph)
            requests = self._requests("apply", copy)
            created = self.count() - Counter(self._there)
            undo_requests = self._requests("undo", copy)
            self._undisturbed[graph] = Undisturbed(requests, undo_requests, created)
            assert self.check(graph, 0) == []
            shutil.rmtree(copy)
        return self._undisturbed[graph]

    def _requests(self, command: str, copy: Path) -> list[str]:
        """Run graphxfer while nothing happens; return its requests that write."""
        strike = Strike()
        outcome = self.run(command, copy, "", strike)
        assert outcome == DONE, outcome
        return strike.seen

    @property
    def _sandbox(self) -> Sandbox:
        assert self._place.sandbox is not None
        return self._place.sandbox

    def _connect(self) -> None:
        self.client = self._place.client()
        self._connections.callback(_close, self.client)
        self._server: Server = self._connections.enter_context(self._place.connect())

    def restart(self) -> None:
        """Kill the server, and start it again."""
        self.figures.restarts += 1
        self._sandbox.kill()
        self.close_connections()
        self._sandbox.start()
        self._connect()

    def close_connections(self) -> None:
        """Close what looks at the server."""
        self.proxy.forget()
        self._connections.close()

    def close(self) -> None:
        """Close all connections."""
        self.close_connections()
        self.proxy.close()

    # -- stories

    def seed(self, seed: int, *, restarted: bool = False) -> str:
        """Play the story of a seed; return what is wrong in the end, or nothing."""
        drawn = self.drawn(seed, restarted=restarted)
        self.figures.seeds += 1
        problems = self.play(drawn)
        self.figures.failed += bool(problems)
        return f"seed {seed}: {drawn}: {brief(problems)}" if problems else ""

    def drawn(self, seed: int, *, restarted: bool = False) -> Story:
        """Return the story of a seed."""

        def requests(graph: str) -> tuple[int, int]:
            apply, undo, _ = self.undisturbed(graph)
            return len(apply), len(undo)

        return story(seed, requests, restarted=restarted)

    def play(self, story: Story) -> list[str]:
        """Play a story; return what is wrong in the end."""
        self.undisturbed(story.graph)
        play = _Play(self, story)
        try:
            return play.problems()
        finally:
            self.proxy.forget()
            for left in self.hold.iterdir():
                left.unlink()
            shutil.rmtree(play.copy)

    def smallest(self, story: Story) -> Story:
        """Return the smallest part of a story that fails."""
        return smallest(story, lambda part: bool(self.play(part)))

    # -- runs

    def run(
        self, command: str, copy: Path, session: str, strike: Strike, group: str = STORIES
    ) -> str:
        """Run graphxfer through the proxy, and kill it when that is due; return the outcome."""
        self.proxy.arm(strike)
        self.figures.runs += 1
        uri = f"omero+tcp://{USER}@127.0.0.1:{self.proxy.port}/{group}"
        run = self._clients.start(command, copy, uri, self._place.password, session)
        deadline = time.monotonic() + HANGS
        while not run.ended(0) and not strike.due.wait(0.003):
            if time.monotonic() > deadline:
                run.kill()
                run.outcome()
                self.figures.endless += 1
                return "hangs"
        if strike.due.is_set():
            run.kill()
            self.figures.kills += 1
        if strike.what is not None and strike.struck:
            self.figures.struck[f"{strike.what.name.lower()} {strike.struck}"] += 1
        return run.outcome()

    def login(self, group: str) -> tuple[str, str, str]:
        """Return how to reach the server without the proxy: address, password, no session."""
        return f"omero+tcp://{USER}@127.0.0.1:{self._sandbox.tcp}/{group}", self._place.password, ""

    # -- what is there

    def count_again(self) -> None:
        """Note what is there, after what was no story."""
        self._there = dict(self.count())

    def count(self, classes: Collection[str] | None = None) -> Counter[str]:
        """Count what is there, of all classes, or of some."""
        return in_group(self.client, STORIES, classes)

    def check(self, graph: str, times: int) -> list[str]:
        """Return what was created too often, or not; wait for what the server has accepted.

        Parameters
        ----------
        graph : str
            What was transferred.
        times : int
            How often its objects are to be there: once, or not if it was undone.
        """
        created, classes = self.undisturbed(graph).created, self.undisturbed(graph).classes
        before = Counter({name: self._there[name] for name in classes})
        wanted = before + Counter({name: number * times for name, number in created.items()})
        deadline = time.monotonic() + PATIENCE
        while (found := self.count(classes)) != wanted and time.monotonic() < deadline:
            time.sleep(0.05)
        self._there |= found  # a dict's: replaces
        wrong = []
        for name in sorted(classes):
            more = found[name] - wanted[name]
            self.figures.doubled += max(more, 0)
            self.figures.lost += max(-more, 0)
            if more:
                there, expected = (one[name] - before[name] for one in (found, wanted))
                wrong.append(f"{there} {name} instead of {expected}")
        return wrong

    def verify(self, copy: Path) -> list[str]:
        """Return the differences that verify finds, or why it fails."""
        try:
            return [str(one) for one in verify(Bundle(copy), self._server)]
        except Exception as error:
            return [f"verify: {type(error).__name__}: {error}"]

    def quiet(self) -> None:
        """Wait until the server has answered all, and no import is under way."""
        self.proxy.wait()
        query = self.client.sf.getQueryService()
        deadline = time.monotonic() + PATIENCE
        while query.projection(IMPORTING, None)[0][0].val and time.monotonic() < deadline:
            time.sleep(0.02)

    # -- what is transferred

    def room(self, graph: str = "all") -> Path:
        """Return the folder of a bundle that is like no other."""
        name = f"story-{next(self._bundles)}"
        return GRAPHS[graph](self._folder / name, f" of {name}").folder

    @property
    def session(self) -> str:
        """The key of a session that can be joined, as after `omero login`."""
        return str(self.client.getSessionId())


def _close(client: omero.client) -> None:
    with suppress(Ice.Exception):  # the server was killed
        client.closeSession()


def brief(problems: list[str]) -> str:
    """Return the first problems, in a line."""
    more = f"; … ({len(problems)})" if len(problems) > MOST else ""
    return "; ".join(problem[:300] for problem in problems[:MOST]) + more


class _Play:
    """One story on a stage."""

    def __init__(self, stage: Stage, story: Story) -> None:
        self._stage, self._story = stage, story
        self.copy = stage.room(story.graph)
        self._held: list[tuple[Fault, Held]] = []
        self._restarts = story.restarted

    def problems(self) -> list[str]:
        """Play it; return what is wrong."""
        stage, story = self._stage, self._story
        found = self._until_done("apply", story.applies)
        if self._deliver(When.BEFORE, When.DURING, When.AFTER) or self._is_underway(story.applies):
            found += self._alone("apply")
        if not story.undone:
            return found + stage.check(story.graph, 1) + stage.verify(self.copy)
        found += self._until_done("undo", story.undos)
        if self._deliver(*When) or self._is_underway((*story.applies, *story.undos)):
            found += self._alone("undo")
        return found + stage.check(story.graph, 0)

    def _is_underway(self, faults: tuple[Fault, ...]) -> bool:
        """Wait for a request that its client did not wait for; return whether there was one.

        It may take longer than all that followed, so it is like one that arrives late.
        """
        self._stage.proxy.wait()
        return any(fault.what is What.UNDERWAY for fault in faults)

    def _until_done(self, command: str, faults: tuple[Fault, ...]) -> list[str]:
        """Run a command again and again, until nothing strikes it any more."""
        for fault in faults:
            strike = Strike(fault.what, fault.at, WRITES, self._during(), self._stage.hold)
            self._run(command, strike)
            self._held += [(fault, held) for held in strike.held]
            if self._restarts:
                self._held, self._restarts = [], False  # it dies with what it held
                self._stage.restart()
            self._deliver(When.BEFORE)
        during = self._during()
        if during and self._run(command, Strike(before=during)) == DONE:
            return []
        return self._alone(command)

    def _alone(self, command: str) -> list[str]:
        """Run a command while nothing happens; return why it failed."""
        outcome = self._run(command, Strike())
        return [] if outcome == DONE else [f"{command}: {outcome}"]

    def _run(self, command: str, strike: Strike) -> str:
        session = self._stage.session if self._story.joined else ""
        return self._stage.run(command, self.copy, session, strike)

    # -- what is late

    def _during(self) -> dict[int, Callable[[], None]]:
        """Return what is to be delivered during the next run; it is held no longer."""
        mine = [pair for pair in self._held if pair[0].when is When.DURING]
        self._held = [pair for pair in self._held if pair[0].when is not When.DURING]
        return {fault.into: partial(self._deliver_one, fault, held) for fault, held in mine}

    def _deliver(self, *times: When) -> int:
        """Deliver what is late until now, and wait until the server is quiet."""
        due = [pair for pair in self._held if pair[0].when in times]
        self._held = [pair for pair in self._held if pair[0].when not in times]
        for fault, held in sorted(due, key=lambda pair: pair[0].into):  # in any order
            self._deliver_one(fault, held)
        if due:
            self._stage.quiet()
        return len(due)

    def _deliver_one(self, fault: Fault, held: Held) -> None:
        self._stage.figures.late += 1
        answered = held()
        if fault.waits:
            answered.wait(PATIENCE)


MEMORY = Path("/dev/shm")
"""Files in memory, where there is such a folder: a kill loses nothing that was written there."""


@contextmanager
def stage(figures: Figures | None = None) -> Iterator[Stage]:
    """Have a sandbox, and a stage there, for the length of a block; add to figures."""
    memory = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="faults-", dir=memory) as name:
        folder = Path(name)
        hold = folder / "hold"
        hold.mkdir()
        with place("", folder / "sandbox", "--hold", str(hold)) as server, clients() as programs:
            create_groups(server, STORIES, APART)
            ready = Stage(server, folder, programs, figures or Figures())
            try:
                yield ready
            finally:
                ready.close()
