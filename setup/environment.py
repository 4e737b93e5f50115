"""Make .venv in the checkout: graphxfer, all that it needs, and the tools to work on it.

Started by setup/bootstrap. When nothing has changed since the last time it says and does nothing.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import ice
from machine import (
    SetupError,
    cache_folder,
    exit_code,
    install_debian_packages,
    install_if_permitted,
    locked,
    run,
    say,
)

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".set-up"
EXTRAS = "omero,sandbox,dev"
THIS_PYTHON = (platform.python_version(), sys.base_prefix)


def main() -> None:
    """Set up, unless that is done."""
    if is_set_up():
        return
    with locked(cache_folder() / "setup.lock"):
        if is_set_up():  # by the run that we waited for
            return
        STAMP.unlink(missing_ok=True)
        make_venv()
        install_ice()
        say("installing graphxfer and the packages it needs: about a minute")
        here = ("-e", ROOT / "sandbox", "-e", f"{ROOT}[{EXTRAS}]")
        run(PYTHON, "-m", "pip", "--no-input", "install", "-q", *here)
        install_if_permitted("rsync", "to fetch files from a server's disk")
        STAMP.write_text(fingerprint())
        say("done")


def is_set_up() -> bool:
    """Tell whether .venv was made, to its end, from what is there now."""
    return STAMP.is_file() and STAMP.read_text() == fingerprint()


def fingerprint() -> str:
    """Return a digest of all that decides what .venv should be."""
    digest = hashlib.sha256(f"{THIS_PYTHON} {ROOT}".encode())
    projects = [ROOT / "pyproject.toml", ROOT / "sandbox" / "pyproject.toml"]
    for file in [*projects, *sorted((ROOT / "setup").glob("*.py"))]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def make_venv() -> None:
    """Make .venv, or keep the one there if it is of this Python and whole."""
    if is_ours(PYTHON):
        return
    install_debian_packages(missing_packages(), "to make .venv and compile Ice")
    say(f"making .venv with Python {THIS_PYTHON[0]}")
    run(sys.executable, "-m", "venv", "--clear", VENV)


def missing_packages() -> list[str]:
    """Return all Debian packages that a new .venv lacks: who must ask for them asks once."""
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    missing = [] if find_spec("ensurepip") else [f"{python}-venv"]
    return missing + (ice.missing_packages() if ice.must_be_built() else [])


def is_ours(python: Path) -> bool:
    """Tell whether a Python is a venv of the one that runs this, with pip in it."""
    program = (
        "import platform, sys, pip; "
        f"sys.exit((platform.python_version(), sys.base_prefix) != {THIS_PYTHON!r})"
    )
    try:
        done = subprocess.run([python, "-c", program], capture_output=True)
    except OSError:
        return False
    return done.returncode == 0


def install_ice() -> None:
    """Install Ice, which needs more than pip."""
    if subprocess.run([PYTHON, ROOT / "setup" / "ice.py"]).returncode:
        raise SetupError("without Ice graphxfer cannot speak to OMERO: see above")


if __name__ == "__main__":
    sys.exit(exit_code(main))
