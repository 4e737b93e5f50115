# SPDX-License-Identifier: GPL-2.0-or-later
"""The files of a server: the ManagedRepository, attachments, pixels, and their rows."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import omero
import omero.all
from omero.rtypes import rlong, rstring, rtime

from omero_sandbox.errors import fail, invalid
from omero_sandbox.faults import Faults
from omero_sandbox.files.checksums import ALGORITHMS, checksum
from omero_sandbox.files.paths import Template, layout
from omero_sandbox.security.rights import Caller
from omero_sandbox.security.roles import USER_GROUP
from omero_sandbox.store import Store, Transaction
from omero_sandbox.work import Work

DIRECTORY, REPOSITORY, LOG = "Directory", "Repository", "application/omero-log-file"
_IDS = 500


class Repository:
    """The folders of a server, and what the database knows of them.

    Parameters
    ----------
    directory : Path
        The folder of the server.
    store : Store
        The database.
    faults : Faults
        Limits of the disk.
    config : Mapping[str, str]
        OMERO's configuration values: ``omero.fs.repo.path``.

    Attributes
    ----------
    root : Path
        ``ManagedRepository``.
    uuid : str
        What ``OriginalFile.repo`` holds of the files in it.
    """

    def __init__(
        self, directory: Path, store: Store, faults: Faults, config: Mapping[str, str]
    ) -> None:
        self._store, self._faults, self._config = store, faults, config
        self.base = directory.absolute()
        self.root = self.base / "ManagedRepository"
        self.root.mkdir(exist_ok=True)
        self._lock = threading.Lock()
        self._used = sum(p.stat().st_size for p in self.root.rglob("*") if p.is_file())
        self.description = self._describe()
        self.uuid: str = self.description.hash.val

    def _describe(self) -> Any:
        """Return the row of the repository itself, made when the server is new."""
        with self._store.transaction(self._system(), privileged=True) as tx:
            found = tx.find_all("OriginalFile", mimetype=REPOSITORY)
            if not found:
                row = _original_file(self.root.name, f"{self.base}/", REPOSITORY)
                row.hash = rstring(str(uuid.uuid4()))
                return tx.save([row])[0]
            tx.set_system("OriginalFile", found[0].id.val, path=f"{self.base}/")
            found[0].path = rstring(f"{self.base}/")
            return found[0]

    # -- where files are --------------------------------------------------------------------

    def path_of(self, row: Any) -> Path:
        """Return where the file of an OriginalFile is: in the repository, or under ``Files``."""
        if row.repo is not None and row.repo.val == self.uuid:
            return self.inside(f"{row.path.val}/{row.name.val}")
        return self.numbered("Files", row.id.val)

    def inside(self, path: str) -> Path:
        """Return a path in the repository.

        Raises
        ------
        omero.ValidationException
            When it leads out: CheckedPath (omero-blitz).
        """
        parts = PurePosixPath("/", path).parts[1:]
        if ".." in parts or "\0" in path:
            raise invalid(f"Path leads out of repository: {path}")
        return self.root.joinpath(*parts)

    def numbered(self, kind: str, id: int) -> Path:
        """Return where ``Files``, ``Pixels`` and ``Thumbnails`` are kept, by id.

        A thousand a folder: ome.io.nio.AbstractFileSystemService (omero-romio).
        """
        folders: list[str] = []
        rest = id
        while rest > 999:
            rest //= 1000
            if rest:
                folders.insert(0, f"Dir-{rest % 1000:03}")
        return self.base.joinpath(kind, *folders, str(id))

    def room(self, more: int) -> None:
        """Count bytes that are about to be written; fail when ``full`` limits the disk."""
        with self._lock:
            self._faults.room(self._used, more)
            self._used += more

    # -- filesets -----------------------------------------------------------------------------

    def make_fileset(self, work: Work, fileset: Any, algorithm: Any, more: Sequence[Any]) -> Any:
        """Save a new Fileset with a directory, and a row for every file and directory in it.

        Parameters
        ----------
        work : Work
            The call of ManagedRepository.importFileset.
        fileset : Any
            As the client sent it: entries with client paths, one UploadJob.
        algorithm : Any
            The ChecksumAlgorithm of its files.
        more : Sequence[Any]
            The jobs that are to follow the upload.

        Returns
        -------
        Fileset
            The saved one.
        """
        job = _upload_job(fileset)
        entries = fileset.copyUsedFiles()
        names = layout([e.clientPath.val for e in entries], _reader(job))
        prefix = self.new_directory(work)
        self.make_directories(work, prefix, names)
        for entry, parts in zip(entries, names, strict=True):
            folder = "/".join([prefix, *parts[:-1]]) + "/"
            row = _original_file(parts[-1], folder, "application/octet-stream")
            row.hasher = algorithm
            entry.originalFile = row
        fileset.templatePrefix = rstring(f"{prefix}/")
        for following in more:
            fileset.linkJob(following)
        for each in (job, *more):
            _submit(work, each)
        log = _original_file(f"{PurePosixPath(prefix).name}.log", _parent(prefix), LOG)
        log.hasher = omero.model.ChecksumAlgorithmI()
        log.hasher.value = rstring("SHA1-160")
        job.linkOriginalFile(log)
        saved = work.tx.save([fileset])[0]
        self._claim(work.tx, saved.id.val)
        return saved

    def _claim(self, tx: Transaction, fileset: int) -> None:
        """Mark the fileset's files and its log as the repository's, which no client can."""
        ids = {"id": rlong(fileset)}
        rows = tx.projection(
            "select f.id from FilesetEntry e join e.originalFile f where e.fileset.id = :id", ids
        ) + tx.projection(
            "select f.id from FilesetJobLink l join l.child j join j.originalFileLinks fl"
            " join fl.child f where l.parent.id = :id",
            ids,
        )
        for (row,) in rows:
            tx.set_system("OriginalFile", row.val, repo=self.uuid)

    def new_directory(self, work: Work) -> str:
        """Make the directory of a new fileset by the template; return its path.

        Those above it are made as makeDir does, so that simultaneous imports of a user who has
        none yet may fail: nothing serialises that in OMERO (tried).
        """
        template = self._template(work)
        path = template.expand(self._setting)
        with self._store.transaction(self._system(), privileged=True) as tx:
            self.make_directory(tx, template.common(self._setting))
        with work.within(USER_GROUP, privileged=True) as tx:
            self.make_directory(tx, _parent(path))
        while True:
            try:
                (self.root / path).mkdir()
            except FileExistsError:  # another import was faster
                taken, path = path, template.expand(self._setting)
                if path == taken:
                    raise fail(omero.ResourceError, f"Path exists on disk: {path}") from None
                continue
            return path

    def make_directory(self, tx: Transaction, path: str) -> None:
        """Make a directory and those above it, on the disk and as rows.

        Raises
        ------
        omero.ResourceError, omero.ValidationException
            When another call is making one of them: PublicRepositoryI.makeCheckedDirs.
        """
        place = PurePosixPath(path.strip("/"))
        for folder in (str(each) for each in [*reversed(place.parents), place] if each.name):
            if not self.inside(folder).exists():
                try:
                    self.inside(folder).mkdir()
                except FileExistsError:
                    raise invalid(
                        "could not insert: [ome.model.core.OriginalFile]; SQL [insert into "
                        "originalfile …]; constraint [originalfile_repo_path_index]"
                    ) from None
                self.register(tx, folder, DIRECTORY)
            elif self.find(tx, folder) is None:
                message = f"Directory exists but is not registered: CheckedPath({folder})"
                raise fail(omero.ResourceError, message)

    @property
    def _setting(self) -> str:
        return self._config["omero.fs.repo.path"]

    def _template(self, work: Work) -> Template:
        """Return the template with the values of a call."""
        with work.as_system() as tx:
            group = tx.get("ExperimenterGroup", work.writing_group)
            user = tx.get("Experimenter", work.session.user)
        values = {
            "user": work.session.name, "userId": str(work.session.user),
            "group": group.name.val, "groupId": str(work.writing_group),
            "session": work.session.uuid, "sessionId": str(work.session.id),
            "perms": str(group.details.permissions),
        }  # fmt: skip
        institution = user.institution.val if user.institution is not None else ""
        return Template(values, institution.strip(), self._entries)

    def _entries(self, path: str) -> int | None:
        place = self.root / path
        return sum(1 for _ in place.iterdir()) if place.is_dir() else None

    def check_place(self, work: Work, path: str) -> None:
        """Refuse directories beside those that the template gives to a user.

        Raises
        ------
        omero.ValidationException
            Unless the caller is an administrator: ManagedRepositoryI.makeCheckedDirs.
        """
        common = self._template(work).common(self._setting)
        pairs = zip(common.split("/"), path.strip("/").split("/"), strict=False)
        if common and not work.caller.admin and any(mine != other for mine, other in pairs):
            raise invalid(
                f"cannot create directory {path!r} with template path's root-owned {common!r}"
            )

    def _system(self) -> Caller:
        return self._store.system(USER_GROUP)

    def make_directories(self, work: Work, prefix: str, names: Sequence[list[str]]) -> None:
        """Make the directories of a fileset, each with a row; they stay: other imports use them.

        Those above the fileset's own are kept in the user group, because imports into other groups
        share them (RepositoryDaoImpl.createOrFixUserGroup, omero-blitz).
        """
        with self._lock, work.within(USER_GROUP, privileged=True) as tx:
            self._register_directories(tx, [_parent(prefix)])
        with self._lock, work.within(work.writing_group) as tx:
            folders = {"/".join([prefix, *parts[:-1]]) for parts in names}
            for folder in folders:
                (self.root / folder).mkdir(parents=True, exist_ok=True)
            self._register_directories(tx, sorted(folders | {prefix}))

    def _register_directories(self, tx: Transaction, paths: Iterable[str]) -> None:
        """Create the missing rows of directories and of all above them."""
        for path in paths:
            place = PurePosixPath(path)
            for folder in [*reversed(place.parents), place]:
                if folder.name and not self.find(tx, str(folder)):
                    self.register(tx, str(folder), DIRECTORY)

    # -- rows -----------------------------------------------------------------------------------

    def find(self, tx: Transaction, path: str) -> Any | None:
        """Return the row of a path in the repository, as far as the caller may see it."""
        place = PurePosixPath(path.strip("/"))
        rows = tx.find_all(
            "OriginalFile", path=_parent(str(place)), name=place.name, repo=self.uuid
        )
        return rows[0] if rows else None

    def register(self, tx: Transaction, path: str, mimetype: str) -> Any:
        """Make the row of a path in the repository and return it."""
        place = PurePosixPath(path.strip("/"))
        row = tx.save([_original_file(place.name, _parent(str(place)), mimetype)])[0]
        tx.set_system("OriginalFile", row.id.val, repo=self.uuid)
        return tx.get("OriginalFile", row.id.val)

    def children(self, tx: Transaction, path: str) -> list[Any]:
        """Return the rows of what is in a directory of the repository."""
        inner = path.strip("/")
        folder = f"{inner}/" if inner else "/"
        return tx.find_all("OriginalFile", path=folder, repo=self.uuid)

    def files_of(self, tx: Transaction, fileset: int) -> list[Path]:
        """Return the paths of a fileset's files, in the order of its entries."""
        rows = tx.query(
            "select f from Fileset f join fetch f.usedFiles e join fetch e.originalFile"
            " where f.id = :id",
            {"id": rlong(fileset)},
        )
        return [self.path_of(e.originalFile) for row in rows for e in row.copyUsedFiles()]

    def rehash(self, tx: Transaction, id: int) -> Any:
        """Write size, checksum and time of the file on disk into its row; return the row."""
        row = original_file(tx, id)
        path = self.path_of(row)
        algorithm = row.hasher.value.val if row.hasher else "SHA1-160"
        status = path.stat()
        tx.set_system(
            "OriginalFile", row.id.val,
            size=status.st_size, hash=checksum(path, algorithm), hasher=algorithm,
            mtime=int(status.st_mtime * 1000),
        )  # fmt: skip
        return original_file(tx, id)

    def forget(self, work: Work, deleted: dict[str, list[int]]) -> None:
        """Remove the files of deleted rows after the deletion is committed."""
        files = deleted.get("ome.model.core.OriginalFile", [])
        gone: list[Path] = []
        # another transaction still sees the rows, with their paths
        with work.as_system() as tx:
            for start in range(0, len(files), _IDS):
                ids = omero.rtypes.rlist([rlong(i) for i in files[start : start + _IDS]])
                hql = "select f from OriginalFile f where f.id in (:ids)"
                gone += [self.path_of(row) for row in tx.query(hql, {"ids": ids})]
        for id_ in deleted.get("ome.model.core.Pixels", []):
            gone.append(self.numbered("Pixels", id_))
        for id_ in deleted.get("ome.model.display.Thumbnail", []):
            gone.append(self.numbered("Thumbnails", id_))
        work.after_commit(lambda: _remove(gone))


def original_file(tx: Transaction, id: int) -> Any:
    """Return an OriginalFile with its hasher, or fail as IQuery.get does."""
    rows = tx.query(
        "select f from OriginalFile f left outer join fetch f.hasher where f.id = :id",
        {"id": rlong(id)},
    )
    return rows[0] if rows else tx.get("OriginalFile", id)


def algorithms() -> list[Any]:
    """Return the checksum algorithms in the server's order of preference."""
    return [_algorithm(name) for name in ALGORITHMS]


def _algorithm(name: str) -> Any:
    made = omero.model.ChecksumAlgorithmI()
    made.value = rstring(name)
    return made


def _remove(paths: Iterable[Path]) -> None:
    """Remove files, and directories as far as nothing is left in them."""
    for path in sorted(paths, key=lambda path: -len(path.parts)):
        if path.is_dir() and not path.is_symlink():
            with suppress(OSError):
                path.rmdir()
        else:
            path.unlink(missing_ok=True)


def _original_file(name: str, path: str, mimetype: str) -> Any:
    row = omero.model.OriginalFileI()
    row.name, row.path, row.mimetype = rstring(name), rstring(path), rstring(mimetype)
    row.size = rlong(0)
    return row


def _parent(path: str) -> str:
    """Return the directory of a path as OriginalFile.path has it: with a slash at the end."""
    parent = str(PurePosixPath(path).parent)
    return "/" if parent == "." else f"{parent}/"


def _upload_job(fileset: Any) -> Any:
    """Return the one UploadJob that a new fileset has to come with (ManagedRepositoryI)."""
    links = fileset.copyJobLinks() if fileset.sizeOfJobLinks() > 0 else []
    jobs = [link.child for link in links]
    if len(jobs) != 1 or not isinstance(jobs[0], omero.model.UploadJob):
        raise invalid("A fileset needs exactly one UploadJob")
    return jobs[0]


def _reader(job: Any) -> str:
    pairs = {pair.name: pair.value for pair in job.versionInfo or [] if pair is not None}
    return pairs.get("bioformats.reader") or ""


def _submit(work: Work, job: Any) -> None:
    """Set what a new Job needs: ome.services.JobBean.submit (omero-server)."""
    job.username = rstring(work.session.name)
    job.groupname = rstring(work.tx.get("ExperimenterGroup", work.writing_group).name.val)
    job.type = rstring(work.session.event_type)
    job.message = job.message or rstring("")
    job.submitted = job.scheduledFor = rtime(time.time() * 1000)
    job.status = omero.model.JobStatusI()
    job.status.value = rstring("Submitted")
