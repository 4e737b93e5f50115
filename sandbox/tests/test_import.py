# SPDX-License-Identifier: GPL-2.0-or-later
"""Native import through the ManagedRepository, over real sockets.

Sources: omero/Repositories.ice; ManagedRepositoryI, ManagedImportProcessI, ManagedImportRequestI
and the file transfers (omero-blitz); omero-py testlib and plugins/fs.py.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import Ice
import numpy as np
import omero
import omero.all
import pytest
import tifffile
from omero.constants.namespaces import NSAUTOCLOSE, NSTARGETTEMPLATE
from omero.plugins.fs import prep_directory
from omero.rtypes import rlong, rstring, unwrap

from omero_sandbox import manage
from tests.elsewhere import Elsewhere, only_the_sandbox
from tests.importing_client import (
    fileset,
    finish,
    import_files,
    link_in_place,
    settings,
    sha1,
    upload,
)

FAKE = "cells&series=3&sizeX=20&sizeY=10&sizeZ=2&sizeC=2.fake"


@pytest.fixture
def client(lab: Callable[..., Any]) -> Any:
    return lab("rwra--").member()


def tiff(path: Path, value: int = 7) -> bytes:
    tifffile.imwrite(path, np.full((16, 24), value, np.uint8))
    return path.read_bytes()


def rows(client: Any, hql: str, id_: int) -> list[Any]:
    params = omero.sys.ParametersI().addId(id_)
    return [unwrap(row) for row in client.sf.getQueryService().projection(hql, params)]


def fileset_of(response: Any) -> int:
    return int(response.pixels[0].image.fileset.id.val)


def test_a_fileset_becomes_images_in_series_order(client: Any) -> None:
    response = import_files(client, {f"home/ada/data/{FAKE}": b""})
    assert isinstance(response, omero.grid.ImportResponse)
    images = [pixels.image for pixels in response.pixels]
    assert [image.series.val for image in images] == [0, 1, 2]
    assert [obj.id.val for obj in response.objects] == [image.id.val for image in images]
    assert {p.sizeX.val for p in response.pixels} == {20}
    assert all(p.sizeOfChannels() == 2 for p in response.pixels)
    user = client.sf.getAdminService().getEventContext().userId
    assert {image.details.owner.id.val for image in images} == {user}


def test_the_path_follows_the_template(client: Any, server: manage.Sandbox) -> None:
    # omero.fs.repo.path: %user%_%userId%//%year%-%month%/%day%/%time%
    response = import_files(client, {f"home/ada/data/{FAKE}": b""})
    hql = (
        "select fs.templatePrefix, e.clientPath, o.path, o.name, o.repo, h.value"
        " from Fileset fs join fs.usedFiles e join e.originalFile o join o.hasher h"
        " where fs.id = :id"
    )
    (found,) = rows(client, hql, fileset_of(response))
    prefix, client_path, path, name, repo, hasher = found
    context = client.sf.getAdminService().getEventContext()
    template = rf"{context.userName}_{context.userId}/\d{{4}}-\d\d/\d\d/\d\d-\d\d-\d\d\.\d{{3}}/"
    assert re.fullmatch(template, prefix)
    assert client_path == f"home/ada/data/{FAKE}"
    assert (path, name) == (f"{prefix}home/ada/data/", FAKE)
    assert repo == client.getManagedRepository().root().hash.val
    assert hasher == "SHA1-160"
    assert (server.repository / path / name).read_bytes() == b""


def test_a_known_reader_leaves_out_what_all_files_share(client: Any) -> None:
    # ManagedRepositoryI.trimPaths
    reader = "loci.formats.in.FakeReader"
    response = import_files(client, {f"a/b/c/d/{FAKE}": b""}, reader=reader)
    hql = "select fs.templatePrefix, o.path from Fileset fs join fs.usedFiles e join e.originalFile o where fs.id = :id"  # noqa: E501
    ((prefix, path),) = rows(client, hql, fileset_of(response))
    assert path == prefix


def test_directories_inside_a_fileset(client: Any, server: manage.Sandbox) -> None:
    files = {f"x/{FAKE}": b"", "x/sub/.hidden": b"a", "x/sub/deep/notes.txt": b"b"}
    response = import_files(client, files, reader="loci.formats.in.FakeReader")
    repository = client.getManagedRepository()
    prefix = response.pixels[0].image.fileset.id.val
    ((prefix,),) = rows(client, "select f.templatePrefix from Fileset f where f.id = :id", prefix)
    tree = unwrap(repository.treeList(prefix))[Path(prefix).name]["files"]
    assert set(tree) == {FAKE, "sub"}
    sub = tree["sub"]
    assert sub["mimetype"] == "Directory"
    assert sub["files"][".hidden"]["size"] == 1
    assert (server.repository / prefix / "sub/deep/notes.txt").read_bytes() == b"b"
    assert repository.fileExists(f"{prefix}sub/deep/notes.txt")
    names = {row.name.val for row in repository.listFiles(f"{prefix}sub")}
    assert names == {".hidden", "deep"}


def test_names_are_made_safe(client: Any, server: manage.Sandbox) -> None:
    # FilePathRestrictionInstance: Windows' and UNIX' rules
    response = import_files(client, {'od:d "n"/a*?.fake': b""})
    hql = "select o.name, o.path from FilesetEntry e join e.originalFile o where e.fileset.id = :id"
    ((name, path),) = rows(client, hql, fileset_of(response))
    assert name == "ax%.fake"
    assert path.endswith("/od;d 'n'/")


def test_a_wrong_checksum_is_named(client: Any) -> None:
    # ManagedImportProcessI.verifyUpload
    process = client.getManagedRepository().importFileset(fileset([FAKE, "b.txt"]), settings())
    hashes = upload(process, [b"", b"abc"])
    with pytest.raises(omero.ChecksumValidationException) as error:
        process.verifyUpload([hashes[0], sha1(b"abd")])
    assert error.value.failingChecksums == {1: sha1(b"abc")}
    process.close()


def test_an_uploader_is_the_same_until_it_is_closed(client: Any) -> None:
    process = client.getManagedRepository().importFileset(fileset([FAKE]), settings())
    first, again = process.getUploader(0), process.getUploader(0)
    assert first.ice_getIdentity() == again.ice_getIdentity()
    first.write(b"abc", 0, 3)
    assert process.getUploadOffset(0) == 3
    first.write(b"ab", 0, 2)
    assert process.getUploadOffset(0) == 2  # where the last block ended
    first.close()
    assert process.getUploadOffset(0) == 0
    assert process.getUploader(0).ice_getIdentity() != first.ice_getIdentity()
    process.close()


def without_job() -> Any:
    made = fileset([FAKE])
    made.clearJobLinks()
    return made


# ManagedRepositoryI.internalImport and createUploadProcess; List.subList in trimPaths
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: omero.model.FilesetI(), omero.ApiUsageException),
        (lambda: fileset([]), omero.ApiUsageException),
        (without_job, omero.ValidationException),
        (lambda: fileset(["a/b/c/d/1", "e/b/c/d/2"]), Ice.UnknownException),
        (lambda: fileset(["a/x:.fake", "a/x;.fake"]), omero.ValidationException),
    ],
    ids=["empty", "no entry", "no job", "nothing in common", "same path twice"],
)
def test_what_is_no_fileset_is_refused(
    client: Any, make: Callable[[], Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        client.getManagedRepository().importFileset(make(), settings())


def test_the_checksum_algorithm_is_mandatory(client: Any) -> None:
    with pytest.raises(omero.ApiUsageException):
        client.getManagedRepository().importFileset(fileset([FAKE]), omero.grid.ImportSettings())


def test_a_path_that_leads_out_is_not_imported(client: Any) -> None:
    """OMERO 5.7 stores it inside, and then does not find what was uploaded."""
    try:
        process = client.getManagedRepository().importFileset(fileset(["../out.fake"]), settings())
    except omero.ValidationException:
        return
    with pytest.raises(omero.ChecksumValidationException):
        process.verifyUpload(upload(process, [b""]))
    process.close()


def test_an_explicit_context_must_name_session_and_client(client: Any) -> None:
    # PublicRepositoryI.currentUser and SessionI: an explicit context replaces the implicit one
    repository = client.getManagedRepository()
    refused = (omero.ApiUsageException, Ice.UnknownException)
    with pytest.raises(refused, match="Uuid cannot be null"):
        repository.importFileset(fileset([FAKE]), settings(), {"omero.group": "-1"})


def test_an_unknown_format_is_an_error_and_can_be_cleaned_up(
    client: Any, server: manage.Sandbox
) -> None:
    response = import_files(client, {"a/b/report.xyz": b"abc"})
    assert isinstance(response, omero.cmd.ERR)
    # ManagedImportRequestI.init opens the file: what goes wrong before the first step
    assert response.name == "error-on-init"
    hql = "select fs.id, o.path, o.name from Fileset fs join fs.usedFiles e join e.originalFile o where o.name = 'report.xyz' and fs.id > :id"  # noqa: E501
    ((id_, path, name),) = rows(client, hql, 0)
    assert (server.repository / path / name).exists()
    assert isinstance(delete(client, "Fileset", id_), omero.cmd.Delete2Response)
    assert rows(client, hql, 0) == []
    assert not (server.repository / path / name).exists()


def delete(client: Any, kind: str, *ids: int) -> Any:
    request = omero.cmd.Delete2(targetObjects={kind: list(ids)})
    return finish(client, client.sf.submit(request))


def test_deleting_a_fileset_removes_all_of_it(client: Any, server: manage.Sandbox) -> None:
    response = import_files(client, {f"a/{FAKE}": b""})
    id_ = fileset_of(response)
    hql = "select fs.templatePrefix from Fileset fs where fs.id = :id"
    ((prefix,),) = rows(client, hql, id_)
    files = list((server.repository / prefix).rglob("*.fake"))
    assert len(files) == 1
    done = delete(client, "Fileset", id_)
    assert done.deletedObjects["ome.model.fs.Fileset"] == [id_]
    assert len(done.deletedObjects["ome.model.core.Image"]) == 3
    assert not files[0].exists()
    log = server.repository / (prefix.rstrip("/") + ".log")
    assert not log.exists()


def test_one_image_of_a_fileset_cannot_go_alone(client: Any) -> None:
    # rules of omero.cmd.Delete2: a fileset is deleted as a whole
    response = import_files(client, {f"a/{FAKE}": b""})
    answer = delete(client, "Image", response.pixels[0].image.id.val)
    assert isinstance(answer, omero.cmd.ERR)
    assert answer.name == "graph-fail"


def test_jobs_and_log_of_an_import(client: Any, server: manage.Sandbox) -> None:
    response = import_files(client, {f"a/{FAKE}": b""})
    hql = "select j from FilesetJobLink l join l.child j where l.parent.id = :id order by j.id"
    params = omero.sys.ParametersI().addId(fileset_of(response))
    jobs = client.sf.getQueryService().findAllByQuery(hql, params)
    kinds = [type(job).__name__ for job in jobs]
    assert kinds == ["UploadJobI", "MetadataImportJobI", "PixelDataJobI", "IndexingJobI"]
    # JobBean.submit; ManagedImportProcessI.verifyUpload ends the first, and nobody the others
    hql = "select j.status.value, j.message from FilesetJobLink l join l.child j where l.parent.id = :id order by j.id"  # noqa: E501
    states = rows(client, hql, fileset_of(response))
    assert states == [["Finished", "Finished"]] + [["Submitted", ""]] * 3
    hql = "select o.mimetype, o.size, o.path, o.name from JobOriginalFileLink l join l.child o where l.parent.id = :id"  # noqa: E501
    ((mimetype, size, path, name),) = rows(client, hql, jobs[0].id.val)
    hashes = rows(client, hql.replace("o.mimetype", "o.hash"), jobs[0].id.val)
    assert [row[0] for row in hashes] == [None]  # setLogFileSize writes the size alone
    assert mimetype == "application/omero-log-file"
    assert (server.repository / path / name).stat().st_size == size > 0


def test_into_a_dataset(client: Any) -> None:
    dataset = omero.model.DatasetI()
    dataset.name = rstring("target")
    dataset = client.sf.getUpdateService().saveAndReturnObject(dataset)
    target = omero.model.DatasetI(dataset.id.val, False)
    response = import_files(
        client, {f"a/{FAKE}": b""}, userSpecifiedTarget=target, userSpecifiedName=rstring("mine")
    )
    hql = "select l.child.id from DatasetImageLink l where l.parent.id = :id order by l.child.id"
    linked = [row[0] for row in rows(client, hql, dataset.id.val)]
    assert linked == [pixels.image.id.val for pixels in response.pixels]


def test_in_place(client: Any, tmp_path: Path, server: manage.Sandbox) -> None:
    # SymlinkFileTransfer and AbstractExecFileTransfer (omero-blitz)
    source = tmp_path / "plane.tif"
    data = tiff(source)
    process = client.getManagedRepository().importFileset(
        fileset([str(source).lstrip("/")]), settings()
    )
    hashes = [link_in_place(client, process, 0, source)]
    handle = process.verifyUpload(hashes)
    process.close()
    response = finish(client, handle)
    assert isinstance(response, omero.grid.ImportResponse)
    hql = "select o.path, o.name, o.size, o.hash from FilesetEntry e join e.originalFile o where e.fileset.id = :id"  # noqa: E501
    ((path, name, size, checksum),) = rows(client, hql, fileset_of(response))
    assert (server.repository / path / name).is_symlink()
    assert (size, checksum) == (len(data), sha1(data))
    delete(client, "Fileset", fileset_of(response))
    assert source.read_bytes() == data
    assert not (server.repository / path / name).is_symlink()


def test_a_probe_of_the_same_size_is_not_rehashed(client: Any, tmp_path: Path) -> None:
    # RawFileBean.save: only when the size differs, or is 0
    process = client.getManagedRepository().importFileset(fileset(["a.tif"]), settings())
    store = process.getUploader(0)
    store.write(b"abc", 0, 3)
    store.close()
    row = client.sf.getQueryService().get("OriginalFile", store_file(client, process))
    root = client.getManagedRepository().root()
    path = Path(root.path.val, root.name.val, row.path.val, row.name.val)
    path.write_bytes(b"xyz")
    reading = {**client.getContext(), "omero.fs.mode": "r"}
    store = process.getUploader(0, reading)
    assert store.save() is None
    store.close()
    assert client.sf.getQueryService().get("OriginalFile", row.id.val).hash.val == sha1(b"abc")
    process.close()


def store_file(client: Any, process: Any) -> int:
    store = process.getUploader(0, {**client.getContext(), "omero.fs.mode": "r"})
    id_ = int(store.getFileId().val)
    store.close()
    return id_


def test_several_imports_at_once(client: Any) -> None:
    import_files(client, {f"first/{FAKE}": b""})  # the directories of the day
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(import_files, client, {f"dir{n}/{FAKE}": b""}) for n in range(6)]
    responses = [job.result() for job in jobs]
    ids = [pixels.image.id.val for response in responses for pixels in response.pixels]
    assert len(set(ids)) == 18


def test_first_imports_at_once_may_disturb_each_other(
    lab: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    # tried on a real server: 4 importFileset of a user without directories, 2 failed; 4 makeDir, 3
    said = "Directory exists but is not registered: CheckedPath|originalfile_repo_path_index"
    group = lab("rwra--")
    for _ in range(20):  # until it is seen
        client = connect(group.user(), "secret")
        with ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(import_files, client, {f"dir{n}/{FAKE}": b""}) for n in range(4)]
        problems = [error for job in jobs if (error := job.exception())]
        assert len(problems) < 4
        assert all(re.search(said, str(getattr(error, "message", ""))) for error in problems)
        import_files(client, {f"again/{FAKE}": b""})
        if problems:
            return
    pytest.fail("no import met another")


def test_into_two_groups_on_one_day(lab: Callable[..., Any], connect: Callable[..., Any]) -> None:
    # RepositoryDaoImpl.createOrFixUserGroup: the directories above the fileset's are shared
    group, other = lab("rw----"), lab("rw----")
    name, admin = group.user(), group.root.sf.getAdminService()
    user = omero.model.ExperimenterI(admin.lookupExperimenter(name).id.val, False)
    admin.addGroups(user, [omero.model.ExperimenterGroupI(other.id, False)])
    client = connect(name, "secret")
    first = import_files(client, {f"a/{FAKE}": b""})
    client.getImplicitContext().put("omero.group", str(other.id))
    second = import_files(client, {f"a/{FAKE}": b""})
    hql = "select p.details.group.id from Pixels p where p.id = :id"
    for response, where in ((first, group), (second, other)):
        client.getImplicitContext().put("omero.group", str(where.id))
        assert rows(client, hql, response.pixels[0].id.val) == [[where.id]]


def test_a_file_that_was_cut_off_is_an_error(client: Any, tmp_path: Path) -> None:
    response = import_files(client, {"a/b.tif": tiff(tmp_path / "b.tif")[:40]})
    assert isinstance(response, omero.cmd.ERR)
    assert response.name == "error-on-init"


def test_checksum_algorithms(client: Any) -> None:
    # omero.checksum.supported, and the order of preference
    repository = client.getManagedRepository()
    names = [a.value.val for a in repository.listChecksumAlgorithms()]
    assert names[0] == "SHA1-160"
    assert set(names) == {
        "Adler-32", "CRC-32", "MD5-128", "Murmur3-32", "Murmur3-128", "SHA1-160", "File-Size-64",
    }  # fmt: skip
    mine = [omero.model.ChecksumAlgorithmI() for _ in range(2)]
    for algorithm, name in zip(mine, ("File-Size-64", "MD5-128"), strict=True):
        algorithm.value = rstring(name)
    assert repository.suggestChecksumAlgorithm(mine).value.val == "MD5-128"
    assert repository.suggestChecksumAlgorithm([]) is None


@pytest.mark.parametrize(
    ("hasher", "expected"),
    [
        # ome/omero-common, src/test/java/ome/util/checksum/*: the sums of "abc"
        ("SHA1-160", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("MD5-128", "900150983cd24fb0d6963f7d28e17f72"),
        ("Murmur3-32", "fa93ddb3"),
        ("Murmur3-128", "6778ad3f3f3f96b4522dca264174a23b"),
        ("Adler-32", "27014d02"),
        ("CRC-32", "c2412435"),
        ("File-Size-64", "0300000000000000"),
    ],
)
def test_every_algorithm_is_computed(client: Any, hasher: str, expected: str) -> None:
    asked = settings()
    asked.checksumAlgorithm.value = rstring(hasher)
    process = client.getManagedRepository().importFileset(fileset(["a.xyz"]), asked)
    upload(process, [b"abc"])
    with pytest.raises(omero.ChecksumValidationException) as error:
        process.verifyUpload(["no"])
    assert error.value.failingChecksums == {0: expected}
    process.close()


def test_files_are_verified_on_disk(client: Any, server: manage.Sandbox) -> None:
    response = import_files(client, {f"a/{FAKE}": b"", "a/notes.txt": b"abc"})
    hql = "select o.id, o.path, o.name from Fileset f join f.usedFiles e join e.originalFile o where f.id = :id order by index(e)"  # noqa: E501
    found = rows(client, hql, fileset_of(response))
    ids = [row[0] for row in found]
    repository = client.getManagedRepository()
    assert repository.verifyChecksums(ids) == []
    (server.repository / found[1][1] / found[1][2]).write_bytes(b"abd")
    assert repository.verifyChecksums(ids) == [ids[1]]
    sums = omero.model.ChecksumAlgorithmI()
    sums.value = rstring("MD5-128")
    assert repository.setChecksumAlgorithm(sums, ids[:1]) == ids[:1]
    assert repository.setChecksumAlgorithm(sums, ids[:1]) == []
    with pytest.raises(omero.ServerError, match="hash mismatch"):
        repository.setChecksumAlgorithm(sums, ids)
    # RepositoryDao.filterFilesByRepository: others are passed over
    attachment = omero.model.OriginalFileI()
    attachment.name, attachment.path = rstring("a"), rstring("/")
    other = client.sf.getUpdateService().saveAndReturnObject(attachment).id.val
    assert repository.verifyChecksums([other, 10**9]) == []
    # tried on a real server: one that is gone fails the call
    (server.repository / found[1][1] / found[1][2]).unlink()
    with pytest.raises(Ice.UnknownException, match="FileNotFoundException"):
        repository.verifyChecksums(ids)


def test_the_empty_directory_of_the_fs_plugin(client: Any, server: manage.Sandbox) -> None:
    # omero-py plugins/fs.py, prep_directory: an import that is cancelled and deleted
    prefix = prep_directory(client, client.getManagedRepository())
    assert not list((server.repository / prefix).glob("**/*.txt"))


def test_directories_and_files_by_path(client: Any, server: manage.Sandbox) -> None:
    # PublicRepositoryI: makeDir, file, fileExists, deletePaths
    repository = client.getManagedRepository()
    context = client.sf.getAdminService().getEventContext()
    top = f"{context.userName}_{context.userId}"
    repository.makeDir(f"{top}/a/b", True)
    with pytest.raises(omero.ResourceError):
        repository.makeDir(f"{top}/a/b", False)
    with pytest.raises(omero.ValidationException, match="root-owned"):
        repository.makeDir("somebody_12345/a", True)  # ManagedRepositoryI.makeCheckedDirs
    store = repository.file(f"{top}/a/b/note.txt", "rw")
    store.write(b"abc", 0, 3)
    assert store.save().hash.val == sha1(b"abc")
    store.close()
    assert repository.fileExists(f"{top}/a/b/note.txt")
    callback = finish(client, repository.deletePaths([f"{top}/a"], True, False))
    assert isinstance(callback, omero.cmd.Delete2Response)
    assert not repository.fileExists(f"{top}/a/b/note.txt")
    assert not (server.repository / top / "a").exists()


@pytest.mark.parametrize("path", ["../key.pem", "a/../../key.pem"])
def test_no_path_leads_out_of_the_repository(client: Any, path: str) -> None:
    with pytest.raises(omero.ValidationException):
        client.getManagedRepository().file(path, "r")


def test_a_fileset_is_read_back(client: Any, tmp_path: Path) -> None:
    data = tiff(tmp_path / "a.tif", 9)
    response = import_files(client, {"a/a.tif": data})
    hql = "select o.id from FilesetEntry e join e.originalFile o where e.fileset.id = :id"
    ((id_,),) = rows(client, hql, fileset_of(response))
    row = client.sf.getQueryService().get("OriginalFile", id_)
    client.download(row, str(tmp_path / "back.tif"))
    assert (tmp_path / "back.tif").read_bytes() == data
    store = client.sf.createRawPixelsStore()
    store.setPixelsId(response.pixels[0].id.val, False)
    assert store.getPlane(0, 0, 0) == b"\x09" * 16 * 24
    assert store.getTile(0, 0, 0, 2, 3, 5, 4) == b"\x09" * 20
    store.close()


def test_a_store_is_bound_to_one_repository_file(client: Any) -> None:
    # RepoRawFileStoreI: "Cannot reset id"
    response = import_files(client, {f"a/{FAKE}": b"", "a/b.txt": b"abc"})
    hql = "select o.id from Fileset f join f.usedFiles e join e.originalFile o where f.id = :id order by index(e)"  # noqa: E501
    first, second = (row[0] for row in rows(client, hql, fileset_of(response)))
    store = client.sf.createRawFileStore()
    store.setFileId(second, client.getContext(-1))
    assert store.size() == 3
    assert store.read(1, 4) == b"bc\0\0"  # exactly as many bytes as asked for
    store.setFileId(first)  # tried on OMERO 5.7: one's own store may be bound again
    assert store.size() == 0
    with pytest.raises(omero.SecurityViolation):
        store.write(b"x", 0, 1)
    store.close()
    store = client.getManagedRepository().fileById(second)
    with pytest.raises(omero.ApiUsageException, match="Cannot reset id"):
        store.setFileId(first)
    store.close()


def test_handles_tell_how_far_it_is(client: Any) -> None:
    process = client.getManagedRepository().importFileset(fileset([FAKE]), settings())
    handle = process.verifyUpload(upload(process, [b""]))
    request = handle.getRequest()
    assert isinstance(request, omero.grid.ImportRequest)
    assert request.activity.parent.id is not None
    callback = omero.callbacks.CmdCallbackI(client, handle)
    callback.loop(100, 200)
    status = handle.getStatus()
    assert omero.cmd.State.FAILURE not in status.flags
    assert status.steps > 1
    callback.close(True)
    process.close()


def test_files_in_different_folders_keep_three_of_them(client: Any) -> None:
    # ManagedRepositoryI.trimPaths: counted from the file that has the fewest
    response = import_files(client, {f"a/b/c/d/1/{FAKE}": b"", "a/b/c/d/2/e/notes.txt": b"abc"})
    hql = "select fs.templatePrefix, o.path from Fileset fs join fs.usedFiles e join e.originalFile o where fs.id = :id order by index(e)"  # noqa: E501
    found = rows(client, hql, fileset_of(response))
    assert [path.removeprefix(prefix) for prefix, path in found] == ["c/d/1/", "c/d/2/e/"]


def test_an_import_by_paths(client: Any) -> None:
    # ManagedRepositoryI.importPaths: the server's first checksum
    repository = client.getManagedRepository()
    process = repository.importPaths([FAKE])
    assert process.getImportSettings().checksumAlgorithm.value.val == "SHA1-160"
    response = finish(client, process.verifyUpload(upload(process, [b""])))
    assert len(response.pixels) == 3
    # doThumbnails is null: rendering settings are made, but no job says so (createImportProcess)
    hql = "select r.id from RenderingDef r where r.pixels.id = :id"
    assert rows(client, hql, response.pixels[0].id.val)


def note(ns: str) -> Any:
    made = omero.model.CommentAnnotationI()
    made.ns, made.textValue = rstring(ns), rstring("Dataset:name:(?<C1>.*)")
    return made


def test_an_import_can_close_itself(client: Any) -> None:
    # ManagedImportRequestI.autoClose
    process = client.getManagedRepository().importFileset(
        fileset([FAKE]), settings(userSpecifiedAnnotationList=[note(NSAUTOCLOSE)])
    )
    handle = process.verifyUpload(upload(process, [b""]))

    def wait() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            handle.getResponse()
            time.sleep(0.05)

    with pytest.raises(Ice.ObjectNotExistException):
        wait()


def test_a_target_by_template_is_not_known(client: Any, server: manage.Sandbox | Elsewhere) -> None:
    only_the_sandbox(server, "OMERO knows targets by template")
    response = import_files(
        client, {FAKE: b""}, userSpecifiedAnnotationList=[note(NSTARGETTEMPLATE)]
    )
    assert (response.name, response.parameters["message"]) == (
        "error-on-init", "The sandbox does not know targets by template"
    )  # fmt: skip


def test_others_see_the_images_of_a_shared_group(lab: Callable[..., Any]) -> None:
    group = lab("rwr---")
    mine, other = group.member(), group.member()
    response = import_files(mine, {f"a/{FAKE}": b""})
    id_ = response.pixels[0].image.id.val
    assert other.sf.getQueryService().find("Image", id_).id == rlong(id_)
    assert isinstance(delete(other, "Fileset", fileset_of(response)), omero.cmd.ERR)
