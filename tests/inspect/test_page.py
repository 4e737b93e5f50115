# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person sees and does in a browser: unfold, search, switch theme, ask, hostile names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from graphxfer import bundle as bundles
from graphxfer.bundle import Bundle
from graphxfer.graph import Header, Node, TransferGraph
from graphxfer.inspect import report
from graphxfer.plan import Action, Create, Import, Plan
from tests.inspect import hostile, sample
from tests.inspect.browser import Visit, chromium, served, visit


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def visitor(window: BrowserContext) -> Iterator[Visit]:
    """A page for a test, in one window: a new one for each takes a second of the processor."""
    visiting = Visit(window.new_page())
    yield visiting
    visiting.page.close()
    assert visiting.complaints == []


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return hostile.write(tmp_path_factory.mktemp("hostile") / "my-transfer")


@pytest.fixture(scope="module")
def address(bundle: Bundle) -> Iterator[str]:
    with served(bundle) as url:
        yield url


def written(bundle: Bundle, folder: Path) -> str:
    """Write a bundle's report and return its address."""
    path = folder / "report.html"
    report.write(report.render(bundle, findings=[]), path)
    return path.as_uri()


def focused(page: Page) -> str:
    """Return the name of the row that has the focus."""
    return str(page.evaluate("document.activeElement.querySelector('.name').textContent"))


# -- the report


def test_the_tree_unfolds_and_tells_details(visitor: Visit, bundle: Bundle, tmp_path: Path) -> None:
    page = visitor.to(written(bundle, tmp_path))
    assert visitor.asked == [page.url]
    dataset = page.get_by_role("treeitem", name="Dataset 2026-03-14")
    expect(page.get_by_text("a.ome.tif [0]")).to_have_count(0)
    dataset.click()
    expect(dataset).to_have_attribute("aria-expanded", "true")
    page.get_by_role("treeitem", name="Image a.ome.tif [0]").click()
    details = page.locator("#details")
    expect(details).to_contain_text("metaphase")
    expect(details.get_by_role("row", name="gene tubA")).to_be_visible()
    expect(details.get_by_role("row", name="sizeX 64")).to_be_visible()
    expect(details.get_by_role("row", name="physicalSizeX 0.5 micrometer")).to_be_visible()
    dataset.locator("> .row").click()
    expect(page.get_by_text("a.ome.tif [1]")).to_have_count(0)


def test_the_tree_is_walked_with_the_keyboard(
    visitor: Visit, bundle: Bundle, tmp_path: Path
) -> None:
    page = visitor.to(written(bundle, tmp_path))
    page.locator("#search").focus()
    page.keyboard.press("Tab")
    assert focused(page) == "Mitosis"
    for key, name in (
        ("ArrowDown", "2026-03-14"),
        ("ArrowRight", "2026-03-14"),
        ("ArrowRight", "a.ome.tif [0]"),
        ("ArrowDown", "a.ome.tif [1]"),
        ("ArrowLeft", "2026-03-14"),
        ("End", "b.tif [0]"),
        ("ArrowUp", "2026-04-01"),
        ("Home", "Mitosis"),
    ):
        page.keyboard.press(key)
        assert focused(page) == name, key
    page.keyboard.press("Enter")
    expect(page.locator("#details h3")).to_have_text("Mitosis")


def test_search_finds_names_tags_and_keys_and_leads_there(
    visitor: Visit, bundle: Bundle, tmp_path: Path
) -> None:
    page = visitor.to(written(bundle, tmp_path))
    page.keyboard.press("/")
    page.keyboard.type("gene = TUBb")
    expect(page.locator("#found")).to_have_text("1 found")
    expect(page.locator("#hits mark")).to_have_text("gene = tubB")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert focused(page) == "a.ome.tif [0]"
    expect(page.locator("#details")).to_contain_text("Image/7")
    page.locator("#search").fill("metaphase")
    expect(page.locator("#hits button")).to_have_count(2)
    page.locator("#search").fill("no such text")
    expect(page.locator("#found")).to_have_text("0 found")


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_the_theme_is_the_systems_until_one_is_chosen(
    browser: Browser, bundle: Bundle, tmp_path: Path, scheme: str, is_dark: bool
) -> None:
    with visit(browser, color_scheme=scheme) as visitor:
        page = visitor.to(written(bundle, tmp_path))
        assert back_is_dark(page) == is_dark
        page.get_by_label("Theme").select_option("light" if is_dark else "dark")
        assert back_is_dark(page) != is_dark
        visitor.to(page.url)  # it is remembered
        assert back_is_dark(page) != is_dark
        page.emulate_media(media="print")
        assert not back_is_dark(page)
        assert visitor.complaints == []


def back_is_dark(page: Page) -> bool:
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    channels = [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    return sum(channels) < 3 * 128


def test_a_treemap_is_gone_into_and_left(visitor: Visit, bundle: Bundle, tmp_path: Path) -> None:
    page = visitor.to(written(bundle, tmp_path))
    tiles = page.locator("#treemap")
    image, project = (
        tiles.get_by_role("button", name=name).first.bounding_box() for name in ("b.tif", "Mitosis")
    )
    assert image is not None
    assert project is not None
    areas = [box["width"] * box["height"] for box in (image, project)]
    assert areas[0] / areas[1] == pytest.approx(4000 / 3000, rel=0.02)  # as their bytes
    tiles.get_by_role("button", name="Mitosis").press("Enter")
    expect(page.locator("#treemap-path button")).to_have_text(["All", "Mitosis"])
    expect(tiles.get_by_role("button", name="b.tif")).to_have_count(0)
    page.locator("#treemap-path button").first.click()
    tiles.get_by_role("button", name="b.tif").click()
    expect(page.locator("#details h3")).to_have_text("b.tif [0]")


def test_shared_tags_are_drawn_where_they_are(
    visitor: Visit, bundle: Bundle, tmp_path: Path
) -> None:
    page = visitor.to(written(bundle, tmp_path))
    expect(page.locator("#network circle")).to_have_count(1)
    place = page.get_by_role("button", name="Dataset 2026-03-14: metaphase on 2")
    place.focus()
    expect(page.locator("#network .far")).to_have_count(2)  # the other dataset and its line
    place.press("Enter")
    expect(page.locator("#details h3")).to_have_text("2026-03-14")


def test_hostile_names_are_read_and_not_obeyed(visitor: Visit, bad: Bundle, tmp_path: Path) -> None:
    page = visitor.to(written(bad, tmp_path))
    page.get_by_role("treeitem", name=hostile.CLOSING).click()
    for name in (hostile.SCRIPT, hostile.CLOSING, hostile.QUOTES, hostile.RIGHT_TO_LEFT):
        expect(page.locator("#branches .name", has_text=name)).to_have_count(1)
    page.locator("#branches .name", has_text=hostile.QUOTES).click()
    details = page.locator("#details")
    expect(details).to_contain_text("… (10,000 characters)")
    expect(details.locator("img")).to_have_js_property("naturalWidth", 1)
    expect(details.locator("td", has_text=hostile.CLOSING)).to_be_visible()
    page.locator("#search").fill(hostile.SCRIPT)
    expect(page.locator("#hits mark").first).to_have_text(hostile.SCRIPT)
    assert page.evaluate("typeof window.owned") == "undefined"
    assert page.evaluate("document.querySelectorAll('script').length") == 4
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_name_from_right_to_left_turns_only_itself(
    visitor: Visit, bad: Bundle, tmp_path: Path
) -> None:
    page = visitor.to(written(bad, tmp_path))
    page.get_by_role("treeitem", name=hostile.CLOSING).click()
    name = page.locator("#branches .name", has_text=hostile.RIGHT_TO_LEFT)
    badge, told = (
        name.locator("xpath=../*[@class='badge']"),
        name.locator("xpath=../*[@class='about']"),
    )
    places = [each.bounding_box() for each in (badge, name, told)]
    lefts = [place["x"] for place in places if place]
    assert len(lefts) == 3
    assert lefts == sorted(lefts)


def test_nothing_in_the_page_may_run_but_its_own_scripts(
    browser: Browser, bundle: Bundle, tmp_path: Path
) -> None:
    with visit(browser) as visitor:
        page = visitor.to(written(bundle, tmp_path))
        planted = (
            "it = document.createElement('script'); it.text = 'owned = 1'; document.body.append(it)"
        )
        page.evaluate(f"() => {{ let it; try {{ {planted} }} catch {{}} }}")
        page.evaluate("() => fetch('https://omero.example.org/').catch(() => 0)")
        assert page.evaluate("typeof window.owned") == "undefined"
        assert visitor.asked == [page.url]
        assert any("Content Security Policy" in each for each in visitor.complaints)


def test_on_a_phone_nothing_sticks_out(browser: Browser, bad: Bundle, tmp_path: Path) -> None:
    with visit(browser, viewport={"width": 360, "height": 740}, has_touch=True) as visitor:
        page = visitor.to(written(bad, tmp_path))
        page.get_by_role("treeitem", name=hostile.CLOSING).tap()
        page.locator("#branches .name", has_text=hostile.QUOTES).tap()
        expect(page.locator("#details")).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert visitor.complaints == []


def test_on_a_phone_no_word_is_broken(browser: Browser, bundle: Bundle, tmp_path: Path) -> None:
    kinds: list[Action] = [Import("Fileset/3", "Fileset", "a reason of several words", bytes=3000)]
    kinds += [Create("CommentAnnotation/4", "CommentAnnotation")]
    path = tmp_path / "plan.html"
    report.write(report.render(bundle, plan=Plan(kinds)), path)
    with visit(browser, viewport={"width": 360, "height": 740}) as visitor:
        page = visitor.to(path.as_uri())
        for word in page.locator(".word").all():
            lines = word.evaluate("it => it.getBoundingClientRect().height / 16 / 1.5")
            assert lines < 1.8, word.inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("width", [360, 1280])
def test_labels_of_what_is_shared_are_whole(
    browser: Browser, bad: Bundle, tmp_path: Path, width: int
) -> None:
    with visit(browser, viewport={"width": width, "height": 740}) as visitor:
        page = visitor.to(written(bad, tmp_path))
        picture = page.locator("#network svg").bounding_box()
        boxes = [label.bounding_box() for label in page.locator("#network text").all()]
        assert picture
        assert boxes
        for box in boxes:
            assert box
            assert picture["x"] <= box["x"] + 2
            assert box["x"] + box["width"] <= picture["x"] + picture["width"] + 2


def test_it_prints(visitor: Visit, bundle: Bundle, tmp_path: Path) -> None:
    page = visitor.to(written(bundle, tmp_path))
    page.emulate_media(media="print")
    expect(page.locator("nav")).to_be_hidden()
    expect(page.locator("#search")).to_be_hidden()
    expect(page.locator("#treemap")).to_be_visible()
    assert page.pdf().startswith(b"%PDF")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Ten thousand images in ten datasets."""
    images = [f"Image/{number}" for number in range(10_000)]
    nodes = [Node(iri, "Image", {"name": f"cell {iri}"}) for iri in images]
    sets = {f"Dataset/{number}": tuple(images[number::10]) for number in range(10)}
    nodes += [Node(iri, "Dataset", {"name": iri}, {"images": held}) for iri, held in sets.items()]
    nodes.append(Node("Project/1", "Project", {"name": "all"}, {"datasets": tuple(sets)}))
    graph = TransferGraph(Header(sample.header().base, "6b1c", roots=("Project/1",)), nodes)
    return bundles.write(tmp_path_factory.mktemp("many") / "large", graph)


def test_ten_thousand_images_are_rows_only_once_they_are_looked_at(
    visitor: Visit, many: Bundle, tmp_path: Path
) -> None:
    page = visitor.to(written(many, tmp_path))
    expect(page.get_by_text("10,000 images", exact=False).first).to_be_visible()
    assert page.locator("[role=treeitem]").count() == 11
    page.get_by_role("treeitem", name="Dataset Dataset/9").click()
    page.get_by_role("treeitem", name="Show 100 more of 900").press("Enter")
    assert focused(page) == "cell Image/1009"
    assert page.locator("[role=treeitem]").count() == 11 + 200 + 1
    page.locator("#search").fill("Image/9998")
    page.locator("#hits button").click()
    assert focused(page) == "cell Image/9998"


# -- the served page


def test_a_query_is_run_with_the_keyboard_and_answered_as_a_table(
    visitor: Visit, address: str
) -> None:
    page = visitor.to(address)
    editor = page.get_by_label("SPARQL query")
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(
        "SELECT ?image ?name { ?image a model:Image ; ome:Name ?name } ORDER BY ?name"
    )
    page.keyboard.press("Control+Enter")
    expect(page.locator("#status")).to_contain_text("3 rows in")
    cells = page.locator("#answer tbody tr").first.locator("td")
    expect(cells).to_have_text(["Image/7", "a.ome.tif [0]"])
    page.locator("#answer").get_by_role("button", name="Image/7").click()
    assert focused(page) == "a.ome.tif [0]"


def test_queries_of_the_library_are_chosen_and_run(visitor: Visit, address: str) -> None:
    page = visitor.to(address)
    page.get_by_label("Named queries").select_option("images-without-tag")
    expect(page.locator("#sentence")).not_to_be_empty()
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#status")).to_contain_text("1 row in")
    expect(page.locator("#answer")).to_contain_text("Image/9")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert "Image/9" in download.value.path().read_text()


def test_the_editor_completes_terms(visitor: Visit, address: str) -> None:
    page = visitor.to(address)
    page.get_by_label("SPARQL query").click()
    page.keyboard.press("Control+a")
    page.keyboard.type("SELECT * { ?s model:ImageAnn")
    expect(page.locator(".cm-tooltip-autocomplete")).to_have_count(0)
    page.keyboard.press("Control+a")
    page.keyboard.type("SELECT * { ?s omero:ImageAnn")
    expect(page.locator(".cm-tooltip-autocomplete")).to_contain_text("omero:ImageAnnotationLink")


def test_failures_and_triples_are_shown(browser: Browser, address: str) -> None:
    with visit(browser) as visitor:
        page = visitor.to(address)
        ask(page, "SELECT nonsense")
        expect(page.locator("#status.failed")).to_contain_text("is not a valid SPARQL query")
        ask(page, "DESCRIBE <Project/51>")
        expect(page.locator("#answer pre")).to_contain_text('"Mitosis"')
        ask(page, "ASK { <Project/51> a model:Project }")
        expect(page.locator("#status")).to_contain_text("Yes")
        assert [each for each in visitor.complaints if "400" not in each] == []


def ask(page: Page, text: str) -> None:
    page.get_by_label("SPARQL query").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)
    page.keyboard.press("Control+Enter")


def test_live_search_finds_what_the_tree_has_not(visitor: Visit, address: str) -> None:
    page = visitor.to(address)
    page.get_by_label("Search everything").fill("rectangle/11")
    page.locator("#hits button").first.click()
    details = page.locator("#details")
    expect(details.get_by_role("row", name="width 10.0")).to_be_visible()
    details.get_by_role("button", name="Roi/4").click()
    expect(details.locator("h3").first).to_have_text("cell")
    details.get_by_role("button", name="Image/7").click()
    assert focused(page) == "a.ome.tif [0]"


def test_hostile_names_are_not_obeyed_when_served(visitor: Visit, bad: Bundle) -> None:
    with served(bad) as url:
        page = visitor.to(url)
        ask(page, "SELECT ?v { ?s omero:name|ome:Name|ome:Value ?v }")
        expect(page.locator("#answer tbody")).to_contain_text(hostile.CLOSING)
        page.get_by_label("Search everything").fill("onerror")
        expect(page.locator("#hits")).to_contain_text(hostile.CLOSING)
        page.locator("#hits button", has_text="Dataset/101").click()
        page.keyboard.press("ArrowRight")
        page.locator("#branches .name", has_text=hostile.QUOTES).click()
        expect(page.locator("#details img")).to_have_js_property("naturalWidth", 1)
        expect(page.locator("#details")).to_contain_text(hostile.LONG.strip())
        assert page.evaluate("typeof window.owned") == "undefined"
