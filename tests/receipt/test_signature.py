# SPDX-License-Identifier: GPL-2.0-or-later
"""Receipts are signed and checked by the real ssh-keygen."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphxfer.errors import FileProblem
from graphxfer.receipt import signature
from graphxfer.receipt.signature import BadSignature, Signature
from tests.receipt.samples import keygen

WHEN = "2026-11-24T09:30:00+00:00"


@pytest.fixture
def receipt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    path = tmp_path / "-n receipt.jsonld"  # like an option, with a space
    path.write_bytes(b"any bytes\n\x00\xff")
    return path


def checked(receipt: Path, signers: Path | None, when: str = WHEN) -> Signature:
    with receipt.open("rb") as stream:
        return signature.check(stream, signature.beside(receipt), signers, when)


def allowed(key: Path) -> Path:
    return key.with_name(f"{key.name}.allowed")


def test_signed_and_checked(receipt: Path) -> None:
    ada, eve = (keygen(receipt.with_name(name)) for name in ("-ada", "eve"))
    assert signature.sign(receipt, ada) == receipt.with_name(f"{receipt.name}.sig")
    good = checked(receipt, allowed(ada))
    assert (good.signer, good.key_type) == ("-ada@example.org", "ED25519")
    assert checked(receipt, None) == good._replace(signer="")
    with pytest.raises(BadSignature, match="not the signature of an allowed signer"):
        checked(receipt, allowed(eve))
    receipt.write_bytes(receipt.read_bytes() + b" ")
    for signers in (allowed(ada), None):
        with pytest.raises(BadSignature, match="not valid for this receipt"):
            checked(receipt, signers)


def test_openssh_alone_can_check_it(receipt: Path) -> None:
    ada = keygen(receipt.with_name("ada"))
    command = ["ssh-keygen", "-Y", "verify", "-n", "graphxfer", "-I", "ada@example.org"]
    command += ["-f", str(allowed(ada)), "-s", str(signature.sign(receipt, ada))]
    done = subprocess.run(command, input=receipt.read_bytes(), capture_output=True, check=True)
    assert b'Good "graphxfer" signature' in done.stdout


def test_a_signature_for_another_purpose_is_not_valid(receipt: Path) -> None:
    ada = keygen(receipt.with_name("ada"))
    command = ["ssh-keygen", "-Y", "sign", "-n", "git", "-f", str(ada)]
    done = subprocess.run(command, input=receipt.read_bytes(), capture_output=True, check=True)
    signature.beside(receipt).write_bytes(done.stdout)
    for signers in (allowed(ada), None):
        with pytest.raises(BadSignature, match="not valid for this receipt"):
            checked(receipt, signers)


@pytest.mark.parametrize(
    ("options", "when", "wrong"),
    [
        ('namespaces="graphxfer"', WHEN, ""),
        ('namespaces="git"', WHEN, "may not sign receipts"),
        ('valid-before="20261125Z"', WHEN, ""),
        ('valid-before="20261124093001Z"', WHEN, ""),
        ('valid-before="20261124092959Z"', WHEN, "allowed signer"),
        ('valid-after="20261124093001Z"', WHEN, "allowed signer"),
        ('valid-before="20200101Z"', "2019-12-31T23:59:59+00:00", ""),
    ],
)
def test_limits_of_a_key_count_at_the_time_of_the_receipt(
    receipt: Path, options: str, when: str, wrong: str
) -> None:
    ada = keygen(receipt.with_name("ada"), options=options)
    signature.sign(receipt, ada)
    if not wrong:
        assert checked(receipt, allowed(ada), when).signer == "ada@example.org"
        return
    with pytest.raises(BadSignature, match=wrong):
        checked(receipt, allowed(ada), when)


@pytest.fixture
def agent(receipt: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An ssh-agent of one's own."""
    socket = receipt.with_name("s")
    command = [str(shutil.which("ssh-agent")), "-D", "-a", str(socket)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # it listens now
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    yield
    process.terminate()
    process.wait()


@pytest.mark.usefixtures("agent")
def test_a_key_of_an_agent(receipt: Path) -> None:
    ada = keygen(receipt.with_name("ada"))
    subprocess.run([str(shutil.which("ssh-add")), "-q", str(ada)], check=True, capture_output=True)
    ada.unlink()
    signature.sign(receipt, ada.with_name("ada.pub"))
    assert checked(receipt, allowed(ada)).signer == "ada@example.org"


def test_keys_that_cannot_sign(receipt: Path) -> None:
    ada = keygen(receipt.with_name("ada"), "a passphrase")
    with pytest.raises(FileProblem, match=r"not signed: .*passphrase"):
        signature.sign(receipt, ada)
    ada.unlink()
    with pytest.raises(FileProblem, match="ssh-add"):  # no agent has it
        signature.sign(receipt, ada.with_name("ada.pub"))
    with pytest.raises(FileProblem, match="not signed"):
        signature.sign(receipt, receipt)
    with pytest.raises(FileProblem, match="No such file"):
        signature.check_key(receipt.with_name("nowhere"))
    assert not signature.beside(receipt).exists()


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"-----BEGIN SSH SIGNATURE-----\n", b"a" * 70000]
)
def test_what_is_not_a_signature(receipt: Path, content: bytes) -> None:
    ada = keygen(receipt.with_name("ada"))
    signature.beside(receipt).write_bytes(content)
    for signers in (allowed(ada), None):
        with pytest.raises(BadSignature):
            checked(receipt, signers)


def test_a_pipe_is_not_a_signature(receipt: Path) -> None:
    os.mkfifo(signature.beside(receipt))
    with pytest.raises(BadSignature, match="is not a signature"):
        checked(receipt, None)


def test_without_ssh_keygen(receipt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = keygen(receipt.with_name("ada"))
    monkeypatch.setenv("PATH", str(receipt.parent))
    with pytest.raises(FileProblem, match="ssh-keygen is not installed"):
        signature.check_key(ada)


def test_ssh_keygen_inherits_no_secret(receipt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = receipt.with_name("ssh-keygen")
    real, seen = shutil.which("ssh-keygen"), receipt.with_name("seen")
    spy.write_text(f'#!/bin/sh\nenv > "{seen}"\nexec {real} "$@"\n')
    spy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{spy.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("OMERO_PASSWORD", "secret")
    monkeypatch.setenv("GRAPHXFER_PASSWORD_LAB", "secret")
    signature.sign(receipt, keygen(receipt.with_name("ada")))
    assert "HOME=" in seen.read_text()
    assert "secret" not in seen.read_text()
