# SPDX-License-Identifier: GPL-2.0-or-later
"""`omero fs`, `metadata` and `render`: images, their files, tables and settings.

Source: the help of these commands and the exit codes in omero-py's fs.py, and in the plugins
omero-metadata and omero-cli-render.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from omero_sandbox import manage
from tests.command_table import Desk, Try
from tests.elsewhere import Elsewhere
from tests.importing_client import import_files

DENIED = "SecurityViolation: Admins only!"

REPOSITORY = [
    Try("member", "fs repos", 0, r"\| Managed \| {repository}"),
    Try("member", "fs repos --managed --style=plain", 0, "^0,.*,Managed,{repository}"),
    Try("member", "fs images", 0, r"\| {image} +\| {mark}-cells.*\| {fileset} +\| 1 +\| 10 B"),
    Try("member", "fs images --order=oldest --limit=1 --offset=1", 0, "starting at 1 of approx. 3"),
    Try("member", "fs images --order=largest --style csv", 0, "^#,Image,Name,FS,# Files,Size$"),
    Try("member", "fs images --archived", 0, r"\(0 rows"),
    Try("member", "fs images --extended", 0, r"\| {image} .*\| 10 B \| 0 B +\| 0 B"),
    Try("member", "fs sets", 0, r"\| {fileset} +\| {member}_{member_id}/.*/ \| 2 +\| 1 +\|"),
    Try("member", "fs sets --order=prefix --style json --extended", 0, '"Id": "{fileset}"'),
    Try("member", "fs sets --order=oldest --limit 1", 0, r"\(1 row"),
    Try("member", "fs sets --without-images", 0, r"\(0 rows"),
    Try("member", "fs sets --with-transfer ln_s", 0, r"\(0 rows"),
    Try("member", "fs sets --check", 111, DENIED),
    Try("root", "fs sets --check --limit 500", 0, r"\| {fileset} +\| {member}_.*\| OK "),
    Try("member", "fs ls {fileset}", 0, "^{member}_{member_id}/.*{mark}-cells"),
    Try("other", "fs ls Fileset:{fileset}", 0, "^{member}_{member_id}/"),
    Try("member", "fs logfile {fileset}", 0, "imported 2 images"),
    Try("member", "fs logfile Fileset:{fileset} --name", 0, r"^{member}_{member_id}/.*\.log$"),
    Try("member", "fs logfile Fileset:{fileset} --size", 0, r"^\d+$"),
    Try("member", "fs logfile Fileset:{fileset} {folder}/import.log", 0, ""),
    Try("member", "fs logfile Fileset:999999", 117, "Log file not accessible for Fileset:999999"),
    Try("root", "fs mkdir {mark}", 0, ""),
    Try("root", "fs mkdir {mark}", 1, "ResourceError: Path exists on disk"),
    Try("root", "fs mkdir {mark}/a/b", 1, "SecurityViolation: Cannot find parent"),
    Try("root", "fs mkdir {mark}/a/b --parents", 0, ""),
    Try("member", "fs mkdir {mark}-mine", 111, DENIED),
    Try("light", "fs mkdir {mark}-mine", 111, "SecurityViolation"),
    Try("member", "fs rename Fileset:{fileset}", 30, "disabled since OMERO 5.4.7"),
    Try("member", "fs usage Fileset:{fileset} --size-only", 0, r"^\d+$"),
    Try("member", "fs usage", 0, r"Total disk usage: \d+ bytes in \d+ files"),
    Try("member", "fs usage --groups --report", 0,
        r"{member_id} +\| {group_id} +\| FilesetEntry +\| +20 \| +2 "),
    Try("member", "fs usage Image:{image} --report --sum-by component --sort-by size --reverse", 0,
        r"FilesetEntry +\| +10 \| +1 "),
    Try("member", "fs usage Image:{image} --human-readable", 0, r"usage: \d+ B bytes in 2 files"),
    Try("member", "fs usage Image:* --units K", 0, r"usage: 0\.\d KiB bytes in \d+ files"),
    Try("root", "fs usage Experimenter:{member_id} --size-only", 0, r"^\d+$"),
    Try("member", "fs usage Project:999999", 0, "failed: cannot read"),
    Try("member", "fs usage Nonsense:1", 0, "graph-fail"),
    Try("member", "fs importtime Fileset:{fileset}", 0,
        r" upload time of +\d+\.\d\ds for 1 file (.*\n)+ *setId time of +\d(.*\n)+"
        r" metadata time of +\d(.*\n)+ *pixels time of +\d\.\d\ds for 4 planes"),
    Try("member", "fs importtime Fileset:{fileset} --cache", 0, "upload time"),
    Try("member", "fs importtime Fileset:{fileset}", 0, "upload time"),
    Try("member", "fs importtime --summary", 0, "upload"),
    Try("member", "fs importtime Fileset:{fileset} --summary", 28,
        "no summary if fileset provided"),
    Try("member", "fs importtime", 29, "provide fileset or request summary"),
    Try("member", "fs importtime Fileset:999999", 30, "Could not query for import log"),
]  # fmt: skip
METADATA = [
    Try("member", "metadata summary Project:{project}", 0, "^Name: {mark}-project$"),
    Try("member", "metadata original Image:{image}", 1, "OriginalMetadataRequest"),
    Try("member", "metadata measures Image:{image}", 0, ""),
    Try("member", "metadata bulkanns Project:{project}", 0, ""),
    Try("member", "metadata populate Project:{project} --file {csv}", 0, ""),
    Try("member", "metadata bulkanns Project:{project} --report", 0, "FileAnnotation"),
    Try("member", "metadata allanns Project:{project}", 0, r"^FileAnnotation:\d+$"),
    Try("member", "metadata deletebulkanns Project:{project}", 0, ""),
    Try("member", "metadata mapanns Image:{image}", 0, ""),
    Try("member", "metadata testtables", 0, ""),
    Try("member", "metadata rois Image:{image}", 0, ""),
    Try("member", "metadata rois Image:{image} --delete --force", 0, ""),
    Try("member", "metadata pixelsize Image:{image}", 100, "No pixel sizes specified"),
    Try("member", "metadata pixelsize Image:{image} --x 0.5 --y 0.25 --unit nanometer", 0, ""),
    Try("member", "obj get Pixels:{pixels} physicalSizeX", 0, "^0.5 NANOMETER$"),
    Try("member", "metadata summary Project:999999", 100, "Failed to get object Project:999999"),
]  # fmt: skip
RENDERING = [
    Try("member", "render info Image:{image}", 0,
        r"^rdefv2: model=(greyscale|color), z=0, t=0\ntiles: False\nch0: active=True,color="),
    Try("member", "render info Image:{image} --style json", 0, r'"channels": \{\n +"1": \{'),
    Try("member", "render get Image:{image} --style yaml", 0, r"^channels:\n +1:\n +active: true"),
    Try("member", "render set Image:{image} {settings}", 0, ""),
    Try("member", "render info Image:{image}", 0,
        r"model=greyscale, (.*\n)+ch0: active=True,color=00FF00,label=green,min=0.0,start=10.0,"
        "end=100.0"),
    Try("member", "render copy Image:{image} Image:{image2}", 0, ""),
    Try("member", "render info {image2}", 0, "color=00FF00,label=.*,start=10.0,end=100.0"),
    Try("member", "render copy Image:{image} Dataset:{dataset}", 0, ""),
    Try("member", "render test Image:{image}", 0, r"^ok: Pixels:\d+ Image:{image} "),
    Try("member", "render test Dataset:{dataset}", 0, r"^ok: Pixels:\d+ Image:{image} "),
    Try("member", "render edit Image:{image} {settings}", 112, "renamed to 'set'"),
    Try("member", "render info Image:999999", 110, "No such Image"),
    Try("member", "render set Image:{image} {folder}/nothing.json", 103,
        "Could not read {folder}/nothing.json"),
    Try("stranger", "render info Image:{image}", 110, "No such Image"),
]  # fmt: skip
ROWS = [*REPOSITORY, *METADATA, *RENDERING]


@pytest.fixture(scope="module")
def desk(
    server: manage.Sandbox | Elsewhere, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    mark = uuid.uuid4().hex[:6]
    made = Desk(server, tmp_path_factory.mktemp("homes"), mark)
    made.run("root", f"group add {mark}-far")
    made.add("stranger", f"{mark}-far")
    made.add("other", made.group)
    folder = tmp_path_factory.mktemp("files")
    channel = {"color": "00FF00", "label": "green", "start": 10, "end": 100, "active": True}
    settings = {"version": 2, "greyscale": True, "z": 1, "t": 1, "channels": {"1": channel}}
    (folder / "settings.json").write_text(json.dumps(settings))
    with made.session("member") as client:
        name = "cells&series=2&sizeX=8&sizeY=8&sizeC=2.fake"
        response = import_files(client, {f"a/{mark}-{name}": b"x" * 10})
        import_files(client, {f"a/{mark}-more&sizeX=8&sizeY=8.fake": b"x" * 10})
    images = response.objects
    made.names |= {
        "repository": str(server.repository), "folder": str(folder),
        "settings": str(folder / "settings.json"), "csv": str(folder / "table.csv"),
        "image": str(images[0].id.val), "image2": str(images[1].id.val),
        "pixels": str(response.pixels[0].id.val),
        "fileset": str(images[0].fileset.id.val),
        "project": made.make("Project", f"name={mark}-project"),
        "dataset": made.make("Dataset", f"name={mark}-dataset"),
    }  # fmt: skip
    names = made.names
    made.make("ProjectDatasetLink", f"parent=Project:{names['project']}",
              f"child=Dataset:{names['dataset']}")  # fmt: skip
    made.make("DatasetImageLink", f"parent=Dataset:{names['dataset']}",
              f"child=Image:{names['image']}")  # fmt: skip
    table = f"Dataset Name,Image Name,Gene\n{mark}-dataset,{images[0].name.val},abc\n"
    Path(names["csv"]).write_text(table)
    yield made
    made.close()


@pytest.mark.parametrize(
    "table", [REPOSITORY, METADATA, RENDERING], ids=["fs", "metadata", "render"]
)
def test_answers(desk: Desk, table: list[Try]) -> None:
    desk.check(table)
