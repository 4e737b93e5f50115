# SPDX-License-Identifier: GPL-2.0-or-later
"""OMERO.tables through SharedResources.

Sources: omero/Tables.ice (omero-blitz), omero.tables.TableI (omero-py), and OMERO's page for
developers on tables (docs.openmicroscopy.org, developers/Tables.html), whose example this follows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import omero
import omero.all
import pytest
from omero.grid import LongColumn, StringColumn
from omero.rtypes import rlong, rstring

from tests.elsewhere import needs_tables


@pytest.fixture
def client(lab: Callable[..., Any]) -> Any:
    member = lab("rwra--").member()
    needs_tables(member)
    return member


def make(client: Any) -> Any:
    resources = client.sf.sharedResources()
    assert resources.areTablesEnabled()
    repository = resources.repositories().descriptions[0].id.val
    table = resources.newTable(repository, "measurements")
    table.initialize([LongColumn("Uid", "", []), StringColumn("Name", "", 64, [])])
    ids = LongColumn("Uid", "testLong", list(range(10)))
    names = StringColumn("Name", "test", 64, [f"row {n}" for n in range(10)])
    table.addData([ids, names])
    return table


def test_rows_go_there_and_back(client: Any) -> None:
    table = make(client)
    file = table.getOriginalFile()
    table.close()
    again = client.sf.sharedResources().openTable(omero.model.OriginalFileI(file.id.val, False))
    assert [column.name for column in again.getHeaders()] == ["Uid", "Name"]
    assert again.getNumberOfRows() == 10
    assert again.read([0, 1], 2, 4).columns[1].values == ["row 2", "row 3"]
    assert again.slice([0], [5, 7]).columns[0].values == [5, 7]
    assert again.getWhereList("(Uid > low)", {"low": rlong(7)}, 0, 10, 1) == [8, 9]
    assert again.readCoordinates([0]).columns[1].values == ["row 0"]
    again.close()


def test_metadata(client: Any) -> None:
    table = make(client)
    table.setMetadata("unit", rstring("µm"))
    assert table.getMetadata("unit").val == "µm"
    assert table.getAllMetadata()["unit"].val == "µm"
    table.close()


def test_the_file_is_an_original_file(client: Any) -> None:
    table = make(client)
    id_ = table.getOriginalFile().id.val
    table.close()
    file = client.sf.getQueryService().get("OriginalFile", id_)
    assert (file.name.val, file.mimetype.val) == ("measurements", "OMERO.tables")
    assert file.size.val > 0
    assert len(file.hash.val) == 40


def test_others_may_read_only(lab: Callable[..., Any]) -> None:
    group = lab("rwra--")
    mine, other = group.member(), group.member()
    needs_tables(mine)
    table = make(mine)
    file = table.getOriginalFile()
    table.close()
    opened = other.sf.sharedResources().openTable(omero.model.OriginalFileI(file.id.val, False))
    assert opened.getNumberOfRows() == 10
    with pytest.raises(omero.SecurityViolation):
        opened.addData([LongColumn("Uid", "", [1]), StringColumn("Name", "", 64, ["x"])])
    opened.close()


def test_updating_and_deleting(client: Any) -> None:
    table = make(client)
    data = table.slice([1], [3])
    data.columns[0].values = ["changed"]
    table.update(data)
    id_ = table.getOriginalFile().id.val
    table.close()
    opened = client.sf.sharedResources().openTable(omero.model.OriginalFileI(id_, False))
    assert opened.read([1], 3, 4).columns[0].values == ["changed"]
    opened.delete()
    assert client.sf.getQueryService().find("OriginalFile", id_) is None
