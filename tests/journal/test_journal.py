# SPDX-License-Identifier: GPL-2.0-or-later
"""The journal: what is written is there after a crash, and only one process writes."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from graphxfer.errors import FileProblem, UsageError
from graphxfer.graph.correspondence import There
from graphxfer.journal import Batch, Counterpart, How, Journal, LinkKey, Stage
from graphxfer.journal.fencing import Lane

LANE = Lane(7, 8, alone=True, intent="r/1")
AFTER = Lane(7, 9, alone=True)
"""A lane with an open intent, and after it."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "there.sqlite"


def test_no_journal_is_made_by_looking(path: Path) -> None:
    assert Journal.existing(path) is None
    assert not path.exists()


def test_intent_is_pending_until_its_result(path: Path) -> None:
    with Journal(path, writing=True) as journal:
        batch = journal.begin(LANE, "TagAnnotation", ["TagAnnotation/2", "TagAnnotation/1"])
    with Journal(path, writing=True) as journal:
        assert journal.pending() == batch
        assert batch.items == ("TagAnnotation/2", "TagAnnotation/1")
        assert "TagAnnotation/2" not in journal
        journal.finish(AFTER, batch, [30, 31])
        assert journal.pending() is None
    with Journal(path) as journal:
        assert journal.same() == {
            "TagAnnotation/2": There("TagAnnotation", 30),
            "TagAnnotation/1": There("TagAnnotation", 31),
        }
        assert journal["TagAnnotation/2"].how is How.CREATED


def test_links_are_items_too(path: Path) -> None:
    link = LinkKey("ImageAnnotationLink", "Image/1", "TagAnnotation/1")
    with Journal(path) as journal:
        journal.begin(LANE, link.type, [link])
    with Journal(path) as journal:
        batch = journal.pending()
        assert batch is not None
        assert batch.items == (link,)
        journal.finish(AFTER, batch, [44])
    with Journal(path) as journal:
        assert link in journal
        assert list(journal.links()) == [(link, 44)]
        assert journal.known("ImageAnnotationLink") == {44}


def test_links_that_were_there_are_not_ours(path: Path) -> None:
    link = LinkKey("ImageAnnotationLink", "Image/1", "TagAnnotation/1")
    with Journal(path) as journal:
        journal.record_links([link])
    with Journal(path) as journal:
        assert link in journal
        assert list(journal.links()) == []


def test_an_intent_can_be_taken_back(path: Path) -> None:
    with Journal(path) as journal:
        journal.abandon(AFTER, journal.begin(LANE, "Roi", ["Roi/1"]))
        assert journal.pending() is None


def test_a_result_needs_an_id_for_each_item(path: Path) -> None:
    with Journal(path) as journal:
        batch = journal.begin(LANE, "Roi", ["Roi/1", "Roi/2"])
        with pytest.raises(ValueError, match="argument"):
            journal.finish(AFTER, batch, [1])
        assert journal.pending() == batch


def test_all_of_a_record_or_nothing(path: Path) -> None:
    made = Counterpart("Project", 3, How.MERGED)
    with Journal(path) as journal:
        journal.record([("Project/1", made)])
        with pytest.raises(FileProblem):
            journal.record([("Project/2", made), ("Project/1", made)])
    with Journal(path) as journal:
        assert journal.nodes() == {"Project/1": made}


def test_imports_go_stage_by_stage(path: Path) -> None:
    with Journal(path) as journal:
        journal.begin_import("Fileset/1", 7)
        journal.begin_import("Fileset/2", 7)
        journal.reach("Fileset/2", Stage.VERIFYING)
    with Journal(path) as journal:
        stages = [(one.node, one.stage) for one in journal.imports(Stage.BEGUN, Stage.VERIFYING)]
        assert stages == [("Fileset/1", Stage.BEGUN), ("Fileset/2", Stage.VERIFYING)]
        journal.forget_import("Fileset/1")
        journal.imported("Fileset/2", "Fileset", 12)
        journal.matched(
            "Fileset/2",
            [("Image/1", Counterpart("Image", 5, How.MATCHED, False))],
            [There("Roi", 9)],
        )
    with Journal(path) as journal:
        assert [one.node for one in journal.imports(Stage.MATCHED)] == ["Fileset/2"]
        assert journal.unsettled(How.MATCHED) == ["Image/1"]
        assert journal.known("Roi") == {9}
        journal.settle(["Image/1"])
    with Journal(path) as journal:
        assert journal.unsettled(How.MATCHED) == []


def test_what_is_removed_is_forgotten(path: Path) -> None:
    link = LinkKey("ProjectDatasetLink", "Project/1", "Dataset/1")
    other = LinkKey("DatasetImageLink", "Dataset/1", "Image/1")
    with Journal(path, writing=True) as journal:
        for type_, item, number in (("Project", "Project/1", 3), ("Dataset", "Dataset/1", 3)):
            journal.finish(AFTER, journal.begin(LANE, type_, [item]), [number])
        journal.finish(AFTER, journal.begin(LANE, link.type, [link]), [3])
        journal.finish(AFTER, journal.begin(LANE, "Image", ["Image/1"]), [4])
        journal.finish(AFTER, journal.begin(LANE, other.type, [other]), [5])
        journal.forget({other.type: [5]})
        assert other not in journal
        assert link in journal
        journal.forget({"Dataset": [3, 99]})
    with Journal(path) as journal:
        assert list(journal.nodes()) == ["Project/1", "Image/1"]
        assert link not in journal  # it went with one of its ends


def test_only_one_process_writes(path: Path) -> None:
    with Journal(path, writing=True), pytest.raises(UsageError, match="another graphxfer"):
        Journal(path, writing=True)
    with Journal(path, writing=True) as journal:
        assert journal.nodes() == {}


def test_others_may_read_meanwhile(path: Path) -> None:
    with Journal(path, writing=True) as journal:
        journal.record([("Project/1", Counterpart("Project", 3, How.REUSED))])
        with Journal(path) as other:
            assert other.same() == {"Project/1": There("Project", 3)}


def test_what_is_no_journal_is_said_to_be_none(path: Path) -> None:
    path.write_bytes(b"this is not SQLite" * 100)
    with pytest.raises(FileProblem, match="cannot be read as a journal"):
        Journal(path)


def test_a_journal_of_another_format_is_refused(path: Path) -> None:
    with Journal(path) as journal:
        journal.set_meta("format", "99")
    with pytest.raises(FileProblem, match="99"):
        Journal(path)


def test_an_empty_file_is_no_journal(path: Path) -> None:
    path.touch()
    with pytest.raises(FileProblem, match="it is empty"):
        Journal(path)


@pytest.mark.parametrize(
    "statement",
    [
        "insert into node values ('Project/1', 'Nothing', 3, 'created', 1)",
        "insert into node values ('Project/1', 'Project', 'three', 'created', 1)",
        "insert into node values ('Project/1', 'Project', 0, 'created', 1)",
        "insert into node values ('Project/1', 'Project', 3, 'found', 1)",
        "insert into node values ('Project', 'Project', 3, 'created', 1)",
        "insert into link values ('Link', 'Project/1', 'Dataset/1', 3)",
        "insert into link values ('ProjectDatasetLink', 'Project/1', 'Dataset/1', 'x')",
        "insert into fileset values ('Fileset/1', 7, 'begun', '%')",
        "insert into fileset values ('Fileset/1', 7, 'over', 'x')",
        "insert into meta values ('lane', '{\"a\": 1}')",
        "insert into meta values ('lane', 'x')",
        "insert into meta values ('lane', '[1]')",
    ],
)
def test_each_entry_is_checked(path: Path, statement: str) -> None:
    with Journal(path):
        pass
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(statement)
        db.commit()
    with pytest.raises(FileProblem, match="the journal is damaged"):
        Journal(path)


KILLED = """
import os, signal, sys
from pathlib import Path
from graphxfer.journal import Journal
from graphxfer.journal.fencing import Lane
LANE, AFTER = Lane(7, 8, intent="r/1"), Lane(7, 9)
journal = Journal(Path(sys.argv[1]), writing=True)
journal.finish(AFTER, journal.begin(LANE, "Roi", ["Roi/1"]), [1])
journal.begin(LANE, "Roi", ["Roi/2"])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_is_lost_by_kill(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    with Journal(path, writing=True) as journal:  # the lock died with its process
        assert journal.same() == {"Roi/1": There("Roi", 1)}
        assert journal.pending() == Batch("r/1", "Roi", ("Roi/2",))
