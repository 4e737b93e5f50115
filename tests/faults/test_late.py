# SPDX-License-Identifier: GPL-2.0-or-later
"""Changes and deletions that arrive late or twice: nothing that was done since is lost.

They are not new objects, which the fence admits once (test_seeds.py). An object that was loaded has
a version, and OMERO refuses to save an older one.
"""

from __future__ import annotations

from typing import Any

import pytest
from omero.model import ImageI, WellSampleI
from omero.rtypes import rstring
from omero.sys import ParametersI

from graphxfer.bundle import Bundle
from graphxfer.graph import Node
from tests import transfers
from tests.faults.clients import DONE, KILLED
from tests.faults.proxy import Strike, What
from tests.faults.stage import APART, Held, Stage

LATE = pytest.mark.parametrize("what", [What.LATE, What.AGAIN, What.STALLED])


def struck(
    stage: Stage, command: str, bundle: Bundle, what: What, operation: str, at: int = 0
) -> Held:
    """Run a command that is killed when it makes a request; return what is late."""
    strike = Strike(what, at, frozenset((operation,)), hold=stage.hold)
    assert stage.run(command, bundle.folder, "", strike, APART) == KILLED
    assert strike.struck == operation
    (held,) = strike.held
    return held


def run(stage: Stage, command: str, bundle: Bundle) -> str:
    return stage.run(command, bundle.folder, "", Strike(), APART)


def late(stage: Stage, held: Held) -> None:
    """Deliver what is late, and wait until the server has done it, or refused it."""
    assert held().wait(5)
    stage.quiet()


def ids(stage: Stage, hql: str, name: str) -> list[int]:
    parameters = ParametersI().addString("name", name)
    query = stage.client.sf.getQueryService()
    return [row[0].val for row in query.projection(hql, parameters, {"omero.group": "-1"})]


def image_in(stage: Stage, dataset: str) -> int:
    hql = "select l.child.id from DatasetImageLink l where l.parent.name = :name"
    (number,) = ids(stage, hql, dataset)
    return number


def saved(stage: Stage, changed: Any) -> None:
    """Save something as a person does."""
    group = stage.client.sf.getAdminService().lookupGroup(APART).id.val
    stage.client.sf.getUpdateService().saveObject(changed, {"omero.group": str(group)})


def loaded(stage: Stage, hql: str) -> Any:
    return stage.client.sf.getQueryService().findByQuery(hql, None, {"omero.group": "-1"})


@LATE
def test_an_update_after_a_persons_change(played: Stage, what: What) -> None:
    bundle = Bundle(played.room("image"))
    held = struck(played, "apply", bundle, what, "saveArray")
    assert run(played, "apply", bundle) == DONE
    image = image_in(played, f"d of {bundle.folder.name}")
    found = loaded(played, f"select i from Image i where i.id = {image}")
    assert found.name.val == "a name that a user gave"
    found.name = rstring("a person's change")
    saved(played, found)
    late(played, held)
    found = loaded(played, f"select i from Image i where i.id = {image}")
    assert found.name.val == "a person's change"


def plate(stage: Stage) -> Bundle:
    """Return a bundle with a well of two images, as a person puts it together."""
    folder = stage.room("tags").with_suffix(".plate")
    images = [
        Node(f"Image/{n}", "Image", {"name": f"{n}.tif", "series": 0, "created": 1}) for n in (1, 2)
    ]
    contents = [transfers.tiff(folder.with_suffix(f".{n}.tif"), n) for n in (1, 2)]
    filesets = [
        node
        for n, content in enumerate(contents, 1)
        for node in transfers.fileset(n, content, f"{n}.tif", [images[n - 1]])
    ]
    nodes = [
        Node("Plate/1", "Plate", {"name": folder.name, "created": 5}),
        Node(
            "Well/1",
            "Well",
            {"row": 0, "column": 0, "created": 5},
            {"plate": ("Plate/1",), "wellSamples": ("WellSample/1", "WellSample/2")},
        ),
        *(
            Node(f"WellSample/{n}", "WellSample", {"created": 5}, {"image": (f"Image/{n}",)})
            for n in (1, 2)
        ),
        *filesets,
    ]
    return transfers.write(
        folder, nodes, {f"OriginalFile/{n}": content for n, content in enumerate(contents, 1)}
    )


@LATE
def test_parts_that_are_added_once(played: Stage, what: What) -> None:
    bundle = plate(played)
    entry = bundle.manifest().of("OriginalFile/2")
    assert entry is not None
    content = bundle.file(entry).read_bytes()
    bundle.file(entry).unlink()
    assert run(played, "apply", bundle) == DONE  # without the second sample
    bundle.file(entry).write_bytes(content)
    held = struck(played, "apply", bundle, what, "saveAndReturnArray")
    assert run(played, "apply", bundle) == DONE
    hql = "select s.id from WellSample s where s.well.plate.name = :name order by s.id"
    assert len(ids(played, hql, bundle.folder.name)) == 2
    (number,) = ids(
        played, "select w.id from Well w where w.plate.name = :name", bundle.folder.name
    )
    well = loaded(played, f"select w from Well w join fetch w.wellSamples where w.id = {number}")
    sample = WellSampleI()
    sample.image = ImageI(well.copyWellSamples()[0].image.id.val, False)
    well.addWellSample(sample)
    saved(played, well)
    there = ids(played, hql, bundle.folder.name)
    assert len(there) == 3
    late(played, held)
    assert ids(played, hql, bundle.folder.name) == there


@pytest.mark.parametrize("what", [What.LATE, What.AGAIN])
@pytest.mark.parametrize("number", range(3))
def test_a_deletion_after_a_new_apply(played: Stage, what: What, number: int) -> None:
    bundle = Bundle(played.room("image"))
    assert run(played, "apply", bundle) == DONE
    # The last requests of an undo delete; before, it only asks what would be deleted.
    requests = played.undisturbed("image").undo_requests.count("submit")
    held = struck(played, "undo", bundle, what, "submit", requests - 1 - number)
    assert "an undo of this transfer was interrupted" in run(played, "apply", bundle)
    assert run(played, "undo", bundle) == DONE
    assert run(played, "apply", bundle) == DONE
    late(played, held)
    assert played.verify(bundle.folder) == []
    assert run(played, "undo", bundle) == DONE
