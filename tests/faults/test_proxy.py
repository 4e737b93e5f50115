# SPDX-License-Identifier: GPL-2.0-or-later
"""The proxy does to a request what it says, as a server and an ordinary client see it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import Ice
import omero
import omero.all
import pytest
from omero.model import TagAnnotationI
from omero.rtypes import rstring

from tests.faults.ice import HEADER, MAGIC, NUMBER, Kind, Message, receive
from tests.faults.proxy import Line, Strike, What
from tests.faults.stage import Stage
from tests.places import PASSWORD, USER


@contextmanager
def through(stage: Stage, strike: Strike) -> Iterator[Any]:
    """Have an ordinary client whose connection is struck; it is not logged out."""
    stage.proxy.arm(strike)
    router = f'OMERO.Glacier2/router:tcp -p {stage.proxy.port} -h "127.0.0.1"'
    address = {"omero.host": "127.0.0.1", "omero.port": str(stage.proxy.port)}
    client = omero.client(pmap=address | {"Ice.Default.Router": router})
    client.createSession(USER, PASSWORD)
    try:
        yield client
    finally:
        stage.proxy.forget()
        client.__del__()


def saved(client: Any, name: str) -> Any:
    """Begin to save a tag."""
    tag = TagAnnotationI()
    tag.textValue = rstring(name)
    return client.sf.getUpdateService().begin_saveAndReturnIds([tag])


def tags(stage: Stage, name: str) -> int:
    parameters = omero.sys.ParametersI().addString("name", name)
    hql = "select count(t.id) from TagAnnotation t where t.textValue = :name"
    query = stage.client.sf.getQueryService()
    return int(query.projection(hql, parameters, {"omero.group": "-1"})[0][0].val)


def answer(asked: Any) -> list[int]:
    return list(asked.getProxy().end_saveAndReturnIds(asked))


def test_nothing(played: Stage) -> None:
    strike = Strike()
    with through(played, strike) as client:
        assert len(answer(saved(client, "nothing"))) == 1
    assert strike.seen == ["saveAndReturnIds"]
    assert tags(played, "nothing") == 1


@pytest.mark.parametrize("what", [What.LOST, What.CUT])
def test_never_arrives(played: Stage, what: What) -> None:
    strike = Strike(what)
    with through(played, strike) as client:
        asked = saved(client, what.name)
        if what is What.CUT:
            with pytest.raises(Ice.ConnectionLostException):
                answer(asked)
        else:
            assert strike.due.wait(5)
        assert tags(played, what.name) == 0
    assert strike.struck == "saveAndReturnIds"


@pytest.mark.parametrize("what", [What.LATE, What.DELAYED, What.STALLED, What.AGAIN])
def test_late(played: Stage, what: What) -> None:
    strike = Strike(what, hold=played.hold)
    before = int(what is What.AGAIN)
    with through(played, strike) as client:
        asked = saved(client, what.name)
        if what is What.DELAYED:
            with pytest.raises(Ice.ConnectionLostException):
                answer(asked)
        else:
            assert strike.due.wait(5)
        assert tags(played, what.name) == before
        (held,) = strike.held
        assert held().wait(5)
        assert tags(played, what.name) == before + 1


@pytest.mark.parametrize("what", [What.UNANSWERED, What.ANSWER_CUT])
def test_no_answer(played: Stage, what: What) -> None:
    strike = Strike(what)
    with through(played, strike) as client:
        asked = saved(client, what.name)
        if what is What.ANSWER_CUT:
            with pytest.raises(Ice.ConnectionLostException):
                answer(asked)
        else:
            assert strike.due.wait(5)
            assert not asked.isCompleted()
        assert tags(played, what.name) == 1


def test_doubled(played: Stage) -> None:
    with through(played, Strike(What.DOUBLED)) as client:
        assert len(answer(saved(client, "doubled"))) == 1
        played.proxy.wait()
    assert tags(played, "doubled") == 2


@contextmanager
def sockets() -> Iterator[tuple[Line, socket.socket, socket.socket]]:
    """Have a line, and its ends at a client and a server: what arrives first is seen there."""
    (near, client), (far, server) = socket.socketpair(), socket.socketpair()
    with near, client, far, server:
        yield Line(near, far), client, server


def test_overtaken() -> None:
    strike = Strike(What.OVERTAKEN)
    with sockets() as (line, _, server):
        for number in (1, 2, 3):
            strike.request(line, message(Kind.REQUEST, number))
        assert order(server, 3) == [2, 1, 3]


def test_an_answer_is_overtaken() -> None:
    strike = Strike(What.ANSWER_OVERTAKEN, 1)
    with sockets() as (line, client, server):
        for number in (1, 2, 3):
            strike.request(line, message(Kind.REQUEST, number))
        assert order(server, 3) == [1, 2, 3]
        for number in (1, 2, 3):
            strike.answer(line, message(Kind.REPLY, number))
        assert order(client, 3) == [1, 3, 2]


def test_overtaken_by_none() -> None:
    """What waits for another is delivered all the same."""
    with sockets() as (line, _, server):
        Strike(What.OVERTAKEN).request(line, message(Kind.REQUEST, 7))
        assert order(server, 1) == [7]


def message(kind: Kind, number: int) -> Message:
    """Return a request to save, or an answer, as it is on the wire."""
    body = NUMBER.pack(number) + b"\x01n\x01c" + b"\x00" + b"\x10saveAndReturnIds"
    data = HEADER.pack(MAGIC, kind, 0, HEADER.size + len(body)) + body
    return Message(data, kind, number, "saveAndReturnIds" if kind is Kind.REQUEST else "")


def order(end: socket.socket, count: int) -> list[int]:
    """Return the numbers of the messages that arrive."""
    end.settimeout(5)
    received = [receive(end) for _ in range(count)]
    assert all(one is not None and one == message(one.kind, one.number) for one in received)
    return [one.number for one in received if one is not None]
