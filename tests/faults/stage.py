# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays a story against a sandbox, and looks at what is there in the end."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from graphxfer.bundle import Bundle
from graphxfer.omero.connect import Server
from graphxfer.verify import verify
from omero_sandbox.manage import Sandbox
from tests import transfers
from tests.faults.clients import DONE, Clients, clients
from tests.faults.proxy import WRITES, Proxy, Strike
from tests.faults.story import Fault, Story, When, smallest, story
from tests.places import USER, Place, create_groups, place
from tests.there import in_group

HANGS = 20.0
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
Held = Callable[[], threading.Event]


@dataclass
class Figures:
    """What was tried, and the outcome."""

    seeds: int = 0
    runs: int = 0
    kills: int = 0
    late: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    doubled: int = 0
    lost: int = 0
    failed: int = 0

    def __str__(self) -> str:
        struck = ", ".join(f"{name} {number:,}" for name, number in self.struck.most_common())
        return (
            f"seeds {self.seeds:,} · runs {self.runs:,} · kills {self.kills:,} · late requests"
            f" {self.late:,} · doubled objects {self.doubled:,} · lost objects {self.lost:,} ·"
            f" seeds that failed {self.failed:,}\n{struck}"
        )


class Stage:
    """A server, and what is needed to play stories there; each in a group of its own.

    Parameters
    ----------
    place : Place
        The server, a sandbox that was started with ``--hold``.
    folder : Path
        For bundles; its ``hold`` is the sandbox's.
    programs : Clients
        Where runs of graphxfer are started.
    """

    def __init__(self, place: Place, folder: Path, programs: Clients) -> None:
        self._place, self._folder, self._clients = place, folder, programs
        self.proxy = Proxy(self._sandbox.tcp)
        self._connections = ExitStack()
        self._connect()
        self.figures = Figures()
        self._groups: list[str] = []
        self._made = 0
        copy, group = self.room()
        self.requests = self._undisturbed("apply", copy, group)
        self.expected = in_group(self.client, group)
        assert self.verify(copy) == []
        self.undo_requests = self._undisturbed("undo", copy, group)
        self.nothing = in_group(self.client, group)
        assert not any(self.nothing.values()), self.nothing

    def _undisturbed(self, command: str, copy: Path, group: str) -> int:
        """Run graphxfer while nothing happens; return how many of its requests write."""
        strike = Strike()
        outcome = self.run(command, copy, group, "", strike)
        assert outcome == DONE, outcome
        return len(strike.seen)

    @property
    def _sandbox(self) -> Sandbox:
        assert self._place.sandbox is not None
        return self._place.sandbox

    def _connect(self) -> None:
        self.client = self._place.client()
        self._connections.callback(self.client.closeSession)
        self._server: Server = self._connections.enter_context(self._place.connect())

    def restart(self) -> None:
        """Kill the server, and start it again."""
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
        drawn = story(seed, self.requests, self.undo_requests, restarted=restarted)
        self.figures.seeds += 1
        problems = self.play(drawn)
        self.figures.failed += bool(problems)
        return f"seed {seed}: {drawn}: {brief(problems)}" if problems else ""

    def play(self, story: Story) -> list[str]:
        """Play a story; return what is wrong in the end."""
        play = _Play(self, story)
        try:
            return play.problems()
        finally:
            self.proxy.forget()
            shutil.rmtree(self.hold)
            shutil.rmtree(play.copy)

    def smallest(self, story: Story) -> Story:
        """Return the smallest part of a story that fails."""
        return smallest(story, lambda part: bool(self.play(part)))

    # -- runs

    def run(self, command: str, copy: Path, group: str, session: str, strike: Strike) -> str:
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
                return "hangs"
        if strike.due.is_set():
            run.kill()
            self.figures.kills += 1
        if strike.what is not None and strike.struck:
            self.figures.struck[f"{strike.what.name.lower()} {strike.struck}"] += 1
        return run.outcome()

    # -- what is there

    def check(self, wanted: Counter[str], group: str) -> list[str]:
        """Return what is there too often, or not; wait for what the server has accepted."""
        deadline = time.monotonic() + PATIENCE
        while (found := in_group(self.client, group)) != wanted and time.monotonic() < deadline:
            time.sleep(0.05)
        wrong = []
        for name in sorted(found.keys() | wanted.keys()):
            more = found[name] - wanted[name]
            self.figures.doubled += max(more, 0)
            self.figures.lost += max(-more, 0)
            if more:
                wrong.append(f"{found[name]} {name} instead of {wanted[name]}")
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

    # -- where a story is played

    def room(self) -> tuple[Path, str]:
        """Return a bundle that is like no other, and a group in which nothing is."""
        if not self._groups:
            self._groups = [f"story-{self._made + number}" for number in range(50)]
            self._made += len(self._groups)
            create_groups(self._place, *self._groups)
        group = self._groups.pop()
        self.hold.mkdir(exist_ok=True)
        return transfers.small(self._folder / group, f" of {group}").folder, group

    @property
    def hold(self) -> Path:
        """The folder by which the sandbox is asked to hold calls."""
        return self._folder / "hold"

    @property
    def session(self) -> str:
        """The key of a session that can be joined, as after `omero login`."""
        return str(self.client.getSessionId())


def brief(problems: list[str]) -> str:
    """Return the first problems, in a line."""
    more = f"; … ({len(problems)})" if len(problems) > MOST else ""
    return "; ".join(problem[:300] for problem in problems[:MOST]) + more


class _Play:
    """One story on a stage."""

    def __init__(self, stage: Stage, story: Story) -> None:
        self._stage, self._story = stage, story
        self.copy, self._group = stage.room()
        self._held: list[tuple[Fault, Held]] = []
        self._restarts = story.restarted

    def problems(self) -> list[str]:
        """Play it; return what is wrong."""
        stage = self._stage
        found = self._until_done("apply", self._story.applies)
        if self._deliver(When.BEFORE, When.DURING, When.AFTER):
            found += self._alone("apply")
        found += stage.check(stage.expected, self._group)
        found += stage.verify(self.copy)
        if self._story.undone and not found:
            found += self._until_done("undo", self._story.undos)
            if self._deliver(*When):
                found += self._alone("undo")
            found += stage.check(stage.nothing, self._group)
        return found

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
        return self._stage.run(command, self.copy, self._group, session, strike)

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


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Have a sandbox, and a stage there, for the length of a block."""
    hold = folder / "hold"
    hold.mkdir(parents=True)
    with place("", folder / "sandbox", "--hold", str(hold)) as server, clients() as programs:
        ready = Stage(server, folder, programs)
        try:
            yield ready
        finally:
            ready.close()
