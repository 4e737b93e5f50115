# SPDX-License-Identifier: GPL-2.0-or-later
"""Every omero.cmd.Request: carried out, or refused by name.

Sources, in omero-blitz: ``omero/cmd/fs``, ``omero/cmd/mail`` and ``omero/cmd/admin`` for the
requests about files, mail and passwords; ``ome/services/blitz/repo/RawAccessRequestI``; the lists
of targets in ``ome/services/graph-rules`` and ``omero/cmd/graphs/GraphHelper`` for graph requests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import omero
import omero.all
import pytest
from omero.constants.annotation.file import ORIGINALMETADATA
from omero.constants.namespaces import NSCOMPANIONFILE
from omero.model import FileAnnotationI, ImageAnnotationLinkI, ImageI, OriginalFileI, PixelsI
from omero.rtypes import rint, rstring, unwrap

from omero_sandbox import manage
from tests.conftest import PASSWORD, Lab
from tests.elsewhere import Elsewhere, only_the_sandbox
from tests.importing_client import finish, import_files

#: What the sandbox does not do.
REFUSED = {
    "DiskUsage", "FindHandles", "ImportRequest", "ListRequests", "PopStatus", "Save", "Timing",
}  # fmt: skip
SAMPLE = b"omero" * 3


def requests(kind: Any = omero.cmd.Request) -> Iterator[Any]:
    """Return the classes of requests, those that have others below them left out."""
    for below in kind.__subclasses__():
        if below.__subclasses__():
            yield from requests(below)
        else:
            yield below


def submit(client: Any, request: Any) -> Any:
    return finish(client, client.sf.submit(request))


@pytest.fixture
def group(lab: Callable[..., Lab]) -> Lab:
    return lab("rwra--")


@pytest.fixture
def client(group: Lab) -> Any:
    return group.member()


@pytest.fixture
def image(client: Any) -> Any:
    """Return an image of a fileset with one file."""
    return import_files(client, {"up/cells&sizeX=8&sizeY=8.fake": SAMPLE}).objects[0]


def plain_image(client: Any) -> Any:
    """Return an image without a fileset, as OMERO 4 had."""
    pixels = PixelsI()
    for name, size in {"X": 4, "Y": 4, "Z": 1, "C": 1, "T": 1}.items():
        setattr(pixels, f"size{name}", rint(size))
    pixels.dimensionOrder, pixels.pixelsType = (
        omero.model.DimensionOrderI(), omero.model.PixelsTypeI(),
    )  # fmt: skip
    pixels.dimensionOrder.value, pixels.pixelsType.value = rstring("XYZCT"), rstring("uint8")
    pixels.sha1 = rstring("Pending...")
    made = ImageI()
    made.name = rstring("of OMERO 4")
    made.addPixels(pixels)
    return client.sf.getUpdateService().saveAndReturnObject(made)


def attach(client: Any, image: Any, path: Path, text: str) -> int:
    """Attach a companion file as OMERO 4's importer did; return its OriginalFile's id."""
    path.write_text(text, encoding="utf-8")
    file: int = client.upload(str(path)).id.val
    link, note = ImageAnnotationLinkI(), FileAnnotationI()
    note.ns = rstring(NSCOMPANIONFILE)
    note.file = OriginalFileI(file, False)
    link.parent, link.child = ImageI(image.id.val, False), note
    client.sf.getUpdateService().saveObject(link)
    return file


# -- all ------------------------------------------------------------------------------------


def test_each_request_is_known_or_refused_by_name(
    client: Any, server: manage.Sandbox | Elsewhere
) -> None:
    """The rule of the sandbox itself: what it does not know it names."""
    only_the_sandbox(server, "OMERO knows them all")
    refused = set()
    for kind in requests():
        response = submit(client, kind())
        if isinstance(response, omero.cmd.ERR) and response.name == "not-implemented":
            assert kind.ice_staticId() in response.parameters["message"]
            refused.add(kind.__name__)
    assert refused == REFUSED


# -- files of images ------------------------------------------------------------------------


def test_what_lies_beside_a_fileset_is_measured(client: Any, image: Any) -> None:
    """A fileset's image has nothing of OMERO 4's on the disk: ManageImageBinariesI."""
    answer = submit(client, omero.cmd.ManageImageBinaries(image.id.val))
    assert answer.filesetId.val == image.fileset.id.val
    assert (answer.archivedFiles, answer.archivedSize) == ([], 0)
    assert (answer.pixelsPresent, answer.pyramidPresent) == (False, False)
    assert (answer.pixelSize, answer.pyramidSize) == (0, 0)


def test_pixels_without_a_fileset_stay(client: Any) -> None:
    made = plain_image(client)
    store = client.sf.createRawPixelsStore()
    store.setPixelsId(made.getPrimaryPixels().id.val, False)
    store.setPlane(bytes(16), 0, 0, 0)
    store.save()
    store.close()
    answer = submit(client, omero.cmd.ManageImageBinaries(made.id.val))
    assert (answer.filesetId, answer.pixelsPresent, answer.pixelSize) == (None, True, 16)
    refusal = submit(client, omero.cmd.ManageImageBinaries(made.id.val, togglePixels=True))
    assert refusal.name == "pixels-requires-fileset"
    refusal = submit(client, omero.cmd.ManageImageBinaries(made.id.val, deletePyramid=True))
    assert refusal.name == "pyramid-requires-fileset"
    assert submit(client, omero.cmd.ManageImageBinaries(-1)).name == "bad-step"


def test_used_files(client: Any, image: Any, tmp_path: Path) -> None:
    """FS.ice: by series and kind for filesets, archived and companion files before them."""
    query = "select e.originalFile.id from FilesetEntry e where e.fileset.id = :id"
    params = omero.sys.ParametersI().addId(image.fileset.id.val)
    ((file,),) = client.sf.getQueryService().projection(query, params)
    answer = submit(client, omero.cmd.UsedFilesRequest(image.id.val))
    assert answer.binaryFilesThisSeries == [file.val]
    assert not answer.binaryFilesOtherSeries + answer.companionFilesThisSeries
    old = plain_image(client)
    ids = [attach(client, old, tmp_path / name, "x") for name in ("a.txt", ORIGINALMETADATA)]
    answer = submit(client, omero.cmd.UsedFilesRequest(old.id.val))
    assert isinstance(answer, omero.cmd.UsedFilesResponsePreFs)
    assert (answer.companionFiles, answer.originalMetadataFiles) == ([ids[0]], [ids[1]])
    assert submit(client, omero.cmd.UsedFilesRequest(-1)).name == "bad-image"


def test_original_metadata_that_was_kept_in_a_file(client: Any, tmp_path: Path) -> None:
    """OriginalMetadataRequestI.splitOnEquals: at the last = of those in the fewest brackets."""
    old = plain_image(client)
    empty = submit(client, omero.cmd.OriginalMetadataRequest(old.id.val))
    assert (empty.filesetId, empty.fileAnnotationId, empty.globalMetadata) == (None, None, {})
    text = "[GlobalMetadata]\nGain=2\nf(a=1) = b\nno sign\n[SeriesMetadata]\nx=y=z\n[Other]\nq=1\n"
    attach(client, old, tmp_path / ORIGINALMETADATA, text)
    answer = submit(client, omero.cmd.OriginalMetadataRequest(old.id.val))
    assert answer.fileAnnotationId is not None
    assert unwrap(answer.globalMetadata) == {"Gain": "2", "f(a=1)": "b"}
    assert unwrap(answer.seriesMetadata) == {"x=y": "z"}


def test_no_pyramids(root: Any) -> None:
    assert submit(root, omero.cmd.FindPyramids(limit=10)).pyramidFiles == []


# -- the repository as it is on the disk ----------------------------------------------------


def raw(client: Any, *words: str) -> Any:
    uuid = client.getManagedRepository().root().hash.val
    command, *args = words
    return submit(client, omero.grid.RawAccessRequest(uuid, command, args))


def test_raw_access(root: Any, server: manage.Sandbox) -> None:
    data = server.repository / "raw" / "a" / "file"
    for words in (["mkdir", "-p", "raw/a"], ["touch", "raw/a/file"], ["exists", "raw/a/file"]):
        assert isinstance(raw(root, *words), omero.cmd.OK)
    data.write_bytes(SAMPLE)
    right = hashlib.sha1(SAMPLE).hexdigest()
    assert isinstance(raw(root, "checksum", "SHA1-160", right, "raw/a/file"), omero.cmd.OK)
    wrong = raw(root, "checksum", "SHA1-160", "0" * 40, "raw/a/file")
    assert (wrong.name, wrong.parameters["command"]) == ("raw-access", "checksum")
    assert "Checksum mismatch" in wrong.parameters["message"]
    assert isinstance(raw(root, "mv", "raw/a/file", "raw/b"), omero.cmd.OK)
    assert (server.repository / "raw" / "b").read_bytes() == SAMPLE
    assert isinstance(raw(root, "rm", "raw/b"), omero.cmd.OK)
    for words in (["exists", "raw/b"], ["rm", "a", "b"], ["mv", "a"], ["cat", "a"], ["rm", "../x"]):
        assert raw(root, *words).name == "raw-access"


def test_raw_access_is_for_administrators(client: Any, root: Any) -> None:
    assert raw(client, "exists", "x").name == "not-admin"
    request = omero.grid.RawAccessRequest("no-repository", "exists", ["x"])
    assert submit(root, request).name == "unknown-repo"


# -- mail and passwords ---------------------------------------------------------------------


def test_mail_is_for_administrators_and_needs_a_sender(
    client: Any, root: Any, server: manage.Sandbox | Elsewhere
) -> None:
    """etc/omero.properties (omero-common): omero.mail.from is empty unless it is set."""
    mail = omero.cmd.SendEmailRequest(subject="s", body="b", everyone=True)
    assert submit(client, mail).name == "no-permissions"
    assert submit(root, omero.cmd.SendEmailRequest(subject="s", body="b")).name == "no-body"
    only_the_sandbox(server, "a real server would send it, to everyone")
    assert submit(root, mail).name == "no-sender"


def test_a_password_is_reset_only_for_who_knows_the_address(
    group: Lab, server: manage.Sandbox | Elsewhere
) -> None:
    name = group.user()
    client = group.connect(name, PASSWORD)

    def reset(omename: str, email: str) -> str:
        return str(submit(client, omero.cmd.ResetPasswordRequest(omename, email)).name)

    assert reset("", "a@b.c") == "unknown-user"
    assert reset(name, "") == "unknown-email"
    assert reset("nobody-of-that-name", "a@b.c") == "unknown-user"
    assert reset(name, "a@b.c") == "unknown-email"
    admin = client.sf.getAdminService()
    user = admin.getExperimenter(admin.getEventContext().userId)
    user.email = rstring("ada@example.org")
    admin.updateSelf(user)
    assert reset(name, "a@b.c") == "not-match"
    only_the_sandbox(server, "a real server would send a mail")
    assert reset(name, "ada@example.org") == "not-implemented"
    group.connect(name, PASSWORD)  # it is still the same


# -- graph requests -------------------------------------------------------------------------

#: Two that are in the list of the rules, and one that is not.
TARGETS = [
    (omero.cmd.Chgrp2, "core.Image", "fs.Fileset", "screen.Well"),
    (omero.cmd.Chmod2, "meta.ExperimenterGroup", "meta.ExperimenterGroup", "core.Image"),
    (omero.cmd.Chown2, "core.Image", "IAnnotationLink", "screen.Well"),
    (omero.cmd.Delete2, "stats.StatsInfo", "meta.ShareMember", "core.Pixels"),
    (omero.cmd.DiskUsage2, "meta.Experimenter", "fs.FilesetEntry", "acquisition.Filter"),
    (omero.cmd.Duplicate, "core.Pixels", "display.ChannelBinding", "fs.FilesetEntry"),
    (omero.cmd.FindChildren, "fs.FilesetEntry", "roi.Shape", "meta.Experimenter"),
    (omero.cmd.FindParents, "fs.FilesetEntry", "jobs.Job", "meta.Experimenter"),
]


@pytest.mark.parametrize(("kind", "one", "other", "no"), TARGETS)
def test_legal_targets(root: Any, kind: Any, one: str, other: str, no: str) -> None:
    answer = submit(root, omero.cmd.LegalGraphTargets(kind()))
    assert {f"ome.model.{one}", f"ome.model.{other}"} <= set(answer.targets)
    assert f"ome.model.{no}" not in answer.targets
    sought = {n: ["Image"] for n in ("typesOfParents", "typesOfChildren") if hasattr(kind(), n)}
    given = {"permissions": "rwra--"} if hasattr(kind(), "permissions") else {}
    refusal = submit(root, kind(targetObjects={no.rpartition(".")[2]: [1]}, **sought, **given))
    assert refusal.name in ("bad-target", "bad-options")


def test_what_is_no_graph_request_has_no_targets(root: Any) -> None:
    """LegalGraphTargetsI: GraphRequestFactory knows no targets of a SkipHead."""
    answer = submit(root, omero.cmd.LegalGraphTargets(omero.cmd.SkipHead()))
    assert answer.name == "graph-no-targets"


def test_moving_into_a_group_of_others(lab: Callable[..., Lab], client: Any) -> None:
    """Chgrp2I.init: not-in-group."""
    made = plain_image(client)
    request = omero.cmd.Chgrp2(targetObjects={"Image": [made.id.val]}, groupId=lab("rwra--").id)
    assert submit(client, request).name == "not-in-group"
