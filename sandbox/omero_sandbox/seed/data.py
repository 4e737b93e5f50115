# SPDX-License-Identifier: GPL-2.0-or-later
"""Fill an OMERO server with example data: an ordinary OMERO client program.

It works against any OMERO: nothing but omero-py's public calls is used.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import Glacier2
import numpy as np
import omero
import omero.all
import omero.model as m
import omero.sys
from omero.constants.metadata import NSCLIENTMAPANNOTATION, NSINSIGHTRATING, NSINSIGHTTAGSET
from omero.model.enums import UnitsLength
from omero.rtypes import rbool, rdouble, rint, rlong, rstring, rtime

from omero_sandbox.folder import PASSWORD
from omero_sandbox.manage import SandboxError
from omero_sandbox.seed import examples
from omero_sandbox.seed.upload import upload

GROUP, USER = "Imaging", "researcher"
SESSION_MS = 3600 * 1000
Say = Callable[[str], None]


def seed(
    host: str,
    port: int,
    user: str,
    password: str,
    group: str | None = None,
    scale: int = 1,
    *,
    member_password: str = "researcher",  # noqa: S107
    say: Say = print,
) -> dict[str, list[int]]:
    """
    Create an account, a group, and in it a project with images and all that can hang on them.

    Parameters
    ----------
    host : str
        The server.
    port : int
        Its encrypted port.
    user, password : str
        An administrator, who creates the group "Imaging" and the user "researcher"; the data
        belongs to that user. With `group`, a member of it, whose data it becomes.
    group : str, optional
        Group to fill; default: "Imaging", created where it does not exist.
    scale : int
        How many times the generated images are made.
    member_password : str
        Password of "researcher" when it is created.
    say : Say
        Takes a line for the person who waits.

    Returns
    -------
    dict
        OMERO class name to the ids of what was made.
    """
    with _connected(host, port, user, password) as client:
        if group is None:
            uuid = _member_session(client, member_password, say)
        else:
            _use_group(client, group)
            return _Filler(client, say).fill(scale)
    with _connected(host, port, uuid, uuid) as client:
        made = _Filler(client, say).fill(scale)
        client.killSession()
    return made


@contextmanager
def _connected(host: str, port: int, user: str, password: str) -> Iterator[Any]:
    client = omero.client(host, port)
    try:
        client.createSession(user, password)
    except Glacier2.PermissionDeniedException:
        client.__del__()
        raise SandboxError(
            f"Wrong password for {user}: set {PASSWORD} to the value that it had at the first start"
        ) from None
    try:
        client.enableKeepAlive(60)
        yield client
    finally:
        client.closeSession()


def _use_group(client: Any, name: str) -> None:
    group = client.sf.getAdminService().lookupGroup(name)
    client.getImplicitContext().put("omero.group", str(group.id.val))


def account(host: str, port: int, user: str, password: str, *, member_password: str) -> None:
    """Create only the account and the group, such as data would be moved to.

    Parameters
    ----------
    host : str
        The server.
    port : int
        Its encrypted port.
    user, password : str
        An administrator.
    member_password : str
        Password of "researcher" when it is created.
    """
    with _connected(host, port, user, password) as client:
        _create_member(client, member_password, print)


def _member_session(client: Any, password: str, say: Say) -> str:
    """Make group and user where they are missing; return a session of that user."""
    _create_member(client, password, say)
    principal = omero.sys.Principal(USER, GROUP, "User", None)
    sessions = client.sf.getSessionService()
    session = sessions.createSessionWithTimeouts(principal, SESSION_MS, SESSION_MS)
    return str(session.uuid.val)


def _create_member(client: Any, password: str, say: Say) -> None:
    admin, query = client.sf.getAdminService(), client.sf.getQueryService()
    group = query.findByString("ExperimenterGroup", "name", GROUP)
    if group is None:
        group = m.ExperimenterGroupI()
        group.name, group.ldap = rstring(GROUP), rbool(False)
        group.details.permissions = m.PermissionsI("rwra--")
        group = m.ExperimenterGroupI(admin.createGroup(group), False)
        say(f"group {GROUP} (read-annotate)")
    if query.findByString("Experimenter", "omeName", USER) is None:
        member = m.ExperimenterI()
        member.omeName, member.ldap = rstring(USER), rbool(False)
        member.firstName, member.lastName = rstring("Rosa"), rstring("Èxample")
        everybody = m.ExperimenterGroupI(admin.getSecurityRoles().userGroupId, False)
        proxy = m.ExperimenterGroupI(group.id.val, False)
        admin.createExperimenterWithPassword(member, rstring(password), proxy, [everybody])
        say(f"user {USER}")


class _Filler:
    """What is made on one connection, and how."""

    def __init__(self, client: Any, say: Say) -> None:
        self.client, self.say = client, say
        self.update, self.query = client.sf.getUpdateService(), client.sf.getQueryService()
        self.made: dict[str, list[int]] = defaultdict(list)

    def save(self, objects: Sequence[Any]) -> list[Any]:
        """Save new objects, and note their ids."""
        saved: list[Any] = self.update.saveAndReturnArray(list(objects))
        for obj in saved:
            self.made[type(obj).__name__.removesuffix("I")].append(obj.id.val)
        return saved

    def fill(self, scale: int) -> dict[str, list[int]]:
        """Make everything."""
        datasets = self.containers()
        images = self.images(datasets, scale)
        self.tags(images, datasets)
        self.maps(images)
        self.values(images, datasets)
        self.attachment(images, datasets)
        rois = self.rois(images["cell"])
        self.deep_annotations(rois, images["positions"])
        for kind, ids in self.made.items():
            self.say(f"{len(ids):5} {kind}")
        return dict(self.made)

    def containers(self) -> list[Any]:
        """Make a project with two datasets; return the datasets."""
        project = m.ProjectI()
        project.name = rstring("Mitosis & retina – 見本")
        project.description = rstring("Example data.\nTwo lines, “quotes”, µm and 🔬.")
        datasets = []
        for name, description in (("Cells", ""), ("Tissue", "Sections & photographs")):
            dataset = m.DatasetI()
            dataset.name, dataset.description = rstring(name), rstring(description)
            datasets.append(dataset)
        (project,) = self.save([project])
        datasets = [_ref(d) for d in self.save(datasets)]
        self.save([_link(m.ProjectDatasetLinkI(), _ref(project), d) for d in datasets])
        return datasets

    def images(self, datasets: list[Any], scale: int) -> dict[str, Any]:
        """Import the example files; return references to the images by name."""
        images: dict[str, Any] = {}
        homes: dict[str, list[Any]] = {
            "cell": datasets, "tissue": datasets[1:], "aneurysms": datasets[1:],
            "positions": datasets[:1], "two_files": datasets[:1], "time_lapse": datasets[:1],
            "retina": [],
        }  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            files = vars(examples.write(Path(folder), scale))
            filesets = {name: files[name] for name in homes}
            filesets |= {f"nuclei {i}": paths for i, paths in enumerate(files["nuclei"])}
            for name, paths in filesets.items():
                self.say(f"import {', '.join(path.name for path in paths)}")
                pixels = upload(self.client, paths)
                found = [p.image.id.val for p in pixels]
                self.made["Image"] += found
                self.made["Pixels"] += [p.id.val for p in pixels]
                images[name] = m.ImageI(found[0], False)
                links = [
                    _link(m.DatasetImageLinkI(), dataset, m.ImageI(i, False))
                    for dataset in homes.get(name, datasets[:1])
                    for i in found
                ]
                if links:
                    self.save(links)
        return images

    def tags(self, images: dict[str, Any], datasets: list[Any]) -> None:
        """Make a tag set of shared tags, and a tag that is in no set."""
        phenotype = _annotation(m.TagAnnotationI(), textValue="Phenotype", ns=NSINSIGHTTAGSET)
        phenotype.description = rstring("What the cells look like")
        tags = [
            _annotation(m.TagAnnotationI(), textValue=text, description=description)
            for text, description in (
                ("mitosis", "in division"), ("Zellkern µ", ""), ("control", None)
            )
        ]  # fmt: skip
        phenotype, mitosis, nucleus, control = map(_ref, self.save([phenotype, *tags]))
        links = [_link(m.AnnotationAnnotationLinkI(), phenotype, t) for t in (mitosis, nucleus)]
        for name, tag in (
            ("cell", mitosis), ("positions", mitosis), ("two_files", mitosis), ("cell", nucleus),
            ("nuclei 0", nucleus), ("tissue", control), ("retina", control),
        ):  # fmt: skip
            links += [_link(m.ImageAnnotationLinkI(), images[i], tag) for i in {name} & {*images}]
        links += [_link(m.DatasetAnnotationLinkI(), dataset, control) for dataset in datasets]
        self.save(links)

    def maps(self, images: dict[str, Any]) -> None:
        """Make key-value pairs: repeated keys, empty values, a shared one, one without pairs."""
        pairs = [
            ("gene", "tubA"),
            ("gene", "tubB"),
            ("stain", ""),
            ("", "no key"),
            ("温度", "37 °C"),
        ]
        shared = _annotation(m.MapAnnotationI(), ns=NSCLIENTMAPANNOTATION)
        shared.setMapValue([m.NamedValue(key, value) for key, value in pairs])
        other = _annotation(m.MapAnnotationI(), ns="example.org/protocol", description="protocol")
        other.setMapValue([m.NamedValue("step", str(i)) for i in range(3)])
        empty = _annotation(m.MapAnnotationI())
        shared, other, empty = map(_ref, self.save([shared, other, empty]))
        links = [
            _link(m.ImageAnnotationLinkI(), images[name], annotation)
            for name, annotation in (
                ("cell", shared), ("tissue", shared), ("retina", other), ("time_lapse", empty)
            )
        ]  # fmt: skip
        self.save(links)

    def values(self, images: dict[str, Any], datasets: list[Any]) -> None:
        """Make an annotation of every class that holds one value."""
        xml = '<protocol xmlns="http://example.org/p"><step n="1">fix &amp; stain</step></protocol>'
        annotations = [
            _annotation(m.CommentAnnotationI(), textValue="Lovely focus.\nSee “figure 2”."),
            _annotation(m.CommentAnnotationI(), textValue=""),
            _annotation(m.LongAnnotationI(), longValue=5, ns=NSINSIGHTRATING),
            _annotation(m.LongAnnotationI(), longValue=-9007199254740993),
            _annotation(m.DoubleAnnotationI(), doubleValue=0.1, description="exposure"),
            _annotation(m.BooleanAnnotationI(), boolValue=False),
            _annotation(m.TimestampAnnotationI(), timeValue=1336037400000),
            _annotation(m.TermAnnotationI(), termValue="GO:0000278"),
            _annotation(m.XmlAnnotationI(), textValue=xml, ns="example.org/xml"),
        ]
        saved = [_ref(annotation) for annotation in self.save(annotations)]
        links = [_link(m.ImageAnnotationLinkI(), images["cell"], a) for a in saved]
        links += [_link(m.DatasetAnnotationLinkI(), datasets[0], a) for a in saved[:3]]
        self.save(links)

    def attachment(self, images: dict[str, Any], datasets: list[Any]) -> None:
        """Attach a table as a file, to an image and to a dataset."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "Messwerte ä.csv"
            path.write_text("nucleus,area\n1,83.5\n2,91.25\n", encoding="utf-8")
            file = self.client.upload(str(path), type="text/csv")
        self.made["OriginalFile"].append(file.id.val)
        annotation = _annotation(m.FileAnnotationI(), ns="example.org/measurements")
        annotation.file = m.OriginalFileI(file.id.val, False)
        (annotation,) = self.save([annotation])
        self.save(
            [
                _link(m.ImageAnnotationLinkI(), images["cell"], _ref(annotation)),
                _link(m.DatasetAnnotationLinkI(), datasets[1], _ref(annotation)),
            ]
        )

    def rois(self, image: Any) -> list[Any]:
        """Make a ROI of shapes of every class, and one with a point alone; return them."""
        roi, lone = m.RoiI(), m.RoiI()
        roi.name, roi.description = rstring("every shape"), rstring("")
        roi.image = lone.image = image
        for shape in _shapes():
            roi.addShape(shape)
        point = m.PointI()
        point.x, point.y = rdouble(1.5), rdouble(-2.25)
        lone.addShape(point)
        return self.save([roi, lone])

    def deep_annotations(self, rois: list[Any], image: Any) -> None:
        """Annotate a ROI, a shape, a channel and an annotation."""
        comment = _annotation(m.CommentAnnotationI(), textValue="drawn by hand")
        reply = _annotation(m.CommentAnnotationI(), textValue="by whose?")
        comment, reply = map(_ref, self.save([comment, reply]))
        shape = rois[0].copyShapes()[0]
        channels = self.query.findAllByQuery(
            "select c from Channel c where c.pixels.image.id = :id order by c.id",
            omero.sys.ParametersI().addId(image.id.val),
        )
        self.save(
            [
                _link(m.RoiAnnotationLinkI(), _ref(rois[0]), comment),
                _link(m.ShapeAnnotationLinkI(), _ref(shape), comment),
                _link(m.ChannelAnnotationLinkI(), _ref(channels[0]), comment),
                _link(m.AnnotationAnnotationLinkI(), comment, reply),
            ]
        )


def _ref(obj: Any) -> Any:
    """Return an unloaded reference."""
    return type(obj)(obj.id.val, False)


def _link(link: Any, parent: Any, child: Any) -> Any:
    link.parent, link.child = parent, child
    return link


def _annotation(annotation: Any, **values: Any) -> Any:
    """Set an annotation's fields, each with the type that OMERO has for it."""
    wrap = {"longValue": rlong, "doubleValue": rdouble, "boolValue": rbool, "timeValue": rtime}
    for name, value in values.items():
        if value is not None:
            setattr(annotation, name, wrap.get(name, rstring)(value))
    return annotation


#: A shape of every class but Path, which OMERO deprecates: its geometry.
SHAPES: dict[str, dict[str, float | str]] = {
    "Rectangle": {"x": 10.0, "y": 20.5, "width": 100.0, "height": 50.25},
    "Ellipse": {"x": 200.0, "y": 120.0, "radiusX": 30.0, "radiusY": 12.5},
    "Point": {"x": 55.5, "y": 66.75},
    "Line": {"x1": 5.0, "y1": 5.0, "x2": 90.0, "y2": 40.0, "markerEnd": "Arrow"},
    "Polyline": {"points": "10,10 20,30 40,15.5"},
    "Polygon": {"points": "100,100 150,110 120,160"},
    "Label": {"x": 12.0, "y": 300.0, "textValue": "Kern №1 – µ"},
    "Mask": {"x": 30.0, "y": 30.0, "width": 21.0, "height": 17.0},
}


def _shapes() -> Iterator[Any]:
    """Yield a shape of every class: on one plane and on all, with all kinds of style."""
    for index, (kind, geometry) in enumerate(SHAPES.items()):
        shape = getattr(m, f"{kind}I")()
        for name, value in geometry.items():
            setattr(shape, name, rstring(value) if isinstance(value, str) else rdouble(value))
        _style(shape, index)
        yield shape


def _style(shape: Any, index: int) -> None:
    if index % 2:  # the others are on every plane
        shape.theZ, shape.theC, shape.theT = rint(0), rint(0), rint(0)
    shape.strokeColor, shape.fillColor = rint((-1, 255, -16776961)[index % 3]), rint(0)
    unit = (UnitsLength.PIXEL, UnitsLength.POINT, UnitsLength.MICROMETER)[index % 3]
    shape.strokeWidth = m.LengthI(1.5, unit)
    shape.fontSize, shape.fontStyle = m.LengthI(12.0, UnitsLength.POINT), rstring("Normal")
    shape.locked = rbool(index == 0)
    if isinstance(shape, m.RectangleI):
        shape.transform = m.AffineTransformI()
        values = {"a00": 0.5, "a10": 0.1, "a01": -0.1, "a11": 0.5, "a02": 12.0, "a12": -3.5}
        for name, value in values.items():
            setattr(shape.transform, name, rdouble(value))
    if isinstance(shape, m.MaskI):
        y, x = np.mgrid[:17, :21]
        shape.setBytes(np.packbits((x - 10) ** 2 + (y - 8) ** 2 < 60).tobytes())
