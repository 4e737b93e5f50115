"""Install ZeroC Ice 3.6 in the Python that runs this script.

omero-py needs Ice 3.6, which PyPI only has as a source archive that does not compile for Python
3.11 and newer. Ice comes from the first of these that is available:

1. this Python, if it can already import Ice;
2. a wheel, named by the variable GRAPHXFER_ICE_WHEEL;
3. the wheel that an earlier run stored in the user's cache;
4. the source archive, edited for newer Pythons and compiled; the wheel is stored in the cache.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from machine import SetupError, cache_folder, exit_code, install_debian_packages, locked, run, say

VERSION = "3.6.5"
ARCHIVE = f"zeroc-ice-{VERSION}.tar.gz"
ARCHIVE_SHA256 = "4235ffeb605bcd4e22e716577f7d61e4aa1bc82f65276bb542701a81b7933356"
BUILD_NUMBER = "1"  # increase it when an edit below changes, so that cached wheels are built again
BUILD_TOOLS = "setuptools>=70.1,<81"  # 70.1 and newer build wheels without the package wheel

WHEEL_VARIABLE = "GRAPHXFER_ICE_WHEEL"
OTHER_WAYS = (
    f"Or name a wheel of zeroc-ice 3.6 in {WHEEL_VARIABLE} (Glencoe Software publishes some), or "
    "use conda: conda-forge has zeroc-ice."
)


class Edit(NamedTuple):
    """A text to replace in a file of the source archive, and how often it must occur."""

    file: str
    old: str
    new: str
    times: int


AS_READ_BUFFER = """\
using namespace IceUtilInternal;

#if PY_VERSION_HEX >= 0x030D0000 // Python 3.13 took this function away.
static int
PyObject_AsReadBuffer(PyObject* object, const void** buffer, Py_ssize_t* size)
{
    Py_buffer view;
    if(PyObject_GetBuffer(object, &view, PyBUF_SIMPLE) != 0)
    {
        return -1;
    }
    *buffer = view.buf;
    *size = view.len;
    PyBuffer_Release(&view);
    return 0;
}
#endif
"""

EDITS = (
    # Python 3.11: a header that is gone (nothing of it was used); the frame is no longer a field.
    Edit("src/Slice.cpp", "#include <eval.h>\n", "", 1),
    Edit("src/Util.cpp", "PyThreadState_GET()->frame;", "PyEval_GetFrame();", 1),
    # Python 3.12: the module `imp` is gone.
    Edit("lib/Ice.py", "import sys, string, imp, os", "import sys, string, types, os", 1),
    Edit("lib/Ice.py", "imp.new_module(", "types.ModuleType(", 1),
    # Python 3.13: two functions are gone.
    Edit("src/Types.cpp", "PyEval_CallObject(", "PyObject_CallObject(", 2),
    Edit("src/Util.cpp", "PyEval_CallObject(", "PyObject_CallObject(", 1),
    Edit("src/Types.cpp", "using namespace IceUtilInternal;\n", AS_READ_BUFFER, 1),
)


def main() -> None:
    """Find or build Ice and install it, unless it is installed."""
    if ice_problem() is None:
        return
    if given := os.environ.get(WHEEL_VARIABLE):
        say(f"installing Ice from {given}")
        install_wheel(Path(given))
    else:
        install_own_wheel(cached_wheel())
    if problem := ice_problem():
        raise SetupError(f"Ice was installed, but does not work: {problem}\n{OTHER_WAYS}")


def ice_problem() -> str | None:
    """Return why this Python cannot use Ice 3.6; None if it can."""
    probe = (
        "import sys, Ice; found = Ice.stringVersion(); "
        "sys.exit(None if found.startswith('3.6.') else f'Ice is {found}, not 3.6')"
    )
    done = subprocess.run([sys.executable, "-P", "-c", probe], capture_output=True, text=True)
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else None


def cached_wheel() -> Path:
    """Return the cache's path of the wheel for this Python and platform."""
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    machine = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    name = f"zeroc_ice-{VERSION}-{BUILD_NUMBER}-{python}-{python}-{machine}.whl"
    return cache_folder() / "wheels" / name


def must_be_built() -> bool:
    """Tell whether Ice must be built."""
    return not (os.environ.get(WHEEL_VARIABLE) or cached_wheel().exists())


def install_own_wheel(wheel: Path) -> None:
    """Install the cached wheel; build it if it is missing or does not work."""
    with locked(wheel.parent / "lock"):
        if wheel.exists():
            say(f"installing Ice {VERSION} from the cache")
            install_wheel(wheel)
            if (problem := ice_problem()) is None:
                return
            say(f"the cached wheel does not work ({problem}): building another")
        build_wheel(wheel)
        install_wheel(wheel)


def install_wheel(wheel: Path) -> None:
    """Install one wheel, and nothing else, into this Python."""
    if not wheel.is_file():
        raise SetupError(f"the file {wheel} does not exist")
    pip("install", "--no-deps", "--no-index", "--force-reinstall", wheel)


def build_wheel(wheel: Path) -> None:
    """Build the wheel from source; it gets its name only when it is complete.

    Parameters
    ----------
    wheel
        Its path. The caller has locked its folder.
    """
    say(f"building Ice {VERSION} for Python {platform.python_version()} (some minutes, only once)")
    install_debian_packages(missing_packages(), "to compile Ice")
    with scratch_folder(wheel.parent / "building") as scratch:
        tools = scratch / "tools"
        pip("install", "--target", tools, BUILD_TOOLS)
        shutil.unpack_archive(download_archive(scratch, tools), scratch)
        source = scratch / ARCHIVE.removesuffix(".tar.gz")
        apply_edits(source)
        compile_wheel(source, tools).replace(wheel)


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Create an empty folder, also if a killed run left one there; remove it after the block."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def missing_packages() -> list[str]:
    """Return the Debian packages that a build needs and this machine does not have."""
    missing = [] if shutil.which("g++") else ["g++"]
    python = f"python{sys.version_info.major}.{sys.version_info.minor}-dev"
    headers = {"openssl/ssl.h": "libssl-dev", "bzlib.h": "libbz2-dev", "Python.h": python}
    return missing + [package for header, package in headers.items() if not has_header(header)]


def has_header(header: str) -> bool:
    """Tell whether a C++ program can include a header."""
    command = ["g++", "-E", "-x", "c++", "-I", sysconfig.get_path("include"), "-"]
    try:
        done = subprocess.run(command, input=f"#include <{header}>\n".encode(), capture_output=True)
    except FileNotFoundError:
        return False
    return done.returncode == 0


def download_archive(folder: Path, tools: Path) -> Path:
    """Download the source archive with pip, which runs no code of it if its sha256 differs.

    Parameters
    ----------
    folder
        Folder for the archive.
    tools
        A folder with setuptools, which pip needs to find the name and version of the archive.
    """
    requirement = folder / "requirement.txt"
    requirement.write_text(f"zeroc-ice=={VERSION} --hash=sha256:{ARCHIVE_SHA256}\n")
    options = ("--no-deps", "--no-binary", "zeroc-ice", "--no-build-isolation", "--require-hashes")
    pip("download", *options, "-r", requirement, "-d", folder, python_path=tools)
    return folder / ARCHIVE


def apply_edits(source: Path, edits: Iterable[Edit] = EDITS) -> None:
    """Edit the unpacked archive.

    Raises
    ------
    SetupError
        If a text does not occur as often as expected.
    """
    for file, old, new, times in edits:
        text = (source / file).read_text(encoding="utf-8")
        found = text.count(old)
        if found != times:
            raise SetupError(
                f"{file} of the Ice archive contains {old.strip()!r} {found} times, "
                f"expected {times}: the edits in setup/ice.py are not for this archive"
            )
        (source / file).write_text(text.replace(old, new), encoding="utf-8")


def compile_wheel(source: Path, tools: Path) -> Path:
    """Compile the edited source and return the wheel."""
    driver = Path(__file__).with_name("compile_ice.py")
    built = subprocess.run(
        [sys.executable, "-W", "ignore", driver, "dist", BUILD_NUMBER],
        cwd=source,
        env={**os.environ, "PYTHONPATH": str(tools)},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,  # its progress, among the messages of this script
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    if built.returncode:
        raise SetupError(f"compiling Ice failed:\n{built.stderr.strip()}\n{OTHER_WAYS}")
    (wheel,) = (source / "dist").glob("*.whl")
    return wheel


def pip(*words: str | Path, python_path: Path | None = None) -> None:
    """Run this Python's pip."""
    env = {"PYTHONPATH": str(python_path)} if python_path else {}
    run(sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check", *words, env=env)


if __name__ == "__main__":
    sys.exit(exit_code(main))
