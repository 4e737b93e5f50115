"""Commands, locks and Debian packages: setup/machine.py. And setup/bootstrap, which starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / "setup"
sys.path.insert(0, str(SETUP))

import machine  # noqa: E402
from machine import SetupError  # noqa: E402


def program(folder: Path, name: str, script: str) -> Path:
    """Write a shell script that can be run."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


# The lock


def test_a_second_run_waits_for_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "made/on/the/way/lock"
    entered = threading.Event()

    def second() -> None:
        with machine.locked(lock):
            entered.set()

    other = threading.Thread(target=second)
    with machine.locked(lock):
        other.start()
        assert not entered.wait(0.3)
    assert entered.wait(10)
    other.join()
    assert capsys.readouterr().err == "setup: waiting for another set-up to end\n"


def test_a_killed_run_does_not_keep_its_lock(tmp_path: Path) -> None:
    hold = (
        f"import sys, time; sys.path.insert(0, {str(SETUP)!r}); import machine, pathlib\n"
        f"with machine.locked(pathlib.Path({str(tmp_path / 'lock')!r})): print(1, flush=True); "
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()
    entered = threading.Event()

    def enter() -> None:
        with machine.locked(tmp_path / "lock"):
            entered.set()

    threading.Thread(target=enter, daemon=True).start()
    assert entered.wait(10)


# Commands


def test_a_command_is_quiet_until_it_fails(capfd: pytest.CaptureFixture[str]) -> None:
    machine.run("sh", "-c", "echo out; echo err >&2")
    assert capfd.readouterr() == ("", "")
    with pytest.raises(SetupError, match=r"out\nerr\n`sh -c .*` failed"):
        machine.run("sh", "-c", "echo out; echo err >&2; exit 3")


def test_a_command_gets_no_input() -> None:
    script = "import machine; machine.run('sh', '-c', '! read line')"
    done = subprocess.run([sys.executable, "-c", script], cwd=SETUP, input=b"a line\n")
    assert done.returncode == 0


def test_a_missing_program_is_named() -> None:
    with pytest.raises(SetupError, match="no-such-program was not found"):
        machine.run("no-such-program")


def test_endings_have_their_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    def ends_with(error: BaseException) -> int:
        def main() -> None:
            raise error

        return machine.exit_code(main)

    before = signal.getsignal(signal.SIGTERM)
    try:
        assert machine.exit_code(lambda: None) == 0
        assert ends_with(SetupError("no compiler")) == 1
        assert ends_with(PermissionError(13, "Permission denied", "/cache")) == 1
        assert ends_with(KeyboardInterrupt()) == 130
        assert machine.exit_code(lambda: os.kill(os.getpid(), signal.SIGTERM)) == 130
    finally:
        signal.signal(signal.SIGTERM, before)
    said = capsys.readouterr().err
    assert "setup: no compiler\n" in said
    assert "Permission denied: '/cache'\n" in said


# Debian packages


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is first on PATH, with an apt-get that notes what it is asked."""
    program(tmp_path, "apt-get", f'echo "$DEBIAN_FRONTEND: $*" >> {tmp_path}/asked')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def test_root_installs_packages(bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    machine.install_debian_packages(["g++", "libssl-dev"], "to compile")
    assert (bin_folder / "asked").read_text() == (
        "noninteractive: -q update\n"
        "noninteractive: -q install --yes --no-install-recommends g++ libssl-dev\n"
    )


def test_a_user_installs_packages_through_sudo_without_password(
    bin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    program(bin_folder, "sudo", 'test "$1" = -n && shift && exec "$@"')
    machine.install_debian_packages(["rsync"], "to fetch")
    assert "install --yes --no-install-recommends rsync" in (bin_folder / "asked").read_text()


@pytest.mark.parametrize("sudo", ["exit 1", None])
def test_who_may_not_install_is_told_what_to_ask_for(
    bin_folder: Path, monkeypatch: pytest.MonkeyPatch, sudo: str | None
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(bin_folder))
    if sudo:
        program(bin_folder, "sudo", sudo)
    with pytest.raises(SetupError, match=r"(?s)to compile.*apt-get install g\+\+ libssl-dev$"):
        machine.install_debian_packages(["g++", "libssl-dev"], "to compile")
    assert not (bin_folder / "asked").exists()


def test_nothing_missing_asks_for_nothing(bin_folder: Path) -> None:
    machine.install_debian_packages([], "to compile")
    assert not (bin_folder / "asked").exists()


# The bootstrap


def bootstrap(**variables: str) -> subprocess.CompletedProcess[str]:
    """Run setup/bootstrap."""
    return subprocess.run(
        [SETUP / "bootstrap"], env={**os.environ, **variables}, capture_output=True, text=True
    )


@pytest.mark.parametrize("python", ["false", "no-such-python", "/no such/python"])
def test_an_unfit_python_is_refused_and_named(python: str) -> None:
    done = bootstrap(PYTHON=python)
    assert done.returncode == 1
    assert f"(tried: {python})" in done.stderr


@pytest.mark.parametrize("version", ["(3, 9)", "(3, 10)", "(3, 14)", "(4, 0)"])
def test_an_unsupported_version_is_refused(tmp_path: Path, version: str) -> None:
    pretend = f'exec {sys.executable} -c "import sys; sys.version_info = {version}; $2"'
    done = bootstrap(PYTHON=str(program(tmp_path, "python", pretend)))
    assert done.returncode == 1
    assert "Python 3.11, 3.12 or 3.13 not found" in done.stderr


def test_the_first_fit_python_sets_up(tmp_path: Path) -> None:
    program(tmp_path, "python3", "exit 1")
    program(tmp_path, "python3.11", 'test "$1" = -c || echo "$1 $(cat)"')
    done = bootstrap(PATH=f"{tmp_path}:{os.environ['PATH']}", PYTHON="")
    assert (done.returncode, done.stdout) == (0, "setup/environment.py \n")
