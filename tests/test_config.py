# SPDX-License-Identifier: GPL-2.0-or-later
"""What `graphxfer run` reads: every section and option, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphxfer import config
from graphxfer.config import Login
from graphxfer.errors import BadDocument, UsageError

INI = """
[source_omero]
hostname = research.example.org
port = 4064
group = My Lab
user = ada
password = 100%s#;p@ss
secure = True
datatype = Dataset
id = 51, 60-62
use_client_filepaths = False

[dest_omero]
hostname = public.example.org
port = 14064
group = public
user = curator
password =
secure = no

[source_server]
user = omero
hostname = files.example.org
managedrepo_dir = /OMERO/ManagedRepository

[data_storage]
user = omero-server
group = users
data_directory = /data/transfers

[general]
xml_filepath = /data/xml/transfer.ome.xml
ln_s_import = yes
"""

TOML = """
[servers.research]
host = "research.example.org"
user = "ada"

[source]
server = "research"
objects = ["Project:51", "Image:7-9"]
partial_ok = true

[destination]
server = "omero://curator@public.example.org/public"
in_place = true
tags = "create"
merge = true
strict = true
file_metadata = "file"

[files]
from = "omero@files.example.org:/OMERO/ManagedRepository"
attachments = "research"
client_paths = true
jobs = 4
chown = "omero-server:users"
as_user = "omero"

[bundle]
folder = "/data/transfers/51"
xml = "/data/xml/51.ome.xml"
"""


def written(folder: Path, text: str, name: str = "config.cfg", mode: int = 0o600) -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(mode)
    return path


def test_every_option_of_the_ini_file_is_honoured(tmp_path: Path) -> None:
    transfer = config.read(written(tmp_path, INI))
    assert transfer == config.Transfer(
        source=Login("omero://ada@research.example.org:4064/My%20Lab", "100%s#;p@ss"),
        destination=Login("omero+tcp://curator@public.example.org:14064/public", None),
        objects=("Dataset:51,60-62",),
        bundle=Path("/data/transfers/research.example.org-Dataset-51,60-62"),
        files_from="omero@files.example.org:/OMERO/ManagedRepository",
        chown="omero-server:users",
        xml=Path("/data/xml/transfer.ome.xml"),
        in_place=True,
    )


def test_every_option_of_the_toml_file_is_honoured(tmp_path: Path) -> None:
    path = written(tmp_path, TOML, "transfer.toml")
    assert config.read(path) == config.Transfer(
        source=Login("research"),
        destination=Login("omero://curator@public.example.org/public"),
        objects=("Project:51", "Image:7-9"),
        bundle=Path("/data/transfers/51"),
        files_from="omero@files.example.org:/OMERO/ManagedRepository",
        attachments="research",
        client_paths=True,
        jobs=4,
        chown="omero-server:users",
        as_user="omero",
        xml=Path("/data/xml/51.ome.xml"),
        partial_ok=True,
        in_place=True,
        tags="create",
        merge=True,
        strict=True,
        file_metadata="file",
        profiles=path,
    )


def test_client_file_paths_are_taken_from_the_root_of_the_source_server(tmp_path: Path) -> None:
    text = INI.replace("use_client_filepaths = False", "use_client_filepaths = True")
    transfer = config.read(written(tmp_path, text))
    assert transfer.client_paths
    assert transfer.files_from == "omero@files.example.org:/"


def test_without_a_source_server_files_come_over_the_connection(tmp_path: Path) -> None:
    start, end = INI.index("[source_server]"), INI.index("[data_storage]")
    assert config.read(written(tmp_path, INI[:start] + INI[end:])).files_from == ""


def test_a_repository_on_this_machine_needs_no_host(tmp_path: Path) -> None:
    text = INI.replace("hostname = files.example.org\n", "")
    assert config.read(written(tmp_path, text)).files_from == "/OMERO/ManagedRepository"


@pytest.mark.parametrize("port", ["port = 4064", "port =", ""])
def test_an_insecure_login_on_the_encrypted_port_stays_encrypted(tmp_path: Path, port: str) -> None:
    """Today's tools log in encrypted there: the password must not be sent in clear."""
    text = INI.replace("secure = True", "secure = False").replace("port = 4064", port)
    transfer = config.read(written(tmp_path, text))
    assert transfer.source.server.startswith("omero://ada@research.example.org:4064/")
    assert "secure = False is ignored" in transfer.warnings[0]


def test_a_long_list_of_ids_gives_a_bundle_a_short_name_of_its_own(tmp_path: Path) -> None:
    names = [
        config.read(
            written(tmp_path, INI.replace("51, 60-62", ",".join(map(str, range(99, last)))))
        ).bundle.name
        for last in (998, 999, 999)
    ]
    assert max(map(len, names)) < 128
    assert names[0] != names[1] == names[2]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[dest_omero]", "[dest_omeroo]", "[dest_omeroo] is unknown\n  → did you mean 'dest_ome"),
        ("ln_s_import", "ln_import", "'ln_import' is unknown\n  → did you mean 'ln_s_import'?"),
        ("[general]", "[DEFAULT]", "[DEFAULT] is unknown"),
        ("datatype = Dataset", "datatype = Well", "datatype = Well is unknown"),
        ("id = 51, 60-62", "id = 51, sixty", "id = sixty is not an id"),
        ("id = 51, 60-62", "id =", "id is missing"),
        ("secure = True", "secure = perhaps", "secure = perhaps is not true or false"),
        ("port = 4064", "port = ssl", "port = ssl is not a number"),
        ("hostname = public.example.org\n", "", "[dest_omero]: hostname is missing"),
        ("= research.example.org", "= evil/../host", "hostname = evil/../host is not a host name"),
        ("managedrepo_dir = /OMERO/ManagedRepository", "", "managedrepo_dir is missing"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert old in INI
    with pytest.raises(UsageError) as failure:
        config.read(written(tmp_path, INI.replace(old, new)))
    assert told in str(failure.value)
    assert "p@ss" not in str(failure.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[files]", "[file]", "the section [file] is unknown\n  → did you mean 'files'?"),
        ("in_place =", "inplace =", "'inplace' is unknown\n  → did you mean 'in_place'?"),
        ("jobs = 4", "jobs = true", "jobs = True is not of the type int"),
        (
            'objects = ["Project:51", "Image:7-9"]',
            "objects = [51]",
            "objects is not a list of strings",
        ),
        ('folder = "/data/transfers/51"', "", "folder is missing"),
        ("[files]", "[[files]]", "files is not a section"),
    ],
)
def test_so_it_is_in_toml(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in TOML
    with pytest.raises(UsageError) as failure:
        config.read(written(tmp_path, TOML.replace(old, new), "transfer.toml"))
    assert told in str(failure.value)


@pytest.mark.parametrize("name", ["config.cfg", "config.toml"])
def test_what_is_no_such_file_is_said_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadDocument, match="is not valid"):
        config.read(written(tmp_path, "what is this", name))


def test_a_broken_line_is_named_but_not_quoted(tmp_path: Path) -> None:
    with pytest.raises(BadDocument, match="line 7") as failure:
        config.read(written(tmp_path, INI.replace("password = 100", "password 100")))
    assert "p@ss" not in str(failure.value)


def test_an_option_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="line 7"):
        config.read(written(tmp_path, INI.replace("user = ada", "user = ada\nuser = bob")))


def test_a_password_that_others_may_read_is_warned_of_but_not_told(tmp_path: Path) -> None:
    private = config.read(written(tmp_path, INI))
    shared = config.read(written(tmp_path, INI, mode=0o640))
    assert private.warnings == ()
    assert "chmod 600" in shared.warnings[0]
    assert "p@ss" not in repr(shared)


def test_a_file_without_passwords_may_be_read_by_others(tmp_path: Path) -> None:
    assert config.read(written(tmp_path, TOML, "transfer.toml", 0o644)).warnings == ()
