# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers that cannot be reached, are none, or refuse: what is said, and that nothing is left."""

from __future__ import annotations

import contextlib
import datetime
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import omero
import omero.all
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from omero.model import ExperimenterGroupI, PermissionsI, ProjectI
from omero.rtypes import rbool, rstring

from tests.cli.conftest import Filled
from tests.cli.person import Person, tree
from tests.places import GROUP, PASSWORD, USER, Place, create_account


def export(person: Person, uri: str, *objects: str, env: dict[str, str] | None = None) -> str:
    """Export what cannot be exported; return what is said. No bundle appears."""
    ran = person.run("export", uri, *(objects or ("Project:1",)), "--to", "bundle", env=env)
    assert tree(person.home) == {}
    assert ran.out == ""
    return ran.failed(2 if "password on the command line" in ran.err else 1).err


# -- objects


@pytest.mark.parametrize("asked", ["Project:987654", "Image:987654", "Dataset:1,987654"])
def test_an_object_that_is_not_there(person: Person, filled: Filled, asked: str) -> None:
    told = export(person, filled.uri, asked)
    at = filled.place.profile
    assert f"{asked.partition(':')[0]}:987654: not found, or not readable for {at.user}" in told
    assert at.host in told
    assert "→" in told


def test_an_object_in_a_private_group_of_others(person: Person, filled: Filled) -> None:
    sandbox = filled.place.sandbox
    if sandbox is None:
        pytest.skip("only root makes groups")
    client = omero.client(sandbox.host, sandbox.port)
    factory = client.createSession("root", "omero")
    group = ExperimenterGroupI()
    group.ldap = rbool(False)
    group.name = rstring("private")
    group.details.permissions = PermissionsI("rw----")
    number = factory.getAdminService().createGroup(group)
    project = ProjectI()
    project.name = rstring("hidden")
    saved = factory.getUpdateService().saveAndReturnObject(project, {"omero.group": str(number)})
    client.closeSession()
    told = export(person, filled.uri, f"Project:{saved.id.val}")
    assert f"Project:{saved.id.val}: not found, or not readable" in told
    assert "hidden" not in told


# -- logging in


def at(place: Place, user: str) -> str:
    there = place.profile
    return f"omero://{user}@{there.host}:{there.port}/{there.group}"


@pytest.mark.parametrize("is_known", [True, False])
def test_a_wrong_password_and_an_unknown_user_look_the_same(
    person: Person, filled: Filled, is_known: bool
) -> None:
    person.secrets.add("hunter2")
    user = filled.place.profile.user if is_known else "nobody-of-that-name"
    told = export(person, at(filled.place, user), env={"OMERO_PASSWORD": "hunter2"})
    assert "the user name or the password is wrong" in told
    assert at(filled.place, user).rpartition("/")[0] in told
    assert "OMERO_PASSWORD" in told


def test_no_password_and_no_terminal(person: Person, filled: Filled) -> None:
    told = export(person, filled.uri, env={"OMERO_PASSWORD": ""})
    assert "the password is missing" in told
    assert "OMERO_PASSWORD" in told


def test_a_group_that_is_not_there(person: Person, filled: Filled) -> None:
    told = export(person, f"{filled.uri.rpartition('/')[0]}/Nobodys")
    assert "the group 'Nobodys' does not exist" in told


@pytest.mark.parametrize("where", ["h", "h/group", "h:99999", "h:4064/group"])
def test_a_password_in_the_uri_is_refused_and_not_repeated(person: Person, where: str) -> None:
    person.secrets.add("hunter2")
    assert "visible to everyone" in export(person, f"omero://ada:hunter2@{where}")


# -- what answers


def test_a_host_that_is_not_there(person: Person) -> None:
    told = export(person, "omero://ada@no-such-host.invalid")
    assert "no-such-host.invalid" in told
    assert "the host name is unknown" in told
    assert "→" in told


def test_a_port_where_nobody_listens(person: Person) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and not listening: nobody else gets it meanwhile
        told = export(person, f"omero://ada@127.0.0.1:{held.getsockname()[1]}")
    assert "cannot be reached: Connection refused" in told
    assert "that the server is up" in told


@contextlib.contextmanager
def answering(answer: bytes, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Run a server that says something to everybody, and return its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    taken, _ = server.accept()
                except OSError:
                    return
                with taken, contextlib.suppress(OSError):
                    connection = context.wrap_socket(taken, True) if context else taken
                    connection.sendall(answer)
                    connection.settimeout(5)
                    connection.recv(1000)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
    thread.join()


HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("scheme", "answer", "words"),
    [
        ("omero+tcp", HTTP, "the server at this address is not an OMERO server"),
        ("omero", HTTP, "use the encrypted port"),
        ("omero", b"SSH-2.0-OpenSSH_9.2\r\n", "use the encrypted port"),
    ],
)
def test_a_host_that_is_no_omero(person: Person, scheme: str, answer: bytes, words: str) -> None:
    with answering(answer) as port:
        told = export(person, f"{scheme}://ada@127.0.0.1:{port}")
    assert words in told
    assert f"127.0.0.1:{port}" in told
    assert "→" in told


def anonymous() -> ssl.SSLContext:
    """Anonymous Diffie-Hellman and nothing else, as OMERO before 5.6.2 had by default."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ADH:AECDH:@SECLEVEL=0")
    return context


def servers_toml(person: Person, **profile: object) -> None:
    folder = person.home / ".config/graphxfer"
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["[servers.it]", 'host = "127.0.0.1"', *(f"{k} = {v}" for k, v in profile.items())]
    (folder / "servers.toml").write_text("\n".join(lines))


def test_a_server_with_anonymous_ciphers_only(person: Person) -> None:
    with answering(HTTP, anonymous()) as port:
        told = export(person, f"omero://ada@127.0.0.1:{port}")
        assert "TLS is refused" in told
        assert "anonymous_dh = true" in told
        # With the setting the handshake is done: what is told is about what comes after it.
        servers_toml(person, port=port, user='"ada"', anonymous_dh="true")
        ran = person.run("export", "it", "Project:1", "--to", "bundle").failed(1)
        assert "the server at this address is not an OMERO server" in ran.err


def certificate(folder: Path) -> Path:
    """Make a certificate that the server has not."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    day, now = datetime.timedelta(days=1), datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .sign(key, hashes.SHA256())
    )
    path = folder / "other.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path


def test_certificates_are_verified_where_asked(person: Person, filled: Filled) -> None:
    if filled.place.sandbox is None:
        pytest.skip("the certificate of a real server is not known")
    at = filled.place.profile
    whole = {"port": at.port, "user": f'"{USER}"'}
    other, own = certificate(person.home), filled.place.sandbox.directory / "certificate.pem"
    arguments = ("export", "it", filled.project, "--to", "bundle", "--partial-ok")
    servers_toml(person, **whole, verify_tls=f'"{other}"')
    told = person.run(*arguments).failed(1, "certificate is refused", "verify_tls").err
    assert f"{at.host}:{at.port}" in told
    servers_toml(person, **whole, verify_tls='"no-such-file.pem"')
    person.run(*arguments).failed(1, "no-such-file.pem")
    assert not (person.home / "bundle").exists()
    servers_toml(person, **whole, verify_tls=f'"{own}"')
    person.run(*arguments).done()


# -- what others see


def test_no_password_in_the_list_of_processes(person: Person, filled: Filled) -> None:
    """Neither of ours, nor of what we start (rsync), while they run."""
    assert PASSWORD not in seen_while(
        person, "export", filled.uri, filled.project, "--to", "bundle", "--partial-ok"
    )
    if filled.place.sandbox is None:
        pytest.skip("the repository of a server elsewhere is not at hand")
    repository = filled.place.sandbox.repository
    seen = seen_while(person, "fetch", "bundle", "--from", str(repository))
    assert "rsync" in seen
    assert PASSWORD not in seen


def seen_while(person: Person, *arguments: str) -> str:
    """Run a command and return all that `ps` shows of its processes meanwhile."""
    seen = set[str]()
    process = person.start(*arguments)
    while process.poll() is None:
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if folder.name.isdigit() and os.getsid(int(folder.name)) == process.pid:
                    seen.add((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        time.sleep(0.005)
    person.wait(process).done()
    assert any("graphxfer" in line for line in seen)
    return "\n".join(seen)


def test_without_omero_py_it_is_said_what_to_install(person: Person) -> None:
    """A plain `pip install graphxfer` has no Ice."""
    program = (
        "import sys; sys.modules['Ice'] = sys.modules['omero'] = None; "
        "sys.argv = ['graphxfer', 'export', 'omero://ada@h', 'Project:1', '--to', 'b']; "
        "from graphxfer.cli import main; main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=person.environment(),
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    assert "README" in ran.stderr


def test_a_user_of_no_group_there(person: Person, filled: Filled) -> None:
    sandbox = filled.place.sandbox
    if sandbox is None:
        pytest.skip("only root makes users")
    create_account(sandbox.host, sandbox.port, "visitor", "Visitors")
    told = export(person, at(filled.place, "visitor"), filled.project)
    assert f"visitor is not a member of the group '{GROUP}'" in told
    assert "→" in told
