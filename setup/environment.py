"""Create .venv in the checkout, with graphxfer, its dependencies, and the development tools.

Started by setup/bootstrap. If nothing has changed since the last time, it does and prints nothing.
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
    """Set up .venv, unless it is up to date."""
    if is_set_up():
        return
    with locked(cache_folder() / "setup.lock"):
        if is_set_up():  # another run did it meanwhile
            return
        STAMP.unlink(missing_ok=True)
        make_venv()
        install_ice()
        say("installing graphxfer and its dependencies (about 1 minute)")
        here = ("-e", ROOT / "sandbox", "-e", f"{ROOT}[{EXTRAS}]")
        run(PYTHON, "-m", "pip", "--no-input", "install", "-q", *here)
        install_if_permitted("rsync", "to fetch files from a server's disk")
        STAMP.write_text(fingerprint())
        say("done")


def is_set_up() -> bool:
    """Tell whether .venv is complete and up to date."""
    return STAMP.is_file() and STAMP.read_text() == fingerprint()


def fingerprint() -> str:
    """Return a digest of everything that determines the contents of .venv."""
    digest = hashlib.sha256(f"{THIS_PYTHON} {ROOT}".encode())
    projects = [ROOT / "pyproject.toml", ROOT / "sandbox" / "pyproject.toml"]
    for file in [*projects, *sorted((ROOT / "setup").glob("*.py"))]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def make_venv() -> None:
    """Create .venv, unless a complete one of this Python exists."""
    if is_ours(PYTHON):
        return
    install_debian_packages(missing_packages(), "to create .venv and compile Ice")
    say(f"creating .venv with Python {THIS_PYTHON[0]}")
    run(sys.executable, "-m", "venv", "--clear", VENV)


def missing_packages() -> list[str]:
    """Return all Debian packages that a new .venv needs, so that a user asks for them only once."""
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    missing = [] if find_spec("ensurepip") else [f"{python}-venv"]
    return missing + (ice.missing_packages() if ice.must_be_built() else [])


def is_ours(python: Path) -> bool:
    """Tell whether a Python is of a venv of the current Python, with pip."""
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
    """Install Ice, which pip alone cannot."""
    if subprocess.run([PYTHON, ROOT / "setup" / "ice.py"]).returncode:
        raise SetupError(
            "Ice was not installed, and graphxfer needs it to connect to OMERO: see above"
        )


if __name__ == "__main__":
    sys.exit(exit_code(main))
