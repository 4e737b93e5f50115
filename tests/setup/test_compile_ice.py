"""Compiling on all cores makes the wheel that setup.py describes: setup/compile_ice.py."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / "setup"
sys.path.insert(0, str(SETUP))

import compile_ice  # noqa: E402
import ice  # noqa: E402
from machine import SetupError  # noqa: E402

SETUP_PY = """\
from setuptools import Extension, setup
sources = ["module.cpp", "one.cpp", "two.c"]
setup(name="small", version="1", py_modules=[],
      ext_modules=[Extension("small", sources, include_dirs=["include"])])
"""
MODULE = """\
#include <Python.h>
#ifndef COMMON
#error the common headers were not included
#endif
int one(); extern "C" int two();
static PyObject* sum(PyObject*, PyObject*) { return PyLong_FromLong(one() + two()); }
static PyMethodDef methods[] = {{"sum", sum, METH_NOARGS, 0}, {0, 0, 0, 0}};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "small", 0, -1, methods, 0, 0, 0, 0};
PyMODINIT_FUNC PyInit_small() { return PyModule_Create(&module); }
"""


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the build tools; skip where they, or a compiler, cannot be had."""
    if missing := {"g++", f"python{sys.version_info[0]}.{sys.version_info[1]}-dev"} & set(
        ice.missing_packages()
    ):
        pytest.skip(f"missing here: {missing}")
    folder = tmp_path_factory.mktemp("tools")
    try:
        ice.pip("install", "--target", folder, ice.BUILD_TOOLS)
    except SetupError as error:
        pytest.skip(f"pip cannot fetch {ice.BUILD_TOOLS}: {error}")
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a small source, built like Ice's: C++ and C, with the headers Ice's files share."""
    (tmp_path / "include/Ice").mkdir(parents=True)
    for header in compile_ice.COMMON_HEADERS:
        (tmp_path / "include" / header).write_text("#define COMMON\n")
    (tmp_path / "setup.py").write_text(SETUP_PY)
    (tmp_path / "module.cpp").write_text(MODULE)
    (tmp_path / "one.cpp").write_text("int one() { return 1; }\n")
    (tmp_path / "two.c").write_text("#ifdef COMMON\n#error C++\n#endif\nint two() { return 2; }\n")
    return tmp_path


def test_the_wheel_works(source: Path, tools: Path, capfd: pytest.CaptureFixture[str]) -> None:
    wheel = ice.compile_wheel(source, tools)
    assert wheel.name.startswith(f"small-1-{ice.BUILD_NUMBER}-cp")
    zipfile.ZipFile(wheel).extractall(source / "unpacked")
    done = subprocess.run(
        [sys.executable, "-c", "import small; print(small.sum())"],
        cwd=source / "unpacked",
        capture_output=True,
        text=True,
    )
    assert done.stdout == "3\n", done.stderr
    lines = capfd.readouterr().err.splitlines()
    assert lines == ["[  1/3] module.cpp", "[  2/3] two.c", "[  3/3] one.cpp"]  # biggest first


def test_an_error_of_the_compiler_is_shown(source: Path, tools: Path) -> None:
    (source / "one.cpp").write_text("int one() { return nonsense; }\n")
    with pytest.raises(SetupError, match=r"(?s)compiling Ice failed.*nonsense.*conda"):
        ice.compile_wheel(source, tools)
    assert not list(source.glob("dist/*"))


def test_progress_off_a_terminal_is_a_line_a_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    progress = compile_ice.Progress(224)
    for _ in range(224):
        progress.step("src/Types.cpp")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert lines[0] == "[ 23/224] Types.cpp"
    assert lines[-1] == "[224/224] Types.cpp"


def test_progress_on_a_terminal_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    progress = compile_ice.Progress(3)
    for name in ("a.cpp", "b.cpp", "c.cpp"):
        progress.step(name)
    out = capsys.readouterr().out
    assert out == "\r\033[K[  1/3] a.cpp\r\033[K[  2/3] b.cpp\r\033[K[  3/3] c.cpp\n"
