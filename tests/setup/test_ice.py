"""Ice is found, or built, and installed: setup/ice.py."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

SETUP = Path(__file__).parents[2] / "setup"
sys.path.insert(0, str(SETUP))

import ice  # noqa: E402
from machine import SetupError, run  # noqa: E402

EDITED_FILES = {
    "src/Slice.cpp": "#include <eval.h>\n",
    "src/Util.cpp": "f = PyThreadState_GET()->frame;\nPyEval_CallObject(type);\n",
    "lib/Ice.py": "import sys, string, imp, os, threading\nimp.new_module(curr)\n",
    "src/Types.cpp": "using namespace IceUtilInternal;\nPyEval_CallObject(a PyEval_CallObject(b\n",
}


# The source archive


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the build tools; skip where no package index is in reach."""
    folder = tmp_path_factory.mktemp("tools")
    try:
        ice.pip("install", "--target", folder, ice.BUILD_TOOLS)
    except SetupError as error:
        pytest.skip(f"pip cannot fetch {ice.BUILD_TOOLS}: {error}")
    return folder


@pytest.fixture(scope="module")
def source(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the unpacked source archive; skip where it is not in reach."""
    folder = tmp_path_factory.mktemp("archive")
    try:
        archive = ice.download_archive(folder, tools)
    except SetupError as error:
        pytest.skip(f"pip cannot fetch the Ice archive: {error}")
    run("tar", "-xzf", archive, "-C", folder)
    return folder / f"zeroc-ice-{ice.VERSION}"


def test_edits_fit_the_true_archive(source: Path) -> None:
    ice.apply_edits(source)
    text = {name: (source / name).read_text() for name in EDITED_FILES}
    assert "eval.h" not in text["src/Slice.cpp"]
    assert "PyFrameObject *f = PyEval_GetFrame();" in text["src/Util.cpp"]
    assert text["src/Types.cpp"].count("PyObject_CallObject(") == 2
    assert text["src/Types.cpp"].index("\nPyObject_AsReadBuffer(PyObject*") < text[
        "src/Types.cpp"
    ].index("if(PyObject_AsReadBuffer(p")
    compile(text["lib/Ice.py"], "Ice.py", "exec")
    for gone in ("PyEval_CallObject", "->frame;", "imp.new_module", " imp,"):
        assert not [name for name in text if gone in text[name]], gone


def test_an_archive_with_another_sha256_is_refused_before_anything_of_it_runs(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered, downloads = tmp_path / "offered", tmp_path / "downloads"
    forged = offered / "zeroc-ice-3.6.5"
    forged.mkdir(parents=True)
    downloads.mkdir()
    (forged / "setup.py").write_text(f"open({str(tmp_path / 'it-ran')!r}, 'w')")
    run("tar", "-czf", offered / ice.ARCHIVE, "-C", offered, forged.name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(offered))
    with pytest.raises(SetupError, match="DO NOT MATCH THE HASHES"):
        ice.download_archive(downloads, tools)
    assert not (tmp_path / "it-ran").exists()
    assert not (downloads / ice.ARCHIVE).exists()


# The edits


@pytest.fixture
def small_source(tmp_path: Path) -> Path:
    """Return a source which has the texts to edit and nothing else."""
    for name, text in EDITED_FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(("file", "text"), EDITED_FILES.items())
@pytest.mark.parametrize("copies", [0, 2])
def test_an_edit_which_does_not_fit_fails_and_says_where(
    small_source: Path, file: str, text: str, copies: int
) -> None:
    (small_source / file).write_text(text * copies)
    with pytest.raises(
        SetupError, match=rf"{file} of the Ice archive contains .* times, expected [12]"
    ):
        ice.apply_edits(small_source)


def test_edits_do_not_fit_twice(small_source: Path) -> None:
    ice.apply_edits(small_source)
    with pytest.raises(SetupError, match=r"contains '#include <eval\.h>' 0 times, expected 1"):
        ice.apply_edits(small_source)


# The wheel in the cache


def test_the_cache_is_where_xdg_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert ice.cached_wheel().parent == tmp_path / "home/.cache/graphxfer/wheels"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert ice.cached_wheel().parent == tmp_path / "xdg/graphxfer/wheels"


def test_the_cached_wheel_is_named_for_this_python_and_platform() -> None:
    name, version, build, tags = parse_wheel_filename(ice.cached_wheel().name)
    assert (name, str(version)) == ("zeroc-ice", ice.VERSION)
    assert build == (int(ice.BUILD_NUMBER), "")
    assert tags <= set(sys_tags())
    assert {tag.interpreter for tag in tags} == {"cp{}{}".format(*sys.version_info)}


# Building


def test_a_failed_build_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path, _tools: Path) -> Path:
        (folder / "half-made").touch()
        raise SetupError("no network")

    monkeypatch.setattr(ice, "missing_packages", list)
    monkeypatch.setattr(ice, "pip", lambda *_words: None)
    monkeypatch.setattr(ice, "download_archive", fail)
    with pytest.raises(SetupError, match="no network"):
        ice.build_wheel(tmp_path / "ice.whl")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_build_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "building/old").mkdir(parents=True)
    with ice.scratch_folder(tmp_path / "building") as scratch:
        assert list(scratch.iterdir()) == []
    assert not scratch.exists()


def test_all_that_a_bare_machine_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    python = "python{}.{}-dev".format(*sys.version_info)
    assert ice.missing_packages() == ["g++", "libssl-dev", "libbz2-dev", python]


def test_a_missing_header_is_seen() -> None:
    if "g++" in ice.missing_packages():
        pytest.skip("there is no g++ here")
    assert ice.has_header("cstdio")
    assert not ice.has_header("no/such/header.h")


# The whole script, run in a venv of its own with wheels that only pretend


def make_wheel(path: Path, ice_version: str, breaks_with: str = "") -> Path:
    """Write a wheel whose module Ice says that it is some version."""
    files = {
        "Ice.py": f"{breaks_with}\ndef stringVersion(): return {ice_version!r}\n",
        "zeroc_ice-3.6.5.dist-info/METADATA": "Metadata-Version: 2.1\nName: zeroc-ice\n"
        "Version: 3.6.5\n",
        "zeroc_ice-3.6.5.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\n"
        "Root-Is-Purelib: false\nTag: py3-none-any\n",
    }
    record = "zeroc_ice-3.6.5.dist-info/RECORD"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
        wheel.writestr(record, "".join(f"{name},,\n" for name in [*files, record]))
    return path


class Sandbox:
    """A venv without Ice, and an empty cache, in which to run setup/ice.py."""

    def __init__(self, venv: Path, wheel: Path) -> None:
        self.python = venv / "bin/python"
        self.wheel = wheel

    def run(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        return subprocess.run(
            [self.python, SETUP / "ice.py"],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
        )

    def installed(self) -> str:
        """Return the version that the venv's Ice says it is."""
        show = "import Ice; print(Ice.stringVersion())"
        return subprocess.run([self.python, "-c", show], capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a venv which the tests here take turns to use."""
    folder = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", folder)
    return folder


@pytest.fixture
def sandbox(venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Give a place to install into."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(ice.WHEEL_VARIABLE, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # so that a build, were it tried, fails at once
    yield Sandbox(venv, ice.cached_wheel())
    run(venv / "bin/python", "-m", "pip", "uninstall", "--yes", "zeroc-ice")


def test_the_wheel_in_the_cache_is_installed_and_once_is_enough(sandbox: Sandbox) -> None:
    make_wheel(sandbox.wheel, "3.6.5")
    first = sandbox.run()
    assert (first.returncode, first.stderr) == (0, "setup: installing Ice 3.6.5 from the cache\n")
    assert sandbox.installed() == "3.6.5\n"
    sandbox.wheel.unlink()
    again = sandbox.run()
    assert (again.returncode, again.stderr) == (0, "")


def test_a_wheel_given_by_the_user_wins_over_the_cache(sandbox: Sandbox, tmp_path: Path) -> None:
    make_wheel(sandbox.wheel, "3.6.5")
    given = make_wheel(tmp_path / "given/zeroc_ice-3.6.5-py3-none-any.whl", "3.6.5-given")
    done = sandbox.run(**{ice.WHEEL_VARIABLE: str(given)})
    assert done.returncode == 0, done.stderr
    assert sandbox.installed() == "3.6.5-given\n"


def test_a_given_wheel_of_another_ice_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    given = make_wheel(tmp_path / "zeroc_ice-3.6.5-py3-none-any.whl", "3.7.10")
    done = sandbox.run(**{ice.WHEEL_VARIABLE: str(given)})
    assert done.returncode == 1
    assert "does not work: Ice is 3.7.10, not 3.6" in done.stderr


def test_a_given_wheel_which_is_not_there_is_named(sandbox: Sandbox) -> None:
    done = sandbox.run(**{ice.WHEEL_VARIABLE: "no/such.whl"})
    assert done.returncode == 1
    assert done.stderr.endswith("setup: the file no/such.whl does not exist\n")


def test_a_cached_wheel_which_does_not_load_is_built_again(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    make_wheel(sandbox.wheel, "3.6.5", breaks_with="raise ImportError('libssl.so.9 is missing')")
    done = sandbox.run(PATH=str(tmp_path))
    assert "does not work (ImportError: libssl.so.9 is missing)" in done.stderr
    assert "setup: building Ice 3.6.5" in done.stderr
    assert "Debian packages g++" in done.stderr  # which this PATH is without
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
