# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands that read, through a connection that breaks or mixes up the order of its messages.

They fail and say so, or have the same result as ever: never half a bundle, never a difference that
is none.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from graphxfer.bundle import Bundle
from tests.faults.clients import DONE, KILLED
from tests.faults.proxy import READS, Strike, What
from tests.faults.stage import APART, Stage

LOST = "the connection was lost"


@dataclass
class Read:
    """What is read: a transfer that was applied, in a group of its own."""

    stage: Stage
    copy: Path

    def run(self, command: str, folder: Path, what: What | None = None, at: int = 0) -> str:
        self.strike = Strike(what, at, READS)
        return self.stage.run(command, folder, "", self.strike, APART)

    def requests(self, command: str, folder: Path) -> int:
        """Return how many requests a command makes that nothing happens to."""
        assert self.run(command, folder) == DONE
        return len(self.strike.seen)


@pytest.fixture(scope="module")
def read(played: Stage) -> Read:
    copy = played.room()
    assert played.run("apply", copy, "", Strike(), APART) == DONE
    return Read(played, copy)


BREAKING = (What.CUT, What.ANSWER_CUT, What.UNANSWERED)
STRIKES = (*BREAKING, What.OVERTAKEN, What.ANSWER_OVERTAKEN, What.DOUBLED)
OFTEN = pytest.mark.parametrize("every", [19, pytest.param(1, marks=pytest.mark.slow)])
"""Every how many requests are struck."""


def ended_well(what: What, outcome: str) -> bool:
    """Return whether a run is complete; check that it ended as it had to."""
    if what is What.UNANSWERED:
        assert outcome in (DONE, KILLED)
    elif what in (What.CUT, What.ANSWER_CUT):
        assert outcome == DONE or LOST in outcome
    else:
        assert outcome == DONE
    return outcome == DONE


@OFTEN
@pytest.mark.parametrize("what", STRIKES)
def test_verify(read: Read, what: What, every: int) -> None:
    for at in range(0, read.requests("verify", read.copy), every):
        done = ended_well(what, read.run("verify", read.copy, what, at))
        assert done == (what not in BREAKING)


@OFTEN
@pytest.mark.parametrize("what", STRIKES)
def test_export(read: Read, tmp_path: Path, what: What, every: int) -> None:
    whole = tmp_path / "whole"
    for at in range(0, read.requests("export", whole), every):
        folder = tmp_path / f"at-{at}"
        done = ended_well(what, read.run("export", folder, what, at))
        assert folder.exists() == done == (what not in BREAKING)
        if not done:
            assert read.run("export", folder) == DONE
        assert exported(folder) == exported(whole)


@OFTEN
@pytest.mark.parametrize("what", STRIKES)
def test_fetch(read: Read, tmp_path: Path, what: What, every: int) -> None:
    whole = tmp_path / "whole"
    assert read.run("export", whole) == DONE
    bare = Path(shutil.copytree(whole, tmp_path / "bare"))
    requests = read.requests("fetch", whole)
    for at in range(0, requests, max(every // 3, 1)):
        folder = Path(shutil.copytree(bare, tmp_path / f"at-{at}"))
        if not ended_well(what, read.run("fetch", folder, what, at)):
            assert read.run("fetch", folder) == DONE
        assert contents(folder) == contents(whole)


def exported(folder: Path) -> list[object]:
    """Return the nodes of a bundle."""
    return list(Bundle(folder).graph())


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a bundle."""
    bundle = Bundle(folder)
    return {entry.node: bundle.file(entry).read_bytes() for entry in bundle.manifest()}
