# SPDX-License-Identifier: GPL-2.0-or-later
"""A headless Chromium, where there is one, and a served bundle."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from graphxfer.bundle import Bundle
from graphxfer.inspect import serve

CHROMIUM = os.environ.get("GRAPHXFER_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser, or skip the test where none is installed."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium, or set GRAPHXFER_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A visit to a page, with all that the browser complained of or asked for.

    Parameters
    ----------
    page : Page
        Playwright's.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda it: self._complain(it.text) if it.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: self.asked.append(request.url))

    def _complain(self, text: str) -> None:
        # Chromium itself styles what is typed over a selection; the page's policy forbids that.
        if not text.startswith("Applying inline style"):
            self.complaints.append(text)

    def to(self, url: str) -> Page:
        """Go to a page and wait until it is ready."""
        self.page.goto(url)
        self.page.wait_for_selector("html[data-ready]", state="attached")
        return self.page


@contextmanager
def visit(browser: Browser, **options: object) -> Iterator[Visit]:
    """Open a page of its own; options as of Playwright's ``new_context``."""
    context = browser.new_context(**options)  # type: ignore[arg-type]
    context.set_default_timeout(10_000)
    try:
        yield Visit(context.new_page())
    finally:
        context.close()


@contextmanager
def served(bundle: Bundle, options: serve.Options | None = None) -> Iterator[str]:
    """Serve a bundle and tell its address."""
    with serve.server(bundle, options or serve.Options()) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.port}/"
        finally:
            server.shutdown()
            thread.join()
