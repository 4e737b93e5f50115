# SPDX-License-Identifier: GPL-2.0-or-later
"""The server: communicator, endpoints, certificate, servants; one process, one folder."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import Ice

import omero_sandbox.services  # noqa: F401  (makes the services known)
from omero_sandbox.dispatch import proxy_class, servant_class
from omero_sandbox.faults import Faults, Recorder
from omero_sandbox.files.repository import Repository
from omero_sandbox.folder import DEFAULT_PASSWORD, LOCK, STATE
from omero_sandbox.security import policy
from omero_sandbox.server.arrivals import Arrivals
from omero_sandbox.server.router import CATEGORY, NAME, Router
from omero_sandbox.service import Service, slice_name
from omero_sandbox.services.config import DEFAULTS
from omero_sandbox.services.table import Columns
from omero_sandbox.sessions import TIME_TO_IDLE, Session, Sessions
from omero_sandbox.store import Store

log = logging.getLogger(__name__)

#: Seconds between two looks for sessions that have timed out.
_REAP = 5.0


@dataclass
class ServerOptions:
    """Options of a server.

    Attributes
    ----------
    ssl, tcp : int
        Ports of the encrypted and the plain endpoint; 0 lets the system choose.
    host : str
        Address to listen at.
    idle : int
        Milliseconds after which an idle session ends.
    faults : Faults
        Latency and faults on request.
    record : Path, optional
        File that gets a line for every call.
    config : dict[str, str]
        OMERO configuration values on top of the defaults.
    with_parent : bool
        Whether to stop when the process that started it has ended.
    """

    ssl: int = 0
    tcp: int = 0
    host: str = "127.0.0.1"
    idle: int = TIME_TO_IDLE
    faults: Faults = field(default_factory=Faults)
    record: Path | None = None
    config: dict[str, str] = field(default_factory=dict)
    with_parent: bool = False


class Locator(Ice.ServantLocator):
    """Finds the servant for a request among those that were published."""

    def __init__(self, servants: dict[tuple[str, str], Any]) -> None:
        self._servants = servants

    def locate(self, current: Any) -> Any:
        """Return the servant, or None: Ice answers ObjectNotExistException then."""
        return self._servants.get((current.id.category, current.id.name))

    def finished(self, current: Any, servant: Any, cookie: Any) -> None:
        """Nothing to release."""

    def deactivate(self, category: str) -> None:
        """Nothing to release."""


class Server:
    """A running sandbox.

    Parameters
    ----------
    directory : Path
        Its folder: database, repository, certificate, log.
    options : ServerOptions
        Ports, faults, recording.
    root_password : str
        Of ``root``, when the database is made.
    """

    def __init__(
        self,
        directory: Path,
        options: ServerOptions,
        root_password: str = DEFAULT_PASSWORD,
    ) -> None:
        self.directory, self.options = directory, options
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = lock(directory)
        (directory / STATE).unlink(missing_ok=True)  # of one that was killed
        self.faults, self.recorder = options.faults, Recorder(options.record)
        self.servants: dict[tuple[str, str], Any] = {}
        self.config = {**DEFAULTS, **options.config}
        self._executor = ThreadPoolExecutor(5, "background")
        self.store = Store(directory, root_password, self.config[policy.SETTING])
        self.sessions = Sessions(self.store, self.release_services, options.idle)
        self.repository = Repository(directory, self.store, self.faults, self.config)
        self._stop = threading.Event()
        self._communicator = communicator(directory)
        endpoints = f"ssl -h {options.host} -p {options.ssl}:tcp -h {options.host} -p {options.tcp}"
        try:
            self.adapter = self._communicator.createObjectAdapterWithEndpoints("Router", endpoints)
        except Ice.Exception:
            self._communicator.destroy()
            raise
        self.adapter.addServantLocator(Locator(self.servants), "")
        self._add(Router(), None, CATEGORY, NAME)
        self.ssl, self.tcp = (end.getInfo().port for end in self.adapter.getEndpoints())
        self.config |= {
            "omero.router.insecure": f"{CATEGORY}/{NAME}:tcp -p {self.tcp} -h @omero.host@",
            "omero.version": self.store.version,
        }

    # -- servants -------------------------------------------------------------------------

    def publish(
        self, service: Service, session: Session, category: str = "", name: str = ""
    ) -> Any:
        """Make a service callable and return its proxy.

        Parameters
        ----------
        service : Service
            The service.
        session : Session
            The session it belongs to: it dies with it.
        category, name : str
            Identity; by default the session's uuid and a name of its own.
        """
        category = category or session.uuid
        name = name or f"{uuid.uuid4()}{slice_name(service.interface)}"
        if (category, name) not in self.servants:
            self._add(service, session, category, name)
        return self.proxy(service, category, name)

    def _add(self, service: Service, session: Session | None, category: str, name: str) -> None:
        kind: Any = type(service)  # mypy takes the __hash__ of its instances for its own
        servant = servant_class(kind)(self, service, session)
        self.servants[category, name] = servant

    def proxy(self, service: Service, category: str, name: str) -> Any:
        """Return the proxy, of the exact type, of a service that is published."""
        prx = self.adapter.createProxy(Ice.Identity(name, category))
        return proxy_class(service.interface).uncheckedCast(prx)

    def withdraw(self, service: Service) -> None:
        """Make a service unreachable and release what it holds."""
        for key, servant in list(self.servants.items()):
            if servant.service is service and self.servants.pop(key, None) is not None:
                service.released()

    def names_of(self, session: Session) -> list[tuple[str, str]]:
        """Return the identities of a session's services."""
        return [key for key, servant in list(self.servants.items()) if servant.session is session]

    def services_of(self, session: Session) -> list[Service]:
        """Return a session's services."""
        return [s.service for s in list(self.servants.values()) if s.session is session]

    def release_services(self, session: Session) -> None:
        """Close the stateful services of a session that has ended.

        The stateless ones stay, and answer later calls with the error that the session has ended.
        """
        for service in self.services_of(session):
            if service.stateful:
                self.withdraw(service)

    def background(self, task: Callable[[], None]) -> None:
        """Run a task in another thread, when one is free."""
        self._executor.submit(task)

    # -- life -----------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until :meth:`stop`."""
        self.adapter.activate()
        self._write_state()
        log.info("ready: ssl %d, tcp %d", self.ssl, self.tcp)
        parent = os.getppid()
        while not self._stop.wait(_REAP):
            self.sessions.reap()
            if self.options.with_parent and os.getppid() != parent:
                self.stop()
        (self.directory / STATE).unlink(missing_ok=True)
        self._communicator.shutdown()
        self._executor.shutdown(cancel_futures=True)
        self._communicator.destroy()
        self.store.close()
        log.info("stopped")

    def stop(self) -> None:
        """Make :meth:`run` return; called from a signal handler or another thread."""
        self._stop.set()

    def _write_state(self) -> None:
        state = {
            "pid": os.getpid(), "host": self.options.host, "port": self.ssl, "tcp": self.tcp,
            "repository": str(self.repository.root),
        }  # fmt: skip
        partial = self.directory / f"{STATE}.partial"
        partial.write_text(json.dumps(state), encoding="utf-8")
        partial.replace(self.directory / STATE)


def lock(directory: Path) -> IO[bytes]:
    """Take the folder's lock: one server a folder, and a sign of life that a crash takes away."""
    file = (directory / LOCK).open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SystemExit(f"{directory} is already being served") from None
    return file


def communicator(directory: Path) -> Any:
    """Return an Ice communicator with TLS and the model's object factories.

    The limits are those of OMERO: 250,000 kB a message. Two threads at least, because replies of
    callbacks are read by the pool that carries out calls.
    """
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    if not certificate.exists():
        # imported here: only the first start needs it
        from omero_sandbox.server.certificate import make_certificate

        make_certificate(certificate, key)
    properties = Ice.createProperties()
    for name, value in {
        "Ice.ImplicitContext": "None",
        "Ice.MessageSizeMax": "250000",
        "Ice.ThreadPool.Server.Size": "4",
        "Ice.ThreadPool.Server.SizeMax": "32",
        "Ice.ACM.Server.Close": "0",
        "Ice.Warn.UnknownProperties": "0",
        "Ice.Plugin.IceSSL": "IceSSL:createIceSSL",
        "IceSSL.CertFile": str(certificate),
        "IceSSL.KeyFile": str(key),
        "IceSSL.VerifyPeer": "0",
    }.items():
        properties.setProperty(name, value)
    data = Ice.InitializationData()
    data.properties = properties
    made = Ice.initialize(data)
    Arrivals().register(made)
    Columns().register(made)
    return made
