# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.grid: SharedResources, the ManagedRepository and its ImportProcess."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import Ice
import omero
import omero.all
from omero.rtypes import rlist, rlong, rmap, rstring

from omero_sandbox.errors import fail, forbidden, invalid, misused
from omero_sandbox.files.checksums import checksum
from omero_sandbox.files.repository import DIRECTORY, algorithms
from omero_sandbox.model import TYPES
from omero_sandbox.security.rights import ALL_GROUPS
from omero_sandbox.security.roles import USER_GROUP
from omero_sandbox.service import Call, Service, Stateful
from omero_sandbox.services import table
from omero_sandbox.services.commands import Handle, Job, start
from omero_sandbox.services.imports import import_job, jobs_after_upload
from omero_sandbox.services.rawfile import RawFileStore, needs_client
from omero_sandbox.store import Transaction

#: What an administrator needs to import into a group without being a member: tried on OMERO 5.7.
IMPORTING = {"WriteOwned", "WriteFile", "WriteManagedRepo"}


class SharedResources(Service):
    """What all sessions share: here, the repository."""

    interface = omero.grid.SharedResources

    def repositories(self, call: Call) -> Any:
        repository = call.server.repository
        prx = call.server.publish(ManagedRepository(), call.session, name=repository.uuid)
        public = omero.grid.RepositoryPrx.uncheckedCast(prx)
        return omero.grid.RepositoryMap([repository.description], [public])

    def areTablesEnabled(self, call: Call) -> bool:
        return table.enabled()

    def newTable(self, call: Call, repo: int, path: str) -> Any:
        """Make a table: an OriginalFile, which its first columns turn into HDF5."""
        row = omero.model.OriginalFileI()
        place = PurePosixPath("/", path)
        row.name, row.path = rstring(place.name), rstring(f"{place.parent}/".replace("//", "/"))
        row.mimetype, row.size = rstring(table.MIMETYPE), rlong(0)
        return table.open_table(call, call.tx.save([row])[0].id.val)

    def openTable(self, call: Call, file: Any) -> Any:
        return table.open_table(call, file.id.val)


class ManagedRepository(Service):
    """Files that the server manages; the rules are those of ManagedRepositoryI (omero-blitz)."""

    interface = omero.grid.ManagedRepository

    def root(self, call: Call) -> Any:
        return call.server.repository.description

    def importFileset(self, call: Call, fs: Any, settings: Any) -> Any:
        needs_client(call)
        if fs is None or fs.sizeOfUsedFiles() < 1:
            raise misused("No paths provided")
        if settings is None or settings.checksumAlgorithm is None:
            raise misused("must specify checksum algorithm")
        caller, group = call.caller, call.writing_group
        if caller.admin and group not in caller.member_of and not caller.privileges >= IMPORTING:
            raise forbidden(f"You are not authorized to create {TYPES['OriginalFile'].fqn}")
        fileset = call.server.repository.make_fileset(
            call, fs, settings.checksumAlgorithm, jobs_after_upload(settings)
        )
        process = ImportProcess(call, fileset, settings)
        process.prx = call.server.publish(process, call.session)
        return process.prx

    def importPaths(self, call: Call, filePaths: Sequence[str]) -> Any:
        """Begin an import with the first checksum that the server prefers, and no settings."""
        fileset = omero.model.FilesetI()
        for path in filePaths:
            entry = omero.model.FilesetEntryI()
            entry.clientPath = rstring(path)
            fileset.addFilesetEntry(entry)
        fileset.linkJob(omero.model.UploadJobI())
        settings = omero.grid.ImportSettings(checksumAlgorithm=algorithms()[0])
        return self.importFileset(call, fileset, settings)

    def listImports(self, call: Call) -> list[Any]:
        """Return nothing: ManagedRepositoryI looks for an RLong among Longs, and finds none."""
        return []

    def listChecksumAlgorithms(self, call: Call) -> list[Any]:
        return algorithms()

    def suggestChecksumAlgorithm(self, call: Call, supported: list[Any]) -> Any:
        names = {algorithm.value.val for algorithm in supported}
        return next((mine for mine in algorithms() if mine.value.val in names), None)

    def verifyChecksums(self, call: Call, ids: list[int]) -> list[int]:
        """Return the ids of the files that no longer have the checksum of their row.

        Files of another repository, attachments and files without a checksum are passed over.

        Raises
        ------
        Ice.UnknownException
            When one of them is gone from the disk (tried on a real server).
        """
        needs_client(call)
        with call.within(ALL_GROUPS) as tx:
            rows = self._own(call, tx, ids)
        return [row.id.val for row in rows if not self._verified(call, row)]

    def _own(self, call: Call, tx: Transaction, ids: list[int]) -> list[Any]:
        """Return those OriginalFiles that the caller may read and that are in this repository."""
        hql = (
            "select f from OriginalFile f left outer join fetch f.hasher"
            " where f.id in (:ids) and f.repo = :repo order by f.id"
        )
        repo = rstring(call.server.repository.uuid)
        return tx.query(hql, {"ids": rlist([rlong(i) for i in ids]), "repo": repo}) if ids else []

    def _verified(self, call: Call, row: Any) -> bool:
        if row.hasher is None or row.hash is None:
            return True
        path = call.server.repository.path_of(row)
        if not path.is_file():
            raise Ice.UnknownException(
                f"java.lang.RuntimeException: java.io.FileNotFoundException: {path} "
                "(No such file or directory)"
            )
        return checksum(path, row.hasher.value.val) == row.hash.val

    def setChecksumAlgorithm(self, call: Call, hasher: Any, ids: list[int]) -> list[int]:
        """Give files another checksum; the ids of those that had a different one."""
        needs_client(call)
        changed = []
        with call.within(ALL_GROUPS) as tx:
            for row in self._own(call, tx, ids):
                if row.hasher is not None and row.hasher.value.val == hasher.value.val:
                    continue
                if not self._verified(call, row):
                    raise fail(omero.ServerError, f"hash mismatch on file ID {row.id.val}")
                if not row.details.permissions.canEdit():
                    raise forbidden(f"Updating OriginalFile:{row.id.val} not allowed.")
                tx.set_system("OriginalFile", row.id.val, hasher=hasher.value.val)
                call.server.repository.rehash(tx, row.id.val)
                changed.append(row.id.val)
        return changed

    # -- directories and single files -------------------------------------------------------

    def mimetype(self, call: Call, path: str) -> str:
        return str(self._row(call, path).mimetype.val)

    def fileExists(self, call: Call, path: str) -> bool:
        needs_client(call)
        repository = call.server.repository
        return repository.inside(path).exists() and repository.find(call.tx, path) is not None

    def list(self, call: Call, path: str) -> list[str]:
        return [f"{row.path.val}{row.name.val}" for row in self.listFiles(call, path)]

    def listFiles(self, call: Call, path: str) -> Sequence[Any]:
        needs_client(call)
        return call.server.repository.children(call.tx, path)

    def treeList(self, call: Call, path: str) -> Any:
        """Return what a path is, and all below: name to id, mimetype, and size or files."""
        needs_client(call)
        if path.strip("/") in ("", "."):
            return self._tree(call, call.server.repository.children(call.tx, ""))
        return self._tree(call, [self._row(call, path)])

    def _tree(self, call: Call, rows: Sequence[Any]) -> Any:
        tree = rmap({})
        for row in rows:
            place = f"{row.path.val}{row.name.val}".lstrip("/")
            known = {"id": row.id, "mimetype": row.mimetype}
            if row.mimetype is not None and row.mimetype.val == DIRECTORY:
                inner = call.server.repository.children(call.tx, place)
                known["files"] = self._tree(call, inner)
            else:
                known["size"] = row.size if row.size is not None else rlong(0)
            tree.val[row.name.val] = rmap(known)
        return tree

    def register(self, call: Call, path: str, mimetype: Any) -> Any:
        needs_client(call)
        if not call.server.repository.inside(path).exists():
            raise invalid(f"No such file: {path}")
        kind = mimetype.val if mimetype is not None else "application/octet-stream"
        return call.server.repository.register(call.tx, path, kind)

    def makeDir(self, call: Call, path: str, parents: bool) -> None:
        needs_client(call)
        repository = call.server.repository
        place = PurePosixPath(path.strip("/"))
        repository.check_place(call, str(place))
        if not parents and repository.inside(path).exists():
            raise fail(omero.ResourceError, f"Path exists on disk: {path}")
        above = str(place.parent)
        if not parents and above != "." and not repository.inside(above).exists():
            raise forbidden(f"Cannot find parent directory: CheckedPath({above})")
        # in the user group: RepositoryDaoImpl.createOrFixUserDir
        with call.within(USER_GROUP, privileged=True) as tx:
            repository.make_directory(tx, str(place))

    def file(self, call: Call, path: str, mode: str) -> Any:
        """Open a file by its path; one that is not there is made."""
        needs_client(call)
        repository = call.server.repository
        row = repository.find(call.tx, path)
        if row is None:
            if repository.inside(path).exists():
                raise fail(omero.grid.UnregisteredFileException, f"Not registered: {path}")
            row = repository.register(call.tx, path, "application/octet-stream")
            call.tx.set_system("OriginalFile", row.id.val, hasher="SHA1-160")
        elif mode != "r" and not row.details.permissions.canEdit():
            raise forbidden("requiresWrite is true but cannot modify")
        return call.server.publish(RawFileStore(row, mode), call.session)

    def fileById(self, call: Call, id: int) -> Any:
        needs_client(call)
        row = call.tx.find("OriginalFile", id)
        if row is None or row.repo is None or row.repo.val != call.server.repository.uuid:
            raise forbidden(f"FileNotFound: {id}")
        return call.server.publish(RawFileStore(row, "r"), call.session)

    def deletePaths(self, call: Call, path: Sequence[str], recursively: bool, force: bool) -> Any:
        """Delete files and directories by path, with all below: a Delete2 of their rows."""
        ids = [id_ for each in path for id_ in _ids(self.treeList(call, each))]
        request = omero.cmd.Delete2(targetObjects={"OriginalFile": ids})
        return start(call, Handle(Job(request, call.server, call.session, call.context)))

    def _row(self, call: Call, path: str) -> Any:
        needs_client(call)
        row = call.server.repository.find(call.tx, path)
        if row is None:
            raise invalid(f"No such file: {path}")
        return row


def _ids(tree: Any) -> Iterator[int]:
    """Return the ids in a tree, those below first."""
    for known in tree.val.values():
        if "files" in known.val:
            yield from _ids(known.val["files"])
        yield known.val["id"].val


class ImportProcess(Stateful):
    """The import of one fileset: upload, verify, then a job; see ManagedImportProcessI.

    Parameters
    ----------
    call : Call
        The call of importFileset: uploads and import run in its session and group.
    fileset : Any
        The saved Fileset.
    settings : Any
        The client's ImportSettings.
    """

    interface = omero.grid.ImportProcess

    def __init__(self, call: Call, fileset: Any, settings: Any) -> None:
        self.prx: Any = None
        self._fileset, self._settings = fileset.id.val, settings
        self._context = dict(call.context)
        self._uploaders: dict[int, tuple[RawFileStore, Any]] = {}
        self._handle: Any = None

    def getImportSettings(self, call: Call) -> Any:
        return self._settings

    def getUploader(self, call: Call, i: int) -> Any:
        """Return the store of the i-th file; the same one until that is closed."""
        store, prx = self._uploaders.get(i, (None, None))
        if store is None or store.closed:
            mode = call.context.get("omero.fs.mode", "rw")
            store = RawFileStore(self._file(call, i), mode)
            prx = call.server.publish(store, call.session)
            self._uploaders[i] = store, prx
        return prx

    def getUploadOffset(self, call: Call, i: int) -> int:
        """Return where the last block that was written ends; 0 when there is no open store."""
        store, _ = self._uploaders.get(i, (None, None))
        return 0 if store is None or store.closed else store.offset

    def _file(self, call: Call, i: int) -> Any:
        files = self._files(call)
        if not 0 <= i < len(files):
            raise misused(f"There is no file {i}")
        return files[i]

    def _files(self, call: Call) -> list[Any]:
        fileset = call.tx.query(
            "select f from Fileset f join fetch f.usedFiles e join fetch e.originalFile o"
            " left outer join fetch o.hasher where f.id = :id",
            {"id": rlong(self._fileset)},
        )
        if not fileset:
            raise invalid(f"Fileset {self._fileset} was deleted")
        return [entry.originalFile for entry in fileset[0].copyUsedFiles()]

    def verifyUpload(self, call: Call, hash: list[str]) -> Any:
        """Compare checksums, and start the import in the background.

        Each call starts an import, as in ManagedImportProcessI (omero-blitz), which checks none of
        the earlier ones: a request that arrives twice imports twice.
        """
        files = self._files(call)
        if len(hash) != len(files):
            raise misused(f"{len(hash)} checksums for {len(files)} files")
        here = [row.hash.val if row.hash is not None else "" for row in files]
        failing = {i: mine for i, mine in enumerate(here) if mine != hash[i]}
        if failing:
            raise fail(
                omero.ChecksumValidationException,
                "A checksum mismatch has occurred.",
                failingChecksums=failing,
            )
        job = import_job(call, self.prx, self._fileset, self._settings, self._context)
        handle = Handle(job)

        def carry_out() -> None:
            handle.run()
            if job.auto_close:
                call.server.withdraw(handle)
                call.server.withdraw(self)

        call.after_commit(partial(call.server.background, carry_out))
        self._handle = call.server.publish(handle, call.session)
        return self._handle

    def getHandle(self, call: Call) -> Any:
        return self._handle
