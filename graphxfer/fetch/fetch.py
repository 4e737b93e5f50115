# SPDX-License-Identifier: GPL-2.0-or-later
"""Fetch the files of a manifest to the bundle, and check them against OMERO's record.

A file is first copied to ``files/.fetch/``. It moves to its place only when its size and checksum
match OMERO's record; where OMERO recorded no checksum, only the size is checked.

A fetch that stops early (Ctrl-C, a lost connection, a full disk) leaves partial files in
``files/.fetch/``; the next fetch resumes them. A fetch that ends leaves there only
``checked.jsonl``, the list of good files, and, if there are some, ``problems.jsonl``, the list of
files that it could not have: copies that are wrong or incomplete are deleted. A wrong file that was
in its place before stays there until a good copy replaces it.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import pwd
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from graphxfer.bundle import Bundle, manifest, proof
from graphxfer.bundle.manifest import FileEntry
from graphxfer.bundle.proof import CHECKED, WORK
from graphxfer.errors import FileProblem, LostFile, UnsafePath, UsageError, counted
from graphxfer.fetch import rsync
from graphxfer.fetch.rsync import Folder
from graphxfer.graph import id_of
from graphxfer.progress import SILENT, Progress

if TYPE_CHECKING:
    from graphxfer.omero.connect import Profile, Server


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that is missing, or differs from OMERO's record.

    Parameters
    ----------
    path, node : str
        Its path in the bundle, and the IRI of its node.
    why : str
        What is wrong.
    lost : bool
        Whether it is gone, refused or damaged at the source, so that another try gives the same.
    """

    path: str
    node: str
    why: str
    lost: bool = True

    def __str__(self) -> str:
        return f"{self.path} ({self.node}): {self.why}"


@dataclass(slots=True)
class Fetched:
    """What a fetch did.

    Parameters
    ----------
    fetched, bytes : int
        Number of files that were copied, and their bytes.
    up_to_date : int
        Number of files that already existed, and are good.
    size_only : list of str
        Paths of files without a checksum in OMERO: only their size is checked.
    problems : list of Problem
        Files that are missing or wrong.
    """

    fetched: int = 0
    bytes: int = 0
    up_to_date: int = 0
    size_only: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class Owner(NamedTuple):
    """The user and group that own fetched files; -1 leaves them unchanged."""

    uid: int = -1
    gid: int = -1

    @classmethod
    def parse(cls, text: str) -> Owner:
        """Parse ``user:group``, ``user`` or ``:group``.

        Raises
        ------
        UsageError
            If the user or group does not exist, or this process may not give files to them.
        """
        user, _, group = text.partition(":")
        try:
            uid = pwd.getpwnam(user).pw_uid if user else -1
            gid = grp.getgrnam(group).gr_gid if group else -1
        except KeyError:
            raise UsageError(
                "the user or group does not exist on this machine", where=text, do="check its name"
            ) from None
        allowed = uid in (-1, os.geteuid()) and gid in (-1, os.getegid(), *os.getgroups())
        if os.geteuid() != 0 and not allowed:
            raise UsageError(
                "only root may give files to another user",
                where=text,
                do="run it with sudo, or without --chown",
            )
        return cls(uid, gid)

    def take(self, path: Path) -> None:
        """Change the owner of a file or folder to this one."""
        if (self.uid, self.gid) != (-1, -1):
            os.chown(path, self.uid, self.gid)


NEVER_UPLOADED = "empty: its upload was never completed (OMERO recorded neither size nor checksum)"
UNCHANGED = Owner()
"""Files belong to the user who fetches them."""


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """How files are fetched.

    Parameters
    ----------
    attachments : Folder or Server, optional
        Where the source keeps attachments. Default: the folder ``Files`` beside the repository,
        or the server that the files are fetched from.
    client_paths : bool
        Fetch image files from their client paths, below the source's folder.
    jobs : int
        Number of files to fetch at once; for rsync the number of processes.
    owner : Owner
        Owner of the fetched files and their folders.
    as_user : str
        The local user who runs rsync (and its ssh); only for root.
    """

    attachments: Folder | Server | None = None
    client_paths: bool = False
    jobs: int = 1
    owner: Owner = UNCHANGED
    as_user: str = ""


class _Wanted(NamedTuple):
    """A file to fetch: its name at the source, and where it is copied to."""

    entry: FileEntry
    name: str
    staged: Path


class _Batch(NamedTuple):
    """Files to fetch from one place."""

    place: Folder | Server
    staging: Path
    files: list[_Wanted]


def source(text: str, config: Path | None = None) -> Folder | Profile:
    """Parse the value of ``--from``.

    Parameters
    ----------
    text : str
        A folder (with a ``/``: ``./files``), ``user@host:/folder``, or a SERVER.
    config : Path, optional
        File of server profiles to read instead of servers.toml.

    Returns
    -------
    Folder or Profile
        The place.

    Examples
    --------
    >>> source("omero@example.org:/OMERO/ManagedRepository").host
    'omero@example.org'
    """
    if "://" not in text and (":" in text or "/" in text or text in {".", ".."}):
        return Folder.parse(text)
    from graphxfer.omero.connect import profile  # needs Ice, which folders do not

    return profile(text, config)


@contextlib.contextmanager
def reached(place: Folder | Profile, password: str | None = None) -> Iterator[Folder | Server]:
    """Connect to a server until the block ends; a folder is returned as it is.

    Parameters
    ----------
    place : Folder or Profile
        The place, from :func:`source`.
    password : str, optional
        The password; see :func:`graphxfer.omero.connect.connect` for the default.
    """
    if isinstance(place, Folder):
        yield place
        return
    from graphxfer.omero.connect import connect  # needs Ice, which folders do not

    with connect(place, password=password) as server:
        yield server


def fetch(
    bundle: Bundle,
    origin: Folder | Server,
    options: FetchOptions | None = None,
    progress: Progress = SILENT,
) -> Fetched:
    """Fetch the files that are missing or wrong, and check each one.

    Parameters
    ----------
    bundle : Bundle
        The bundle; its manifest lists the files.
    origin : Folder or Server
        The source's ManagedRepository, or the source server itself.
    options : FetchOptions, optional
        How to fetch.
    progress : Progress
        Shows bytes.

    Returns
    -------
    Fetched
        What was fetched, and which files are missing, truncated or changed.

    Raises
    ------
    UnsafePath
        If a path of the manifest leads out of the bundle, or of the source's folder.
    FileProblem
        If the source cannot be reached, or the disk is full; run it again to resume.
    UsageError
        If the options need root, or the server is not the bundle's source.
    """
    options = options or FetchOptions()
    if options.as_user and os.geteuid() != 0:
        raise UsageError(
            "only root may run rsync as another user",
            where=options.as_user,
            do="run it with sudo, or without --as-user",
        )
    report = Fetched()
    with _disk_errors(bundle.files):
        work = _work_folder(bundle)
        with contextlib.closing(proof.Checked(work / CHECKED)) as checked:
            missing = _check_present(bundle, checked, report, progress)
            _warn_of_space(bundle.files, missing, progress)
            for batch in _batches(missing, origin, options, work, report):
                reasons = _copy(bundle, batch, options, progress)
                _settle(bundle, batch, options, checked, reasons, report, progress)
        known = [(one.path, one.why) for one in report.problems]
        proof.write_problems(bundle.files, known)
    return report


# -- missing files ------------------------------------------------------------------------------


def _work_folder(bundle: Bundle) -> Path:
    """Create ``files/.fetch``, or check it: it may be part of a stranger's bundle."""
    work = bundle.inside(bundle.files / WORK)
    work.mkdir(parents=True, exist_ok=True)
    for path in (work, *work.rglob("*")):
        if path.is_symlink():
            raise UnsafePath("is a symlink", where=str(path), do="remove it")
    return work


def _check_present(
    bundle: Bundle, checked: proof.Checked, report: Fetched, progress: Progress
) -> list[FileEntry]:
    """Return the entries whose files are missing or wrong."""
    missing, unknown = [], []
    for entry in bundle.manifest():
        path = bundle.file(entry)
        if PurePosixPath(entry.path).parts[0] == WORK:
            raise UnsafePath(
                f"the folder {WORK} is reserved", where=entry.path, do="correct the path"
            )
        if not path.is_file():
            missing.append(entry)
        elif checked.good(entry, path):
            _count_up_to_date(entry, report)
        else:
            unknown.append((entry, path))
    total = sum(path.stat().st_size for _, path in unknown)
    with progress.task("check existing files", total, "bytes") as advance:
        for entry, path in unknown:
            if proof.wrong(entry, path, proof.sums([entry], path, advance)):
                missing.append(entry)
            else:
                checked.add(entry, path)
                _count_up_to_date(entry, report)
    return missing


def _count_up_to_date(entry: FileEntry, report: Fetched) -> None:
    report.up_to_date += 1
    if not proof.hashers([entry]):
        report.size_only.append(entry.path)


def _warn_of_space(files: Path, missing: list[FileEntry], progress: Progress) -> None:
    needed, free = sum(entry.size or 0 for entry in missing), shutil.disk_usage(files).free
    if needed > free:
        progress.say(
            f"warning: {counted(needed, 'byte')} to fetch, but {files} has only {free:,} bytes free"
        )


@contextlib.contextmanager
def _disk_errors(files: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FileProblem(rsync.FULL, where=str(files), do=rsync.MAKE_ROOM) from error
        raise


# -- copying ------------------------------------------------------------------------------------


def _batches(
    entries: list[FileEntry],
    origin: Folder | Server,
    options: FetchOptions,
    work: Path,
    report: Fetched,
) -> list[_Batch]:
    """Return the files to fetch, by the place that has them."""
    attached = [entry for entry in entries if entry.store == manifest.FILES]
    images = [entry for entry in entries if entry.store != manifest.FILES]
    attachments = options.attachments or origin
    if options.attachments is None and isinstance(origin, Folder):
        attachments = origin.beside(manifest.FILES)
        if options.client_paths:
            why = "attachments have no client path: name their folder with --attachments"
            report.problems += [Problem(one.path, one.node, why, lost=False) for one in attached]
            attached = []
    found = []
    for place, some in ((origin, images), (attachments, attached)):
        client_paths = options.client_paths and some is images
        staging = work / ("client" if client_paths else some[0].store) if some else work
        wanted = [_wanted(entry, place, client_paths, staging) for entry in some]
        nameless = [one.entry for one in wanted if not one.name]
        why = "OMERO recorded no client path"
        report.problems += [Problem(one.path, one.node, why, lost=False) for one in nameless]
        if wanted:
            found.append(_Batch(place, staging, [one for one in wanted if one.name]))
    return found


def _wanted(entry: FileEntry, place: Folder | Server, client_paths: bool, staging: Path) -> _Wanted:
    """Return a file's name at the source, and where it is copied to."""
    if not isinstance(place, Folder):
        name = str(id_of(entry.node))
    elif client_paths:
        name = entry.client_path.lstrip("/")  # absolute, whether OMERO kept the slash or not
    else:
        name = entry.source
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\0" in name:
        raise UnsafePath("leads out of the source's folder", where=name, do="correct the path")
    return _Wanted(entry, name, staging / name)


def _copy(
    bundle: Bundle, batch: _Batch, options: FetchOptions, progress: Progress
) -> Mapping[str, FileProblem]:
    """Copy a batch to its staging folder; return why files failed, by name."""
    sizes = {one.name: one.entry.size or 0 for one in batch.files}
    with progress.task("fetch", sum(sizes.values()), "bytes") as advance:
        if isinstance(batch.place, Folder):
            jobs, as_user = options.jobs, options.as_user
            missing = rsync.copy(
                batch.place, sizes, batch.staging, jobs=jobs, as_user=as_user, advance=advance
            )
            return {name: _rsync_problem(why) for name, why in missing.items()}
        _same_server(bundle, batch.place)
        from graphxfer.omero.files import download_all  # needs Ice, which folders do not

        files = {int(one.name): (one.entry.size, one.staged) for one in batch.files}
        failed = download_all(batch.place, files, options.jobs, advance)
        return {str(file_id): problem for file_id, problem in failed.items()}


def _rsync_problem(why: str) -> FileProblem:
    """Return the problem that rsync reports with an error text of the system."""
    if why in (os.strerror(errno.ENOENT), os.strerror(errno.ENOTDIR)):
        return LostFile(f"missing: {why}")
    lost = why in (os.strerror(errno.EACCES), os.strerror(errno.EPERM))
    return (LostFile if lost else FileProblem)(f"cannot be read: {why}")


def _same_server(bundle: Bundle, server: Server) -> None:
    """Refuse a server that the bundle was not exported from: it has other ids."""
    known = bundle.graph().header.database_uuid
    if server.database_uuid != known:
        raise UsageError(
            "is not the server that the bundle was exported from: its database is "
            f"{server.database_uuid}, not {known}",
            where=server.profile.host,
            do="name the source server",
        )


# -- checking and placing -----------------------------------------------------------------------


def _settle(
    bundle: Bundle,
    batch: _Batch,
    options: FetchOptions,
    checked: proof.Checked,
    reasons: Mapping[str, FileProblem],
    report: Fetched,
    progress: Progress,
) -> None:
    """Check copied files, and move the good ones to their places."""
    copied: dict[Path, list[_Wanted]] = defaultdict(list)
    for one in batch.files:
        if one.name not in reasons and one.staged.is_file():
            copied[one.staged].append(one)
        else:
            why = reasons.get(one.name) or LostFile("missing: no such file")
            lost = isinstance(why, LostFile)
            report.problems.append(Problem(one.entry.path, one.entry.node, why.what, lost))
    total = sum(path.stat().st_size for path in copied)
    with progress.task("check", total, "bytes") as advance:

        def sums(same: list[_Wanted]) -> dict[str, str]:
            return proof.sums([one.entry for one in same], same[0].staged, advance)

        with ThreadPoolExecutor(options.jobs) as pool:
            for same, found in zip(copied.values(), pool.map(sums, copied.values()), strict=True):
                good = _good(same, found, report)
                _place(bundle, good, same[0].staged, options.owner)
                for entry in good:
                    _count(entry, bundle.file(entry), checked, report)
    # What is left there: empty folders, and parts of files that failed.
    shutil.rmtree(batch.staging, ignore_errors=True)


def _good(same: list[_Wanted], sums: dict[str, str], report: Fetched) -> list[FileEntry]:
    """Return the entries that a file matches; report the others as problems."""
    good = []
    for one in same:
        why = proof.wrong(one.entry, one.staged, sums)
        if why or _never_uploaded(one.entry, one.staged):
            why = why or NEVER_UPLOADED
            report.problems.append(Problem(one.entry.path, one.entry.node, why))
        else:
            good.append(one.entry)
    return good


def _never_uploaded(entry: FileEntry, path: Path) -> bool:
    """Tell whether an attachment never had bytes: neither on the disk nor in OMERO's record."""
    attached = entry.store == manifest.FILES
    return attached and entry.size is None and not entry.checksum and path.stat().st_size == 0


def _place(bundle: Bundle, entries: list[FileEntry], staged: Path, owner: Owner) -> None:
    """Move a file to each of its places, whole or not at all; without a place, delete it."""
    for number, entry in enumerate(entries, 1):
        last = number == len(entries)
        whole = staged if last else Path(shutil.copy2(staged, f"{staged}.copy"))
        owner.take(whole)
        with whole.open("rb") as stream:
            os.fsync(stream.fileno())
        path = bundle.file(entry)
        new = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in new:
            owner.take(folder)
        whole.replace(path)
    staged.unlink(missing_ok=True)


def _count(entry: FileEntry, path: Path, checked: proof.Checked, report: Fetched) -> None:
    checked.add(entry, path)
    report.fetched += 1
    report.bytes += path.stat().st_size
    if not proof.hashers([entry]):
        report.size_only.append(entry.path)
