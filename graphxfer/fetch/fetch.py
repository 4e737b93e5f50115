# SPDX-License-Identifier: GPL-2.0-or-later
"""The files of a manifest: brought into the bundle, and checked against what OMERO recorded.

A file arrives under ``files/.fetch/`` and gets its place only when it is proven good, so that
whatever this step put in its place can be trusted.
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
from graphxfer.errors import FileProblem, UnsafePath, UsageError
from graphxfer.fetch import rsync
from graphxfer.fetch.rsync import Folder
from graphxfer.graph import id_of
from graphxfer.progress import SILENT, Progress

if TYPE_CHECKING:
    from graphxfer.omero.connect import Profile, Server

WORK = ".fetch"
"""The folder below ``files/`` where files are until they are proven good."""
CHECKED = "checked.jsonl"
"""The file in it that remembers which are."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that is not there, or not as OMERO recorded it."""

    path: str
    node: str
    why: str

    def __str__(self) -> str:
        return f"{self.path} ({self.node}): {self.why}"


@dataclass(slots=True)
class Fetched:
    """What a fetch did.

    Parameters
    ----------
    fetched, bytes : int
        Files that were brought, and their bytes.
    kept : int
        Files that were there already, and are good.
    size_only : list of str
        Paths of files of which OMERO recorded no checksum: only their size is proven.
    problems : list of Problem
        Files that are still missing.
    """

    fetched: int = 0
    bytes: int = 0
    kept: int = 0
    size_only: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class Owner(NamedTuple):
    """Who is to own the files here; -1 leaves it as it is."""

    uid: int = -1
    gid: int = -1

    @classmethod
    def parse(cls, text: str) -> Owner:
        """Read ``user:group``, ``user`` or ``:group``.

        Raises
        ------
        UsageError
            If there is no such user or group, or this process may not give files to them.
        """
        user, _, group = text.partition(":")
        try:
            uid = pwd.getpwnam(user).pw_uid if user else -1
            gid = grp.getgrnam(group).gr_gid if group else -1
        except KeyError:
            raise UsageError("there is no such local user or group", where=text) from None
        mine = uid in (-1, os.geteuid()) and gid in (-1, os.getegid(), *os.getgroups())
        if os.geteuid() != 0 and not mine:
            raise UsageError(
                "only root may give files to another user",
                where=text,
                do="run it with sudo, or without --chown",
            )
        return cls(uid, gid)

    def take(self, path: Path) -> None:
        """Make it the owner of a file or folder."""
        if (self.uid, self.gid) != (-1, -1):
            os.chown(path, self.uid, self.gid)


NOBODY_ELSE = Owner()
"""Files belong to who fetches them."""


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """How files are fetched.

    Parameters
    ----------
    attachments : Folder or Server, optional
        Where the source keeps attachments; else the folder ``Files`` beside the repository, or
        the server that the files come from.
    client_paths : bool
        Take image files from the paths that they were imported from, below the source's folder.
    jobs : int
        How many are brought at once.
    owner : Owner
        Who is to own the files and their folders here.
    as_user : str
        The local user who runs rsync (and its ssh); only for root.
    """

    attachments: Folder | Server | None = None
    client_paths: bool = False
    jobs: int = 1
    owner: Owner = NOBODY_ELSE
    as_user: str = ""


class _Wanted(NamedTuple):
    """A file to bring: its name at the source, and where it arrives."""

    entry: FileEntry
    name: str
    staged: Path


class _Batch(NamedTuple):
    """Files that come from one place."""

    place: Folder | Server
    staging: Path
    files: list[_Wanted]


def source(text: str, config: Path | None = None) -> Folder | Profile:
    """Read what ``--from`` says.

    Parameters
    ----------
    text : str
        A folder (with a ``/``: ``./files``), ``user@host:/folder``, or a SERVER.
    config : Path, optional
        Server profiles, instead of servers.toml.
    """
    if "://" not in text and (":" in text or "/" in text or text in {".", ".."}):
        return Folder.parse(text)
    from graphxfer.omero.connect import profile  # folders alone need no Ice

    return profile(text, config)


@contextlib.contextmanager
def reached(place: Folder | Profile, password: str | None = None) -> Iterator[Folder | Server]:
    """Connect to a server for the length of a block; a folder needs nothing.

    Parameters
    ----------
    place : Folder or Profile
        As :func:`source` returns it.
    password : str, optional
        Else it is found or asked for as usual.
    """
    if isinstance(place, Folder):
        yield place
        return
    from graphxfer.omero.connect import connect  # folders alone need no Ice

    with connect(place, password=password) as server:
        yield server


def fetch(
    bundle: Bundle,
    origin: Folder | Server,
    options: FetchOptions | None = None,
    progress: Progress = SILENT,
) -> Fetched:
    """Bring the files that are not there yet, and check every one.

    Parameters
    ----------
    bundle : Bundle
        Whose manifest says what to bring.
    origin : Folder or Server
        The source's ManagedRepository, or the source server itself.
    options : FetchOptions, optional
        How.
    progress : Progress
        Told of bytes.

    Returns
    -------
    Fetched
        What was brought, and which files are missing, truncated or changed.

    Raises
    ------
    UnsafePath
        If a path of the manifest leads out of the bundle, or of the source's folder.
    FileProblem
        If the source cannot be reached or the disk is full; a second run goes on.
    UsageError
        If the options ask for what only root may do, or the server is another one.
    """
    options = options or FetchOptions()
    if options.as_user and os.geteuid() != 0:
        raise UsageError("only root may act as another user", where=options.as_user, do="use sudo")
    report = Fetched()
    with _full_disk_told(bundle.files):
        work = _work_folder(bundle)
        with contextlib.closing(proof.Checked(work / CHECKED)) as checked:
            missing = _check_present(bundle, checked, report, progress)
            _tell_space(bundle.files, missing, progress)
            for batch in _batches(missing, origin, options, work, report):
                reasons = _bring(bundle, batch, options, progress)
                _settle(bundle, batch, options, checked, reasons, report, progress)
    return report


# -- what is there, and what is not -------------------------------------------------------------


def _work_folder(bundle: Bundle) -> Path:
    """Make ``files/.fetch``; whatever lies in it may have come with a stranger's bundle."""
    work = bundle.inside(bundle.files / WORK)
    work.mkdir(parents=True, exist_ok=True)
    for path in (work, *work.rglob("*")):
        if path.is_symlink():
            raise UnsafePath("it is a symlink", where=str(path), do="remove it")
    return work


def _check_present(
    bundle: Bundle, checked: proof.Checked, report: Fetched, progress: Progress
) -> list[FileEntry]:
    """Return the entries whose files are not there, or not good."""
    missing, unknown = [], []
    for entry in bundle.manifest():
        path = bundle.file(entry)
        if PurePosixPath(entry.path).parts[0] == WORK:
            raise UnsafePath(f"{WORK} is no place for a file", where=entry.path)
        if not path.is_file():
            missing.append(entry)
        elif checked.good(entry, path):
            _keep(entry, report)
        else:
            unknown.append((entry, path))
    total = sum(path.stat().st_size for _, path in unknown)
    with progress.task("check what is there", total, "bytes") as advance:
        for entry, path in unknown:
            if proof.wrong(entry, path, proof.sums([entry], path, advance)):
                missing.append(entry)
            else:
                checked.add(entry, path)
                _keep(entry, report)
    return missing


def _keep(entry: FileEntry, report: Fetched) -> None:
    report.kept += 1
    if not proof.hashers([entry]):
        report.size_only.append(entry.path)


def _tell_space(files: Path, missing: list[FileEntry], progress: Progress) -> None:
    needed, free = sum(entry.size or 0 for entry in missing), shutil.disk_usage(files).free
    if needed > free:
        progress.say(f"{needed:,} bytes are to be fetched; {files} has room for {free:,}")


@contextlib.contextmanager
def _full_disk_told(files: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FileProblem(rsync.FULL, where=str(files), do=rsync.MAKE_ROOM) from error
        raise


# -- where they come from -----------------------------------------------------------------------


def _batches(
    entries: list[FileEntry],
    origin: Folder | Server,
    options: FetchOptions,
    work: Path,
    report: Fetched,
) -> list[_Batch]:
    """Return what to bring, by where it comes from."""
    attached = [entry for entry in entries if entry.store == manifest.FILES]
    images = [entry for entry in entries if entry.store != manifest.FILES]
    attachments = options.attachments or origin
    if options.attachments is None and isinstance(origin, Folder):
        attachments = origin.beside(manifest.FILES)
        if options.client_paths:
            why = "say where attachments are (--attachments): they have no client path"
            report.problems += [Problem(one.path, one.node, why) for one in attached]
            attached = []
    found = []
    for place, some in ((origin, images), (attachments, attached)):
        client_paths = options.client_paths and some is images
        staging = work / ("client" if client_paths else some[0].store) if some else work
        wanted = [_wanted(entry, place, client_paths, staging) for entry in some]
        nameless = [one.entry for one in wanted if not one.name]
        why = "OMERO recorded no path that it was imported from"
        report.problems += [Problem(one.path, one.node, why) for one in nameless]
        if wanted:
            found.append(_Batch(place, staging, [one for one in wanted if one.name]))
    return found


def _wanted(entry: FileEntry, place: Folder | Server, client_paths: bool, staging: Path) -> _Wanted:
    """Say how a file is named at its source, and where it arrives."""
    if not isinstance(place, Folder):
        name = str(id_of(entry.node))
    elif client_paths:
        name = entry.client_path.lstrip("/")  # absolute, whether OMERO kept the slash or not
    else:
        name = entry.source
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\0" in name:
        raise UnsafePath("it leads out of the source's folder", where=name)
    return _Wanted(entry, name, staging / name)


def _bring(
    bundle: Bundle, batch: _Batch, options: FetchOptions, progress: Progress
) -> Mapping[str, str]:
    """Bring a batch to its staging folder; return why single files did not come, by name."""
    sizes = {one.name: one.entry.size or 0 for one in batch.files}
    with progress.task("fetch", sum(sizes.values()), "bytes") as advance:
        if isinstance(batch.place, Folder):
            jobs, as_user = options.jobs, options.as_user
            missing = rsync.bring(
                batch.place, sizes, batch.staging, jobs=jobs, as_user=as_user, advance=advance
            )
            return {name: f"missing: {why}" for name, why in missing.items()}
        _same_server(bundle, batch.place)
        from graphxfer.omero.files import download_all  # folders alone need no Ice

        files = {int(one.name): (one.entry.size, one.staged) for one in batch.files}
        failed = download_all(batch.place, files, options.jobs, advance)
        return {str(file_id): why for file_id, why in failed.items()}


def _same_server(bundle: Bundle, server: Server) -> None:
    """Refuse a server that the bundle is not from: ids mean something else there."""
    known = bundle.graph().header.database_uuid
    if server.database_uuid != known:
        raise UsageError(
            f"this is not the server of the bundle: its database is {server.database_uuid}, "
            f"not {known}",
            where=server.profile.host,
            do="name the server that the bundle was exported from",
        )


# -- what came ----------------------------------------------------------------------------------


def _settle(
    bundle: Bundle,
    batch: _Batch,
    options: FetchOptions,
    checked: proof.Checked,
    reasons: Mapping[str, str],
    report: Fetched,
    progress: Progress,
) -> None:
    """Check what has arrived, and put in its place what is good."""
    arrived: dict[Path, list[_Wanted]] = defaultdict(list)
    for one in batch.files:
        if one.name not in reasons and one.staged.is_file():
            arrived[one.staged].append(one)
        else:
            why = reasons.get(one.name, "missing: no such file")
            report.problems.append(Problem(one.entry.path, one.entry.node, why))
    total = sum(path.stat().st_size for path in arrived)
    with progress.task("check", total, "bytes") as advance:

        def sums(same: list[_Wanted]) -> dict[str, str]:
            return proof.sums([one.entry for one in same], same[0].staged, advance)

        with ThreadPoolExecutor(options.jobs) as pool:
            for same, found in zip(arrived.values(), pool.map(sums, arrived.values()), strict=True):
                good = _good(same, found, report)
                _place(bundle, good, same[0].staged, options.owner)
                for entry in good:
                    _count(entry, bundle.file(entry), checked, report)
    shutil.rmtree(batch.staging, ignore_errors=True)  # nothing but empty folders


def _good(same: list[_Wanted], sums: dict[str, str], report: Fetched) -> list[FileEntry]:
    """Return the entries that a file is good for; the others are problems."""
    good = []
    for one in same:
        if why := proof.wrong(one.entry, one.staged, sums):
            report.problems.append(Problem(one.entry.path, one.entry.node, why))
        else:
            good.append(one.entry)
    return good


def _place(bundle: Bundle, entries: list[FileEntry], staged: Path, owner: Owner) -> None:
    """Put a file in each place that it is good for, whole or not at all, and nowhere else."""
    for number, entry in enumerate(entries, 1):
        last = number == len(entries)
        whole = staged if last else Path(shutil.copy2(staged, f"{staged}.copy"))
        owner.take(whole)
        with whole.open("rb") as stream:
            os.fsync(stream.fileno())
        path = bundle.file(entry)
        made = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in made:
            owner.take(folder)
        whole.replace(path)
    staged.unlink(missing_ok=True)


def _count(entry: FileEntry, path: Path, checked: proof.Checked, report: Fetched) -> None:
    checked.add(entry, path)
    report.fetched += 1
    report.bytes += path.stat().st_size
    if not proof.hashers([entry]):
        report.size_only.append(entry.path)
