# SPDX-License-Identifier: GPL-2.0-or-later
"""Whose original files may be downloaded: omero.policy.binary_access.

Source of what is expected: ome.security.policy.BinaryAccessPolicy (omero-server) and the property's
description in OMERO's documentation (sysadmins/config).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import omero
import omero.all
import pytest
from omero.cli import NonZeroReturnCode
from omero.constants.permissions import BINARYACCESS
from omero.model import NamedValue
from omero.rtypes import unwrap

from omero_sandbox import manage
from tests.conftest import Command
from tests.importing_client import import_files

PLATE = "plate&plates=1&plateRows=1&plateCols=2&fields=1.fake"


def restricted(client: Any, name: str) -> set[bool]:
    """Tell what the permissions of all objects of a class say about downloads."""
    objects = client.sf.getQueryService().findAll(name, None)
    assert objects
    return {o.details.permissions.isRestricted(BINARYACCESS) for o in objects}


def image_file(client: Any, plate: bool = False) -> Any:
    files = {PLATE if plate else "image.fake": b"content"}
    response = import_files(client, files)
    assert isinstance(response, omero.grid.ImportResponse), response
    hql = "select e.originalFile.id from FilesetEntry e order by e.id desc"
    ((id_,), *_) = unwrap(client.sf.getQueryService().projection(hql, None))
    return client.sf.getQueryService().get("OriginalFile", id_)


@pytest.fixture
def default_policy(root: Any) -> None:
    """Skip on a server that was configured otherwise."""
    policy = root.sf.getConfigService().getConfigValue("omero.policy.binary_access")
    if policy and "plate" in policy.replace("-plate", ""):
        pytest.skip(f"omero.policy.binary_access is not the default here, but {policy}")


def read(client: Any, file: Any) -> bytes:
    store = client.sf.createRawFileStore()
    try:
        store.setFileId(file.id.val)
        return bytes(store.read(0, 7))
    finally:
        store.close()


@pytest.mark.usefixtures("default_policy")
def test_by_default_images_can_be_downloaded_and_plates_cannot(lab: Callable[..., Any]) -> None:
    user = lab().member()
    file = image_file(user)
    assert not file.details.permissions.isRestricted(BINARYACCESS)
    assert read(user, file) == b"content"
    assert restricted(user, "Image") == {False}
    plates = lab().member()
    file = image_file(plates, plate=True)
    assert file.details.permissions.isRestricted(BINARYACCESS)
    with pytest.raises(omero.SecurityViolation, match="Download is restricted"):
        read(plates, file)
    for name in ("Image", "Plate", "Well", "WellSample"):
        assert restricted(plates, name) == {True}, name


@pytest.mark.usefixtures("default_policy")
def test_not_for_administrators_either(lab: Callable[..., Any], connect: Any) -> None:
    group = lab()
    file = image_file(group.member(), plate=True)
    root = connect()
    root.getImplicitContext().put("omero.group", str(group.id))
    with pytest.raises(omero.SecurityViolation):
        read(root, file)


def test_a_group_may_have_settings_of_its_own(lab: Callable[..., Any], root: Any) -> None:
    group = lab()
    user = group.member()
    file = image_file(user, plate=True)
    row = root.sf.getQueryService().get("ExperimenterGroup", group.id)
    row.config = [NamedValue("omero.policy.binary_access", "+plate")]
    root.sf.getUpdateService().saveObject(row)
    assert read(user, file) == b"content"
    row = root.sf.getQueryService().get("ExperimenterGroup", group.id)
    row.config = [NamedValue("omero.policy.binary_access", "+plate,-write")]
    root.sf.getUpdateService().saveObject(row)
    with pytest.raises(omero.SecurityViolation):
        read(user, file)


@pytest.fixture(scope="module")
def readers_excluded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[manage.Sandbox]:
    setting = "omero.policy.binary_access=-read,+write,+image,+plate"
    with manage.running(tmp_path_factory.mktemp("policy"), "--config", setting) as server:
        yield server


def test_without_read_only_who_may_write_may_download(
    readers_excluded: manage.Sandbox, omero_command: Command, tmp_path: Path
) -> None:
    omero_command.log_in(readers_excluded)
    omero_command("group", "add", "lab", "--type", "read-annotate")
    for name in ("ada", "bea"):
        omero_command("user", "add", name, name, "B", "lab", "-P", "pw")
    client = omero.client(readers_excluded.host, readers_excluded.port)
    try:
        client.createSession("ada", "pw")
        file = image_file(client, plate=True)
        assert read(client, file) == b"content"
    finally:
        client.closeSession()
    omero_command.log_in(readers_excluded, "bea", "pw")
    with pytest.raises(NonZeroReturnCode) as raised:
        omero_command("download", f"OriginalFile:{file.id.val}", str(tmp_path / "down"))
    assert raised.value.rv == 66
