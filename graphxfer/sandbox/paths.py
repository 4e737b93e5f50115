# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a fileset's files go in the ManagedRepository: template, layout, names that are safe."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from graphxfer.sandbox.errors import invalid

#: ome.services.blitz.repo.path.FilePathRestrictionInstance: Windows' and UNIX' rules together.
_CHARACTERS = {
    **{chr(code): "_" for code in (*range(32), 127)},
    '"': "'", "*": "x", ":": ";", "<": "[", ">": "]", "?": "%", "\\": "!", "|": "!", "/": "!",
}  # fmt: skip
_TABLE = str.maketrans(_CHARACTERS)
_RESERVED = {"CON", "PRN", "AUX", "NUL", "CLOCK$"}
_RESERVED |= {f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10)}
#: ManagedRepositoryI: parent directories kept when no reader says how many it needs.
_PARENTS = 3


def safe(component: str) -> str:
    """Return a name that any file system takes: ome.services.blitz.repo.path.MakePathComponentSafe.

    >>> safe("a:b?.tif"), safe("con.txt"), safe("$x")
    ('a;b%.tif', 'con_.txt', '_$x')
    """
    name = component.translate(_TABLE)
    stem, dot, rest = name.partition(".")
    if stem.upper() in _RESERVED:
        name = f"{stem}_{dot}{rest}"
    if name.startswith("$"):
        name = f"_{name}"
    return f"{name}_" if name.endswith((" ", ".")) else name


def layout(client_paths: Sequence[str], reader: str = "") -> list[list[str]]:
    """Return the path of each file below the fileset's directory, as components.

    What all have in common is left out: all of it when the reader is known, else all but the last
    three directories (ManagedRepositoryI.trimPaths).

    Parameters
    ----------
    client_paths
        FilesetEntry.clientPath of each file.
    reader
        ``bioformats.reader`` of the UploadJob.

    Raises
    ------
    omero.ValidationException
        When a path is empty or leads out, or two files would be one.
    """
    split = [[part for part in path.split("/") if part] for path in client_paths]
    for path, parts in zip(client_paths, split, strict=True):
        if not parts or {".", ".."} & set(parts) or "\0" in path:
            raise invalid(f"Not a path for a file: {path!r}")
    common = _common_directories(split)
    keep = 0 if reader.startswith("loci.formats.in.") else _PARENTS
    trimmed = [[safe(part) for part in parts[max(0, common - keep) :]] for parts in split]
    if len({tuple(parts) for parts in trimmed}) < len(trimmed):
        raise invalid("Two files of the fileset have the same path")
    return trimmed


def _common_directories(paths: Sequence[Sequence[str]]) -> int:
    directories = [parts[:-1] for parts in paths]
    same = 0
    for level in zip(*directories, strict=False):
        if len(set(level)) > 1:
            break
        same += 1
    return same


def expand(template: str, user: str, user_id: int, group: str, group_id: int) -> tuple[str, str]:
    """Return the two parts of ``omero.fs.repo.path``, filled in: root's directories, the user's.

    The part before ``//`` belongs to root, so that others can have directories in it.
    """
    now = datetime.datetime.now()
    values = {
        "user": safe(user), "userId": user_id, "group": safe(group), "groupId": group_id,
        "year": now.strftime("%Y"), "month": now.strftime("%m"), "day": now.strftime("%d"),
        "monthname": now.strftime("%B"),
        "time": now.strftime("%H-%M-%S.") + f"{now.microsecond // 1000:03}",
    }  # fmt: skip
    for name, value in values.items():
        template = template.replace(f"%{name}%", str(value))
    common, _, own = template.rpartition("//")
    return common.strip("/"), own.strip("/")
