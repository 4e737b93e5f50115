# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.IRepositoryInfo: room on the disk."""

from __future__ import annotations

import shutil

import omero
import omero.all

from omero_sandbox.service import Call, Service


class IRepositoryInfo(Service):
    """Room on the disk that holds the repository."""

    interface = omero.api.IRepositoryInfo

    def getUsedSpaceInKilobytes(self, call: Call) -> int:
        return shutil.disk_usage(call.server.repository.base).used // 1024

    def getFreeSpaceInKilobytes(self, call: Call) -> int:
        return shutil.disk_usage(call.server.repository.base).free // 1024

    def getUsageFraction(self, call: Call) -> float:
        usage = shutil.disk_usage(call.server.repository.base)
        return usage.used / usage.total
