# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608 - names in SQL come from the model, values are bound
"""An index of the words that the objects of one class can be found by.

OMERO indexes in the background, so that a search finds what is new after some seconds. Here the
index is made when a search asks for it, of what the caller may see, and dropped after it.

What is indexed: the text of the class's own columns, and ome.services.fulltext.FullTextBridge
(omero-server); how: ome.services.fulltext.FullTextAnalyzer. The contents of files are not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from omero_sandbox.model import TYPES, Type
from omero_sandbox.store import Transaction

_TABLE = (
    "CREATE VIRTUAL TABLE temp._words USING fts5"
    " (key UNINDEXED, value UNINDEXED, field UNINDEXED, text,"
    " tokenize = 'unicode61 remove_diacritics 0')"
)
_VOCABULARY = "CREATE VIRTUAL TABLE temp._vocabulary USING fts5vocab (temp, _words, row)"
#: Fields of time that a range may be asked of -> SQL of the object's or an event's column.
_TIMES = {
    "details.creationEvent.time": "(SELECT time FROM event e WHERE e.id = t._creation)",
    "details.updateEvent.time": "(SELECT time FROM event e WHERE e.id = t._update)",
    "acquisitionDate": 't."acquisitionDate"',
}
_WORD = re.compile(r"[^\W_]+")
#: Words that are searched for in one query.
_MANY = 200

#: Fields of an annotation, as columns and (for files) what they join.
_ANNOTATION = """
    SELECT {object}, 'annotation.type', a._type FROM {source}
    UNION ALL SELECT {object}, 'annotation.name', a.name FROM {source}
    UNION ALL SELECT {object}, 'annotation.ns', a.ns FROM {source}
    UNION ALL SELECT {object}, 'term', a."termValue" FROM {source}
    UNION ALL SELECT {object}, 'annotation', a."textValue" FROM {source}
    UNION ALL SELECT {object}, 'annotation', a."longValue" FROM {source}
    UNION ALL SELECT {object}, 'annotation', a."doubleValue" FROM {source}
    UNION ALL SELECT {object}, 'tag', a."textValue" FROM {source} WHERE a._type = 'TagAnnotation'
    UNION ALL SELECT {object}, 'annotation', b."textValue" FROM {source}
        JOIN annotationannotationlink bl ON bl.parent = a.id JOIN annotation b ON b.id = bl.child
        WHERE a._type = 'TagAnnotation'
"""
#: Fields of files and of key-value pairs: of what has such an annotation, and of that itself.
_VALUES = """
    SELECT {object}, 'file.name', f.name FROM {source} JOIN originalfile f ON f.id = a.file
    UNION ALL SELECT {object}, 'file.path', f.path FROM {source}
        JOIN originalfile f ON f.id = a.file
    UNION ALL SELECT {object}, 'file.hash', f.hash FROM {source}
        JOIN originalfile f ON f.id = a.file
    UNION ALL SELECT {object}, 'file.format', f.mimetype FROM {source}
        JOIN originalfile f ON f.id = a.file
    UNION ALL SELECT {object}, 'file.mimetype', f.mimetype FROM {source}
        JOIN originalfile f ON f.id = a.file
    UNION ALL SELECT {object}, m.name, m.value FROM {source}
        JOIN mapannotation_mapvalue m ON m.parent = a.id
    UNION ALL SELECT {object}, 'has_key', m.name FROM {source}
        JOIN mapannotation_mapvalue m ON m.parent = a.id
    UNION ALL SELECT {object}, 'annotation', m.name || ' ' || m.value FROM {source}
        JOIN mapannotation_mapvalue m ON m.parent = a.id
"""
#: Fields that many objects share: the object's column, its value, and field and text for it.
_SHARED = """
    SELECT '_owner', id, 'details.owner.omeName', "omeName" FROM experimenter
    UNION ALL SELECT '_owner', id, 'details.owner.firstName', "firstName" FROM experimenter
    UNION ALL SELECT '_owner', id, 'details.owner.lastName', "lastName" FROM experimenter
    UNION ALL SELECT '_group', id, 'details.group.name', name FROM experimentergroup
"""
_IMAGE = """
    SELECT t.id, 'fileset.entry.clientPath', u."clientPath" FROM {seen}
        JOIN filesetentry u ON u.fileset = t.fileset
    UNION ALL SELECT t.id, 'fileset.entry.name', f.name FROM {seen}
        JOIN filesetentry u ON u.fileset = t.fileset JOIN originalfile f ON f.id = u."originalFile"
    UNION ALL SELECT t.id, 'roi.folder.name', d.name FROM {seen} JOIN roi r ON r.image = t.id
        JOIN folderroilink l ON l.child = r.id JOIN folder d ON d.id = l.parent
"""


@contextmanager
def index(tx: Transaction, type_: Type) -> Iterator[Words]:
    """Index the words of those objects of a class that the caller may read."""
    tx.connection.execute(_TABLE)
    try:
        tx.connection.execute(_VOCABULARY)
        try:
            words = Words(tx, type_)
            words.fill()
            yield words
        finally:
            tx.connection.execute("DROP TABLE temp._vocabulary")
    finally:
        tx.connection.execute("DROP TABLE temp._words")


class Words:
    """Words by object and field. Made by ``index``.

    A field of None is any of them: Lucene's ``combined_fields``.
    """

    def __init__(self, tx: Transaction, type_: Type) -> None:
        self._tx, self._type = tx, type_
        kinds = ", ".join(f"'{name}'" for name in type_.concrete)
        hidden = tx.rights.reads.condition(type_, "t") or "1"
        rows = f'SELECT * FROM "{type_.table}" t WHERE t._type IN ({kinds}) AND {hidden}'
        self._seen = f"({rows}) t"

    def fill(self) -> None:
        """Put all words into the index."""
        classes = [("_type", name, "", TYPES[name].fqn) for name in self._type.concrete]
        self._tx.connection.executemany("INSERT INTO temp._words VALUES (?, ?, ?, ?)", classes)
        self._tx.connection.execute(f"INSERT INTO temp._words {_SHARED}")
        for field in self._type.fields.values():
            if field.kind == "text":
                self._add(f"SELECT t.id, '{field.name}', t.\"{field.column}\" FROM {{seen}}")
        if self._type.name == "Image":
            self._add(_IMAGE)
        if self._type.is_a("Annotation"):
            self._add(_VALUES.format(object="t.id", source="{seen} JOIN annotation a USING (id)"))
        link = TYPES.get(f"{self._type.name}AnnotationLink")
        if link is not None:
            source = (
                f'{{seen}} JOIN "{link.table}" l ON l.parent = t.id'
                " JOIN annotation a ON a.id = l.child"
            )
            self._add(_ANNOTATION.format(object="t.id", source=source))
            self._add(_VALUES.format(object="t.id", source=source))

    def _add(self, select: str) -> None:
        self._tx.connection.execute(
            f"WITH found (object, field, text) AS ({select.format(seen=self._seen)})"
            " INSERT INTO temp._words SELECT 'id', * FROM found WHERE text NOTNULL AND text <> ''",
            self._tx.rights.parameters,
        )

    # -- asking ---------------------------------------------------------------------------------

    def phrase(self, field: str | None, text: str) -> set[int] | None:
        """Find words that follow each other; None when there are none in the text."""
        words = _split(text)
        return self._match(field, [" ".join(words)]) if words else None

    def any_of(self, field: str | None, text: str) -> set[int] | None:
        """Find any of the words in a text; None when there are none."""
        words = _split(text)
        return self._match(field, words) if words else None

    def pattern(self, field: str | None, pattern: str) -> set[int]:
        """Find words by a pattern with ``*`` and ``?``."""
        escaped = pattern.replace("[", "[[]")
        rows = self._tx.connection.execute(
            "SELECT term FROM temp._vocabulary WHERE term GLOB ?", (escaped,)
        )
        words = [word for (word,) in rows]
        found: set[int] = set()
        for at in range(0, len(words), _MANY):
            found |= self._match(field, words[at : at + _MANY])
        return found

    def _match(self, field: str | None, phrases: list[str]) -> set[int]:
        asked = " OR ".join(f'"{phrase}"' for phrase in phrases)
        sql = "SELECT DISTINCT key, value FROM temp._words WHERE _words MATCH :asked"
        if field is not None:
            sql += " AND field = :field"
        by_key: dict[str, set[Any]] = {}
        for key, value in self._tx.connection.execute(sql, {"asked": asked, "field": field}):
            by_key.setdefault(key, set()).add(value)
        found: set[int] = by_key.pop("id", set())
        return found.union(*(self._with(key, values) for key, values in by_key.items()))

    def _with(self, key: str, values: set[Any]) -> set[int]:
        """Find objects by a column of theirs."""
        rows = self._tx.connection.execute(
            f"SELECT t.id FROM {self._seen}"
            f" WHERE t.{key} IN (SELECT value FROM json_each(:values))",
            {**self._tx.rights.parameters, "values": json.dumps(list(values))},
        )
        return {id_ for (id_,) in rows}

    def between(self, field: str | None, low: str, high: str) -> set[int]:
        """Find objects by a time between two days, or moments, that are written YYYYMMDDhhmmss."""
        column = _TIMES.get(field or "")
        if column is None or (field == "acquisitionDate" and self._type.name != "Image"):
            return set()
        moment = f"strftime('%Y%m%d%H%M%S', {column} / 1000, 'unixepoch')"
        rows = self._tx.connection.execute(
            f"SELECT t.id FROM {self._seen} WHERE {moment} BETWEEN :low AND :high",
            {**self._tx.rights.parameters, "low": low, "high": high},
        )
        return {id_ for (id_,) in rows}


def _split(text: str) -> list[str]:
    """Return the words of a text: letters and digits, in small letters."""
    return [word.lower() for word in _WORD.findall(text)]
