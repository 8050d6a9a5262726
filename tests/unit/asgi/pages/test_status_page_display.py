"""What the page makes of a document: in a real Chromium, without a service."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Route, expect
from tests.process.status_browser import UNKNOWN, StatusPage, running_browser, status_tab

from utility_ts_analytics.asgi.pages.status_page import read_status_page

METERS = "meter_usage"
URL = "http://status.test/"
FLOWS = ("received_rows_per_s", "stored_rows_per_s", "refused_rows_per_s")
STREAM: dict[str, Any] = {
    "delivery": {"first": "ilp", "fallback": "pgwire", "ack": "committed"},
    **dict.fromkeys(("received_rows", "stored_rows", "held_rows", "spooled_rows"), 0),
    **dict.fromkeys(("retries", "restarts", "fallback_lanes"), 0),
    **{name: {} for name in ("rejected_by_reason", "failed_by_reason", "requests_by_code")},
    "buffer": {"held_rows": 0, "capacity_rows": 1000, "bytes": 0},
    "last_stored_at": None,
    "now": {},
    "last_minute": {},
    "history": {"step_s": 1.0, **{name: [] for name in FLOWS}},
    "workers": [
        {"pid": 7, "state": "serving", "stored_rows": 0, "held_rows": 0, "memory_bytes": 0}
    ],
}
FACTS: dict[str, Any] = {
    "version": "1.2.3",
    "uptime_s": 1,
    "now": 1_700_000_000.0,
    "ready": True,
    "reasons": [],
    "warnings": [],
    "questdb": {"up": True, "reason": "", "tables": {}},
    "streams": {METERS: STREAM},
    "errors": [],
}


def facts_with(**members: object) -> dict[str, Any]:
    """Return the document with members of its stream changed."""
    return copy.deepcopy({**FACTS, "streams": {METERS: {**STREAM, **members}}})


@pytest.fixture(scope="module")
def seen() -> Iterator[StatusPage]:
    page = read_status_page()
    headers = {**page.headers, "content-type": page.media_type}

    def answer(route: Route) -> None:
        if route.request.url == URL:
            route.fulfill(body=page.body, headers=headers)
        else:
            route.fulfill(json=FACTS)

    with running_browser() as browser, status_tab(browser) as seen:
        seen.page.route("**/*", lambda route, request: answer(route))
        seen.open(URL)
        yield seen


def test_service_that_has_just_started_shows_what_is_not_known_as_such(seen: StatusPage) -> None:
    with seen.shown(facts_with()):
        assert seen.text("#state") == "All is well: ready, waiting for data"
        for figure in ("request", "flush", "flush-rows", "received"):
            assert seen.part(METERS, figure) == UNKNOWN
        assert seen.part(METERS, "last-stored") == "never"
        assert seen.table("#errors") == [["none since the start"]]
        assert seen.part(METERS, "none") == "no rows in this time"


def flow(received: int, stored: int, refused: int = 0) -> dict[str, Any]:
    rates = dict(zip(FLOWS, (received, stored, refused), strict=True))
    history = {"step_s": 1.0, **{name: [rate] * 30 for name, rate in rates.items()}}
    return {"now": {**rates, "requests_per_s": 1}, "history": history}


@pytest.mark.parametrize(
    ("members", "level", "words"),
    [
        (flow(100, 100), "ok", "storing"),
        ({**flow(100, 0), "held_rows": 5}, "bad", "none was stored for 20 s"),
        ({**flow(100, 0, 100), "held_rows": 5}, "ok", "waiting for data"),
        ({"workers": []}, "bad", "no worker is serving"),
        ({"workers": [{**STREAM["workers"][0], "state": "refusing"}]}, "bad", "turned away"),
        ({"fallback_lanes": 2}, "note", "2 lanes on the fallback (pgwire)"),
        ({"spooled_rows": 1234}, "note", "1,234 rows on disk"),
        ({"buffer": {"held_rows": 901, "capacity_rows": 1000}}, "note", "nearly full"),
        ({"buffer": {"held_rows": 900, "capacity_rows": 1000}}, "ok", "waiting"),
        ({"last_minute": {"refused_share": 0.051}}, "note", "5.1 % of the rows"),
        ({"last_minute": {"refused_share": 0.05}}, "ok", "waiting"),
        ({"last_minute": {"request_p99_ms": 10_001.0}}, "note", "up to 10 s (p99)"),
        (
            {
                "failed_by_reason": {"draining": 9},
                "last_minute": {"refused_by_reason": {"draining": 9}},
            },
            "bad",
            "given back unstored in the last minute: 9 draining",
        ),
    ],
)
def test_trouble_is_red_only_where_rows_are_at_stake(
    members: dict[str, Any], level: str, words: str, seen: StatusPage
) -> None:
    with seen.shown(facts_with(**members)):
        chip = seen.page.locator(f"#stream-{METERS} .chip")
        assert words in chip.inner_text()
        assert chip.get_attribute("data-level") == level
        assert seen.page.locator("#overall").get_attribute("data-level") == level
        told = "" if level == "ok" else seen.text("#troubles")
        assert level == "ok" or words in told


def test_a_warning_of_the_service_is_a_note_and_text(seen: StatusPage) -> None:
    facts = facts_with()
    facts["warnings"] = ["memory maps: <b>near</b> the limit"]
    with seen.shown(facts):
        assert "<b>near</b> the limit" in seen.text("#troubles")
        assert seen.page.locator("#overall").get_attribute("data-level") == "note"
        assert seen.text("#state") == "Ready, but something needs a look"


def test_text_of_clients_and_databases_stays_text(seen: StatusPage) -> None:
    markup = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    facts = facts_with(rejected_by_reason={markup: 3})
    facts["reasons"] = [markup]
    facts["errors"] = [{"at": 1.0, "stream": markup, "code": markup, "line": 1, "field": markup}]
    facts["questdb"]["reason"] = markup
    facts["questdb"]["up"] = False
    with seen.shown(facts):
        assert markup in seen.text("#troubles")
        assert seen.text("#questdb-reason") == markup
        [[_, stream, code, _, field]] = seen.table("#errors")
        assert {stream, code, field} == {markup}
        assert seen.page.locator("img[src], script").count() == 1  # the page's own script


def test_answer_that_is_no_status_is_said_and_gotten_over(seen: StatusPage) -> None:
    with seen.shown(facts_with()):
        seen.page.route("**/status.json", lambda route, request: route.fulfill(body="nonsense"))
        expect(seen.page.locator("#state")).to_have_text("Lost contact with the service")
        expect(seen.page.locator("#lost")).to_contain_text("cannot be shown")
        seen.page.unroute("**/status.json")
        expect(seen.page.locator("#state")).to_contain_text("All is well")


def test_everything_is_reached_by_keyboard_and_its_focus_is_seen(seen: StatusPage) -> None:
    facts = facts_with()
    error = {"at": 1.0, "stream": METERS, "code": "wrong-type", "line": 1, "field": "kwh"}
    facts["errors"] = [error] * 50
    with seen.shown(facts):
        page, reached = seen.page, []
        page.evaluate("document.activeElement.blur()")
        for _ in range(5):
            page.keyboard.press("Tab")
            reached.append(
                page.evaluate(
                    "(e => [e.getAttribute('href') || e.getAttribute('aria-label'),"
                    " getComputedStyle(e).outlineStyle])(document.activeElement)"
                )
            )
        names = [name for name, _ in reached]
        links = ["status.json", "metrics", "readyz", "openapi.json"]
        assert names == ["Last errors, newest first", *links]
        assert {outline for _, outline in reached} == {"solid"}


def test_only_the_overall_state_is_announced_and_nothing_moves_unasked(seen: StatusPage) -> None:
    page = seen.page
    live = page.locator("[aria-live], [role=status], [role=alert], [role=log]")
    assert live.evaluate_all("found => found.map(e => e.id)") == ["state"]
    page.emulate_media(reduced_motion="reduce")
    moving = "[...document.querySelectorAll('*')].filter(e =>" + (
        " !['0s', ''].includes(getComputedStyle(e).transitionDuration)).length"
    )
    assert page.evaluate(moving) == 0
    landmarks = [page.get_by_role(role).count() for role in ("banner", "main", "contentinfo")]
    assert landmarks == [1, 1, 1]
