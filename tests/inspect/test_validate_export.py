# SPDX-License-Identifier: GPL-2.0-or-later
"""What an OMERO server gives is found good."""

from __future__ import annotations

from pathlib import Path

from graphxfer.export import export
from graphxfer.inspect.validate import validate
from tests.build import build
from tests.inspect import sample
from tests.places import Place


def test_an_export_has_no_findings(source: Place, tmp_path: Path) -> None:
    client = source.client()
    try:
        same = build(client, sample.graph())
    finally:
        client.closeSession()
    project = int(same["Project/51"].rpartition("/")[2])
    with source.connect() as server:
        bundle = export(server, {"Project": [project]}, tmp_path / "bundle")
    assert validate(bundle).findings == ()
