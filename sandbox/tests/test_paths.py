# SPDX-License-Identifier: GPL-2.0-or-later
"""The template of the repository's directories.

Source: ome/omero-blitz `ManagedRepositoryI.TemplateDirectoryCreator`; what `omero.fs.repo.path` may
hold is in OMERO's documentation, "FS configuration options".
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping

import omero
import omero.all
import pytest

from omero_sandbox.files.paths import Template

NOW = datetime.datetime(2026, 3, 4, 15, 6, 7, 89_000)
VALUES = {"user": "ada:l", "userId": "7", "group": "Imaging", "groupId": "3", "perms": "rwr---"}


def expand(template: str, *, institution: str = "", there: Mapping[str, int] | None = None) -> str:
    return Template(VALUES, institution, (there or {}).get, NOW).expand(template)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("%user%_%userId%//%year%-%month%/%day%/%time%", "ada;l_7/2026-03/04/15-06-07.089"),
        ("%group%/%perms%//%monthname%-%groupId%", "Imaging/rwr---/March-3"),
        ("all//%institution%/x", "all/x"),
        ("all//at %institution:home%/x", "all/at home/x"),
        ("%userId%", "7"),
        ("a//n%increment%", "a/n1"),
        ("a//n%increment:3%!", "a/n001!"),
        ("a//%subdirs%/x", "a/x"),
    ],
)
def test_terms(template: str, expected: str) -> None:
    assert expand(template) == expected


@pytest.mark.parametrize(
    ("template", "there", "expected"),
    [
        ("a//%time%", {"a/15-06-07.089": 0, "a/15-06-07.090": 3}, "a/15-06-07.091"),
        ("a//%increment%", {"a/1": 0, "a/2": 0}, "a/3"),
        ("a//%subdirs:1%/x", {"a": 10}, "a/0/x"),
        ("a//n%subdirs:1%/x", {"a": 10} | {f"a/n{i}": 10 for i in range(10)}, "a/n1/0/x"),
        ("a//%subdirs:1%/x", {"a": 9}, "a/x"),
    ],
)
def test_directories_that_are_there_are_passed_over(
    template: str, there: Mapping[str, int], expected: str
) -> None:
    assert expand(template, there=there) == expected


def test_an_institution_is_made_safe() -> None:
    assert expand("a//%institution%/x", institution="Uni: A/B") == "a/Uni; A!B/x"


@pytest.mark.parametrize("template", ["a//%nonsense%", "%time%//x", "%increment%//x", "a//%hash%"])
def test_what_is_not_known_or_cannot_stand_there_is_an_error(template: str) -> None:
    """`%hash%` is Java's hashCode of the paths, which the sandbox does not imitate."""
    with pytest.raises(omero.InternalException, match="cannot expand"):
        expand(template)


@pytest.mark.parametrize("template", ["a//", "a//%institution%"])
def test_the_user_needs_a_directory(template: str) -> None:
    with pytest.raises(omero.ApiUsageException, match="no user-owned directories"):
        expand(template)
