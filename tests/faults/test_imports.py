# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests of an import that are lost, late or doubled: its images are there once, in the end.

OMERO imports a fileset again whenever it is asked to begin (ome/omero-blitz,
``ManagedImportProcessI.verifyUpload``), so it does not help that the fileset is known.
"""

from __future__ import annotations

import pytest

from tests.faults.clients import DONE
from tests.faults.proxy import Strike, What
from tests.faults.stage import Stage
from tests.faults.story import Fault, Story, When

OPERATIONS = ("importFileset", "verifyUpload")


@pytest.fixture(scope="module")
def places(played: Stage) -> dict[str, int]:
    """The number of each request among those of an apply that write."""
    copy, group = played.room()
    strike = Strike()
    assert played.run("apply", copy, group, "", strike) == DONE
    return {name: strike.seen.index(name) for name in OPERATIONS}


@pytest.mark.parametrize("joined", [False, True], ids=["own", "joined"])
@pytest.mark.parametrize(
    ("what", "when"),
    [
        (What.DOUBLED, When.BEFORE),
        (What.AGAIN, When.BEFORE),
        (What.AGAIN, When.AFTER),
        (What.LATE, When.AFTER),
        (What.STALLED, When.DURING),
    ],
)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_once(
    played: Stage, places: dict[str, int], operation: str, what: What, when: When, joined: bool
) -> None:
    fault = Fault(places[operation], what, when, into=3)
    assert played.play(Story((fault,), joined=joined)) == []


@pytest.mark.parametrize("joined", [False, True], ids=["own", "joined"])
def test_undone(played: Stage, places: dict[str, int], joined: bool) -> None:
    fault = Fault(places["verifyUpload"], What.AGAIN, When.AFTER_UNDO)
    assert played.play(Story((fault,), joined=joined, undone=True)) == []
