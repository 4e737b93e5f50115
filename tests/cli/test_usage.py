# SPDX-License-Identifier: GPL-2.0-or-later
"""Help, and what cannot be meant as it is written: exit code 2, and the nearest that can."""

from __future__ import annotations

import pytest

from graphxfer.cli.app import COMMANDS
from tests.cli.person import Person, tree

ALL = [(name,) for name in COMMANDS] + [
    ("sandbox",),
    *(("sandbox", name) for name in ("start", "stop", "list", "seed")),
]


def test_help_lists_the_commands(person: Person) -> None:
    for arguments in ((), ("--help",)):
        ran = person.run(*arguments)
        said = ran.out + ran.err
        assert ran.code == (0 if arguments else 2)
        assert "as a graph, and prove that nothing was lost" in " ".join(said.split())
        for name in (*COMMANDS, "sandbox"):
            assert f"\n  {name} " in said
    assert person.run("--version").done().out.startswith("graphxfer ")


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_each_command_has_help(person: Person, command: tuple[str, ...]) -> None:
    told = person.run(*command, "--help").done().out
    assert told.startswith(f"Usage: graphxfer {' '.join(command)} ")
    lines = told.splitlines()
    assert max(map(len, lines)) <= 100
    # A sentence of what it does comes first, and each option says what it is for.
    assert lines[2].strip()[0].isupper()
    options = [n for n, line in enumerate(lines) if line.lstrip().startswith("-")]
    for n in options:
        rest = lines[n].split("  ", 3)[-1] + (lines[n + 1] if n + 1 < len(lines) else "")
        assert len(rest.split()) >= 2, lines[n]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("exprot", "export"),
        ("export omero://u@h Project:1", "--to"),
        ("export omero://u@h --to b", "OBJECT"),
        ("export omero://u@h Project:1 --too b", "--to"),
        ("export omero://u@h project:1 --to b", "Project:1"),
        ("export omero://u@h Project:x --to b", "is not an id"),
        ("export omero://u@h Project:9-7 --to b", "is not a range"),
        ("export omero://u@h Project --to b", "is not an id"),
        ("export omero://u@h Well:1 --to b --json", "Well"),
        ("export http://h Project:1 --to b", "omero://user@host"),
        ("export omero://h Project:1 --to b", "user"),
        ("export omero://u@h:port Project:1 --to b", "port"),
        ("export my-server Project:1 --to b", "the server 'my-server' is unknown"),
        ("fetch b", "--from"),
        ("fetch b --from /x --jobs many", "--jobs"),
        ("fetch b --from /x --jobs 0", "--jobs"),
        ("plan b", "SERVER"),
        ("plan b omero://u@h --tags resue", "reuse"),
        ("apply b omero://u@h --in-plase", "--in-place"),
        ("apply b omero://u@h --streams -1", "--streams"),
        ("verify", "BUNDLE"),
        ("undo b omero://u@h --dryrun", "--dry-run"),
        ("summary", "BUNDLE"),
        ("summary b extra", "extra"),
        ("run no-such-file.cfg", "no-such-file.cfg"),
        ("run", "CONFIG"),
        ("sandbox strat x", "start"),
        ("query b --format xls", "xls"),
    ],
)
def test_what_cannot_be_meant(person: Person, line: str, words: str) -> None:
    ran = person.run(*line.split()).failed(2, words)
    assert ran.out == ""
    assert tree(person.home) == {}


def test_servers_toml_is_checked(person: Person) -> None:
    config = person.home / "servers.toml"
    for text, code, words in (
        ('[servers.a]\nhost = "h"\npasword = "x"', 2, "'pasword' is unknown"),
        ('[servers.a]\nhost = "h"\npassword = "hunter2"', 2, "does not belong in this file"),
        ("[servers.a]\nport = 1", 2, "host is missing"),
        ('[servers.a]\nhost = "h"\nport = "4064"', 2, "port = '4064' is not of the type int"),
        ("[servers.a\n", 1, "is not valid TOML"),
        ('[servers.research]\nhost = "h"', 2, "did you mean 'research'?"),
    ):
        config.write_text(text)
        ran = person.run("export", "reserch", "Project:1", "--to", "b", "--config", str(config))
        ran.failed(code, words, "servers.toml")
        assert "hunter2" not in ran.err
    person.run("export", "a", "Project:1", "--to", "b", "--config", "none.toml").failed(
        1, "none.toml", "No such file"
    )
