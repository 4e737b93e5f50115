# SPDX-License-Identifier: GPL-2.0-or-later
"""OME-XML documents as lxml trees: the language in which every reader describes its file."""

import copy
import warnings
from collections.abc import Iterator

from lxml import etree
from lxml.builder import ElementMaker  # type: ignore[import-not-found]

from omero_sandbox.readers.source import BrokenFile

Element = etree._Element

NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
#: Makes elements of the OME namespace: ``E.Image(E.Pixels(SizeX="5"), ID="Image:0")``.
E = ElementMaker(namespace=NAMESPACE, nsmap={None: NAMESPACE})


def parse(xml: bytes) -> Element:
    """
    Parse an OME-XML document, without entities, a DTD or anything from the network.

    Parameters
    ----------
    xml : bytes
        The document. One of an older schema is brought to 2016-06 by ome-types.

    Returns
    -------
    Element
        The ``OME`` element.

    Raises
    ------
    BrokenFile
        When it is not OME-XML, or has a document type declaration.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        root = etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        raise BrokenFile(f"The OME-XML cannot be parsed: {error}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise BrokenFile("The OME-XML has a document type declaration, which is not accepted")
    name = etree.QName(root)
    if name.localname != "OME":
        raise BrokenFile(f"The XML is not OME-XML: its root is {name.localname}")
    if name.namespace != NAMESPACE:
        return _modern(xml)
    return root


def _modern(xml: bytes) -> Element:
    import ome_types

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return etree.fromstring(ome_types.from_xml(xml).to_xml().encode())
        except Exception as error:  # whatever an invalid document makes xsdata or XSLT raise
            raise BrokenFile(f"The OME-XML of an older schema cannot be read: {error}") from error


def children(element: Element, *names: str) -> Iterator[Element]:
    """Yield the child elements of these names in document order."""
    return element.iterchildren(*(f"{{{NAMESPACE}}}{name}" for name in names))


def child(element: Element, name: str) -> Element | None:
    """Return the first child element of this name."""
    return element.find(f"{{{NAMESPACE}}}{name}")


def text(element: Element, name: str) -> str | None:
    """Return the text of a child element; None when there is no such child."""
    found = child(element, name)
    return None if found is None else (found.text or "")


def kind(element: Element) -> str:
    """Return the element's name without its namespace."""
    return etree.QName(element).localname


def inner_xml(element: Element) -> str:
    """Return what is inside of an element as XML text."""
    parts = [element.text or ""]
    for node in element:
        alone = copy.deepcopy(node)
        etree.cleanup_namespaces(alone)
        parts.append(etree.tostring(alone, encoding="unicode"))
    return "".join(parts).strip()
