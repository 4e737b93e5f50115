# SPDX-License-Identifier: GPL-2.0-or-later
"""Every public method of BlitzGateway and of its wrappers that can be called without arguments.

None of them may fail at the server, but for those that ask OMERO for what it does not have: these
are listed with what the server says. What they answer is tried elsewhere (`test_gateway*.py`).

Source: omero-py src/omero/gateway/__init__.py, whose methods are found by introspection.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import omero
import pytest
from omero.gateway import BlitzGateway

from tests.conftest import Filled
from tests.importing_client import import_files

PLATE = "p&plates=1&plateRows=1&plateCols=2&fields=2&plateAcqs=1&sizeX=20&sizeY=20.fake"
#: They end the connection, make another one, or delete the settings that the others use.
NOT_CALLED = {"close", "seppuku", "connect", "clone", "setSecure", "resetRDefs"}
#: Method -> what OMERO says: the gateway asks for a class or a property that there is not.
REFUSED = {
    "BlitzGateway.getOriginalEnumerations": "Administrators only",
    "BlitzGateway.listStaffs": "empty list",
    "ExperimenterGroup.countChildren": "experimenterLinks",
    "ExperimenterGroup.countChildren_cached": "experimenterLinks",
    "ExperimenterGroup.listChildren": "could not resolve property: name",
    "Pixels.getAnnotationCounts": "PixelsAnnotationLink is not mapped",
    "Plate.getChildLinks": "None is not mapped",
    "Roi.countChildren": "shapeLinks",
    "Roi.countChildren_cached": "shapeLinks",
    "Roi.getChildLinks": "None is not mapped",
    "Roi.listChildren": "None is not mapped",
    "Well.countChildren": "wellsampleLinks",
    "Well.countChildren_cached": "wellsampleLinks",
    "Well.getChildLinks": "None is not mapped",
    "WellSample.countChildren": "imageLinks",
    "WellSample.countChildren_cached": "imageLinks",
    "WellSample.getAnnotationCounts": "WellSampleAnnotationLink is not mapped",
    "WellSample.getChildLinks": "could not resolve property: child",
    "WellSample.listChildren": "could not resolve property: child",
    "TagAnnotation.getAnnotation": "NoneAnnotationLink is not mapped",
    "TagAnnotation.listAnnotations": "NoneAnnotationLink is not mapped",
    "MapAnnotation.getAnnotation": "NoneAnnotationLink is not mapped",
    "MapAnnotation.listAnnotations": "NoneAnnotationLink is not mapped",
    "FileAnnotation.getAnnotation": "NoneAnnotationLink is not mapped",
    "FileAnnotation.listAnnotations": "NoneAnnotationLink is not mapped",
}
#: The same, but because the sandbox does not know what OMERO does.
MISSING = {"Image.loadOriginalMetadata": "does not implement OriginalMetadataRequest for filesets"}


@pytest.fixture(scope="module")
def conn(filled: Filled) -> Iterator[Any]:
    """A gateway of the user whose data it is, who has a plate as well."""
    conn = BlitzGateway(
        filled.user, filled.password, host=filled.server.host, port=filled.server.port, secure=True
    )
    assert conn.connect()
    import_files(conn.c, {PLATE: b""})
    yield conn
    conn.close()


def first(kind: str) -> Callable[[Any], Any]:
    return lambda conn: next(iter(conn.getObjects(kind)))


def instrument(conn: Any) -> Any:
    return next(i.getInstrument() for i in conn.getObjects("Image") if i.getInstrument())


OBJECTS: dict[str, Callable[[Any], Any]] = {
    "BlitzGateway": lambda conn: conn,
    **{
        kind: first(kind)
        for kind in (
            "Project", "Dataset", "Image", "Plate", "PlateAcquisition", "Well", "Roi", "Shape",
            "TagAnnotation", "MapAnnotation", "FileAnnotation", "Fileset", "Experimenter",
            "ExperimenterGroup",
        )
    },
    "OriginalFile": lambda conn: first("FileAnnotation")(conn).getFile(),
    "WellSample": lambda conn: next(iter(first("Well")(conn).listChildren())),
    "Pixels": lambda conn: first("Image")(conn).getPrimaryPixels(),
    "Channel": lambda conn: first("Image")(conn).getChannels()[0],
    "LogicalChannel": lambda conn: first("Image")(conn).getChannels()[0].getLogicalChannel(),
    "Instrument": instrument,
}  # fmt: skip


def methods(obj: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the public methods that need no argument."""
    for name in dir(type(obj)):
        method = getattr(obj, name)
        if name.startswith("_") or name in NOT_CALLED or not inspect.ismethod(method):
            continue
        given = inspect.signature(method).parameters.values()
        if all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
               for p in given):  # fmt: skip
            yield name, method


def server_says(method: Callable[[], Any]) -> str | None:
    """Call a method, take all it yields, and return the server's error; not the gateway's own."""
    try:
        answer = method()
        if inspect.isgenerator(answer):
            list(answer)
    except omero.ServerError as error:
        return str(error.message)
    except omero.CmdError as error:
        return str(error.err)
    except Exception:  # the gateway's own: it has no children, lacks an argument ...
        return None
    return None


@pytest.mark.parametrize("kind", OBJECTS)
def test_methods_without_arguments(conn: Any, kind: str) -> None:
    obj = OBJECTS[kind](conn)
    said = {f"{kind}.{name}": server_says(method) for name, method in methods(obj)}
    assert len(said) > 30
    errors = {name: error for name, error in said.items() if error is not None}
    known = (REFUSED | MISSING).items()
    expected = {name: part for name, part in known if name.startswith(f"{kind}.")}
    assert set(errors) == set(expected), errors
    for name, part in expected.items():
        assert part in errors[name]
