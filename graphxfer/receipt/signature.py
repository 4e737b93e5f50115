# SPDX-License-Identifier: GPL-2.0-or-later
"""Signatures with SSH keys, by OpenSSH's ``ssh-keygen -Y``.

The signature of a receipt is a file of its own, ``RECEIPT.sig``, where ssh-keygen and git look for
it: so the signed bytes are all bytes of the receipt, and the receipt can be checked without
graphxfer.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from graphxfer import bundle
from graphxfer.errors import FileProblem, GraphxferError

NAMESPACE = "graphxfer"
"""What keys sign for: a signature for another purpose is not valid here."""
MAX_SIGNATURE = 2**16
PATIENCE = 300
"""The longest time for a person to type a passphrase or to touch a key, in seconds."""

_KEPT = (
    *("HOME", "PATH", "SSH_AUTH_SOCK", "SSH_SK_PROVIDER", "TERM"),
    *("DISPLAY", "WAYLAND_DISPLAY", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "XAUTHORITY"),
)
"""What ssh-keygen needs of the environment, which may have passwords of OMERO."""
_KEY = re.compile(r"with (\S+) key (SHA256:\S+)")
INSTALL = "install OpenSSH 8.9 or later: apt-get install openssh-client"


class BadSignature(GraphxferError):
    """A receipt that is not signed, or not by an allowed signer, or was changed since."""


class Signature(NamedTuple):
    """A valid signature: type and fingerprint of the key; the signer, empty if not checked."""

    key_type: str
    fingerprint: str
    signer: str = ""


def beside(receipt: Path) -> Path:
    """Return the path of a receipt's signature."""
    return receipt.with_name(f"{receipt.name}.sig")


def check_key(key: Path) -> None:
    """Check that a key and ssh-keygen exist, before a long verification.

    Raises
    ------
    FileProblem
        If one does not.
    """
    _program()
    with bundle.file_errors(key), key.open("rb"):
        pass


def sign(receipt: Path, key: Path) -> Path:
    """Sign a receipt.

    Parameters
    ----------
    receipt : Path
        The receipt.
    key : Path
        A private key; or a public one, if ssh-agent has the private one. If the key has a
        passphrase, ssh-keygen prompts for it on a terminal.

    Returns
    -------
    Path
        The signature.

    Raises
    ------
    FileProblem
        If ssh-keygen is missing, or cannot sign with the key.
    """
    # Without a terminal, and in a session of its own, ssh-keygen cannot prompt, and fails.
    prompts = sys.stdin is not None and sys.stdin.isatty()
    with bundle.file_errors(receipt), receipt.open("rb") as stream:
        code, out, errors = _run(
            ["sign", "-n", NAMESPACE, "-f", str(key.absolute())], stream, detached=not prompts
        )
    if code or not out.startswith(b"-----BEGIN SSH SIGNATURE-----"):
        raise FileProblem(
            f"the receipt was written, but not signed: {_reason(errors)}",
            where=str(key),
            do="name a private key, or a public key that ssh-agent has (`ssh-add`); then sign it: "
            f"ssh-keygen -Y sign -n {NAMESPACE} -f KEY {receipt}",
        )
    path = beside(receipt)
    bundle.replace(path, lambda signature: _write(signature, out))
    return path


def _write(stream: BinaryIO, data: bytes) -> None:
    stream.write(data)


def check(stream: BinaryIO, signature: Path, signers: Path | None, when: str) -> Signature:
    """Check the signature of a receipt.

    Parameters
    ----------
    stream : binary file
        The receipt, at its beginning; a file of the system.
    signature : Path
        Its signature.
    signers : Path or None
        A file of allowed signers (``ssh-keygen(1)``); None to check only that the receipt is
        unchanged since someone signed it.
    when : str
        The time of the receipt: keys that were valid then are valid (as for git's commits).

    Raises
    ------
    BadSignature
        If it is not valid.
    FileProblem
        If a file cannot be read, or ssh-keygen is missing.
    """
    _check_small(signature)
    options = ["-n", NAMESPACE, "-s", str(signature.absolute())]
    if signers is None:
        code, out, errors = _run(["check-novalidate", *options], stream)
        return _valid(code, out, errors, signature)
    with bundle.file_errors(signers), signers.open("rb"):
        pass
    options += ["-f", str(signers.absolute())]
    time = f"-Overify-time={datetime.fromisoformat(when):%Y%m%d%H%M%S}"
    code, out, errors = _run(["find-principals", *options[2:], time], stream)
    found = out.decode(errors="replace").splitlines()
    if code or not found:
        raise BadSignature(
            f"is not the signature of an allowed signer: {_reason(errors)}",
            where=str(signature),
            do=f"check who signed it, and the keys in {signers}",
        )
    stream.seek(0)
    code, out, errors = _run(["verify", *options, "-I", found[0], time], stream)
    if b"not permitted" in errors:
        raise BadSignature(
            f"{found[0]} may not sign receipts: {_reason(errors)}",
            where=str(signers),
            do=f'allow the namespace: namespaces="{NAMESPACE}"',
        )
    return _valid(code, out, errors, signature)._replace(signer=found[0])


def _valid(code: int, out: bytes, errors: bytes, signature: Path) -> Signature:
    key = _KEY.search(out.decode(errors="replace"))
    if code or not key:
        raise BadSignature(
            f"the signature is not valid for this receipt: {_reason(errors)}",
            where=str(signature),
            do="get the receipt and its signature from the signer: one of them was changed",
        )
    return Signature(key[1], key[2])


def _check_small(path: Path) -> None:
    with bundle.file_errors(path):
        status = path.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_SIGNATURE:
        raise BadSignature("is not a signature", where=str(path))


def _program() -> str:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise FileProblem("ssh-keygen is not installed", do=INSTALL)
    return program


def _run(
    arguments: list[str], stream: BinaryIO, *, detached: bool = True
) -> tuple[int, bytes, bytes]:
    """Run ``ssh-keygen -Y`` with a file as its input.

    No argument can become an option: paths are absolute, and a signer is the value of ``-I``.
    """
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    try:
        done = subprocess.run(
            [_program(), "-Y", *arguments],
            stdin=stream,
            capture_output=True,
            env=environment | {"LC_ALL": "C", "TZ": "UTC0"},
            start_new_session=detached,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise FileProblem(f"ssh-keygen did not end within {PATIENCE} seconds") from None
    return done.returncode, done.stdout, done.stderr


def _reason(errors: bytes) -> str:
    """Return what ssh-keygen reported, on one line."""
    lines = errors.decode(errors="replace").replace("Enter passphrase: ", "").splitlines()
    reported = [line for line in lines if line and not line.startswith("Signing data on")]
    return " / ".join(reported)[:300] or "ssh-keygen gave no reason"
