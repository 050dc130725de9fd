"""What a reader meets in a browser: run by the Python of browser.lock, prints JSON.

    python in_browser.py SITE HOSTILE_SITE

It does what a reader does, and tells what came of it; test_site.py judges. Chromium is Debian's.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# where a source is on the canvas of the map
PLACE = """([lon, lat]) => {
  const view = [...Bokeh.index.roots][0];
  const box = view.canvas_view.el.getBoundingClientRect();
  return [box.left + view.frame.x_scale.compute(lon), box.top + view.frame.y_scale.compute(lat)];
}"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder on a plain web server of this machine."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Reader:
    """A window, and what went wrong in it."""

    def __init__(self, browser: Browser, **options) -> None:
        self.context = browser.new_context(**{"viewport": WIDE, **options})
        self.page: Page = self.context.new_page()
        self.trouble: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.trouble.append(f"error: {error}"))
        self.page.on("dialog", lambda box: (self.trouble.append("dialog"), box.dismiss()))
        self.page.on("request", self._asked)
        self.page.on("requestfailed", lambda r: self.trouble.append(f"failed: {r.url[:100]}"))

    def _said(self, message) -> None:
        if message.type in ("error", "warning"):
            self.trouble.append(f"{message.type}: {message.text[:300]}")

    def _asked(self, request) -> None:
        scheme, _, rest = request.url.partition(":")
        self.hosts.add(rest[2:].split("/")[0] if scheme.startswith("http") else scheme)

    def open(self, url: str) -> Page:
        self.page.goto(url)
        if "index.html" in url:
            self.page.wait_for_selector("#map[data-ready=yes]", timeout=20_000)
        return self.page

    def rows(self) -> list[list[str]]:
        """The rows of the table that are shown."""
        return self.page.eval_on_selector_all(
            "#sources tbody tr",
            "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))",
        )

    def search(self, words: str) -> list[str]:
        """Names that a search leaves."""
        self.page.fill(".dt-search input", words)
        return [row[0] for row in self.rows()]


def read_front(reader: Reader, address: str) -> dict:
    """Search, sort, filter, download, tap, read, go back."""
    page, found = reader.open(f"{address}/index.html"), {}
    times = page.evaluate(
        "() => [performance.now(), performance.getEntriesByType('navigation')[0].loadEventEnd]"
    )
    found["milliseconds"] = {"map": round(times[0]), "load": round(times[1])}
    page.click("#sources tbody tr:nth-child(3) td:nth-child(2)")
    found["clicked"] = page.inner_text("#picked")
    first = reader.rows()[0]
    found["names"] = {
        what: reader.search(name)
        for what, name in (("4FGL", "LS 5039"), ("Chandra", first[5]), ("object", first[6]))
    }
    found["first"] = first
    reader.search("")
    page.click("#sources thead th:nth-child(8)")
    page.wait_for_selector("#sources thead th:nth-child(8)[aria-sort=ascending]")
    found["least_longitude"] = reader.rows()[0][7]
    page.select_option("#of-state", "confused")
    page.fill("#least-p", "0.3")
    found["filtered"] = page.inner_text(".dt-info")
    with page.expect_download() as download:
        page.click("text=download these as CSV")
    found["csv"] = Path(download.value.path()).read_text(encoding="utf-8-sig")
    page.click("text=clear")
    page.wait_for_selector(".dt-info:not(:has-text('filtered'))")
    found["cleared"] = page.inner_text(".dt-info")
    # LS 5039 on the map; nothing else is so near
    x, y = page.evaluate(PLACE, [16.881, -1.2906])
    page.mouse.click(x, y)
    page.wait_for_selector("#picked:has-text('J1826.2')")
    found["tapped"] = page.inner_text("#picked")
    found["marked"] = page.eval_on_selector_all(
        "#sources tr.picked td:first-child", "cells => cells.map(cell => cell.textContent)"
    )
    page.uncheck("#layers input[data-layer='not observed']")
    found["layer"] = page.evaluate(
        "() => [...Bokeh.index.roots][0].model.renderers"
        ".find(layer => layer.name == 'not observed').visible"
    )
    page.click("text=Open its page")
    page.wait_for_selector("svg.finding")
    found["page"] = page.inner_text("h1")
    found["star"] = page.inner_text(".around table")
    page.click("a[rel=next]")
    page.wait_for_selector("svg.finding")
    found["next"] = page.inner_text("h1")
    page.go_back()
    page.go_back()
    page.wait_for_selector("#map[data-ready=yes]")
    found["back"] = page.title()
    return found


def by_keyboard(reader: Reader, address: str) -> dict:
    """From the first key to a source's page."""
    page, found = reader.open(f"{address}/index.html"), {}
    page.keyboard.press("Tab")
    found["first"] = page.evaluate("() => document.activeElement.textContent")
    page.keyboard.press("Enter")
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.matches('.dt-search input')"):
            break
        reached.append(page.evaluate("() => document.activeElement.tagName"))
    page.keyboard.type("LS 5039")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.closest('tbody') !== null"):
            break
    found["picked"] = page.inner_text("#picked")
    outline = "() => getComputedStyle(document.activeElement).outlineStyle"
    found["outline"] = page.evaluate(outline)
    page.keyboard.press("Enter")
    page.wait_for_selector("svg.finding")
    found["page"] = page.inner_text("h1")
    return found


def width_of(page: Page) -> int:
    return page.evaluate("() => document.scrollingElement.scrollWidth")


def accessibility(page: Page) -> list[str]:
    """What axe-core objects to."""
    answer = Axe().run(page).response
    return [
        f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:160]}"
        for one in answer["violations"]
    ]


def main(site: Path, hostile: Path) -> dict:
    found: dict = {"front": {}, "accessibility": {}, "trouble": {}, "hosts": {}, "narrow": {}}
    sources = sorted(path.name for path in (site / "sources").iterdir())
    largest = max(sources, key=lambda name: (site / "sources" / name).stat().st_size)
    least = min(sources, key=lambda name: (site / "sources" / name).stat().st_size)
    some = [
        "index.html", "figures.html", "method.html", "notebook.html", "columns.html", "run.html",
        f"sources/{largest}", f"sources/{least}", "sources/4FGL_J1826.2-1450.html",
    ]  # fmt: skip
    with sync_playwright() as play, served(site) as address:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for way, at in (("file", site.as_uri()), ("server", address)):
            reader = Reader(browser)
            found["front"][way] = read_front(reader, at)
            found["trouble"][way], found["hosts"][way] = reader.trouble, sorted(reader.hosts)
        reader = Reader(browser)
        found["keyboard"] = by_keyboard(reader, site.as_uri())
        found["trouble"]["keyboard"] = reader.trouble
        for scheme, view in (("light", WIDE), ("dark", NARROW)):
            reader = Reader(browser, viewport=view, color_scheme=scheme)
            for name in some:
                page = reader.open(f"{site.as_uri()}/{name}")
                found["accessibility"][f"{name}, {scheme}"] = accessibility(page)
                if view is NARROW:
                    found["narrow"][name] = width_of(page)
            found["trouble"][scheme] = reader.trouble
        page = Reader(browser, java_script_enabled=False).page
        page.goto(f"{site.as_uri()}/index.html")
        found["without_scripts"] = {
            "rows": page.locator("#sources tbody tr").count(),
            "links": page.locator("#map svg a").count(),
            "filters": page.locator("#filters").is_visible(),
        }
        reader = Reader(browser)
        for path in ["index.html", *(f"sources/{p.name}" for p in (hostile / "sources").iterdir())]:
            reader.open(f"{hostile.as_uri()}/{path}")
        reader.open(f"{hostile.as_uri()}/index.html")
        reader.page.click("#sources tbody tr:nth-child(1) td:nth-child(2)")
        found["hostile"] = {
            "ran": reader.page.evaluate("() => window.ran === undefined"),
            "trouble": reader.trouble,
            "rows": len(reader.rows()),
        }
        browser.close()
    return found


if __name__ == "__main__":
    print(json.dumps(main(*map(Path, sys.argv[1:3]))))
