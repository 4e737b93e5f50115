# SPDX-License-Identifier: GPL-2.0-or-later
"""HQL: what clients really send, what comes back, and what is refused.

Meaning: Hibernate 3.6's reference (chapter HQL) and grammars (``hql.g``, ``hql-sql.g``); what is
refused by PostgreSQL and not by Hibernate: test_hql_values.py. Types of values: omero-blitz
IceMapper.toRType and the documentation of IQuery.projection. What clients send is in corpus.hql,
each part with its source.
"""

from __future__ import annotations

from pathlib import Path

import omero
import pytest
from omero.model import (
    CommentAnnotationI,
    DatasetI,
    DatasetImageLinkI,
    FileAnnotationI,
    FilesetEntryI,
    FilesetI,
    ImageI,
    InstrumentI,
    LaserI,
    LaserMediumI,
    LaserTypeI,
    LongAnnotationI,
    MapAnnotationI,
    MaskI,
    NamedValue,
    OriginalFileI,
    PointI,
    ProjectI,
    RectangleI,
    RoiI,
)
from omero.rtypes import rbool, rdouble, rint, rlist, rlong, rstring, rtime

from omero_sandbox.hql.compiler import compile_hql
from omero_sandbox.security.rights import ReadFilter
from tests.stores import Lab, as_parameter, image, link, named, tag

CORPUS = [
    line
    for line in (Path(__file__).parent / "corpus.hql").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]


class World(Lab):
    """Images a0 .. a4 of two datasets in a project, tags, ROIs, a fileset; all ann's."""

    def __init__(self, folder):
        super().__init__(folder)
        self.lab = self.group("rwra--", ann=False, ben=False)
        project, one, two = named(ProjectI, "p"), named(DatasetI, "one"), named(DatasetI, "two")
        project.linkDataset(one)
        project.linkDataset(two)
        self.images = [image(f"a{n}", channels=n % 2 + 1) for n in range(5)]
        for n, made in enumerate(self.images):
            made.series = rint(n)
            if n < 3:
                one.linkImage(made)
            if n == 3:
                two.linkImage(made)
        self.tags = [tag("red"), tag("Blue")]
        self.images[0].linkAnnotation(self.tags[0])
        self.images[0].linkAnnotation(self.tags[1])
        self.images[1].linkAnnotation(self.tags[0])
        rating, pairs, comment = LongAnnotationI(), MapAnnotationI(), CommentAnnotationI()
        rating.longValue, rating.ns = rlong(5), rstring("rating")
        pairs.setMapValue([NamedValue("gene", "x"), NamedValue("gene", "y")])
        comment.textValue = rstring("it's")
        for annotation in (rating, pairs, comment):
            self.images[2].linkAnnotation(annotation)
        self.roi = RoiI()
        for shape in (PointI(), RectangleI(), MaskI()):
            self.roi.addShape(shape)
        self.images[0].addRoi(self.roi)
        fileset = FilesetI()
        fileset.templatePrefix = rstring("ann_2/2026-01/")
        for name in ("b.tif", "a.tif"):
            entry, file = FilesetEntryI(), OriginalFileI()
            file.name, file.path, file.size = rstring(name), rstring("x/"), rlong(10)
            entry.clientPath, entry.originalFile = rstring(f"home/{name}"), file
            fileset.addFilesetEntry(entry)
        for made in self.images[:2]:
            made.fileset = fileset
        self.save("ann", self.lab, project, *self.images)
        self.ids = [made.id.val for made in self.images]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("world"))


@pytest.mark.parametrize("hql", CORPUS)
def test_corpus(world, hql):
    """Every query that clients are known to send compiles, and SQLite takes it."""
    kinds = compile_hql(hql, ReadFilter()).parameters
    params = {
        name: as_parameter("x") if "text" in kind else as_parameter(1)
        for name, kind in kinds.items()
    }
    with world.transaction("ann", world.lab) as tx:
        tx.projection(hql, params)


# -- rows ------------------------------------------------------------------------------------


def names(world, hql, **params):
    return [row[0] for row in world.rows(hql, **params)]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("i.name = 'a1'", ["a1"]),
        ("i.name <> 'a1' and i.series < 3", ["a0", "a2"]),
        ("i.name != 'a1' and not (i.series >= 3)", ["a0", "a2"]),
        ("i.series in (1, 3)", ["a1", "a3"]),
        ("i.series not in (1, 3)", ["a0", "a2", "a4"]),
        ("i.series between 1 and 2", ["a1", "a2"]),
        ("i.name like 'a_' and i.name not like '%4'", ["a0", "a1", "a2", "a3"]),
        ("i.name like 'A%'", []),
        ("upper(i.name) like 'A%' and i.series = 0", ["a0"]),
        ("i.description is null and i.name is not null and i.series = 4", ["a4"]),
        ("i.fileset is not null", ["a0", "a1"]),
        ("i.datasetLinks is empty", ["a4"]),
        ("size(i.annotationLinks) > 2", ["a2"]),
        ("i.annotationLinks.size = 2", ["a0"]),
        ("exists (select l from DatasetImageLink l where l.child = i and l.parent.name = 'two')",
         ["a3"]),
        ("not exists (select l from DatasetImageLink l where l.child = i.id)", ["a4"]),
        ("i.id in (select l.parent.id from ImageAnnotationLink l where l.child.class ="
         " TagAnnotation)", ["a0", "a1"]),
        ("i.series + 1 = 2 * 2", ["a3"]),
        ("-i.series < -3", ["a4"]),
        ("i.name || '!' = 'a0!'", ["a0"]),
        ("case when i.series = 0 then 'x' else 'y' end = 'x'", ["a0"]),
        ("1 = 1 and i.series = 0", ["a0"]),
        ("i.series = 0 or i.series = 1 and i.name = 'a9'", ["a0"]),
        ("i.id = (select min(j.id) from Image j)", ["a0"]),
        ("series = 2", ["a2"]),
        ("exists elements(i.rois)", ["a0"]),
    ],
)  # fmt: skip
def test_conditions(world, where, expected):
    assert names(world, f"select i.name from Image i where {where} order by i.name") == expected


def test_joins_and_duplicates_per_sql_row(world):
    hql = "select i.name from Image i join i.annotationLinks l order by i.name"
    assert names(world, hql) == ["a0", "a0", "a1", "a2", "a2", "a2"]
    assert names(world, hql.replace("i.name from", "distinct i.name from")) == ["a0", "a1", "a2"]
    outer = "select i.name, l.id from Image i left join i.fileset l where l.id is null"
    assert sorted(r[0] for r in world.rows(outer)) == ["a2", "a3", "a4"]


def test_implicit_joins_are_inner_joins(world):
    assert (
        sorted(names(world, "select i.fileset.templatePrefix from Image i"))
        == ["ann_2/2026-01/"] * 2
    )
    assert len(names(world, "select i.fileset.id from Image i")) == 5  # the column alone: no join


def test_paths_use_joins_again(world):
    """Source: Hibernate's DotNode.dereferenceEntityJoin and FromClause.findJoinByPath."""
    left = "select i.name, i.fileset.templatePrefix from Image i left join i.fileset f"
    assert len(world.rows(left)) == 5
    within = "select count(i) from Image i left join i.fileset f where exists (select p from Pixels"
    assert world.rows(f"{within} p where p.image = i and i.fileset.templatePrefix is null)") == [
        [3]
    ]


def test_joins_within_a_left_join_are_left_joins(world):
    """Source: Hibernate's ``hql-sql.g``, joinElement. OMERO.web asks for lineages like this."""
    hql = "select i.name, s.id from Image i left outer join i.fileset.images s where i.series = 4"
    assert world.rows(hql) == [["a4", None]]


def test_last_join_of_a_name_has_it(world):
    """Source: Hibernate's FromClause.registerFromElement; the Java gateway's getWells does so."""
    hql = "select x.templatePrefix from Image i join i.pixels x join i.fileset x where i.series = 0"
    assert world.rows(hql) == [["ann_2/2026-01/"]]


def test_permissions_in_a_map(world):
    """Source: omero-server's QueryImpl.projection; OMERO.web's tree asks for them like this."""
    hql = "select new map(i as image_details_permissions) from Image i where i.series = 0"
    ((made,),) = world.rows(hql, name="ben", group=world.lab)
    assert made["image_details_permissions"]["perm"] == "rwra--"
    assert made["image_details_permissions"]["canEdit"] is False


def test_with_clause_belongs_to_the_join(world):
    hql = (
        "select i.name, count(l.id) from Image i left join i.rois l with l.name = 'x' "
        "group by i.name order by i.name"
    )
    assert world.rows(hql) == [[f"a{n}", 0] for n in range(5)]


def test_theta_join(world):
    hql = "select r.id, i.name from Roi r, Image i where r.image = i"
    assert world.rows(hql) == [[world.roi.id.val, "a0"]]


def test_places_in_lists(world):
    hql = "select index(s), type(s) from Roi r join r.shapes s order by index(s) desc"
    assert world.rows(hql) == [
        [2, "ome.model.roi.Mask"], [1, "ome.model.roi.Rectangle"], [0, "ome.model.roi.Point"],
    ]  # fmt: skip
    assert world.rows("select minIndex(s), maxIndex(s) from Roi r join r.shapes s") == [[0, 2]]
    files = "select fe.clientPath from Fileset fs join fs.usedFiles fe order by index(fe)"
    assert names(world, files) == ["home/b.tif", "home/a.tif"]


def test_named_values(world):
    hql = "select nv.name, nv.value, index(nv) from MapAnnotation a join a.mapValue nv order by 3"
    with pytest.raises(omero.QueryException):
        world.rows(hql.replace("order by 3", "order by nv.nothing"))
    rows = world.rows(hql.replace("3", "index(nv)"))
    assert rows == [["gene", "x", 0], ["gene", "y", 1]]


def test_aggregates(world):
    assert world.rows("select count(*), count(i.fileset.id), min(i.series), max(i.name), "
                      "sum(i.series), avg(i.series) from Image i") == [
        [5, 2, 0, "a4", 10, 2.0]
    ]  # fmt: skip
    hql = (
        "select p.sizeC, count(distinct p.image.id) from Pixels p group by p.sizeC "
        "having count(p) > :least order by p.sizeC"
    )
    assert world.rows(hql, least=2) == [[1, 3]]
    assert world.rows("select sum(i.series) from Image i where i.name = 'none'") == [[None]]


def test_select_new_map(world):
    rows = world.rows("select new map(i.id as id, i.name as name) from Image i order by i.id")
    assert rows[0] == [{"id": world.ids[0], "name": "a0"}]


def test_nulls_come_last(world):
    # PostgreSQL: NULLS LAST ascending, FIRST descending
    up = names(world, "select i.fileset.id from Image i order by i.fileset.id")
    assert up[2:] == [None] * 3
    down = names(world, "select i.fileset.id from Image i order by i.fileset.id desc")
    assert down[:3] == [None] * 3


def test_paging(world):
    hql = "select i.name from Image i where i.id > :last order by i.id"
    with world.transaction("ann", world.lab) as tx:
        page = tx.projection(hql, {"last": rlong(world.ids[0])}, 1, 2)
    assert omero.rtypes.unwrap(page) == [["a2"], ["a3"]]


def test_thousands_of_ids(world):
    ids = [*range(10_000, 42_762), *world.ids]
    assert len(ids) == 32_767
    assert len(names(world, "select i.name from Image i where i.id in (:ids)", ids=ids)) == 5


@pytest.mark.parametrize(
    ("value", "hql"),
    [
        (rlong(2), "i.series = :v"), (rint(2), "i.series = :v"), (rstring("a2"), "i.name = :v"),
        (rlist([rstring("a2")]), "i.name in (:v)"), (rlist([rint(2)]), "i.series in :v"),
        (rlong(2), "i.series in (:v)"), (rdouble(2.0), "i.series = :v"),
    ],
)  # fmt: skip
def test_parameters(world, value, hql):
    assert names(world, f"select i.name from Image i where {hql}", v=value) == ["a2"]


def test_entities_and_times_as_parameters(world):
    hql = "select l.child.name from DatasetImageLink l where l.parent = :d"
    (dataset,) = world.objects("select d from Dataset d where d.name = 'two'")
    robject = omero.rtypes.robject(dataset)
    assert names(world, hql, d=robject) == ["a3"]
    early = "select count(i) from Image i where i.details.creationEvent.time > :t"
    assert names(world, early, t=rtime(0)) == [5]
    assert names(world, "select e.omeName from Experimenter e where e.ldap = :b and e.id = 0",
                 b=rbool(False)) == ["root"]  # fmt: skip


# -- types of values -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "kind", "value"),
    [
        ("i.id", omero.RLong, None), ("i.name", omero.RString, "a0"), ("i.series", omero.RInt, 0),
        ("i.version", omero.RInt, 0), ("p.physicalSizeX.value", omero.RDouble, 0.5),
        ("p.physicalSizeX.unit", omero.RString, "MICROMETER"), ("count(i)", omero.RLong, 1),
        ("sum(i.series)", omero.RLong, 0), ("avg(i.series)", omero.RDouble, 0.0),
        ("max(i.series)", omero.RInt, 0), ("size(i.rois)", omero.RInt, 1), ("1", omero.RInt, 1),
        ("i.details.creationEvent.time", omero.RTime, None), ("true", omero.RBool, True),
        ("type(i)", omero.RString, "ome.model.core.Image"), ("i", omero.RObject, None),
        ("p.physicalSizeX", omero.RMap, None), ("i.details.permissions", omero.RMap, None),
        ("i.series * 1.5", omero.RDouble, 0.0), ("length(i.name)", omero.RInt, 2),
    ],
)  # fmt: skip
def test_types(world, item, kind, value):
    hql = f"select {item} from Image i join i.pixels p where i.name = 'a0'"
    with world.transaction("ann", world.lab) as tx:
        ((result,),) = tx.projection(hql, {})
    assert isinstance(result, kind)
    if value is not None:
        assert result.val == value


def test_value_with_unit_is_a_map(world):
    ((value,),) = world.rows("select p.physicalSizeX from Pixels p where p.image.name = 'a0'")
    assert (value["value"], value["unit"], value["symbol"]) == (0.5, "MICROMETER", "µm")


def test_permissions_are_a_map(world):
    hql = (
        "select x.details.permissions, x.details.group.details.permissions from Image x "
        "where x.name = 'a0'"
    )
    ((own, of_group),) = world.rows(hql, name="ben", group=world.lab)
    assert own["perm"] == of_group["perm"] == "rwra--"
    assert (own["canAnnotate"], own["canEdit"]) == (True, False)


def test_bytes_have_no_rtype(world):
    mask = MaskI()
    mask.bytes = b"\xff"
    roi = RoiI()
    roi.addShape(mask)
    world.save("ann", world.lab, roi)
    with pytest.raises(omero.ApiUsageException, match="Unsupported conversion"):
        world.rows("select m.bytes from Mask m where m.bytes is not null")
    assert world.rows("select length(m.bytes) from Mask m where m.bytes is not null") == [[1]]


# -- entities --------------------------------------------------------------------------------


def test_fetching(world):
    hql = (
        "select distinct i from Image i left outer join fetch i.annotationLinks l "
        "left outer join fetch l.child join fetch i.pixels p join fetch p.pixelsType "
        "join fetch i.details.owner order by i.name"
    )
    found = world.objects(hql, name="ann", group=world.lab)
    assert [i.name.val for i in found] == [f"a{n}" for n in range(5)]
    assert [len(i.linkedAnnotationList()) for i in found] == [2, 1, 3, 0, 0]
    assert found[0].linkedAnnotationList()[0] is found[1].linkedAnnotationList()[0]
    assert found[0].getPrimaryPixels().pixelsType.value.val == "uint8"
    assert found[0].details.owner.omeName.val == "ann"
    assert not found[0].details.group.isLoaded()
    assert not found[0].isRoisLoaded()
    assert found[3].isAnnotationLinksLoaded()


def test_entities_repeat_as_rows_do(world):
    found = world.objects("select i from Image i join i.annotationLinks order by i.name")
    assert [i.name.val for i in found] == ["a0", "a0", "a1", "a2", "a2", "a2"]
    assert found[0] is found[1]


def test_fetched_collections_do_not_repeat_their_owner(world):
    """Source: ome/services/query/Query (always a limit), Hibernate's QueryTranslatorImpl.list."""
    hql = "select i from Image i join fetch i.annotationLinks order by i.name"
    assert [i.name.val for i in world.objects(hql)] == ["a0", "a1", "a2"]
    assert len(world.rows(hql)) == 3
    pairs = "select a from MapAnnotation a join fetch a.mapValue"
    assert len(world.objects(pairs)) == 1


def test_paging_fetched_collections_counts_objects(world):
    with world.transaction("ann", world.lab) as tx:
        found = tx.query(
            "select i from Image i join fetch i.annotationLinks order by i.name", {}, 1, 2
        )
    assert [(i.name.val, i.sizeOfAnnotationLinks()) for i in found] == [("a1", 1), ("a2", 3)]


def test_polymorphic_entities(world):
    found = world.objects("select a from Annotation a order by a.id")
    assert {type(a).__name__ for a in found} == {
        "TagAnnotationI", "LongAnnotationI", "MapAnnotationI", "CommentAnnotationI",
    }  # fmt: skip
    texts = world.objects("select a from TextAnnotation a where a.textValue = 'it''s'")
    assert [type(a).__name__ for a in texts] == ["CommentAnnotationI"]
    assert len(world.objects("select a from Annotation a where a.longValue = 5")) == 1


@pytest.mark.parametrize(
    "condition",
    ["a.class = LongAnnotation", "TYPE(a) = LongAnnotation", "type(a) in (LongAnnotation)",
     "a.class = '/basic/num/long/'", "a.class = ome.model.annotations.LongAnnotation"],
)  # fmt: skip
def test_classes_in_conditions(world, condition):
    assert world.rows(f"select a.ns from Annotation a where {condition}") == [["rating"]]


def test_fetch_of_a_property_that_subclasses_have(world):
    made = InstrumentI()
    laser = LaserI()
    laser.type, laser.laserMedium = LaserTypeI(), LaserMediumI()
    laser.type.value, laser.laserMedium.value = rstring("Gas"), rstring("Ar")
    pump = LaserI()
    pump.type, pump.laserMedium = LaserTypeI(), LaserMediumI()
    pump.type.value, pump.laserMedium.value = rstring("Dye"), rstring("N")
    laser.pump = pump
    made.addLightSource(laser)
    made.addLightSource(pump)
    world.save("ann", world.lab, made)
    (read,) = world.objects(
        "select l from Laser l left outer join fetch l.type left outer join fetch l.pump as pump "
        "left outer join fetch pump.type as pt where l.pump is not null"
    )
    assert read.type.value.val == "Gas"
    assert read.pump.type.value.val == "Dye"


def test_from_alone(world):
    assert len(world.objects("from Project")) == 1
    assert [o.name.val for o in world.objects("FROM Image as i WHERE i.name = 'a1'")] == ["a1"]


def test_file_annotation_through_subclass_property(world):
    made, file = FileAnnotationI(), OriginalFileI()
    file.name, file.path = rstring("f"), rstring("/")
    made.file = file
    attached = ImageI(world.ids[4], False)
    link_ = omero.model.ImageAnnotationLinkI()
    link_.parent, link_.child = attached, made
    world.save("ann", world.lab, link_)
    hql = "SELECT child.file.name FROM ImageAnnotationLink link WHERE parent.id=:id"
    assert world.rows(hql, id=world.ids[4]) == [["f"]]


# -- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hql", "message"),
    [
        ("select i.nothing from Image i", "could not resolve property: nothing of: "
         "ome.model.core.Image"),
        ("select i from Picture i", "Picture is not mapped"),
        ("select i from Image i wher i.id = 1", "unexpected token"),
        ("select i frm Image i", "unexpected token near line 1, column"),
        ("select i.pixels.sizeX from Image i", "illegal attempt to dereference collection"),
        ("select x.name from Image i", "x.name"),
        ("select i from Image i, Pixels i", "Duplicate definition of alias"),
        ("select i from Image i where i.id in (:ids)", "empty"),
        ("select i from Image i where i.id = :unset", "Not all named parameters"),
        ("select i.id from Image i join fetch i.pixels", "owner of the fetched association"),
        ("select i.name, count(i) from Image i", "GROUP BY"),
        ("select distinct i.name from Image i order by i.id", "SELECT DISTINCT"),
        ("select foo(i.name) from Image i", "foo"),
        ("select i from Image i join i.name", "cannot join"),
        ("select i from Image i where i.name = 5", "operator does not exist"),
        ("select i from Image i where i.id = :word", "word"),
        ("select e from Experimenter e where e.details.owner.id = 0", "could not resolve"),
        ("select p from Pixels p where p.physicalSizeX > 1", "unit"),
        ("select index(i) from Image i", "index"),
        # OMERO.web's marshal_shares (omeroweb/webclient/tree.py), of the shares that are not here
        ("select extract(epoch from mem.parent.started) from ShareMember mem", "column 22"),
        ("select type from LightSource where type.value = 'x'", "ambiguous"),
        ("select sum(i.name) from Image i", "sum(text)"),
    ],
)  # fmt: skip
def test_refusals(world, hql, message):
    with pytest.raises(omero.QueryException) as caught:
        world.rows(hql, ids=[], word="x")
    assert message in caught.value.message


def test_values_are_not_objects(world):
    with pytest.raises(omero.QueryException, match="one entity"):
        world.objects("select i.id from Image i")


def test_query_of_a_left_link(world):
    hql = "select i.name from Dataset d left join d.imageLinks l left join l.child i"
    assert None not in names(world, hql)
    empty = named(DatasetI, "empty")
    world.save("ann", world.lab, empty)
    assert None in names(world, hql)
    world.save("ann", world.lab, link(DatasetImageLinkI, empty, ImageI(world.ids[4], False)))
