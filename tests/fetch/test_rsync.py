# SPDX-License-Identifier: GPL-2.0-or-later
"""Files from a folder with rsync itself, here and through the remote protocol.

No sshd runs in the tests: a script in its place drops the host and hands the command line to a
shell, as sshd does, so that names pass through everything they pass through in a real transfer.
"""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphxfer.errors import FileProblem, UsageError
from graphxfer.fetch import rsync
from graphxfer.fetch.rsync import Folder

AWKWARD = (
    "#hash.tif",
    ";semicolon.tif",
    "-e touch x.tif",
    "new\nline.tif",
    "sub/µ 'quoted\" $HOME `id` *.tif",
    "sub/.hidden",
    "a:b.tif",
    "back\\slash.tif",
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "Managed Repository"
    for name in AWKWARD:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for ssh: a file with a line for each call; ``.sent`` holds all that came."""
    log = tmp_path / "ssh.log"
    script = tmp_path / "bin" / "ssh"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/bash\nset -o pipefail\necho "$*" >> {log}\n'
        'test "$1" = -l && shift 2\ntest "$1" = down.example.org && exit 255\nshift\n'
        f'sh -c "$*" | tee -a {log}.sent\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    return log


def sizes(folder: Path, names: tuple[str, ...] = AWKWARD) -> dict[str, int]:
    return {name: (folder / name).stat().st_size for name in names}


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("jobs", [1, 3])
def test_awkward_names_arrive_as_they_are(repository: Path, tmp_path: Path, jobs: int) -> None:
    arrived: list[int] = []
    reasons = rsync.copy(
        Folder(str(repository)),
        sizes(repository),
        tmp_path / "target",
        jobs=jobs,
        advance=arrived.append,
    )
    assert reasons == {}
    assert contents(tmp_path / "target") == {name: name for name in AWKWARD}
    assert sum(arrived) == sum(sizes(repository).values())


def test_so_they_do_through_the_remote_protocol(
    repository: Path, tmp_path: Path, ssh: Path
) -> None:
    folder = Folder.parse(f"omero@files.example.org:{repository}")
    assert rsync.copy(folder, sizes(repository), tmp_path / "target", jobs=2) == {}
    assert contents(tmp_path / "target") == {name: name for name in AWKWARD}
    calls = ssh.read_text().splitlines()
    assert [call.split()[:3] for call in calls] == [["-l", "omero", "files.example.org"]] * 2


def test_symlinks_of_an_in_place_import_bring_what_they_point_to(tmp_path: Path) -> None:
    elsewhere = tmp_path / "data" / "raw"
    elsewhere.mkdir(parents=True)
    (elsewhere / "a.tif").write_text("pixels")
    repository = tmp_path / "ManagedRepository"
    repository.mkdir()
    (repository / "file.tif").symlink_to(elsewhere / "a.tif")
    (repository / "folder").symlink_to(elsewhere)
    target = tmp_path / "target"
    names = {"file.tif": 6, "folder/a.tif": 6}
    assert rsync.copy(Folder(str(repository)), names, target) == {}
    assert contents(target) == {"file.tif": "pixels", "folder/a.tif": "pixels"}
    assert not any(path.is_symlink() for path in target.rglob("*"))


def test_a_file_that_does_not_come_is_told_with_the_reason(
    repository: Path, tmp_path: Path
) -> None:
    reasons = rsync.copy(
        Folder(str(repository)), {"#hash.tif": 9, "sub/gone.tif": 1}, tmp_path / "target"
    )
    assert reasons == {"sub/gone.tif": "No such file or directory"}
    assert contents(tmp_path / "target") == {"#hash.tif": "#hash.tif"}


def test_of_a_partial_file_only_the_rest_is_sent(tmp_path: Path, ssh: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    whole = os.urandom(1_000_000)
    (source / "big.tif").write_bytes(whole)
    (target / "big.tif").write_bytes(whole[:900_000])
    rsync.copy(Folder(str(source), "files.example.org"), {"big.tif": len(whole)}, target)
    assert (target / "big.tif").read_bytes() == whole
    assert 100_000 < Path(f"{ssh}.sent").stat().st_size < 120_000


def test_a_partial_file_that_differs_is_brought_anew(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    whole = os.urandom(100_000)
    (source / "big.tif").write_bytes(whole)
    (target / "big.tif").write_bytes(os.urandom(50_000))
    rsync.copy(Folder(str(source)), {"big.tif": len(whole)}, target)
    assert (target / "big.tif").read_bytes() == whole


def test_files_without_permissions_of_the_source_can_be_read_here(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "closed").mkdir(parents=True)
    (source / "closed" / "a.tif").write_text("a")
    (source / "closed" / "a.tif").chmod(0o400)
    (source / "closed").chmod(0o555)
    rsync.copy(Folder(str(source)), {"closed/a.tif": 1}, target)
    assert (target / "closed").stat().st_mode & 0o700 == 0o700
    assert (target / "closed" / "a.tif").stat().st_mode & 0o600 == 0o600


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, ssh: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(FileProblem, match="the folder does not exist"):
        rsync.copy(Folder(str(gone)), {"a": 1}, tmp_path / "target")
    with pytest.raises(FileProblem, match="cannot be read: No such file or directory"):
        rsync.copy(Folder(str(gone), "files.example.org"), {"a": 1}, tmp_path / "target")


def test_a_host_that_cannot_be_reached_says_what_to_try(tmp_path: Path, ssh: Path) -> None:
    with pytest.raises(
        FileProblem, match=r"check that `ssh down\.example\.org rsync --version` works"
    ):
        rsync.copy(Folder("/OMERO", "down.example.org"), {"a": 1}, tmp_path / "target")


def test_without_rsync_another_way_is_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileProblem, match="over the OMERO connection"):
        rsync.copy(Folder(str(tmp_path)), {"a": 1}, tmp_path / "target")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_another_user_runs_rsync_and_does_not_get_our_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMERO_PASSWORD", "secret")
    with TemporaryDirectory() as folder:
        here = Path(folder)
        here.chmod(0o777)
        (here / "source").mkdir()
        (here / "source" / "a.tif").write_text("a")
        wrapper = here / "rsync"
        wrapper.write_text(f'#!/bin/sh\nenv > {here}/env\nexec {shutil.which("rsync")} "$@"\n')
        wrapper.chmod(0o755)
        monkeypatch.setenv("PATH", f"{here}:{os.environ['PATH']}")
        rsync.copy(Folder(f"{here}/source"), {"a.tif": 1}, here / "target", as_user="nobody")
        assert (here / "target" / "a.tif").stat().st_uid == pwd.getpwnam("nobody").pw_uid
        environment = (here / "env").read_text()
    assert "USER=nobody" in environment
    assert "secret" not in environment


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("/OMERO/ManagedRepository", Folder("/OMERO/ManagedRepository")),
        ("/odd:name/x", Folder("/odd:name/x")),
        ("files.example.org:/OMERO", Folder("/OMERO", "files.example.org")),
        ("ada@files:/data/a b", Folder("/data/a b", "ada@files")),
        ("ada@lab.org@files:/data", Folder("/data", "ada@lab.org@files")),
    ],
)
def test_a_folder_is_read_as_it_is_written(text: str, folder: Folder) -> None:
    assert Folder.parse(text) == folder


@pytest.mark.parametrize(
    "text",
    ["-oProxyCommand=id:/x", "me@-oProxyCommand=id:/x", "-l@host:/x", "a b:/x", ":/x", "me@:/x"],
)
def test_no_host_can_be_taken_for_an_option(text: str) -> None:
    with pytest.raises(UsageError, match="is not a host"):
        Folder.parse(text)


def test_a_host_needs_a_folder() -> None:
    with pytest.raises(UsageError, match="the folder is missing"):
        Folder.parse("host:")


@given(st.dictionaries(st.text(min_size=1), st.integers(0, 1000)), st.integers(1, 9))
def test_jobs_share_the_bytes(files: dict[str, int], jobs: int) -> None:
    lists = rsync.balance(files, jobs)
    assert sorted(name for names in lists for name in names) == sorted(files)
    assert len(lists) <= jobs
    assert all(lists)
    loads = [sum(files[name] + 1 for name in names) for names in lists]
    if loads:  # no list is heavier than the lightest by more than one file
        assert max(loads) - min(loads) <= max(files.values()) + 1
