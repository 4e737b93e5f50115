# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer sandbox`: the commands of omero-sandbox; and what docs/sandbox.md shows of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from omero_sandbox.faults import Fault, seconds
from tests.cli.person import CHECKOUT, Person

PAGE = (Path(CHECKOUT) / "docs" / "sandbox.md").read_text("utf-8")


def test_start_list_fill_and_stop(person: Person, tmp_path: Path) -> None:
    folder = tmp_path / "one"  # not in the home, where nothing may hold the keys of sessions
    ran = person.run("sandbox", "start", "one", "--dir", folder).done()
    try:
        (address,) = person.run("sandbox", "list", "--json").done().json.values()
        first = f"one: 127.0.0.1:{address['port']} (plain: {address['tcp']})"
        second = f"repository: {folder / 'ManagedRepository'}"
        assert ran.out.splitlines() == [first, second]
        assert person.run("sandbox", "list").done().out == (
            f"one\t127.0.0.1:{address['port']}\tpid {address['pid']}\n"
        )
        assert "user researcher" in person.run("sandbox", "seed", "one", "--account").done().out
    finally:
        person.run("sandbox", "stop", "one").done()
    assert person.run("sandbox", "list").done().out == "one\tstopped\n"


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("stop nobody", 1, "graphxfer: sandbox: No sandbox named nobody is running"),
        ("start x --latency soon", 2, "graphxfer: sandbox: --latency: not a duration: 'soon'"),
        ("list", 0, "No servers. Start one with: graphxfer sandbox start NAME"),
    ],
)
def test_messages(person: Person, line: str, code: int, message: str) -> None:
    ran = person.run("sandbox", *line.split())
    assert (ran.code, message in ran.err) == (code, True), ran


def test_roots_password_by_a_variable_of_graphxfer(person: Person, tmp_path: Path) -> None:
    own = {"GRAPHXFER_SANDBOX_PASSWORD": "correct horse"}
    person.run("sandbox", "start", "one", "--dir", tmp_path / "one", env=own).done()
    try:
        person.run("sandbox", "seed", "one", "--account").failed(1, "password")
        person.run("sandbox", "seed", "one", "--account", env=own).done()
    finally:
        person.run("sandbox", "stop", "one").done()


@pytest.mark.parametrize("arguments", [[], ["start", "x"]])
def test_without_omero_sandbox(arguments: list[str]) -> None:
    program = (
        "import sys; sys.modules['omero_sandbox'] = None\nfrom graphxfer.cli import main; main()"
    )
    command = [sys.executable, "-c", program, "sandbox", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr == (
        "graphxfer: sandbox: omero-sandbox is not installed\n  → pip install 'graphxfer[sandbox]'\n"
    )


def test_the_example_for_tests_runs() -> None:
    (example,) = re.findall(r"```python\n(import tempfile.*?)```", PAGE, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", example],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout == "mitosis\n"


@pytest.mark.parametrize("fault", re.findall(r"`--fault (\S+)`", PAGE))
def test_faults_that_the_page_shows(fault: str) -> None:
    assert Fault.parse(fault).at > 0


def test_latency_that_the_page_shows() -> None:
    (latency,) = re.findall(r"`--latency (\S+)`", PAGE)
    assert seconds(latency) == 0.02
