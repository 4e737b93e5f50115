# SPDX-License-Identifier: GPL-2.0-or-later
"""What Ice makes of objects that a client sends: the very objects that omero-py's factories make.

Source: omero-py ``omero/ObjectFactoryRegistrar`` and ``omero.rtypes.ObjectFactories``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import Ice
import omero
import omero.all
import pytest

from omero_sandbox.model import TYPES
from omero_sandbox.server.arrivals import Arrivals

NAMES = [
    *(f"::omero::model::{t.name}" for t in TYPES.values() if t.cls),
    *(cls.ice_staticId() for cls in omero.rtypes.ObjectFactories),
    "::omero::model::Details",
    "::omero::model::Permissions",
    "::omero::model::Length",
]


@contextmanager
def communicator() -> Iterator[Any]:
    made = Ice.initialize()
    yield made
    made.destroy()


@pytest.fixture(scope="module")
def theirs() -> Iterator[Any]:
    with communicator() as made:
        omero.ObjectFactoryRegistrar.registerObjectFactory(made, None)
        for factory in omero.rtypes.ObjectFactories.values():
            factory.register(made)
        yield made


@pytest.fixture(scope="module")
def ours() -> Iterator[Any]:
    with communicator() as made:
        Arrivals().register(made)
        yield made


@pytest.mark.parametrize("name", NAMES)
def test_that_an_object_arrives_as_it_was_sent(name: str, ours: Any, theirs: Any) -> None:
    sent = theirs.findObjectFactory(name).create(name)
    arrived = ours.findObjectFactory(name).create(name)
    for attribute, value in vars(sent).items():
        if "__" not in attribute:  # Ice sets what is in the Slice definition, nothing private
            setattr(arrived, attribute, value)
    if hasattr(arrived, "ice_postUnmarshal"):
        arrived.ice_postUnmarshal()
    assert type(arrived) is type(sent)
    assert vars(arrived) == vars(sent)


def test_that_setters_work_once_it_has_arrived(ours: Any) -> None:
    name = "::omero::model::Image"
    image = ours.findObjectFactory(name).create(name)
    image._name, image._loaded = None, True
    image.ice_postUnmarshal()
    image.name = omero.rtypes.rstring("a")
    assert image._name.val == "a"
