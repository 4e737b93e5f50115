# SPDX-License-Identifier: GPL-2.0-or-later
"""A proxy before a server's plain port that loses, holds, doubles and swaps messages of Ice.

It keeps the connection to the server when a client dies, so that what it holds can be delivered
however late: to the server, a request that was long on its way.
"""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from functools import partial
from pathlib import Path

from tests.faults.ice import Kind, Message, receive

WRITES = frozenset(
    (
        *("saveAndReturnIds", "saveAndReturnArray", "saveAndReturnObject"),
        *("saveArray", "saveObject", "saveCollection", "deleteObject", "submit"),
        *("importFileset", "getUploader", "verifyUpload", "makeDir", "register"),
        *("setFileId", "write", "truncate", "save"),
        *("createUserSession", "closeSession"),
    )
)
"""Operations that a fault can strike: those that change something at a server."""
READS = frozenset(("projection", "findAllByQuery", "read", "setFileId", "size", "getByName"))
"""The same for commands that only read."""
GRACE = 0.05
"""Seconds that a message is kept back at most, where another is to overtake it."""
LONGEST = 30.0
"""Seconds after which a server that does not answer is itself at fault."""


class What(Enum):
    """What happens to a request, and whether its client is killed."""

    LOST = auto()
    """It never arrives; the client is killed."""
    LATE = auto()
    """It arrives some time after the client was killed."""
    DELAYED = auto()
    """The client finds its connection gone, and fails; it arrives some time after that."""
    UNANSWERED = auto()
    """It arrives, and the client is killed when the server has done it."""
    UNDERWAY = auto()
    """It arrives, and the client is killed at once."""
    STALLED = auto()
    """It arrives, the server takes long to do it, and the client is killed meanwhile."""
    AGAIN = auto()
    """It arrives, the client is killed when the server has done it, and it arrives again, late."""
    DOUBLED = auto()
    """It arrives twice, one directly after the other."""
    CUT = auto()
    """Half of it arrives; then the connection is gone."""
    ANSWER_CUT = auto()
    """It arrives; of its answer only half does, then the connection is gone."""
    OVERTAKEN = auto()
    """The next request of the connection arrives before it."""
    ANSWER_OVERTAKEN = auto()
    """The next answer of the connection arrives before its answer."""

    @property
    def kills(self) -> bool:
        """Whether the client is killed."""
        return self not in SURVIVED

    @property
    def comes_late(self) -> bool:
        """Whether a request is left that is done later."""
        return self in (What.LATE, What.DELAYED, What.AGAIN, What.STALLED)


SURVIVED = frozenset(
    (
        *(What.DELAYED, What.DOUBLED, What.CUT, What.ANSWER_CUT),
        *(What.OVERTAKEN, What.ANSWER_OVERTAKEN),
    )
)
"""What a client is not killed by, though it may fail."""


class Line:
    """A connection of a client, and that to the server which belongs to it."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.near, self.far = near, far
        self.outstanding = dict[int, threading.Event]()
        """Requests at the server without an answer, which is awaited."""
        self.held = dict[int, threading.Event]()
        """Requests that the server holds, and does not answer yet."""
        self._up, self._down = threading.Lock(), threading.Lock()
        self._numbers = itertools.count(2**31 - 1, -1)
        self.own = set[int]()
        """Numbers of requests that the client did not send; the answers are for no client."""

    def send(self, message: Message) -> threading.Event:
        """Deliver a message to the server; return what is set when it has answered."""
        answered = threading.Event()
        with self._up:
            if message.kind is Kind.REQUEST and message.number:
                self.outstanding[message.number] = answered
            else:
                answered.set()
            try:
                self.far.sendall(message.data)
            except OSError:  # the server closed the connection: it is dead, or was restarted
                self.outstanding.pop(message.number, None)
                answered.set()
        return answered

    def send_to_hold(self, message: Message) -> threading.Event:
        """Deliver a request that the server is to hold."""
        answered = self.send(message)
        if self.outstanding.pop(message.number, None):
            self.held[message.number] = answered
        return answered

    def await_held(self, number: int) -> None:
        """Note that the server holds a request no longer."""
        if answered := self.held.pop(number, None):
            self.outstanding[number] = answered
            if answered.is_set():
                self.outstanding.pop(number, None)

    def send_again(self, message: Message) -> threading.Event:
        """Deliver a request once more, as another one."""
        number = next(self._numbers)
        self.own.add(number)
        return self.send(message.numbered(number) if message.number else message)

    def answer(self, message: Message) -> None:
        """Deliver a message to the client, if it is alive."""
        with self._down, suppress(OSError):
            self.near.sendall(message.data)

    def received(self, message: Message) -> None:
        """Note an answer of the server's."""
        if message.kind is Kind.REPLY:
            for waiting in (self.outstanding, self.held):
                if event := waiting.pop(message.number, None):
                    event.set()

    def cut(self) -> None:
        """Break both connections."""
        for end in (self.near, self.far):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def hang_up(self) -> None:
        """Break the client's connection only."""
        with suppress(OSError):
            self.near.shutdown(socket.SHUT_RDWR)

    def gone(self) -> None:
        """Nothing more comes from the server."""
        for event in (*self.outstanding.values(), *self.held.values()):
            event.set()
        self.outstanding.clear()
        self.held.clear()


class Strike:
    """One fault, armed: it strikes the n-th request of those that it may strike.

    Parameters
    ----------
    what : What, optional
        What happens to it; None to strike nothing, and only count.
    at : int
        Its number, from 0.
    operations : collection of str
        The operations that are counted.
    before : dict of int to callable
        What to do before a request of some number is delivered.
    hold : Path
        The folder by which the sandbox is asked to hold a call (``serve --hold``).
    """

    def __init__(
        self,
        what: What | None = None,
        at: int = 0,
        operations: frozenset[str] = WRITES,
        before: dict[int, Callable[[], None]] | None = None,
        hold: Path = Path(),
    ) -> None:
        self.what, self.at = what, at
        self.seen: list[str] = []
        """The operations that were counted."""
        self.struck = ""
        """The operation that was struck."""
        self.due = threading.Event()
        """Set when the client is to be killed."""
        self.held: list[Callable[[], threading.Event]] = []
        """Has what is late delivered, and returns what is set when the server has answered."""
        self._operations, self._before, self._hold = operations, before or {}, hold
        self._lock = threading.Lock()
        self._line: Line | None = None
        self._number = 0
        self._parked: list[Callable[[], None]] = []

    # -- requests

    def request(self, line: Line, message: Message) -> None:
        """Deliver a message of the client's, or not."""
        parked = self._unparked() if self.what is What.OVERTAKEN else []
        if message.operation not in self._operations:
            line.send(message)
        elif self._is_due(message):
            self._strike(line, message)
        else:
            line.send(message)
        for deliver in parked:
            deliver()

    def _is_due(self, message: Message) -> bool:
        with self._lock:
            number = len(self.seen)
            self.seen.append(message.operation)
        if number in self._before:
            self._before[number]()
        return self.what is not None and number == self.at

    def _strike(self, line: Line, message: Message) -> None:
        self.struck = message.operation
        self._line, self._number = line, message.number
        match self.what:
            case What.LOST:
                self.due.set()
            case What.LATE:
                self.held.append(partial(line.send, message))
                self.due.set()
            case What.DELAYED:
                self.held.append(partial(line.send, message))
                line.hang_up()
            case What.UNDERWAY:
                line.send(message)
                self.due.set()
            case What.STALLED:
                self._stall(line, message)
                self.due.set()
            case What.DOUBLED:
                line.send(message)
                line.send_again(message)
            case What.CUT:
                line.send(Message(message.data[: len(message.data) // 2], Kind.VALIDATE))
                line.cut()
            case What.OVERTAKEN:
                self._park(lambda: line.send(message))
            case _:
                if self.what is What.AGAIN:
                    self.held.append(partial(line.send_again, message))
                line.send(message)

    def _stall(self, line: Line, message: Message) -> None:
        """Deliver a request that the server is to hold, and wait until it does."""
        asked = self._hold / message.operation
        held = asked.with_suffix(".held")
        asked.touch()
        answered = line.send_to_hold(message)
        while not held.exists() and not answered.is_set():
            time.sleep(0.002)
        asked.unlink(missing_ok=True)  # the call was refused

        def go() -> threading.Event:
            line.await_held(message.number)
            held.unlink(missing_ok=True)
            return answered

        self.held.append(go)

    # -- answers

    def answer(self, line: Line, message: Message) -> None:
        """Deliver a message of the server's, or not."""
        line.received(message)
        if message.kind is Kind.REPLY and message.number in line.own:
            return
        parked = self._unparked() if self.what is What.ANSWER_OVERTAKEN else []
        if line is self._line and message.kind is Kind.REPLY and message.number == self._number:
            self._strike_answer(line, message)
        else:
            line.answer(message)
        for deliver in parked:
            deliver()

    def _strike_answer(self, line: Line, message: Message) -> None:
        match self.what:
            case What.UNANSWERED | What.AGAIN:
                self.due.set()
            case What.UNDERWAY | What.STALLED:
                pass
            case What.ANSWER_CUT:
                line.answer(message._replace(data=message.data[: len(message.data) // 2]))
                line.cut()
            case What.ANSWER_OVERTAKEN:
                self._park(lambda: line.answer(message))
            case _:
                line.answer(message)

    # -- what waits for another to overtake it

    def _park(self, deliver: Callable[[], object]) -> None:
        once = threading.Lock()

        def deliver_once() -> None:
            if once.acquire(blocking=False):
                deliver()

        with self._lock:
            self._parked.append(deliver_once)
        timer = threading.Timer(GRACE, deliver_once)
        timer.daemon = True
        timer.start()

    def _unparked(self) -> list[Callable[[], None]]:
        with self._lock:
            parked, self._parked = self._parked, []
        return parked


class Proxy:
    """Listens on a port, and connects each client with a server's plain port.

    Parameters
    ----------
    port : int
        The server's port, on this machine.
    """

    def __init__(self, port: int) -> None:
        self._server = port
        self._lines: list[Line] = []
        self._strike = Strike()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, strike: Strike) -> None:
        """Have a fault strike the connections that begin from now on."""
        self._strike = strike

    def wait(self) -> None:
        """Wait until the server has answered all requests that were delivered."""
        deadline = time.monotonic() + LONGEST
        for line in self._lines:
            for number, event in list(line.outstanding.items()):
                assert event.wait(deadline - time.monotonic()), f"request {number} has no answer"

    def forget(self) -> None:
        """Close all connections; nothing that is held arrives any more."""
        lines, self._lines = self._lines, []
        for line in lines:
            line.cut()
            line.near.close()
            line.far.close()

    def close(self) -> None:
        """Stop listening, and close all connections."""
        self._socket.close()
        self.forget()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._socket.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._server))
            except OSError:
                near.close()
                continue
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = Line(near, far)
            self._lines.append(line)
            strike = self._strike
            threading.Thread(target=_requests, args=(line, strike), daemon=True).start()
            threading.Thread(target=_answers, args=(line, strike), daemon=True).start()


def _requests(line: Line, strike: Strike) -> None:
    """Carry what a client sends; when it dies, the connection to the server stays."""
    while message := receive(line.near):
        strike.request(line, message)


def _answers(line: Line, strike: Strike) -> None:
    """Carry what the server sends."""
    while message := receive(line.far):
        strike.answer(line, message)
    line.gone()
    line.hang_up()
