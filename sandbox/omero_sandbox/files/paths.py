# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a fileset's files go in the ManagedRepository: template, layout, names that are safe."""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import Ice
import omero
import omero.all

from omero_sandbox.errors import fail, invalid, misused

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

    What all have in common is left out when the reader is known; else as much as leaves three
    directories to the file that has the fewest (ManagedRepositoryI.trimPaths).

    Parameters
    ----------
    client_paths : Sequence[str]
        FilesetEntry.clientPath of each file.
    reader : str
        ``bioformats.reader`` of the UploadJob.

    Raises
    ------
    omero.ValidationException
        When a path is empty or leads out, or two files would be one.
    Ice.UnknownException
        When more would have to be left out than all have in common.
    """
    split = [[part for part in path.split("/") if part] for path in client_paths]
    for path, parts in zip(client_paths, split, strict=True):
        if not parts or {".", ".."} & set(parts) or "\0" in path:
            raise invalid(f"Not a path for a file: {path!r}")
    common = _common_directories(split)
    if reader.startswith("loci.formats.in."):
        drop = common
    else:
        drop = max(0, min(map(len, split)) - _PARENTS - 1)
    if drop > common:  # where Java's List.subList fails
        raise Ice.UnknownException(
            f"java.lang.IllegalArgumentException: fromIndex({drop}) > toIndex({common})"
        )
    trimmed = [[safe(part) for part in parts[drop:]] for parts in split]
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


#: ManagedRepositoryI.TEMPLATE_TERM: %name%, or %name:parameter%.
_TERM = re.compile(r"%([a-zA-Z]+)(?::([^%/]+))?%")
#: Terms that choose a directory which is not there yet, or not full.
_CHOOSING = ("time", "increment", "subdirs")


@dataclass(frozen=True)
class Template:
    """Values of the terms of ``omero.fs.repo.path``: ManagedRepositoryI (omero-blitz).

    Attributes
    ----------
    values : Mapping[str, str]
        Term to its text; dates are added.
    institution : str
        The user's, or nothing: a directory with that term is then left out.
    entries : Callable[[str], int | None]
        How many entries a directory of the repository has; None when it is not there.
    now : datetime.datetime
        The time of the import.
    """

    values: Mapping[str, str]
    institution: str
    entries: Callable[[str], int | None]
    now: datetime.datetime = field(default_factory=datetime.datetime.now)

    def common(self, template: str) -> str:
        """Return the part before ``//``, which is root's, so that all can have directories in it.

        Raises
        ------
        Ice.UnknownException
            When a term is not known, or cannot stand there.
        """
        parts = template.rpartition("//")[0].split("/")
        return "/".join(filled for part in parts if (filled := self._fill(part)))

    def expand(self, template: str) -> str:
        """Return the directory for a new fileset; it is not made.

        Raises
        ------
        Ice.UnknownException
            When a term is not known.
        omero.ApiUsageException
            When there is no directory for the user.
        """
        done = [part for part in self.common(template).split("/") if part]
        above = len(done)
        for part in template.rpartition("//")[2].split("/"):
            if chosen := re.search(rf"%({'|'.join(_CHOOSING)})(?::([^%/]+))?%", part):
                around = self._fill(part[: chosen.start()]), self._fill(part[chosen.end() :])
                done += self._choose(chosen[1], chosen[2], *around, done)
            elif filled := self._fill(part):
                done.append(filled)
        if len(done) == above:
            raise misused("no user-owned directories in expanded form of the template path")
        return "/".join(done)

    def _fill(self, part: str) -> str:
        """Fill in a component; nothing is left of one whose institution is not known."""
        terms = {match[1]: match[2] for match in _TERM.finditer(part)}
        if "institution" in terms and not (self.institution or terms["institution"]):
            return ""
        return _TERM.sub(self._value, part)

    def _value(self, term: re.Match[str]) -> str:
        match term[1]:
            case "institution":
                return safe(self.institution or term[2])
            case "year" | "month" | "day" | "monthname" as name:
                codes = {"year": "%Y", "month": "%m", "day": "%d", "monthname": "%B"}
                return self.now.strftime(codes[name])
            case name if name in self.values:
                return safe(self.values[name])
        raise fail(
            omero.InternalException,
            f"cannot expand template repository path component {term[0]!r}",
        )

    def _choose(
        self, name: str, parameter: str | None, before: str, after: str, above: list[str]
    ) -> list[str]:
        """Return the first directories of their kind that are free, or have room."""
        if name == "subdirs" and (self.entries("/".join(above)) or 0) < 10 ** int(parameter or 3):
            return []
        for index in itertools.count():
            match name:
                case "time":
                    milliseconds = self.now.microsecond // 1000 + index
                    parts = [f"{before}{self.now:%H-%M-%S}.{milliseconds:03}{after}"]
                case "increment":
                    parts = [f"{before}{index + 1:0{int(parameter or 0)}}{after}"]
                case _:
                    parts = _digits(index, int(parameter or 3))
                    parts[0] = f"{before}{parts[0]}{after}"
            found = self.entries("/".join([*above, *parts]))
            if found is None or (name == "subdirs" and found < 10 ** int(parameter or 3)):
                return parts
        raise AssertionError("counting never ends")


def _digits(number: int, length: int) -> list[str]:
    """Return a number as groups of digits: 1234567 by threes is 001, 234, 567."""
    text = str(number)
    text = text.zfill(-(-len(text) // length) * length)
    return [text[i : i + length] for i in range(0, len(text), length)]
