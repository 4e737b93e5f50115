# SPDX-License-Identifier: GPL-2.0-or-later
"""Which server a person means."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphxfer.errors import BadDocument, LoginFailure, UsageError
from graphxfer.omero.profiles import Profile, profile, read

SERVERS = """
[servers.research]
host = "omero.research.example"
user = "ada"
group = "Mitosis"
base = "https://data.research.example/omero"
verify_tls = "ca.pem"

[servers.old]
host = "old.example"
port = 14064
anonymous_dh = true

[servers.plain]
host = "lab.example"
secure = false
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "servers.toml"
    path.write_text(SERVERS)
    return path


@pytest.fixture(autouse=True)
def nobody_logged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMERO_SESSIONDIR", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_named(config: Path) -> None:
    found = profile("research", config)
    assert (found.host, found.port, found.user) == ("omero.research.example", 4064, "ada")
    assert (found.group, found.secure) == ("Mitosis", True)
    assert found.base == "https://data.research.example/omero/"
    assert found.verify_tls == config.parent / "ca.pem"


def test_defaults(config: Path) -> None:
    assert profile("old", config).anonymous_dh
    plain = profile("plain", config)
    assert (plain.port, plain.secure, plain.base) == (4063, False, "https://lab.example/")


def test_the_usual_place(tmp_path: Path) -> None:
    place = tmp_path / "config" / "graphxfer" / "servers.toml"
    place.parent.mkdir(parents=True)
    place.write_text(SERVERS)
    assert profile("old").port == 14064


def test_unknown_name(config: Path) -> None:
    with pytest.raises(UsageError, match=r"'reserch'(.|\n)*did you mean 'research'"):
        profile("reserch", config)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("omero://ada@a.example", Profile("a.example", "a.example", 4064, "ada")),
        ("omero://ada@a.example:4065", Profile("a.example:4065", "a.example", 4065, "ada")),
        (
            "omero://ada%40x@a.example/My%20lab",
            Profile("a.example", "a.example", 4064, "ada@x", "My lab"),
        ),
        (
            "omero+tcp://ada@a.example",
            Profile("a.example", "a.example", 4063, "ada", secure=False),
        ),
        ("omero://ada@[::1]:4065", Profile("::1:4065", "::1", 4065, "ada", base="https://[::1]/")),
    ],
)
def test_uri(uri: str, expected: Profile) -> None:
    assert profile(uri) == expected


def test_an_uri_takes_what_is_configured_for_the_host(config: Path) -> None:
    found = profile("omero://eve@omero.research.example", config)
    assert (found.user, found.group) == ("eve", "")
    assert found.verify_tls == config.parent / "ca.pem"
    assert found.base == "https://data.research.example/omero/"
    assert not profile("omero://eve@omero.research.example:4065", config).verify_tls


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="`ps`") as told:
        profile("omero://ada:hunter2@a.example")
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(
    "uri",
    [
        "http://a.example",
        "omero://",
        "omero://ada@a.example:99999",
        "omero://ada@a.example?x=1",
        'omero://ada@a" -h evil',
    ],
)
def test_no_such_uri(uri: str) -> None:
    with pytest.raises(UsageError):
        profile(uri)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('password = "hunter2"', "does not belong"),
        ('hots = "b.example"', "did you mean 'host'"),
        ("port = '4064'", "not of the type int"),
        ("anonymous_dh = true\nverify_tls = true", "exclude each other"),
    ],
)
def test_options_that_cannot_be_meant(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "s.toml"
    path.write_text(f'[servers.a]\nhost = "a.example"\n{line}\n')
    with pytest.raises(UsageError, match=told) as error:
        read(path)
    assert "hunter2" not in str(error.value)


def test_host_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('[servers.a]\nuser = "ada"\n')
    with pytest.raises(UsageError, match="host is missing"):
        read(path)


def test_no_toml(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("servers = [")
    with pytest.raises(BadDocument, match="TOML"):
        profile("a", path)


def test_nobody_is_logged_in() -> None:
    with pytest.raises(LoginFailure, match="omero login"):
        profile("-")
