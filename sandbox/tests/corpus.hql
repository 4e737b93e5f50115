# HQL as clients send it: one query a line, placeholders filled in. A comment names the source.
# BlitzGateway
select obj from Image obj join fetch obj.details.owner as owner left outer join fetch obj.details.externalInfo join fetch obj.details.creationEvent
select l from ImageAnnotationLink as l where l.parent.id=1 and l.child.id=1
select c from Image as c
select pchl from ProjectDatasetLink as pchl left outer join fetch pchl.parent as parent left outer join fetch pchl.child as child where child.id=:child
select pchl from ProjectDatasetLink as pchl left outer join fetch pchl.child as child left outer join fetch pchl.parent as parent where parent.id=:parent
select l from ImageAnnotationLink as l join fetch l.details.owner join fetch l.details.creationEvent join fetch l.child as a join fetch a.details.owner left outer join fetch a.file join fetch a.details.creationEvent where l.parent.id=1
select e from ExternalInfo as e where e.id = :id
from Experimenter e where lower(e.omeName) like :start
select e from Experimenter as e where exists ( select gem from GroupExperimenterMap as gem where gem.child = e.id and gem.parent.id in (:gids)) order by e.omeName
select count(fse), sum(fse.originalFile.size) from FilesetEntry as fse where fse.id in ( select distinct(i_fse.id) from FilesetEntry as i_fse join i_fse.fileset as i_fileset join i_fileset.images as i_image where i_image.id in (:ids))
select ann.id, ann.ns, ann.textValue from Fileset as fileset join fileset.annotationLinks as a_link join a_link.child as ann where fileset.id in ( select distinct(i_fileset.id) from Fileset as i_fileset join i_fileset.images as i_image where i_image.id in (:ids))
select count(link), sum(link.parent.size) from PixelsOriginalFileMap as link where link.id in ( select distinct(i_link.id) from PixelsOriginalFileMap as i_link where i_link.child.image.id in (:ids))
select count(distinct obj) from Image obj join obj.details.owner as owner
select annLink from ImageAnnotationLink as annLink join fetch annLink.details.owner as owner join fetch annLink.details.creationEvent join fetch annLink.child as ann join fetch ann.details.owner join fetch ann.details.creationEvent join fetch annLink.parent as parent
select sum( case when an.ns = :ratingns and an.class = LongAnnotation then 1 else 0 end), sum( case when (an.ns is null or an.ns != :ratingns) and an.class = LongAnnotation then 1 else 0 end), sum( case when an.class != LongAnnotation then 1 else 0 end ), type(an.class) from Annotation an where an.id in (select distinct(ann.id) from ImageAnnotationLink ial join ial.child as ann join ial.parent as i where i.id in (:ids)) group by an.class
select an from TagAnnotation as an
select an from Annotation as an
select link.child.id, count(link.id) from ImageAnnotationLink link where link.parent.id in (:oids) and link.details.owner.id=:eid group by link.child.id
from PixelsType as p where p.value='1'
select p from Pixels p left outer join fetch p.channels as c join fetch c.logicalChannel as lc join fetch p.image as i where i.id in (:ids)
select ob from Image ob left outer join fetch ob.annotationLinks obal left outer join fetch obal.child ann where ann.id in (:oids)
select distinct obj.id from ImageAnnotationLink ial join ial.child ann join ann.mapValue mv join ial.parent obj
select new map( i.id as im_id, p.id as pix_id ) from Pixels as p join p.image as i where i.id in (:ids)
select obj from Annotation obj join fetch obj.details.owner as owner join fetch obj.details.creationEvent
select oal from ImageAnnotationLink as oal left outer join fetch oal.child as ch left outer join fetch oal.parent as pa where ch.id=:aid
select obj from FileAnnotation obj join fetch obj.details.owner as owner join fetch obj.details.creationEvent join fetch obj.file
select obj from TimestampAnnotation obj join fetch obj.details.owner as owner join fetch obj.details.creationEvent
select obj from BooleanAnnotation obj join fetch obj.details.owner as owner join fetch obj.details.creationEvent
select tg from TagAnnotation tg where exists ( select aal from AnnotationAnnotationLink as aal where aal.child=tg.id and aal.parent.id=:tid)
select tg from TagAnnotation tg where exists ( select aal from AnnotationAnnotationLink as aal where aal.child.id=tg.id and aal.parent.id=:tid)
select obj from TagAnnotation obj join fetch obj.details.owner as owner join fetch obj.details.creationEvent
select obj from CommentAnnotation obj join fetch obj.details.owner as owner join fetch obj.details.creationEvent
select obj from LongAnnotation obj join fetch obj.details.owner as owner join fetch obj.details.creationEvent
select obj from DoubleAnnotation obj join fetch obj.details.owner as owner join fetch obj.details.creationEvent
select obj from TermAnnotation obj join fetch obj.details.owner as owner join fetch obj.details.creationEvent
select obj from MapAnnotation obj join fetch obj.details.owner as owner join fetch obj.details.creationEvent
select obj from Experimenter as obj
select obj from ExperimenterGroup as obj
select l from DatasetImageLink as l join fetch l.child as a where l.parent.id=1
select pa from PlateAcquisition as pa join fetch pa.plate as p where p.id=:pid
select minIndex(ws), maxIndex(ws) from Well w join w.wellSamples ws where w.plate.id=:oid
select well from Well as well join fetch well.details.creationEvent join fetch well.details.owner join fetch well.details.group left outer join fetch well.plate as pt left outer join fetch well.wellSamples as ws left outer join fetch ws.image as img where well.plate.id = :oid
select max(row), max(column) from Well where plate.id = :id
select obj from Plate as obj join fetch obj.details.owner as owner join fetch obj.details.creationEvent left outer join fetch obj.screenLinks spl left outer join fetch spl.parent sc
select well from Well as well join fetch well.details.creationEvent join fetch well.details.owner join fetch well.details.group left outer join fetch well.wellSamples as ws left outer join fetch ws.image as img where well.id = 1
select s from Well w left outer join w.plate p left outer join p.screenLinks spl left outer join spl.parent s where spl.parent.id=s.id and spl.child.id=p.id and w.plate.id=p.id and w.id=:id
select w from Well w left outer join fetch w.wellSamples as ws where ws.id=1
select info from PlaneInfo as info join fetch info.deltaT as dt join fetch info.exposureTime as et where info.pixels.id=:pid
select image from Image as image where image.fileset.id=:id
select fse from FilesetEntry as fse join fetch fse.originalFile where fse.fileset.id=:id
select e from Experimenter e where e.id = 1
select p from Image i join i.datasetLinks dl join dl.parent ds join ds.projectLinks pl join pl.parent p where i.id = 1
select well from Well as well join fetch well.details.creationEvent join fetch well.details.owner join fetch well.details.group join fetch well.plate as pt left outer join fetch well.wellSamples as ws left outer join fetch ws.image as img where ws.image.id = :oid
select t.version from Thumbnail t where t.pixels.id = :pid and t.details.owner.id = :ownerId
select p from Pixels p join fetch p.channels as c join fetch c.logicalChannel as lc where p.id=:pid
select lc.name, lc.emissionWave.value, index(chan) from Pixels p join p.image as img join p.channels as chan join chan.logicalChannel as lc where img.id = :id order by index(chan)
select ofile from FilesetEntry as fse join fse.fileset as fileset join fse.originalFile as ofile join fileset.images as image where image.id in (:id)
select ofile from PixelsOriginalFileMap as link join link.parent as ofile where link.child.id = :id
select ofile.path, ofile.name, fse.clientPath from FilesetEntry as fse join fse.fileset as fileset join fse.originalFile as ofile join fileset.images as image where image.id in (:id)
select ofile.path, ofile.name from PixelsOriginalFileMap as link join link.parent as ofile where link.child.id = :id
select count(*) from Roi as roi where roi.image.id = :imageId
select l from Laser as l left outer join fetch l.type left outer join fetch l.laserMedium left outer join fetch l.pulse as pulse left outer join fetch l.pump as pump left outer join fetch pump.type as pt where l.id = :id
# the omero command's plugins
SELECT r.id FROM Roi r, WellSample ws, Plate p, ScreenPlateLink spl WHERE spl.child=p AND r.image=ws.image AND ws.well.plate=p AND spl.parent.id=:id
SELECT r.id FROM Roi r, WellSample ws WHERE r.image=ws.image AND ws.well.plate.id=:id
SELECT r.id FROM Roi r, WellSample ws WHERE r.image=ws.image AND ws.plateAcquisition.id=:id
SELECT r.id FROM Roi r, WellSample ws WHERE r.image=ws.image AND ws.well.id=:id
SELECT r.id FROM Roi r, DatasetImageLink dil, ProjectDatasetLink pdl WHERE dil.child=r.image AND dil.parent=pdl.child AND pdl.parent.id=:id
SELECT r.id FROM Roi r, DatasetImageLink dil WHERE dil.child=r.image AND dil.parent.id=:id
SELECT r.id FROM Roi r WHERE r.image.id=:id
SELECT pix FROM Pixels pix, WellSample ws, Plate p, ScreenPlateLink spl WHERE spl.child=p AND pix.image=ws.image AND ws.well.plate=p AND spl.parent.id=:id
SELECT pix FROM Pixels pix, WellSample ws WHERE pix.image=ws.image AND ws.well.plate.id=:id
SELECT pix FROM Pixels pix, WellSample ws WHERE pix.image=ws.image AND ws.plateAcquisition.id=:id
SELECT pix FROM Pixels pix, WellSample ws WHERE pix.image=ws.image AND ws.well.id=:id
SELECT pix FROM Pixels pix, DatasetImageLink dil, ProjectDatasetLink pdl WHERE dil.child=pix.image AND dil.parent=pdl.child AND pdl.parent.id=:id
SELECT pix FROM Pixels pix, DatasetImageLink dil WHERE dil.child=pix.image AND dil.parent.id=:id
SELECT pix FROM Pixels pix WHERE pix.image.id=:id
select o from FilesetJobLink l join l.parent as fs join l.child as j join j.originalFileLinks l2 join l2.child as o where fs.id = :id and o.mimetype = 'application/omero-log-file'
select i.id, i.name, fs.id, count(f1.id)+count(f2.id), sum(coalesce(f1.size,0) + coalesce(f2.size, 0)) from Image i join i.pixels p left outer join p.pixelsFileMaps m left outer join m.parent f1 left outer join i.fileset as fs left outer join fs.usedFiles as uf left outer join uf.originalFile as f2 group by i.id, i.name, fs.id order by i.id
select fs.id, fs.templatePrefix, (select size(f2.images) from Fileset f2 where f2.id = fs.id), (select size(f3.usedFiles) from Fileset f3 where f3.id = fs.id), fs.details.owner.id from Fileset fs where 1 = 1
from Fileset fs where 1 = 1
select h.value, f.hash, f.path || '/' || f.name from Fileset fs join fs.usedFiles uf join uf.originalFile f join f.hasher h where fs.id = :id
SELECT u.id, u.details.creationEvent.time, jol.child.id FROM FilesetJobLink fjl, UploadJob u, JobOriginalFileLink jol WHERE :id = fjl.parent.id AND fjl.child = u AND u = jol.parent AND jol.child.mimetype = :mimetype ORDER BY u.id
SELECT event.time FROM EventLog WHERE action = :action AND entityType = :type AND entityId = :id ORDER BY id
SELECT id, event.time FROM EventLog WHERE action = :action AND entityType = :type AND entityId = :id ORDER BY id
SELECT el.event.time FROM Image i, EventLog el WHERE el.id < :last AND el.action = :action AND el.entityType = :type AND el.entityId = i.id AND i.fileset.id = :id
SELECT el.event.time FROM Roi r, EventLog el WHERE el.id > :first AND el.id < :last AND el.action = :action AND el.entityType = :type AND el.entityId = r.id AND r.image.fileset.id = :id
SELECT el.event.time FROM RenderingDef r, EventLog el WHERE el.id > :first AND el.id < :last AND el.action = :action AND el.entityType = :type AND el.entityId = r.id AND r.pixels.image.fileset.id = :id
SELECT el.event.time FROM Thumbnail t, EventLog el WHERE el.id > :first AND el.id < :last AND el.action = :action AND el.entityType = :type AND el.entityId = t.id AND t.pixels.image.fileset.id = :id
SELECT COUNT(*) FROM FilesetEntry WHERE fileset.id = :id
SELECT SUM(sizeC * sizeT * sizeZ) FROM Pixels WHERE image.fileset.id = :id
SELECT COUNT(*) FROM RenderingDef WHERE pixels.image.fileset.id = :id AND details.owner = pixels.details.owner
SELECT COUNT(*) FROM Thumbnail WHERE pixels.image.fileset.id = :id AND details.owner = pixels.details.owner
SELECT mv.name, mv.value FROM FilesetAnnotationLink AS l JOIN l.child.mapValue AS mv WHERE l.parent.id = :id AND l.child.ns = :ns
SELECT l.parent.id, mv.name, mv.value FROM FilesetAnnotationLink AS l JOIN l.child.mapValue AS mv WHERE l.child.ns = :ns ORDER BY l.parent.id
select s from Session s join fetch s.node n join fetch s.owner o where s.closed is null and n.id != 0
select o from OriginalFile o where o.hash = '1' and o.details.owner.id = 1
select j, 1, s.value from Job j join j.status s
select ann.id, ann.description, ann.textValue from TagAnnotation ann where ann.id not in (select distinct l.parent.id from AnnotationAnnotationLink l) and ann.ns=:ns
select aal.parent.id, aal.child.id, aal.parent.description, aal.parent.textValue from AnnotationAnnotationLink aal inner join aal.parent ann where ann.ns=:ns
select distinct child.id, child.description, child.textValue, owner.id, owner.firstName, owner.lastName from AnnotationAnnotationLink as ann join ann.child as child join child.details.owner as owner join ann.parent as parent where parent.id = :tid or child.id = :tid
select ann.id, ann.textValue, ann.description from TagAnnotation ann where ann.id not in (select distinct l.child.id from AnnotationAnnotationLink l join l.parent as ts where ts.ns = :ns) and ann.ns is null
select ann.id, ann.description, ann.textValue, ann.details.owner.id, ann.details.owner.firstName, ann.details.owner.lastName from TagAnnotation ann
select a.id, a.description, a.textValue, a.details.owner.id, a.details.owner.firstName, a.details.owner.lastName from AnnotationAnnotationLink b inner join b.parent a where a.ns=:ns
select a.id, a.description, a.textValue, a.details.owner.id, a.details.owner.firstName, a.details.owner.lastName from TagAnnotation a where a.ns=:ns
select o from Image as o left outer join fetch o.annotationLinks where o.id = :id
select fa from FileAnnotation fa left outer join fetch fa.file where fa.id = :id
# omero-py's utilities
select i from Image i join fetch i.datasetLinks idl join fetch idl.parent d join fetch d.projectLinks pl join fetch pl.parent where i.id in (1)
from PlaneInfo as Info where Info.theT in (1) and Info.theZ in (1) and Info.theC in (1) and pixels.id='1'
select o.id from Image as o where o.id in (:ids)
from Format as f where f.value='1'
from OriginalFile as o where o.id = 1
select p.id from Image i join i.pixels p where i.id = :id
select p from Pixels p join fetch p.image as i join fetch p.pixelsType where i.id='1'
from Namespace as n where n.name = '1'
FROM MapAnnotation WHERE ns=:ns ORDER BY id DESC
select x.details.group.id from Image x where x.id = 1
select s from Screen as s join fetch s.plateLinks as p_link join fetch p_link.child as p where s.id = :id
select p from Plate p join fetch p.wells as w join fetch w.wellSamples as ws join fetch ws.image as i where p.id = :id
select p from Plate as p join fetch p.wells as w join fetch w.wellSamples as ws join fetch ws.image as i where p.id = :id
select d from Dataset d where d.id = :id
select distinct i.id, i.name from Dataset as d join d.imageLinks as l join l.child as i where d.id = :id order by i.id desc
select p from Project p where p.id = :id
select distinct d.id, d.name, i.id, i.name from Project p join p.datasetLinks as pdl join pdl.child as d join d.imageLinks as l join l.child as i where p.id = :id order by i.id desc
SELECT child.file.id FROM ImageAnnotationLink link WHERE parent.id=:id AND child.ns=:ns ORDER by id
SELECT image.id FROM WellSample WHERE well.id=:id
SELECT child.id FROM ScreenPlateLink WHERE parent.id in (:ids)
SELECT id FROM PlateAcquisition WHERE plate.id IN (:ids)
SELECT id FROM Well WHERE plate.id IN (:ids)
SELECT id FROM WellSample WHERE plateAcquisition.id IN (:ids)
SELECT id FROM WellSample WHERE well.id IN (:ids)
SELECT image.id FROM WellSample WHERE id IN (:ids)
SELECT ds.id FROM ProjectDatasetLink link join link.parent prj join link.child as ds WHERE prj.id IN (:ids)
SELECT i.id FROM DatasetImageLink link join link.parent ds join link.child as i WHERE ds.id IN (:ids)
select img from Image as img join fetch img.wellSamples as ws join fetch ws.well as w join fetch w.wellSamples as ws2 join w.plate as p left outer join fetch img.annotationLinks as ia_links left outer join fetch ia_links.child as ia left outer join fetch ia.file as i_o_file where p.id = 1
select p from Plate p left outer join fetch p.annotationLinks as pa_links left outer join fetch pa_links.child as pa left outer join fetch pa.file as p_o_file where p.id = 1
select ofile from Fileset f join f.usedFiles as fse join fse.originalFile as ofile join f.images as i join i.wellSamples ws join ws.well w join w.plate p where p.id = :id
# ezomero
SELECT i.id FROM Project p JOIN p.datasetLinks pdl JOIN pdl.child d JOIN d.imageLinks dil JOIN dil.child i WHERE p.id=:project
SELECT i.id FROM Dataset d JOIN d.imageLinks dil JOIN dil.child i WHERE d.id=:dataset
SELECT i.id FROM Plate pl JOIN pl.wells w JOIN w.wellSamples ws JOIN ws.image i WHERE pl.id=:plate
SELECT i.id FROM Well w JOIN w.wellSamples ws JOIN ws.image i WHERE w.id=:well
SELECT i.id FROM WellSample ws JOIN ws.image i JOIN ws.plateAcquisition pa WHERE pa.id=:plate_acquisition
SELECT l.parent.id FROM ImageAnnotationLink l WHERE l.child.id=:annotation
SELECT i.id FROM Image i WHERE NOT EXISTS ( SELECT dil FROM DatasetImageLink dil WHERE dil.child=i.id ) AND NOT EXISTS ( SELECT ws from WellSample ws WHERE ws.image=i.id )
SELECT l.parent.id FROM ProjectAnnotationLink l WHERE l.child.id=:annotation
SELECT d.id FROM Project p JOIN p.datasetLinks pdl JOIN pdl.child d WHERE p.id=:project
SELECT l.parent.id FROM DatasetAnnotationLink l WHERE l.child.id=:annotation
SELECT d.id FROM Dataset d WHERE NOT EXISTS ( SELECT pdl FROM ProjectDatasetLink pdl WHERE pdl.child=d.id )
SELECT l.parent.id FROM ScreenAnnotationLink l WHERE l.child.id=:annotation
SELECT p.id FROM Screen s JOIN s.plateLinks spl JOIN spl.child p WHERE s.id=:screen
SELECT l.parent.id FROM PlateAnnotationLink l WHERE l.child.id=:annotation
SELECT p.id FROM Plate p WHERE NOT EXISTS ( SELECT spl FROM ScreenPlateLink spl WHERE spl.child=p.id )
SELECT w.id FROM Screen s JOIN s.plateLinks spl JOIN spl.child p JOIN p.wells w WHERE s.id=:screen
SELECT w.id FROM Plate p JOIN p.wells w WHERE p.id=:plate
SELECT l.parent.id FROM WellAnnotationLink l WHERE l.child.id=:annotation
SELECT r.id FROM Screen s JOIN s.plateLinks spl JOIN spl.child p JOIN p.plateAcquisitions r WHERE s.id=:screen
SELECT r.id FROM Plate p JOIN p.plateAcquisitions r WHERE p.id=:plate
SELECT l.parent.id FROM PlateAcquisitionAnnotationLink l WHERE l.child.id=:annotation
SELECT w.id FROM Plate pl JOIN pl.wells w WHERE pl.id=:plate AND w.row=:row AND w.column=:column
SELECT s.id FROM Shape s WHERE s.roi.id=:roi_id
SELECT fe.clientPath FROM Image i JOIN i.fileset f JOIN f.usedFiles fe WHERE i.id=:imid
SELECT o.path||o.name FROM Image i JOIN i.fileset f JOIN f.usedFiles fe JOIN fe.originalFile o WHERE i.id=:imid
SELECT i.series FROM Image i JOIN i.fileset f JOIN f.usedFiles fe WHERE i.id=:imid AND index(fe)=0
SELECT i.id FROM Image i JOIN i.fileset fs JOIN fs.usedFiles u JOIN u.originalFile o WHERE o.name=:oname
SELECT i.id FROM Image i JOIN i.annotationLinks al JOIN al.child a WHERE a.textValue=:tagvalue AND TYPE(a)=TagAnnotation
SELECT i.id FROM Image i JOIN i.annotationLinks al JOIN al.child ann JOIN ann.mapValue as nv WHERE nv.name = :key AND nv.value = :value
# omero-cli-transfer
SELECT i.id FROM Image i JOIN i.fileset fs JOIN fs.usedFiles u WHERE u.clientPath LIKE :cpath
SELECT f.id FROM FileAnnotation f WHERE f.ns='omero.web.figure.json'
SELECT p.id FROM Plate p JOIN p.plateAcquisitions a JOIN a.wellSample w JOIN w.image i JOIN i.fileset fs JOIN fs.usedFiles u WHERE u.clientPath LIKE :cpath
# omero-rdf
select r from Roi r left outer join fetch r.annotationLinks as ral left outer join fetch ral.child as rann left outer join fetch r.shapes as s left outer join fetch s.annotationLinks as sal left outer join fetch sal.child as sann where r.image.id = :id
# BlitzGateway, put together from pieces
select obj from Image obj join fetch obj.details.owner as owner left outer join fetch obj.details.externalInfo join fetch obj.details.creationEvent left outer join fetch obj.pixels as pixels left outer join fetch pixels.pixelsType join fetch pixels.channels as channels join fetch channels.logicalChannel as logicalChannel left outer join fetch logicalChannel.photometricInterpretation left outer join fetch logicalChannel.illumination left outer join fetch logicalChannel.mode left outer join fetch logicalChannel.contrastMethod where obj.id in (:ids)
select obj from Image obj join fetch obj.details.owner as owner left outer join fetch obj.details.externalInfo join fetch obj.details.creationEvent join obj.datasetLinks dlink where dlink.parent.id = :did order by lower(obj.name), obj.id
select obj from Dataset obj join fetch obj.details.owner as owner left outer join fetch obj.details.externalInfo join fetch obj.details.creationEvent where owner.id = (:eid) and not exists (select obl from ProjectDatasetLink as obl where obl.child=obj.id) order by lower(obj.name), obj.id
select obj from Image obj join fetch obj.details.owner as owner left outer join fetch obj.details.externalInfo join fetch obj.details.creationEvent join fetch obj.pixels as pix left outer join fetch pix.thumbnails where not exists (select obl from DatasetImageLink as obl where obl.child=obj.id) and not exists ( select ws from WellSample as ws where ws.image=obj.id and ws.details.owner.id=:eid ) order by lower(obj.name), obj.id
select c from DatasetImageLink as c join fetch c.child as ch left outer join fetch ch.annotationLinks as ial left outer join fetch ial.child as a where c.parent.id=:dsid and a.ns=:ns and a.textValue=:val order by c.child.name
select obj from Experimenter as obj left outer join fetch obj.groupExperimenterMap as groupExperimenterMap left outer join fetch groupExperimenterMap.parent g where groupExperimenterMap.parent.id = :group order by obj.id
select obj from ExperimenterGroup as obj left outer join fetch obj.groupExperimenterMap as map left outer join fetch map.child e where map.child.id = :experimenter
select obj from Roi obj join fetch obj.details.owner as owner left outer join fetch obj.details.externalInfo join fetch obj.details.creationEvent left outer join fetch obj.shapes as shapes left outer join fetch shapes.details.externalInfo where obj.image.id = :image order by obj.id
select obj from Well obj join fetch obj.details.owner as owner left outer join fetch obj.details.externalInfo join fetch obj.details.creationEvent left outer join fetch obj.wellSamples as wellSamples left outer join fetch wellSamples.image as image left outer join fetch wellSamples.plateAcquisition as plateAcquisition where obj.plate.id = :plate and index(wellSamples) = :idx
select distinct obj.id from ImageAnnotationLink ial join ial.child ann join ann.mapValue mv join ial.parent obj where mv.name = :mvname0 and mv.value = :mvvalue0
select info from PlaneInfo as info join fetch info.deltaT as dt join fetch info.exposureTime as et where info.pixels.id=:pid and info.theC=:theC and info.theT=:theT and info.theZ=:theZ order by info.deltaT
# omero-metadata
select child.id from ImageAnnotationLink where child.class=MapAnnotation AND parent.id in (:ids) AND child.ns=:ns
# graphxfer
select x.id, x.details.owner.id, x.details.group.id, ce.time, x.name, x.fileset.id from Image x join x.details.creationEvent ce where x.id in (:ids) and x.id > :after order by x.id
select p.id, index(x), x.id, x.sizeX, e1.value, x.physicalSizeX.value, x.physicalSizeX.unit from Image p join p.pixels x join x.details.creationEvent ce left outer join x.pixelsType e1 where p.id in (:ids) order by x.id
select p.id, index(x), x.id, type(x.class) from Roi p join p.shapes x where p.id in (:ids)
select l.id, l.parent.id, l.details.owner.id, c.id, type(c.class) from ImageAnnotationLink l join l.child c where l.parent.id in (:ids) and (c.ns is null or c.ns not in (:ns))
select x.id, t.a00, x.strokeWidth.value from Rectangle x join x.details.creationEvent ce left outer join x.transform t where x.id in (:ids)
select distinct x from MapAnnotation x left outer join fetch x.mapValue left outer join fetch x.details.creationEvent where x.id in (:ids)
select count(x.id) from WellSample x where x.image.id in (:ids)
select w from Well w left outer join fetch w.wellSamples ws where w.plate.id in (:ids)
select ws.id, ws.well.id, ws.image.id, ws.plateAcquisition.id, ws.posX.value, ws.posX.unit from WellSample ws where ws.well.plate.id = :id order by ws.well.id, ws.id
select distinct rdef from RenderingDef rdef left outer join fetch rdef.quantization left outer join fetch rdef.model left outer join fetch rdef.waveRendering cb left outer join fetch cb.family left outer join fetch cb.spatialDomainEnhancement where rdef.pixels.id in (:ids)
select a.id, nv.name, nv.value from MapAnnotation a join a.mapValue nv where a.id in (:ids) order by a.id, index(nv)
# OMERO.web: omeroweb/webclient/tree.py (marshal_groups ... marshal_lineage)
select grp.id, grp.name, grp.details.permissions from ExperimenterGroup grp join grp.groupExperimenterMap grexp where grp.name != 'user' and grexp.child.id = :mid order by lower(grp.name)
select experimenter.id, experimenter.omeName, experimenter.firstName, experimenter.lastName, experimenter.email from Experimenter experimenter join experimenter.groupExperimenterMap grexp where grexp.parent.id = :gid order by lower(experimenter.omeName), experimenter.id
select distinct experimenter.id, experimenter.omeName, experimenter.firstName, experimenter.lastName, experimenter.email from Experimenter experimenter join experimenter.groupExperimenterMap gem where experimenter.id = :id and gem.parent.id in :ids
select new map(project.id as id, project.name as name, project.details.owner.id as ownerId, project as project_details_permissions, (select count(id) from ProjectDatasetLink pdl where pdl.parent = project.id) as childCount) from Project project where project.details.owner.id = :id order by lower(project.name), project.id
select new map(dataset.id as id, dataset.name as name, dataset.details.owner.id as ownerId, dataset as dataset_details_permissions, (select count(id) from DatasetImageLink dil where dil.parent=dataset.id) as childCount) from Dataset dataset join dataset.projectLinks plink where dataset.details.owner.id = :id and plink.parent.id = :pid order by lower(dataset.name), dataset.id
select new map(dataset.id as id, dataset.name as name, dataset.details.owner.id as ownerId, dataset as dataset_details_permissions, (select count(id) from DatasetImageLink dil where dil.parent=dataset.id) as childCount) from Dataset dataset where not exists ( select pdlink from ProjectDatasetLink as pdlink where pdlink.child = dataset.id ) order by lower(dataset.name), dataset.id
select new map(image.id as id, image.archived as archived, image.name as name, image.details.owner.id as ownerId, image as image_details_permissions, image.fileset.id as filesetId , pix.sizeX as sizeX, pix.sizeY as sizeY, pix.sizeT as sizeT, pix.sizeZ as sizeZ , image.details.creationEvent.time as date, image.acquisitionDate as acqDate ) from Image image left outer join image.pixels pix join image.datasetLinks dlink where image.details.owner.id = :id and dlink.parent.id = :did order by lower(image.name), image.id
select new map(image.id as id, image.archived as archived, image.name as name, image.details.owner.id as ownerId, image as image_details_permissions, image.fileset.id as filesetId ) from Image image where not exists ( select dilink from DatasetImageLink as dilink where dilink.child = image.id ) and not exists ( select ws from WellSample ws where ws.image.id = image.id ) and image.id in (:iids) order by lower(image.name), image.id
select image.id, thumbs.version from Image image join image.pixels pix join pix.thumbnails thumbs where image.id in (:ids) and thumbs.id = ( select max(t.id) from Thumbnail t where t.pixels = pix.id and t.details.owner.id = :thumbOwner )
select new map(screen.id as id, screen.name as name, screen.details.owner.id as ownerId, screen as screen_details_permissions, (select count(spl.id) from ScreenPlateLink spl where spl.parent=screen.id) as childCount) from Screen screen where screen.details.owner.id = :id order by lower(screen.name), screen.id
select new map(plate.id as id, plate.name as name, plate.details.owner.id as ownerId, plate as plate_details_permissions, (select count(pa.id) from PlateAcquisition pa where pa.plate.id=plate.id) as childCount) from Plate plate join plate.screenLinks slink where plate.details.owner.id = :id and slink.parent.id = :sid order by lower(plate.name), plate.id
select new map(pa.id as id, pa.name as name, pa.details.owner.id as ownerId, pa as pa_details_permissions, pa.startTime as startTime, pa.endTime as endTime) from PlateAcquisition pa where pa.plate.id = :pid order by pa.id
select count(image.id) from Image image where image.details.owner.id = :id and not exists ( select dilink from DatasetImageLink as dilink where dilink.child.id = image.id ) and not exists ( select ws from WellSample ws where ws.image.id = image.id )
select new map(aalink.child.id as id, aalink.child.textValue as textValue, aalink.child.description as description, aalink.child.details.owner.id as ownerId, aalink.child as tag_details_permissions, aalink.child.ns as ns, (select count(aalink2) from AnnotationAnnotationLink aalink2 where aalink2.child.class=TagAnnotation and aalink2.parent.id=aalink.child.id) as tagChildCount, (select count(aalink3) from ImageAnnotationLink aalink3 where aalink3.child.id=aalink.child.id) as imageChildCount) from AnnotationAnnotationLink aalink where aalink.parent.class=TagAnnotation and aalink.child.class=TagAnnotation and aalink.parent.id=:tid and aalink.child.details.owner.id = :id order by aalink.child.id
select new map(tag.id as id, tag.textValue as textValue, tag.description as description, tag.details.owner.id as ownerId, tag as tag_details_permissions, tag.ns as ns, (select count(aalink2) from AnnotationAnnotationLink aalink2 where aalink2.child.class=TagAnnotation and aalink2.parent.id=tag.id) as tagChildCount, (select count(aalink3) from ImageAnnotationLink aalink3 where aalink3.child.id=tag.id) as imageChildCount) from TagAnnotation tag where not exists ( select aalink from AnnotationAnnotationLink as aalink where aalink.child = tag.id and aalink.parent.ns = 'openmicroscopy.org/omero/insight/tagset' ) and tag.details.owner.id = :id order by tag.id
select distinct new map(obj.id as id, obj.name as name, lower(obj.name) as lowername, obj.details.owner.id as ownerId, obj as project_details_permissions, (select count(id) from ProjectDatasetLink dil where dil.parent=obj.id) as childCount) from Project obj join obj.annotationLinks alink where alink.child.id=:tid and obj.details.owner.id = :id order by lower(obj.name), obj.id
select distinct new map(obj.id as id, obj.name as name, lower(obj.name) as lowername, obj.details.owner.id as ownerId, obj as dataset_details_permissions, (select count(id) from DatasetImageLink dil where dil.parent=obj.id) as childCount) from Dataset obj join obj.annotationLinks alink where alink.child.id=:tid and obj.details.owner.id = :id order by lower(obj.name), obj.id
select distinct new map(obj.id as id, obj.name as name, lower(obj.name) as lowername, obj.details.owner.id as ownerId, obj as screen_details_permissions, (select count(id) from ScreenPlateLink spl where spl.parent=obj.id) as childCount) from Screen obj join obj.annotationLinks alink where alink.child.id=:tid and obj.details.owner.id = :id order by lower(obj.name), obj.id
select distinct new map(obj.id as id, obj.name as name, lower(obj.name) as lowername, obj.details.owner.id as ownerId, obj as plate_details_permissions, (select count(id) from PlateAcquisition pa where pa.plate.id=obj.id) as childCount) from Plate obj join obj.annotationLinks alink where alink.child.id=:tid and obj.details.owner.id = :id order by lower(obj.name), obj.id
select distinct new map(obj.id as id, obj.archived as archived, obj.name as name, lower(obj.name) as lowername, obj.details.owner.id as ownerId, obj as image_details_permissions, obj.fileset.id as filesetId , pix.sizeX as sizeX, obj.details.creationEvent.time as date, obj.acquisitionDate as acqDate ) from Image obj left outer join obj.pixels pix join obj.annotationLinks alink where alink.child.id=:tid order by lower(obj.name), obj.id
select distinct new map(obj.id as id, obj.name as name, lower(obj.name) as lowername, obj.details.owner.id as ownerId, obj as plateacquisition_details_permissions, obj.startTime as startTime, obj.endTime as endTime) from PlateAcquisition obj join obj.annotationLinks alink where alink.child.id=:tid order by lower(obj.name), obj.id
select distinct new map(obj.id as id, obj.details.owner.id as ownerId, obj as well_details_permissions, obj.row as row, obj.column as column, plate.id as plateId, plate.columnNamingConvention as colnames, plate.rowNamingConvention as rownames, plate.name as platename) from Well obj join obj.annotationLinks alink join obj.plate plate where alink.child.id=:tid order by obj.row, obj.column
select oal from WellAnnotationLink as oal join fetch oal.details.creationEvent join fetch oal.details.owner left outer join fetch oal.child as ch left outer join fetch oal.parent as pa join fetch ch.details.creationEvent join fetch ch.details.owner join fetch pa.plate left outer join fetch ch.file as file where pa.id in (:ids) and ch.class!=MapAnnotation and ch.class!=TagAnnotation and ch.class!=FileAnnotation and ch.class!=CommentAnnotation and (ch.ns=null or ch.ns!='openmicroscopy.org/omero/insight/rating') and ch.ns=:ns order by ch.ns
select img.id, dset.id, pdl.parent.id, smp.well.id, smp.plateAcquisition.id, plt.id, spl.parent.id from Image img left outer join img.datasetLinks dil left outer join dil.parent dset left outer join img.wellSamples smp left outer join dset.projectLinks pdl left outer join smp.well.plate plt left outer join plt.screenLinks spl where img.id in (:ids)
select child_o.id, plt.id, pdl.parent.id from Well child_o join child_o.plate plt left outer join plt.screenLinks pdl where child_o.id in (:ids)
select child_o.id, opl.parent.id FROM Plate child_o left outer join child_o.screenLinks opl where child_o.id in (:ids)
# OMERO.web: omeroweb/api/api_query.py, omeroweb/webgateway/plategrid.py
select minIndex(ws), maxIndex(ws) from Well well join well.wellSamples ws where ws.plateAcquisition.id=:plateacquisition_id
select chl.parent.id, count(chl.id) from ProjectDatasetLink chl where chl.parent.id in (:ids) group by chl.parent.id
select well.row, well.column, img.id, img.name, author.firstName||' '||author.lastName, well.id, img.acquisitionDate, img.details.creationEvent.time, img.description from Well well join well.wellSamples ws join ws.image img join img.details.owner author where well.plate.id = :id and index(ws) = :wsidx
# omero-iviewer: plugin/omero_iviewer/views.py
from PlaneInfo as Info where Info.theZ=0 and Info.theC=0 and pixels.id=:pid
select count(distinct ws.id) from WellSample ws where ws.well.id = :well_id
select ws.image from WellSample ws where ws.well.id = :well_id order by well_index
# omero-parade: data_providers.py, annotation_filters/omero_filters.py
select pixels.image.id, pixels.sizeT from Pixels pixels where pixels.image.id in (:ids)
select oal from ImageAnnotationLink as oal join fetch oal.details.owner left outer join fetch oal.child as ch left outer join fetch oal.parent as pa where pa.id in (:ids) and ch.ns='roi.pixel.intensities.summary'
select oal from WellAnnotationLink as oal join fetch oal.details.owner left outer join fetch oal.child as ch left outer join fetch oal.parent as pa where pa.id in (:ids) and ch.class=LongAnnotation and ch.ns='openmicroscopy.org/omero/insight/rating'
select oal from ImageAnnotationLink as oal left outer join fetch oal.child as ch left outer join oal.parent as pa where pa.id in (:ids) and ch.class=CommentAnnotation
select roi.image.id, count(roi.id) from Roi roi where roi.image.id in (:ids) group by roi.image
# omero-gateway-java: BrowseFacility
select well from Well as well left outer join fetch well.plate as pt left outer join fetch well.wellSamples as ws left outer join fetch ws.plateAcquisition as pa left outer join fetch ws.image as img left outer join fetch img.pixels as pix left outer join fetch pix.pixelsType as pt where well.plate.id = :plateID
select img from Image as img left outer join fetch img.details.owner left outer join fetch img.pixels as pix left outer join fetch pix.pixelsType as pt where not exists (select obl from DatasetImageLink as obl where obl.child = img.id) and not exists (select ws from WellSample as ws where ws.image = img.id) and img.details.owner.id = :userID
# omero-py: plugins/fs.py, with other options; util/populate_roi.py, util/script_utils.py
select i.id, i.name, fs.id,count(f1.id)+count(f2.id), sum(coalesce(f1.size,0) + coalesce(f2.size, 0)) from Image i join i.pixels p join p.pixelsFileMaps m join m.parent f1 left outer join i.fileset as fs left outer join fs.usedFiles as uf left outer join uf.originalFile as f2 group by i.id, i.name, fs.id order by sum(coalesce(f1.size,0) + coalesce(f2.size, 0)) desc
select fs.id, fs.templatePrefix, (select size(f2.images) from Fileset f2 where f2.id = fs.id),(select size(f3.usedFiles) from Fileset f3 where f3.id = fs.id),(select ann.textValue from Fileset f4 join f4.annotationLinks fal join fal.child ann where f4.id = fs.id and ann.ns =:ns) from Fileset fs where 1 = 1 and fs.images is empty group by fs.id, fs.templatePrefix order by fs.templatePrefix
select roi from Roi as roi join fetch roi.annotationLinks as link join fetch link.child where roi.id = 1
select p from Pixels p join fetch p.image as i join fetch p.pixelsType where i.id='1'
# omero-metadata: populate.py (datasets, projects and images)
select distinct i from Dataset as d join d.imageLinks as l join l.child as i where d.id = :id order by i.id desc
select distinct i, r, s from Shape s join s.roi as r join r.image as i join i.datasetLinks as dil join dil.parent as d where d.id = :id order by s.id desc
select distinct d, i from Project p join p.datasetLinks as pdl join pdl.child as d join d.imageLinks as l join l.child as i where p.id = :id order by i.id desc
select distinct s from Shape as s join s.roi as r join r.image as i where i.id = :id order by s.id desc
# OMERO.web: omeroweb/webclient/webclient_gateway.py
select g from ExperimenterGroup as g where g.name not in (:default_names)
select e from Experimenter as e where e.id != :id
select well from Well as well left outer join fetch well.plate as pt left outer join fetch well.wellSamples as ws inner join fetch ws.image as img where well.plate.name = :pname and well.row = :row and well.column = :column
select tg from TagAnnotation tg where ((ns=:ns)or (not exists ( select aal from AnnotationAnnotationLink as aal where aal.child=tg.id))) and tg.details.owner.id = :eid
select ann.id, ann.description, ann.textValue, ann.ns, ann.details.owner.id, ann.details.owner.firstName, ann.details.owner.lastName from TagAnnotation ann where ann.details.owner.id = :eid order by ann.id
select aal.parent.id, aal.child.id from AnnotationAnnotationLink aal inner join aal.parent ann where ann.ns=:ns and aal.parent.id in (:ids) and ann.details.owner.id = :eid
select count(ann) from TagAnnotation ann where ann.details.owner.id = :eid
select count(obj.id) from Image as obj join obj.details.creationEvent join obj.details.owner join obj.details.group where obj.details.owner.id=:eid and not exists (select obl from DatasetImageLink as obl where obl.child=obj.id)and not exists ( select ws from WellSample as ws where ws.image=obj.id and ws.details.owner.id=:eid)
select im from Image im join fetch im.details.creationEvent join fetch im.details.owner join fetch im.details.group left outer join fetch im.datasetLinks dil left outer join fetch dil.parent d join fetch im.pixels as pix left outer join fetch pix.thumbnails where d.id = :oid and im.details.owner.id=:eid order by lower(im.name), im.id
# omero-figure: omero_figure/views.py
select new map(obj.id as id, obj.description as desc, o.id as owner_id, o.firstName as firstName, o.lastName as lastName, e.time as time, f.name as name, g.id as group_id, g.name as group_name, obj as obj_details_permissions) from FileAnnotation obj join obj.details.group as g join obj.details.owner as o join obj.details.creationEvent as e join obj.file.details as p join obj.file as f where obj.ns=:ns
# omero-gateway-java: MetadataFacility
select info from PlaneInfo as info join fetch info.deltaT as dt join fetch info.exposureTime as et where info.pixels.id = :id
select fs from Fileset as fs join fetch fs.images as image left outer join fetch fs.usedFiles as usedFile join fetch usedFile.originalFile as f join fetch f.hasher where image.id = :id
