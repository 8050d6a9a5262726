"""A real Chromium that looks at a page, the status page first, and what it must never see there."""

import contextlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)
from tests.system_programs import system_program

PHONE: ViewportSize = {"width": 360, "height": 780}
DESK: ViewportSize = {"width": 1100, "height": 800}
WALL: ViewportSize = {"width": 1920, "height": 1080}
SHOWN_TIMEOUT_MS = 20_000.0
UNKNOWN = "\u2013"
"""What the page shows where a figure is not known."""
_RULES: Mapping[Literal["light", "dark"], Sequence[str]] = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "dark": ["color-contrast"],
}
_LOOKS = itertools.count(1)

expect.set_options(timeout=SHOWN_TIMEOUT_MS)


@contextlib.contextmanager
def running_browser() -> Iterator[Browser]:
    """Run one Chromium for the length of a `with` block; `asyncio.run` is of no use inside it."""
    program = system_program("chromium")
    with sync_playwright() as playwright:
        # Without its sandbox, which containers do not let it have; it sees nothing but our page.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def assert_fits(page: Page) -> None:
    """Nothing has to be scrolled sideways, from a phone to a wall."""
    for size in (PHONE, DESK, WALL):
        page.set_viewport_size(size)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size["width"], size


def assert_accessible(page: Page) -> None:
    """axe finds nothing, in light and dark."""
    for scheme, rules in _RULES.items():
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = Axe().run(page, options={"runOnly": rules})
        assert found.violations_count == 0, found.generate_report()


@dataclass(slots=True)
class StatusPage:
    """The status page in one tab.

    Attributes:
        page: The tab.
        complaints: What the browser wrote to its console: errors, warnings, violated policies.
        elsewhere: Addresses it asked for that are neither the page nor its figures.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(SHOWN_TIMEOUT_MS)
        self.page.on("console", lambda message: self._note(message))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._note_address(request.url))

    def open(self, url: str) -> None:
        """Load the page and wait for its first figures."""
        self.page.goto(url)
        expect(self.page.locator("#figures")).to_be_visible(timeout=5000)

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def part(self, stream: str, name: str) -> str:
        """Return the text of one figure of a stream."""
        return self.text(f"#stream-{stream} [data-is={name}]")

    def table(self, selector: str) -> list[list[str]]:
        """Return the texts of the cells of a table's body."""
        rows: list[list[str]] = self.page.locator(selector).evaluate(
            "body => [...body.rows].map(row => [...row.cells].map(cell => cell.textContent))"
        )
        return rows

    @contextlib.contextmanager
    def frozen(self) -> Iterator[dict[str, Any]]:
        """Show the figures of this moment for the length of a `with` block, and give them."""
        document: dict[str, Any] = self.page.request.get(f"{self.page.url}status.json").json()
        with self.shown(document):
            yield document

    @contextlib.contextmanager
    def shown(self, document: dict[str, Any]) -> Iterator[None]:
        """Show one and the same document for the length of a `with` block, marked as ours."""
        document["version"] = f"{document['version']}, look {next(_LOOKS)}"
        place = re.compile(r"/status\.json$")
        self.page.route(place, lambda route, request: route.fulfill(json=document))
        try:
            # As if the tab had been away: it asks at once.
            self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
            expect(self.page.locator("#version")).to_have_text(document["version"])
            yield
        finally:
            self.page.unroute(place)

    def assert_fits(self) -> None:
        """Nothing has to be scrolled sideways, from a phone to a wall."""
        assert_fits(self.page)

    def assert_accessible(self) -> None:
        """axe finds nothing, in light and dark, and each curve is told in words."""
        assert_accessible(self.page)
        labels = self.page.get_by_role("img").evaluate_all(
            "charts => charts.map(chart => chart.getAttribute('aria-label'))"
        )
        assert all(re.match(r"Rows per second over .*: received .*stored", x) for x in labels)

    def _note(self, message: ConsoleMessage) -> None:
        self.complaints.append(f"{message.type}: {message.text}")

    def _note_address(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "data" and parts.path not in ("/", "/status.json"):
            self.elsewhere.append(url)


@contextlib.contextmanager
def status_tab(browser: Browser, **settings: Any) -> Iterator[StatusPage]:
    """Open one tab for the length of a `with` block; the browser must have nothing to say of it."""
    context = browser.new_context(viewport=PHONE, **settings)
    seen = StatusPage(context.new_page())
    yield seen
    context.close()
    assert (seen.complaints, seen.elsewhere) == ([], [])
