# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions at a running server: made, joined, refused; over TLS that is checked, or not."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import Glacier2
import Ice
import keyring
import keyring.backend
import omero
import omero.all
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from ezomero import post_dataset
from omero.model import ExperimenterGroupI, PermissionsI, ProjectI, SessionI
from omero.rtypes import rbool, rstring
from omero.util.sessions import SessionsStore

from graphxfer.errors import LoginFailure, NotThere, ServerFailure, UsageError
from graphxfer.omero.connect import Profile, Server, connect, profile
from graphxfer.omero.server import TRIES, check_version
from omero_sandbox import manage
from tests.places import PASSWORD, USER, Place, create_groups

SESSION = "select s.closed from Session s where s.id = :id"


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """No session, no password, but what a test gives; the folder of `omero login`."""
    folder = tmp_path / "sessions"
    monkeypatch.setenv("OMERO_SESSIONDIR", str(folder))
    for name in [*os.environ]:
        if name.startswith("GRAPHXFER_PASSWORD_") or name == "OMERO_PASSWORD":
            monkeypatch.delenv(name)
    before = keyring.get_keyring()
    keyring.set_keyring(Ring())
    yield folder
    keyring.set_keyring(before)


class Ring(keyring.backend.KeyringBackend):  # type: ignore[misc]
    """A keyring that holds what a test puts there."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


@contextmanager
def logged_in(store: Path, place: Place) -> Iterator[str]:
    """Log in as `omero login` does, and return the session's key."""
    at = place.profile
    properties = {"omero.host": at.host, "omero.port": str(at.port)}
    client, key, _, _ = SessionsStore(str(store)).create(at.user, place.password, properties)
    try:
        yield key
    finally:
        client.killSession()


def test_who_and_where(source: Place) -> None:
    with source.connect() as server:
        ordinary = server.client.sf
        assert server.version == ordinary.getConfigService().getVersion()
        assert server.database_uuid == ordinary.getConfigService().getDatabaseUuid()
        here = ordinary.getAdminService().getEventContext()
        assert (server.user_name, server.user_id) == (source.profile.user, here.userId)
        assert (server.session_id, server.is_admin) == (here.sessionId, False)
        assert server.group_id == here.groupId == int(server.context()["omero.group"])
        assert server.context(-1)["omero.group"] == "-1"


def test_a_session_that_was_made_ends(source: Place, destination: Place) -> None:
    with source.connect() as server:
        session = server.session_id
        assert server.rows(SESSION, id=session) == [[None]]
    with source.connect() as server:
        assert server.rows(SESSION, id=session)[0][0] is not None


def test_rows_are_plain_values(source: Place) -> None:
    with source.connect() as server:
        made = server.service("IUpdate").saveAndReturnObject(project("plain"))
        hql = "select p.id, p.name, p.description from Project p where p.id in (:ids)"
        assert server.rows(hql, ids=[made.id.val]) == [[made.id.val, "plain", None]]
        assert [
            p.name.val
            for p in server.objects("select p from Project p where p.name = :n", n="plain")
        ]


def test_streams_answer_in_order(source: Place) -> None:
    with source.connect() as server:
        update = server.service("IUpdate")
        ids = [update.saveAndReturnObject(project(str(n))).id.val for n in range(9)]
        hql = "select p.name from Project p where p.id = :id"
        answers = list(server.stream((hql, {"id": id_}) for id_ in ids))
        assert answers == [[[str(n)]] for n in range(9)]


def project(name: str) -> Any:
    made = ProjectI()
    made.name = rstring(name)
    return made


# -- sessions of `omero login`


def test_a_kept_session_is_joined_and_left_alive(source: Place, store: Path) -> None:
    with logged_in(store, source):
        with connect(source.profile) as server:
            session = server.session_id
        with connect(source.profile) as server:
            assert server.session_id == session


def test_the_current_session(source: Place, store: Path) -> None:
    with logged_in(store, source):
        with connect(profile("-")) as server:
            assert server.user_name == source.profile.user
        with connect(profile("-")) as server:
            assert server.user_name == source.profile.user


def test_a_key_is_not_shown(source: Place, store: Path) -> None:
    with logged_in(store, source) as key:
        assert key not in repr(profile("-"))


def test_a_current_session_that_has_ended(source: Place, store: Path) -> None:
    with logged_in(store, source):
        pass
    with pytest.raises(LoginFailure, match="has ended"), connect(profile("-")):
        pass


def test_a_kept_session_that_has_ended_is_passed_over(
    source: Place, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with logged_in(store, source):
        pass
    monkeypatch.setenv("OMERO_PASSWORD", PASSWORD)
    with connect(source.profile) as server:
        assert server.user_name == source.profile.user


def test_a_kept_session_of_another_port_is_not_joined(source: Place, store: Path) -> None:
    with (
        logged_in(store, source),
        pytest.raises(LoginFailure, match="password is missing"),
        connect(dataclasses.replace(source.profile, port=source.profile.port + 1)),
    ):
        pass


def test_to_write_a_password_comes_before_a_kept_session(
    source: Place, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with logged_in(store, source):
        with connect(source.profile) as server:
            kept = server.session_id
        with connect(source.profile, own_session=True) as server:
            assert server.session_id == kept  # without a password the kept session does
        monkeypatch.setenv("OMERO_PASSWORD", PASSWORD)
        with connect(source.profile, own_session=True) as server:
            own = server.session_id
            assert own != kept
        with connect(source.profile) as server:
            assert server.session_id == kept
            assert server.rows(SESSION, id=own)[0][0] is not None


def test_nothing_is_made_where_nobody_logged_in(source: Place, store: Path) -> None:
    with source.connect():
        assert not store.exists()


# -- passwords


def test_the_order_of_passwords(source: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    at = dataclasses.replace(source.profile, name="my-server")
    account = f"{at.user}@{at.host}:{at.port}"

    def enters() -> bool:
        try:
            with connect(at):
                return True
        except LoginFailure:
            return False

    assert not enters()
    keyring.set_password("graphxfer", account, PASSWORD)
    assert enters()
    monkeypatch.setenv("OMERO_PASSWORD", "wrong")
    assert not enters()
    monkeypatch.setenv("GRAPHXFER_PASSWORD_MY_SERVER", PASSWORD)
    assert enters()


def test_no_password_and_no_terminal(source: Place) -> None:
    with pytest.raises(LoginFailure, match="GRAPHXFER_PASSWORD_127_0_0_1"), connect(source.profile):
        pass


PROMPTED = """
import sys
from graphxfer.omero.connect import connect, profile
with connect(profile(sys.argv[1])) as server:
    print("entered as", server.user_name)
"""


def test_a_prompt_on_a_terminal(source: Place) -> None:
    pretend = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    command = [sys.executable, "-c", pretend, sys.executable, "-c", PROMPTED, source.uri]
    environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as shown:
        assert shown.stdin is not None
        assert shown.stdout is not None
        told = b""
        while b"Password of" not in told:
            told += os.read(shown.stdout.fileno(), 1000)
        shown.stdin.write(f"{PASSWORD}\n".encode())
        shown.stdin.flush()
        told += shown.stdout.read()
    assert f"entered as {source.profile.user}".encode() in told
    assert PASSWORD.encode() not in told


def test_no_user() -> None:
    with pytest.raises(UsageError, match="user is missing"), connect(Profile("a", "127.0.0.1")):
        pass


# -- groups


def test_the_group_to_write_to(source: Place) -> None:
    create_groups(source, "Another lab")
    at = dataclasses.replace(source.profile, group="Another lab")
    with connect(at, password=PASSWORD) as server:
        made = server.service("IUpdate").saveAndReturnObject(project("there"))
        assert made.details.group.id.val == server.group_id
        assert server.group_name == "Another lab"
        assert int(post_dataset(server.gateway, "with ezomero", description=None)) > 0
        group = "select d.details.group.name from Dataset d where d.name = :name"
        assert server.rows(group, name="with ezomero") == [["Another lab"]]


def test_an_unknown_group(source: Place) -> None:
    at = dataclasses.replace(source.profile, group="Nobody's")
    with pytest.raises(NotThere, match="Nobody's"), connect(at, password=PASSWORD):
        pass


def test_a_group_of_others(source: Place) -> None:
    if source.sandbox is None:
        pytest.skip("groups are only made in sandboxes")
    root = omero.client(source.sandbox.host, source.sandbox.port)
    admin = root.createSession("root", "omero").getAdminService()
    group = ExperimenterGroupI()
    group.ldap = rbool(False)
    group.name = rstring("Closed")
    group.details.permissions = PermissionsI("rw----")
    admin.createGroup(group)
    root.closeSession()
    at = dataclasses.replace(source.profile, group="Closed")
    with (
        pytest.raises(ServerFailure, match="not a member of the group 'Closed'"),
        connect(at, password=PASSWORD),
    ):
        pass


# -- what is counted and repeated


def test_every_call_is_counted(tmp_path: Path) -> None:
    record = tmp_path / "calls.jsonl"
    with manage.running(tmp_path / "server", "--record", str(record)) as sandbox:
        at = Profile("it", sandbox.host, sandbox.port, "root")
        with connect(at, password="omero") as server:
            server.rows("select e.id from Experimenter e")
            list(server.stream([("select e.id from Experimenter e", {})] * 3))
            server.service("RawFileStore").close()
            counted = server.calls
            lines = record.read_text().splitlines()
    seen = [json.loads(line)["operation"] for line in lines]
    # What Ice itself asks of the router, such as addProxies, is none of our calls.
    ours = [each for each in seen if each == "Router.createSession" or "Router" not in each]
    assert counted == len(ours), seen


def test_what_the_server_asks_to_repeat_is_repeated(source: Place) -> None:
    tries = []

    def busy(until: int) -> str:
        tries.append(until)
        if len(tries) < until:
            raise omero.TryAgain(None, None, "busy", 1)
        return "done"

    with source.connect() as server:
        assert server.call(busy, 2) == "done"
        tries.clear()
        with pytest.raises(ServerFailure, match="TryAgain"):
            server.call(busy, 100)
        assert len(tries) == TRIES


def test_an_interrupt_waits_for_the_call(source: Place) -> None:
    done = []

    def interrupted() -> None:
        signal.raise_signal(signal.SIGINT)
        done.append(True)

    with source.connect() as server, pytest.raises(KeyboardInterrupt):
        server.call(interrupted)
    assert done


# -- failures


def test_wrong_password(source: Place) -> None:
    with (
        pytest.raises(LoginFailure, match="password is wrong") as told,
        connect(source.profile, password="guess"),
    ):
        pass
    assert "guess" not in str(told.value)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    at = Profile("it", "127.0.0.1", port, "ada")
    with (
        pytest.raises(ServerFailure, match=r"cannot be reached: .*refused(.|\n)*firewall"),
        connect(at, password="x"),
    ):
        pass


def test_no_such_host() -> None:
    at = Profile("it", "no-such-host.invalid", 4064, "ada")
    with pytest.raises(ServerFailure, match="host name is unknown"), connect(at, password="x"):
        pass


@pytest.mark.parametrize(
    ("secure", "told"), [(True, r"omero\+tcp://"), (False, "not an OMERO server")]
)
def test_something_else_listens(secure: bool, told: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            while True:
                try:
                    caller, _ = listening.accept()
                except OSError:
                    return
                caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                caller.close()

        threading.Thread(target=answer, daemon=True).start()
        at = Profile("it", "127.0.0.1", listening.getsockname()[1], "ada", secure=secure)
        with pytest.raises(ServerFailure, match=told), connect(at, password="x"):
            pass


def test_a_session_that_is_taken_away(source: Place) -> None:
    if source.sandbox is None:
        pytest.skip("sessions are only taken away in sandboxes")
    root = omero.client(source.sandbox.host, source.sandbox.port)
    with source.connect() as server:
        key = server.client.getSessionId()
        gone = SessionI()
        gone.uuid = rstring(key)
        service = root.createSession("root", "omero").getSessionService()
        while service.closeSession(gone) > 0:
            pass
        root.closeSession()
        with pytest.raises(ServerFailure, match="run the same command again") as told:
            server.rows("select e.id from Experimenter e")
    shown = "".join(traceback.format_exception(told.value))
    assert key not in shown


def test_what_the_server_refuses_is_told(source: Place) -> None:
    with source.connect() as server, pytest.raises(ServerFailure) as told:
        server.service("IUpdate").saveObject(ProjectI())
    assert isinstance(told.value.__cause__, omero.ValidationException)
    assert source.profile.host in str(told.value)


@pytest.mark.parametrize("version", ["5.6.0", "5.6.16-ice36-b123", "5.10.1", "6.0"])
def test_versions_that_do(version: str) -> None:
    check_version(version, Profile("it", "a.example"))


@pytest.mark.parametrize("version", ["5.5.1", "4.4.12", ""])
def test_versions_that_are_too_old(version: str) -> None:
    with pytest.raises(ServerFailure, match=r"needs 5\.6"):
        check_version(version, Profile("it", "a.example"))


# -- TLS


def test_without_tls_only_when_asked(source: Place) -> None:
    if source.sandbox is None:
        pytest.skip("the plain port of a real server is not known")
    at = Profile("it", source.sandbox.host, source.sandbox.tcp, USER, secure=False)
    with connect(at, password=PASSWORD) as server:
        assert server.user_name == source.profile.user
    with (
        pytest.raises(LoginFailure, match="encrypted port"),
        connect(dataclasses.replace(at, secure=True), password=PASSWORD),
    ):
        pass


@pytest.fixture
def certificate(tmp_path: Path) -> Callable[[str], Path]:
    def make(host: str) -> Path:
        key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        day, now = datetime.timedelta(days=1), datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + day)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        path = tmp_path / f"{host}.pem"
        path.write_bytes(
            made.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return path

    return make


@contextmanager
def listening(properties: dict[str, str]) -> Iterator[int]:
    """Run an Ice server that ends a login with "wrong password", and return its port."""

    class Router(Glacier2.Router):  # type: ignore[misc]
        def createSession_async(self, answer: Any, *_: Any) -> None:  # noqa: N802
            answer.ice_exception(Glacier2.PermissionDeniedException("no"))

        def destroySession(self, *_: Any) -> None:  # noqa: N802
            raise Glacier2.SessionNotExistException

    data = Ice.InitializationData()
    data.properties = Ice.createProperties()
    tls = {"Ice.Plugin.IceSSL": "IceSSL:createIceSSL", "IceSSL.VerifyPeer": "0"}
    for name, value in {**tls, **properties}.items():
        data.properties.setProperty(name, value)
    communicator = Ice.initialize(data)
    try:
        adapter = communicator.createObjectAdapterWithEndpoints("R", "ssl -h 127.0.0.1 -p 0")
        adapter.add(Router(), communicator.stringToIdentity("OMERO.Glacier2/router"))
        adapter.activate()
        yield adapter.getEndpoints()[0].getInfo().port
    finally:
        communicator.destroy()


def told_at_login(port: int, **options: Any) -> str:
    at = Profile("it", "127.0.0.1", port, "ada", **options)
    with pytest.raises(ServerFailure) as told, connect(at, password="x"):
        pass
    return str(told.value)


def test_anonymous_diffie_hellman() -> None:
    with listening({"IceSSL.Ciphers": "ADH:@SECLEVEL=0"}) as port:
        assert "anonymous_dh = true" in told_at_login(port)
        assert "password is wrong" in told_at_login(port, anonymous_dh=True)


def test_a_certificate_is_verified(certificate: Callable[[str], Path]) -> None:
    own, other = certificate("127.0.0.1"), certificate("omero.example.org")
    with listening({"IceSSL.CertFile": str(own)}) as port:
        assert "password is wrong" in told_at_login(port)
        assert "password is wrong" in told_at_login(port, verify_tls=own)
        refused = told_at_login(port, verify_tls=other)
        assert "certificate is refused" in refused
        assert "verify_tls" in refused
        assert "certificate is refused" in told_at_login(port, verify_tls=True)


def test_the_name_in_a_certificate_is_verified(certificate: Callable[[str], Path]) -> None:
    other = certificate("omero.example.org")
    with listening({"IceSSL.CertFile": str(other)}) as port:
        assert "password is wrong" in told_at_login(port)
        refused = told_at_login(port, verify_tls=other)
        assert "certificate is refused" in refused
        assert "127.0.0.1" in refused


def test_a_file_of_certificates_that_is_not_there(tmp_path: Path) -> None:
    assert "TLS cannot be set up" in told_at_login(1, verify_tls=tmp_path / "none.pem")


def test_servers_are_what_they_say(source: Place) -> None:
    """A sandbox's own certificate is one that can be verified."""
    if source.sandbox is None:
        pytest.skip("the certificate of a real server is not known")
    at = dataclasses.replace(
        source.profile, verify_tls=source.sandbox.directory / "certificate.pem"
    )
    with connect(at, password=PASSWORD) as server:
        assert isinstance(server, Server)
