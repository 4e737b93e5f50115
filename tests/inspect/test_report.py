# SPDX-License-Identifier: GPL-2.0-or-later
"""The report as a document: escaped, whole, of one file, with its plan and findings."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from graphxfer import bundle as bundles
from graphxfer.bundle import Bundle
from graphxfer.errors import BadDocument
from graphxfer.inspect import report
from graphxfer.inspect.validate import Finding
from graphxfer.plan import Create, Import, Plan, Reuse, Skip
from graphxfer.receipt.check import check
from graphxfer.receipt.signature import sign
from tests.inspect import hostile
from tests.receipt.samples import FINDING, document_of, keygen, receipt_of


class Reader(HTMLParser):
    """Reads a page: its tags, their attributes, and the texts of scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str | None, str] = {}
        self.text = ""
        self._inside: tuple[str, str | None] = ("", None)
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag, dict(attrs).get("id")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ("", None)

    def handle_data(self, data: str) -> None:
        tag, name = self._inside
        if tag == "script":
            self.scripts[name] = self.scripts.get(name, "") + data
        elif tag != "style":
            self.text += data


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return hostile.write(tmp_path_factory.mktemp("hostile") / "my-transfer")


def test_hostile_names_are_text_and_nothing_else(bad: Bundle) -> None:
    page = report.render(bad)
    read = Reader(page)
    assert [tag for tag, _ in read.tags].count("script") == 4  # two documents, D3, the page's own
    assert not [tag for tag, about in read.tags if tag == "img" or "onerror" in about]
    assert hostile.SCRIPT in read.text  # the owner
    assert hostile.CLOSING in read.text  # the shared tag
    data = json.loads(read.scripts["data"])
    project = data["tree"][0]
    assert project["name"] == hostile.SCRIPT
    assert project["children"][0]["name"] == hostile.CLOSING
    assert data["annotations"]["MapAnnotation/9"]["pairs"][1] == [
        hostile.QUOTES,
        hostile.RIGHT_TO_LEFT,
    ]


def test_long_texts_are_cut_and_told(bad: Bundle) -> None:
    data = json.loads(Reader(report.render(bad)).scripts["data"])
    facts = dict(data["details"]["Image/7"]["facts"])
    assert facts["description"].endswith("… (10,000 characters)")
    assert len(facts["description"]) < 2_100


def test_a_page_refers_to_nothing_outside(bundle: Bundle) -> None:
    page = report.render(bundle)
    referred = [
        value
        for _, about in Reader(page).tags
        for name, value in about.items()
        if name in ("src", "href", "action", "srcset") and value
    ]
    assert referred
    assert all(value.startswith(("#", "data:")) for value in referred)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy.startswith("default-src &#39;none&#39;; script-src &#39;sha256-")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_thumbnails_are_pictures_of_the_bundle_only(bad: Bundle) -> None:
    pictures = json.loads(Reader(report.render(bad)).scripts["thumbnails"])
    assert list(pictures) == ["Image/7"]
    assert pictures["Image/7"].startswith("data:image/png;base64,")


def test_the_plan_and_the_findings_are_shown(bundle: Bundle, tmp_path: Path) -> None:
    plan = Plan(
        [
            Create("Project/51", "Project"),
            Skip("Image/9", "Image", "it has no fileset <b>"),
            Import("Fileset/3", "Fileset", bytes=3000),
        ],
        notes=["1 tag appears twice"],
    )
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan.as_json()), encoding="utf-8")
    finding = Finding("Violation", "name is <missing>", "Dataset/102", "to do", "", "", "")
    found = [finding] * 120
    text = Reader(report.render(bundle, plan=report.read_plan(path), findings=found)).text
    for told in ("it has no fileset <b>", "1 node or link skipped", "1 tag appears twice"):
        assert told in text
    assert text.count("Dataset/102") == report.SHOWN
    assert "name is <missing>" in text
    assert "… and 20 more" in text


def test_without_findings_a_page_says_so_only_if_it_looked(bundle: Bundle) -> None:
    assert "No findings" in Reader(report.render(bundle, findings=[])).text
    assert "No findings" not in Reader(report.render(bundle)).text


def test_a_plan_in_the_bundle_is_taken(bad: Bundle) -> None:
    assert report.plan_of(bad) is None
    path = bad.folder / report.PLAN
    path.write_text(json.dumps(Plan([Reuse("TagAnnotation/5", "TagAnnotation")]).as_json()))
    try:
        plan = report.plan_of(bad)
    finally:
        path.unlink()
    assert plan is not None
    assert [line.number for line in plan.summary()] == [1]


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        '{"actions": [], "notes": 3}',
        '{"actions": [{"kind": "explode", "node": "Image/1", "type": "Image"}], "notes": []}',
        '{"actions": [{"kind": "create", "node": 1, "type": "Image"}], "notes": []}',
        '{"actions": [{"kind": "create", "node": "a", "type": "b", "bytes": "1"}], "notes": []}',
        "[" * 100_000,
    ],
)
def test_what_is_no_plan_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(BadDocument, match="is not a plan"):
        report.read_plan(path)


def test_a_page_is_written_whole_or_not_at_all(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    report.write(report.render(bundle), path)
    assert path.read_text(encoding="utf-8").endswith("</html>\n")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    report.write("half a character: \ud83d", path)
    assert path.read_bytes() == b"half a character: &#55357;"


def test_numbers_are_those_of_the_bundle(bundle: Bundle) -> None:
    read = Reader(report.render(bundle))
    told = " ".join(read.text.split())
    assert "3 images" in told
    assert "7.0 kB in files" in told  # 3000 + 4000 + 48 bytes
    data = json.loads(read.scripts["data"])
    areas = {leaf["iri"]: leaf.get("area") for leaf in data["tree"][0]["children"][0]["children"]}
    assert areas == {"Image/7": 1500.0, "Image/8": 1500.0}  # they divide one file
    assert data["details"]["Image/8"]["included"] is True
    assert data["shared"]["annotations"][0]["iri"] == "TagAnnotation/5"
    links = {(annotation, place): count for annotation, place, count in data["shared"]["links"]}
    assert links == {
        ("TagAnnotation/5", "Dataset/101"): 2,
        ("TagAnnotation/5", "Dataset/103"): 1,
    }


def test_the_command_writes_a_page_with_findings_and_the_plan(
    bundle: Bundle, tmp_path: Path
) -> None:
    path, plan = tmp_path / "report.html", tmp_path / "plan.json"
    plan.write_text(json.dumps(Plan([Create("Project/51", "Project")]).as_json()))
    command = [sys.executable, "-m", "graphxfer", "report", str(bundle.folder)]
    done = subprocess.run(
        [*command, "-o", str(path), "--plan", str(plan)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    ids = {about.get("id") for _, about in Reader(path.read_text(encoding="utf-8")).tags}
    assert {"findings", "plan", "tree"} <= ids
    assert "query" not in ids
    plan.write_text("{}")
    failed = subprocess.run([*command, "--plan", str(plan)], capture_output=True, text=True)
    assert failed.returncode == 1
    assert "is not a plan" in failed.stderr


# -- the receipt ----------------------------------------------------------------------------------


def test_a_page_shows_a_receipt(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonld"
    path.write_bytes(document_of(bundle))
    sign(path, keygen(tmp_path / "key"))
    page = report.render(bundle, receipt=check(path, source=bundle))
    read, recorded = Reader(page), receipt_of(bundle)
    assert '<a href="#receipt">' in page
    for fact in (
        recorded.ended,
        recorded.person,
        recorded.header.base,
        recorded.destination.address,
        recorded.destination.database_uuid,
        recorded.root,
        "no differences",
        "ED25519 key SHA256:",
        f"{len(bundle.graph())} nodes as in the receipt",
    ):
        assert fact in read.text
    assert 'id="receipt"' not in report.render(bundle)


def test_a_page_shows_what_a_receipt_found_and_that_it_is_of_another_graph(
    bundle: Bundle, tmp_path: Path
) -> None:
    path = tmp_path / "r.jsonld"
    path.write_bytes(document_of(bundle, [FINDING] * (report.SHOWN + 1)))
    other = bundles.write(tmp_path / "other", bundle.graph().without({"Roi/4"}))
    for source, mismatches in ((bundle, 0), (other, 1)):
        page = report.render(source, receipt=check(path, source=source))
        text = Reader(page).text
        assert f"{report.SHOWN + 1} differences" in text
        assert text.count(FINDING.text) == report.SHOWN
        assert "1 more" in text
        assert ("does not match this bundle" in text) == bool(mismatches)
        assert ("as in the receipt" in text) != bool(mismatches)


@pytest.mark.parametrize("text", [hostile.SCRIPT, hostile.CLOSING, hostile.RIGHT_TO_LEFT])
def test_a_receipt_of_a_stranger_is_text_and_nothing_else(
    bundle: Bundle, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "r.jsonld"
    path.write_bytes(document_of(bundle, [FINDING._replace(text=text)]))
    recorded = json.dumps(text, ensure_ascii=False)
    path.write_text(path.read_text("utf-8").replace('"Ada Lovelace"', recorded), "utf-8")
    read = Reader(report.render(bundle, receipt=check(path, source=bundle)))
    assert read.text.count(text) == 2
    assert [tag for tag, _ in read.tags].count("script") == 4
