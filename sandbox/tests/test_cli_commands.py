# SPDX-License-Identifier: GPL-2.0-or-later
"""That no command that asks a server is forgotten: each is in a table, or told here why not."""

from __future__ import annotations

import shlex

import pytest

from tests import test_cli_accounts, test_cli_data, test_cli_files
from tests.command_table import commands

#: Plugins of omero-py and of others of which all commands are tried.
PLUGINS = """admin chgrp chown delete download duplicate errors export fs group hql ldap login
    logout metadata obj rdf render script search sessions tag transfer upload user
    version""".split()  # noqa: SIM905
TRIED_ELSEWHERE = {
    "duplicate": "test_duplicate.py",
    "rdf": "test_rdf.py",
    "transfer pack": "test_transfer.py",
}
NOT_TRIED = {
    **dict.fromkeys(
        [f"admin {name}" for name in """diagnostics start startasync restart restartasync status
            stop stopasync deploy ice fixpyramids rewrite jvmcfg waitup waitdown reindex cleanse
            checkwindows checkice events checkupgrade""".split()],  # noqa: SIM905
        "manages an OMERO.server that is installed on the same computer",
    ),
    **dict.fromkeys(
        [
            f"script {name}"
            for name in """demo cat edit params launch disable enable replace serve upload delete
            run""".split()  # noqa: SIM905
        ],
        "the sandbox has no scripts",
    ),
    "sessions keepalive": "runs until a key is pressed",
    "user password": "asks at a terminal: test_passwords",
    "ldap discover": "needs an LDAP server",
    "ldap create": "needs an LDAP server",
    "metadata populateroi": "needs the tables of measurements that some plates' readers make",
    "transfer unpack": "imports by OMERO's importer, which is Java",
    "transfer prepare": "looks at files on the disk by Bio-Formats, which is Java",
}  # fmt: skip


def tried() -> set[str]:
    rows = [*test_cli_accounts.ROWS, *test_cli_data.ROWS, *test_cli_files.ROWS]
    lines = [shlex.split(row.line)[:2] for row in rows]
    return {" ".join(words[:1]) for words in lines} | {" ".join(words) for words in lines}


@pytest.mark.parametrize("plugin", PLUGINS)
def test_every_command_is_tried(plugin: str) -> None:
    known = tried() | TRIED_ELSEWHERE.keys() | NOT_TRIED.keys()
    assert commands(plugin) <= known
