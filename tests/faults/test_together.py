# SPDX-License-Identifier: GPL-2.0-or-later
"""Two runs at the same moment: one waits for an answer while the other does all that it can."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.clients import DONE, Clients, clients
from tests.faults.proxy import Strike
from tests.faults.stage import STORIES, Stage


@pytest.fixture(scope="module")
def other() -> Iterator[Clients]:
    """Another program that runs graphxfer."""
    with clients() as programs:
        yield programs


def meanwhile(stage: Stage, other: Clients, first: str, second: str, copy: Path, at: float) -> str:
    """Run a command while the first is under way; return its outcome. The first is to succeed."""
    folder = copy.with_suffix("")  # a copy has a suffix
    requests = getattr(
        stage.undisturbed("all"), "requests" if first == "apply" else "undo_requests"
    )
    outcomes = list[str]()

    def run() -> None:
        run = other.start(second, copy, *stage.login(STORIES))
        outcomes.append(run.outcome())

    strike = Strike(before={int(len(requests) * at): run})
    assert stage.run(first, folder, "", strike) == DONE
    (outcome,) = outcomes
    return outcome


SHARES = pytest.mark.parametrize("at", [0.2, 0.5, 0.9])
USED = "another graphxfer is using this journal"


@SHARES
@pytest.mark.parametrize("second", ["apply", "undo"])
def test_two_with_one_bundle(played: Stage, other: Clients, second: str, at: float) -> None:
    bundle = played.room()
    assert USED in meanwhile(played, other, "apply", second, bundle, at)
    assert played.check("all", 1) == []
    assert USED in meanwhile(played, other, "undo", second, bundle, at)
    assert played.check("all", -1) == []


@SHARES
def test_two_copies_of_a_bundle(played: Stage, other: Clients, at: float) -> None:
    bundle = played.room()
    copy = Path(shutil.copytree(bundle, bundle.with_suffix(".copy")))
    outcome = meanwhile(played, other, "apply", "apply", copy, at)
    assert "this transfer is continued by researcher" in outcome
    assert played.check("all", 1) == []
    assert played.verify(bundle) == []


@pytest.mark.parametrize(("first", "at"), [("apply", 0.2), ("apply", 0.5), ("undo", 0.9)])
def test_verify_of_what_is_unfinished(played: Stage, other: Clients, first: str, at: float) -> None:
    bundle = played.room()
    if first == "undo":
        assert played.run("apply", bundle, "", Strike()) == DONE
    outcome = meanwhile(played, other, first, "verify", bundle, at)
    assert outcome != DONE
    assert "failed" not in outcome
    played.count_again()
