# SPDX-License-Identifier: GPL-2.0-or-later
"""A real server that takes the sandbox's place: what is expected of the one is asked of the other.

``GRAPHXFER_TEST_SERVER`` names it (``omero://root@host:4064``), with root's password in
``GRAPHXFER_TEST_SERVER_PASSWORD``: the tests make users and groups there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import omero
import pytest


@dataclass(frozen=True)
class Elsewhere:
    """A server that the environment names: what tests use of a sandbox, but for its own folder."""

    host: str
    port: int
    password: str

    @classmethod
    def named(cls) -> Elsewhere | None:
        """Return the server that the sandbox's tests are held against, if one is named."""
        at = urlsplit(os.environ.get("GRAPHXFER_TEST_SERVER", ""))
        if at.hostname is None:
            return None
        return cls(at.hostname, at.port or 4064, os.environ["GRAPHXFER_TEST_SERVER_PASSWORD"])

    @property
    def tcp(self) -> int:
        """Its plain port, as clients ask for it (omero-py clients.py, createClient)."""
        client = omero.client(self.host, self.port)
        try:
            config = client.createSession("root", self.password).getConfigService()
            router = config.getConfigValue("omero.router.insecure")
        finally:
            client.closeSession()
        return int(router.partition(" -p ")[2].split()[0])

    @property
    def directory(self) -> Path:
        """Where its files are: not here."""
        pytest.skip("the files of a server elsewhere are not at hand")

    repository = directory


def only_the_sandbox(server: object, why: str) -> None:
    """Skip what is a rule of the sandbox's own, or would do harm to a real server."""
    if isinstance(server, Elsewhere):
        pytest.skip(why)


def needs_tables(client: Any) -> None:
    """Skip on a real server that runs without OMERO.tables; the sandbox has them."""
    if Elsewhere.named() and not client.sf.sharedResources().areTablesEnabled():
        pytest.skip("this server runs without OMERO.tables")
