# SPDX-License-Identifier: GPL-2.0-or-later
"""`omero obj`, `hql`, `search`, `tag`, `upload`, `download`, `export`, `delete`, `chgrp`, `chown`.

Source: the help of these commands, with its examples, and the exit codes in omero-py's plugins
(obj.py, hql.py, tag.py, download.py, and GraphControl of cli.py); the README of omero-upload.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import tifffile

from omero_sandbox import manage
from tests.command_table import PASSWORD, Desk, Try
from tests.elsewhere import Elsewhere
from tests.importing_client import import_files

OBJECTS = [
    # the examples of `omero obj -h`
    Try("member", "obj new Dataset name=foo", 0, r"^Dataset:\d+$"),
    Try("member", "obj update Dataset:{dataset} description=bar", 0, "^Dataset:{dataset}$"),
    Try("member", "obj get Dataset:{dataset} name", 0, "^table$"),
    Try("member", "obj get Dataset:{dataset}", 0,
        r"description=bar\nid={dataset}\nname=table\nversion=\d"),
    Try("member", "obj null Dataset:{dataset} description", 0, "^Dataset:{dataset}$"),
    Try("member", "obj get Dataset:{dataset} description", 0, r"\n\n?\Z"),
    Try("member", "obj map-set MapAnnotation:{map} mapValue foo bar", 0, "^MapAnnotation:{map}$"),
    Try("member", "obj map-set MapAnnotation:{map} mapValue fu baa", 0, "^MapAnnotation:{map}$"),
    Try("member", "obj map-get MapAnnotation:{map} mapValue foo", 0, "^bar$"),
    Try("member", "obj get MapAnnotation:{map} mapValue", 0, r"^\(foo,bar\),\(fu,baa\)$"),
    Try("member", "obj list-get MapAnnotation:{map} mapValue 0", 0, r"^\(foo,bar\)$"),
    Try("member", "obj list-get MapAnnotation:{map} mapValue 9", 336, "index out of range"),
    Try("member", "obj ext-info-get Image:{image}", 346, "No ExternalInfo found"),
    Try("member", "obj ext-info-set Image:{image} 3 myType myLsid", 0, "^Image:{image}$"),
    Try("member", "obj ext-info-set Image:{image} 3 myType myLsid myUuid", 0, "^Image:{image}$"),
    Try("member", "obj ext-info-get Image:{image}", 0,
        r"entityId=3\nentityType=myType\nlsid=myLsid\nuuid=myUuid"),
    Try("member", "obj ext-info-get Image:{image} entityType", 0, "^myType$"),
    Try("member", "obj ext-info-set Image:{image} three t", 347, "entityId must be an integer"),
    Try("member", "obj new ProjectDatasetLink parent=Project:{project} child=Dataset:{dataset}", 0,
        r"^ProjectDatasetLink:\d+$"),
    # and what cannot be
    Try("member", "obj new Project", 103, "required arguments: name"),
    Try("member", "obj new Nonsense name=a", 102, "No class named"),
    Try("member", "obj new ProjectDatasetLink parent=Project:999999 child=Dataset:{dataset}", 336,
        "Failed to create ProjectDatasetLink"),
    Try("member", "obj get Project:999999", 334, "No object found: Project:999999"),
    Try("owner", "obj update Project:{project} name=renamed", 0, "^Project:{project}$"),
    Try("other", "obj update Project:{project} name=theirs", 336, "not allowed"),
    Try("light", "obj update Project:{project} name=theirs", 336, "not allowed"),
]  # fmt: skip
QUERIES = [
    Try("member", "hql -q 'select p from Project p where p.id = {project}'", 0,
        r"0 \| ProjectI \| {project} +\| owner={member_id};group={group_id} \|"),
    Try("member", "hql -q --style csv 'select p.id from Project p where p.id = {project}'", 0,
        r"^#,Col1\n0,{project}$"),
    Try("member", "hql -q --style json 'select p.id from Project p where p.id = {project}'", 0,
        r'^\[\{"#": "0", "Col1": "{project}"\}\]$'),
    Try("member", "hql -q --style plain 'select p.id from Project p where p.id = {project}'", 0,
        "^0,{project}$"),
    Try("member", "hql -q --style sql 'select p.id from Project p where p.id = {project}'", 0,
        r"\(1 row\)"),
    Try("member", "hql -q --ids-only 'select p from Project p where p.id = {project}'", 0,
        "ProjectI:{project}"),
    Try("member", "hql -q --limit 1 --offset 1 'select g from ExperimenterGroup g'", 0,
        r"\(1 row\)"),
    Try("member", "hql -q --all 'select p.id from Project p where p.id = {project}'", 0,
        r"\(1 row\)"),
    Try("member", "hql -q --admin 'select p.id from Project p where p.id = {project}'", 0, ""),
    Try("root", "hql -q --admin 'select p.id from Project p where p.id = {project}'", 0,
        r"\(1 row\)"),
    Try("light", "hql -q --admin 'select p.id from Project p where p.id = {project}'", 0,
        r"\(1 row\)"),
    Try("stranger", "hql -q 'select p.id from Project p where p.id = {project}'", 0, r"\(0 rows\)"),
    Try("member", "hql -q 'select p.nonsense from Project p'", 52, "Bad query: "),
    Try("member", "hql -q 'nonsense'", 52, "Bad query: "),
    Try("member", "search Image {mark}", 0, r"\| ImageI \| {image} +\|"),
    Try("member", "search Image '{mark}*' --ids-only --style plain", 0, "ImageI:{image}"),
    Try("stranger", "search Image {mark}", 433, "No results found"),
    Try("member", "search Nonsense {mark}", 434, "does not specify a valid class"),
    Try("member", "search Image x --index", 432, "Only admin can index object"),
    Try("member", "hql -q 'select count(*) from Nonsense'", 52, "Nonsense is not mapped"),
]  # fmt: skip
TAGS = [
    Try("member", "tag create --name {mark}-a --desc first", 0, r"^TagAnnotation:\d+$"),
    Try("member", "tag create --name {mark}-b --desc ''", 0, r"^TagAnnotation:\d+$"),
    Try("member", "tag createset --tag {tag} --name {mark}-set --desc both", 0,
        r"^TagAnnotation:\d+$"),
    Try("member", "tag list --nopage", 0, "'{mark}-a'"),
    Try("member", "tag list --nopage --desc", 0, "'first'"),
    Try("member", "tag list --nopage --uid {owner_id}", 0, r"\A(?!.*{mark}-a)"),
    Try("member", "tag listsets --nopage", 0, r"^\d+ *\|{mark}-set"),
    Try("member", "tag listsets --nopage --tag {tag}", 0, "{mark}-set"),
    Try("member", "tag listsets --nopage --desc", 0, r"{mark}-set *\|both"),
    Try("root", "tag list --nopage --admin", 0, "'{mark}-a'"),
    Try("stranger", "tag list --nopage", 0, r"\A(?!.*{mark}-a)"),
    Try("member", "tag load {tags}", 0, r"^TagAnnotation:\d+\nTagAnnotation:\d+$"),
    Try("member", "tag listsets --nopage", 0, "{mark}-loaded"),
    Try("member", "tag link Image:{image} {tag}", 0, r"^ImageAnnotationLink:\d+$"),
    Try("other", "tag link Image:{image} {tag}", 0, r"^ImageAnnotationLink:\d+$"),
    Try("member", "tag link Image:{image} 999999", 400, "Could not find annotation"),
    Try("member", "tag link Image:999999 {tag}", 1, "Object query returned nothing"),
    Try("member", "tag link Image {tag}", 1, "Missing object or object not of form"),
]  # fmt: skip
FILES = [
    Try("member", "upload {text}", 0, r"^OriginalFile:\d+$"),
    Try("member", "upload {text} {tags}", 0, r"^OriginalFile:\d+,\d+$"),
    Try("member", "upload {text} --mimetype test/csv --wrap --namespace a.b", 0,
        r"^FileAnnotation:\d+$"),
    Try("root", "upload {text} --data-dir {data}", 0, r"^OriginalFile:\d+$"),
    Try("member", "upload {folder}/nothing", 500, "File: .*/nothing does not exist"),
    Try("member", "download OriginalFile:{file} -", 0, "^hello$"),
    Try("member", "download {file} -", 0, "^hello$"),
    Try("member", "download OriginalFile:{file} {folder}/file", 0, ""),
    Try("member", "download FileAnnotation:{attachment} {folder}/attachment", 0, ""),
    Try("other", "download OriginalFile:{file} -", 0, "^hello$"),
    Try("member", "download Image:{image} {folder}/image", 0,
        r"Downloading file ID: \d+ to {folder}/image/.*cells"),
    Try("member", "download Image:{image} {folder}/inserted --insert_fileset_folder", 0,
        r"to {folder}/inserted/Fileset_{fileset}/"),
    Try("member", "download Fileset:{fileset} {folder}/fileset", 0, "Fileset: {fileset}"),
    # OMERO's omero.policy.binary_access lets nobody but administrators have plates' files
    Try("member", "download Fileset:{plate_fileset} {folder}/plate", 66, "is restricted"),
    Try("member", "download OriginalFile:999999 -", 601, "No OriginalFile with input ID"),
    Try("member", "download Image:999999 {folder}/x", 601, "No Image with input ID"),
    Try("member", "download Fileset:999999 {folder}/x", 601, "No Fileset with input ID"),
    Try("member", "download Nonsense:1 -", 2, "invalid proxy value"),
    Try("member", "export -f {folder}/exported.ome.tiff Image:{image}", 0, ""),
    Try("member", "export -f {folder}/exported.ome.tiff Image:{image}", 2, "File exists"),
    Try("member", "export -f {folder}/exported.ome.xml -t XML Image:{image}", 0,
        "does not implement Exporter.generateXml"),
    Try("member", "script list", 0, r"Official scripts *\n-+\+-+ *\n\(0 rows\)"),
    Try("member", "script jobs", 0, "Running query via 'hql'"),
    Try("stranger", "download OriginalFile:{file} -", 1, "Cannot read"),
]  # fmt: skip
GRAPHS = [
    Try("member", "delete --list", 0, r"^Image$"),
    Try("member", "chgrp --list", 0, r"^Image$"),
    Try("member", "chown --list", 0, r"^IAnnotationLink$"),
    Try("member", "delete Image:{image} --dry-run --report", 0,
        r"omero.cmd.Delete2 Image:{image} .*\n(.*\n)*Deleted objects\n(.*\n)*  Image:{image}\n"),
    Try("member", "delete Image:{image} --dry-run --report --exclude Annotation", 0,
        r"\A(?!(.*\n)*  CommentAnnotation)"),
    Try("member", "delete Dataset:{full} --dry-run --report --exclude Image", 0,
        r"\A(?!(.*\n)*  Image:)(.*\n)*  Dataset:{full}\n"),
    Try("member", "delete Dataset:{full} --dry-run --report", 0, r"  Image:{image}\n"),
    Try("member", "delete Dataset/Image:{full} --dry-run --report", 0,
        r"Delete2 Dataset/Image:{full} (.*\n)*  Image:{image}\n"),
    Try("member", "delete Project:{project} Dataset:{full} --ordered --dry-run", 0,
        "omero.cmd.Delete2 Project:{project} Dataset:{full} "),
    Try("member", "delete Fileset:{fileset} --dry-run --report", 0,
        r"  Image:{image}\n(.*\n)*  Fileset:{fileset}\n"),
    Try("member", "delete Image:999999", 0, r"failed: cannot read ome.model.core.Image\[999999\]"),
    Try("member", "delete Experimenter:{owner_id}", 0, "failed: 'bad-target'"),
    Try("member", "delete nonsense", 2, "invalid argument value"),
    Try("other", "delete Image:{image}", 0, "failed: 'graph-fail'"),
    Try("light", "delete Image:{image}", 0, "failed: 'graph-fail'"),
    Try("member", "delete Image:{image} --exclude Nonsense", 0, "failed: 'graph-fail'"),
    Try("member", "chgrp {second} Image:{image} --dry-run --report", 0,
        r"Included objects\n(.*\n)*  Image:{image}\n"),
    Try("member", "chgrp {second} Dataset:{full} --include Image --report", 0,
        r"Chgrp2 Dataset:{full} ok\n(.*\n)*  Image:{image}\n"),
    Try("member", "chgrp {group} Dataset:{full} --exclude FileAnnotation", 0, " ok"),
    Try("member", "chgrp ExperimenterGroup:{group_id} Dataset:{full} --force", 0, " ok"),
    Try("member", "chgrp no-such-group Image:{image}", 196, "Failed to find group"),
    Try("member", "chgrp {foreign} Image:{image}", 197, "not member of group"),
    Try("other", "chgrp {second} Image:{image}", 0, "failed: 'graph-fail'"),
    Try("light", "chgrp {second} Image:{image}", 197, "not member of group"),
    Try("member", "chown {owner} Image:{image}", 0, "failed: 'graph-fail'"),
    Try("light", "chown {owner} Image:{image}", 0, "failed: 'graph-fail'"),
    Try("owner", "chown {owner} Image:{image} --dry-run --report", 0, r"  Image:{image}\n"),
    Try("root", "chown no-such-user Image:{image}", 196, "Failed to find user"),
    Try("root", "chown {owner} Image:{image} --report", 0,
        r"Chown2 Image:{image} ok\n(.*\n)*Included objects\n(.*\n)*  Image:{image}\n"),
    Try("owner", "chown {member} Image:{image}", 0, "Chown2 Image:{image} ok"),
    Try("root", "chown {other} Experimenter:{member_id} --dry-run --report", 0,
        r"  Image:.*{image}"),
    Try("member", "delete Image:{image} --wait 0", 0, "Exiting immediately"),
    Try("member", "delete Project:{project} --report", 0,
        r"Delete2 Project:{project} ok\nSteps: \d+\nElapsed time: .*\nFlags: \[SUCCESS\]\n"
        r"Deleted objects\n(.*\n)*  Project:{project}\n"),
    Try("member", "hql -q 'select p.id from Project p where p.id = {project}'", 0, r"\(0 rows\)"),
]  # fmt: skip
ROWS = [*OBJECTS, *QUERIES, *TAGS, *FILES, *GRAPHS]


@pytest.fixture(scope="module")
def desk(
    server: manage.Sandbox | Elsewhere, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    mark = uuid.uuid4().hex[:6]
    made = Desk(server, tmp_path_factory.mktemp("homes"), mark)
    made.run("root", f"group add {mark}-far")
    made.add("other", made.group)
    made.add("stranger", f"{mark}-far")
    made.run("root", f"group add {mark}-second --type read-annotate")
    for who in ("member", "owner", "other"):
        made.run("root", f"group adduser --name {mark}-second {made.names[who]}")
    folder = tmp_path_factory.mktemp("files")
    (folder / "text.txt").write_text("hello")
    tags = [{"name": f"{mark}-loaded", "desc": "d", "set": [{"name": "x", "desc": ""}]},
            {"name": f"{mark}-alone", "desc": ""}]  # fmt: skip
    (folder / "tags.json").write_text(json.dumps(tags))
    with made.session("member") as client:
        image = import_files(client, {f"a/{mark}-cells&sizeX=8&sizeY=8.fake": b"x"}).objects[0]
        plate = "plate&plates=1&plateRows=1&plateCols=1&fields=1&plateAcqs=1&sizeX=8&sizeY=8.fake"
        well = import_files(client, {f"a/{mark}-{plate}": b"x"}).pixels[0].image
    text = str(folder / "text.txt")
    made.names |= {
        "second": f"{mark}-second", "foreign": f"{mark}-far", "folder": str(folder), "text": text,
        "tags": str(folder / "tags.json"), "data": str(server.repository.parent),
        "image": str(image.id.val), "fileset": str(image.fileset.id.val),
        "plate_fileset": str(well.fileset.id.val),
        "dataset": made.made("obj new Dataset name=table"),
        "full": made.made("obj new Dataset name=full"),
        "project": made.made("obj new Project name=table"),
        "map": made.made("obj new MapAnnotation ns=example.com"),
        "tag": made.made(f"tag create --name {mark}-first --desc ''"),
        "file": made.made(f"upload {text}"),
        "attachment": made.made(f"upload {text} --wrap"),
    }  # fmt: skip
    made.made(f"obj new DatasetImageLink parent=Dataset:{made.names['full']} "
              f"child=Image:{made.names['image']}")  # fmt: skip
    note = made.made("obj new CommentAnnotation textValue=note")
    made.made(f"obj new ImageAnnotationLink parent=Image:{made.names['image']} "
              f"child=CommentAnnotation:{note}")  # fmt: skip
    yield made
    made.close()


TABLES = [OBJECTS, QUERIES, TAGS, FILES, GRAPHS]


@pytest.mark.parametrize("table", TABLES, ids=["obj", "hql", "tag", "files", "graphs"])
def test_answers(desk: Desk, table: list[Try]) -> None:
    desk.check(table)


def test_downloads_are_what_was_uploaded(desk: Desk, tmp_path: Path) -> None:
    for target in ("file", "attachment"):
        what = {"file": "OriginalFile", "attachment": "FileAnnotation"}[target]
        code, said = desk.run("member", f"download {what}:{desk.names[target]} {tmp_path / target}")
        assert (code, (tmp_path / target).read_text()) == (0, "hello"), said


def test_exported_images_are_ome_tiffs(desk: Desk, tmp_path: Path) -> None:
    with desk.session("member") as client:
        image = import_files(client, {"a/export&sizeX=8&sizeY=8.fake": b"x"}).objects[0]
    code, said = desk.run("member", f"export -f {tmp_path}/a.tiff Image:{image.id.val}")
    assert code == 0, said
    with tifffile.TiffFile(tmp_path / "a.tiff") as file:
        assert file.is_ome
        assert file.asarray().shape == (8, 8)


def test_wrapped_files_have_their_namespace(desk: Desk) -> None:
    """README of omero-upload."""
    id_ = desk.made(f"upload {desk.names['text']} --wrap --namespace a.b --mimetype test/csv")
    query = f"select a.ns, a.file.mimetype from FileAnnotation a where a.id = {id_}"
    _, said = desk.run("member", f"hql -q --style plain '{query}'")
    assert "0,a.b,test/csv" in said


def test_password_and_key_instead_of_a_session(desk: Desk) -> None:
    """Login arguments of every command: -s -p -u -w, or -k."""
    where = f"-s {desk.server.host} -p {desk.server.port}"
    name = desk.names["owner"]
    code, said = desk.run("nobody", f"hql {where} -u {name} -w {PASSWORD} -q 'select 1 from Node'")
    assert code == 0, said
    _, key = desk.run("member", "sessions key")
    code, said = desk.run("nobody", f"hql {where} -k {key.split()[-1]} -q 'select 1 from Node'")
    assert code == 0, said
