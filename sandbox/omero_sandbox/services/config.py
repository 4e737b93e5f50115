# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.IConfig: version, database uuid and the configuration that clients may see."""

from __future__ import annotations

import re
import time
from typing import Any

import omero
import omero.all
from omero.rtypes import rtime

from omero_sandbox.errors import forbidden
from omero_sandbox.security import policy
from omero_sandbox.service import Call, Service

#: Defaults of etc/omero.properties (omero-common) that clients ask for.
DEFAULTS = {
    "omero.client.ui.tree.type_order": "tagset,tag,project,dataset,screen,plate,acquisition,image",
    "omero.client.viewer.roi_limit": "2000",
    "omero.client.viewer.interpolate_pixels": "true",
    "omero.client.viewer.initial_zoom_level": "0",
    "omero.client.download_as.max_size": "144000000",
    "omero.client.web.host": "",
    "omero.fs.repo.path": "%user%_%userId%//%year%-%month%/%day%/%time%",
    "omero.fs.repo.path_rules": "Windows required, UNIX required",
    "omero.pixeldata.max_plane_width": "3192",
    "omero.pixeldata.max_plane_height": "3192",
    policy.SETTING: policy.DEFAULT,
    "omero.query.timeout": "1000",
    "omero.sessions.timeout": "600000",
    "omero.sessions.maximum": "6000000",
    "omero.upgrades.url": "",
}
#: What ConfigImpl lets anybody read (tried); everything else is for administrators.
_PUBLIC = re.compile(
    r"omero\.(client\.|pixeldata\.|(router\.insecure|version|sessions\.timeout|upgrades\.url)$)"
)


class IConfig(Service):
    """Configuration; the rules are ome.logic.ConfigImpl's (omero-server)."""

    interface = omero.api.IConfig

    def getVersion(self, call: Call) -> str:
        return call.server.store.version

    def getDatabaseUuid(self, call: Call) -> str:
        return call.server.store.uuid

    def getDatabaseTime(self, call: Call) -> Any:
        return rtime(time.time() * 1000)

    def getServerTime(self, call: Call) -> Any:
        return rtime(time.time() * 1000)

    def getConfigValue(self, call: Call, key: str) -> str:
        if not _PUBLIC.match(key) and not call.caller.admin:
            raise forbidden(f"Cannot read configuration: {key}")
        return call.server.config.get(key, "")

    def getConfigValues(self, call: Call, keyRegex: str) -> dict[str, str]:
        return {
            key: value
            for key, value in call.server.config.items()
            if re.search(keyRegex, key) and (_PUBLIC.match(key) or call.caller.admin)
        }

    def getConfigDefaults(self, call: Call) -> dict[str, str]:
        return dict(DEFAULTS)

    def getClientConfigValues(self, call: Call) -> dict[str, str]:
        return _of_clients(call.server.config)

    def getClientConfigDefaults(self, call: Call) -> dict[str, str]:
        return _of_clients(DEFAULTS)

    def setConfigValue(self, call: Call, key: str, value: str) -> None:
        self._admins_only(call)
        call.server.config[key] = value

    def setConfigValueIfEquals(self, call: Call, key: str, value: str, test: str) -> bool:
        self._admins_only(call)
        if call.server.config.get(key, "") != test:
            return False
        call.server.config[key] = value
        return True

    def _admins_only(self, call: Call) -> None:
        if not call.caller.admin:
            raise forbidden("Administrators only")


def _of_clients(config: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in config.items() if key.startswith("omero.client.")}
