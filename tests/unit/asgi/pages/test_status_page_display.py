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


LOG: dict[str, Any] = {
    **{"lag_messages": 0, "lag_rows_estimate": 0, "lag_s": 0.0, "partitions": 24},
    **{"assigned_partitions": 12, "paused_partitions": 0, "messages_read": 5678, "rebalances": 1},
    **{"letters_waiting": {}, "lost_messages": 0, "last_lost_at": None},
}
TOPIC: dict[str, Any] = {
    **{"stream": METERS, "partitions": 24, "replicas": 3, "in_sync_min": 3},
    **{"under_replicated": 0, "reason": ""},
}
KAFKA: dict[str, Any] = {
    **{"up": True, "reason": "", "brokers": 3, "brokers_in_sync": 3, "last_error": None},
    "topics": {"meters": TOPIC},
}


def consumed(log: dict[str, Any], **kafka: object) -> dict[str, Any]:
    """Return the document of `consume`."""
    facts = facts_with(log={**LOG, **log}, dead_letters=7)
    return {**facts, "kafka": copy.deepcopy({**KAFKA, **kafka})}


def test_nothing_of_kafka_is_shown_where_nothing_goes_there(seen: StatusPage) -> None:
    with seen.shown(facts_with()):
        expect(seen.page.locator("#kafka")).to_be_hidden()
        expect(seen.page.locator("#shards-region")).to_be_hidden()
        assert seen.page.locator("[data-is=log]:visible").count() == 0


def test_consumed_stream_shows_lag_partitions_and_topics(seen: StatusPage) -> None:
    with seen.shown(consumed({})):
        assert seen.text("#kafka-state") == "up"
        assert seen.text("#kafka-brokers") == "3 of 3"
        assert seen.text("#kafka-error") == "none since the start"
        assert seen.table("#topics") == [["meters", "usable", "24", "3 of 3", "5,678"]]
        assert seen.part(METERS, "lag") == "nothing"
        assert seen.part(METERS, "partitions") == "12 of 24 here; 1 rebalance"
        assert seen.part(METERS, "letters") == "7 kept"
        assert seen.text("#state").startswith("All is well")
        seen.assert_fits()
        seen.assert_accessible()


@pytest.mark.parametrize(
    ("log", "part", "words", "level"),
    [
        (
            {"lag_messages": 3, "lag_rows_estimate": 1200, "lag_s": 4.0},
            "lag",
            "3 messages, about 1,200 rows, for 4 s",
            "ok",
        ),
        (
            {"lag_messages": 1, "lag_rows_estimate": None, "lag_s": 901.0},
            "lag",
            "1 message, rows not known, for 15 min",
            "note",
        ),
        (
            {"lost_messages": 1200, "last_lost_at": FACTS["now"] - 60},
            "lost",
            "1,200 messages, the last 60 s ago",
            "ok",  # a warning of the service says it
        ),
        ({"paused_partitions": 4}, "partitions", "12 of 24 here, 4 paused; 1 rebalance", "ok"),
        (
            {"letters_waiting": {"missing": 2, "disk": 1}},
            "letters",
            "7 kept, 3 wait: missing, disk",
            "ok",  # the reasons of the service say it, which are none here
        ),
    ],
)
def test_lag_and_letters_are_said(
    log: dict[str, Any], part: str, words: str, level: str, seen: StatusPage
) -> None:
    with seen.shown(consumed(log)):
        assert seen.part(METERS, part) == words
        assert seen.page.locator("#overall").get_attribute("data-level") == level


def test_broker_that_is_away_is_a_note(seen: StatusPage) -> None:
    behind = {**TOPIC, "in_sync_min": 2, "under_replicated": 24}
    last = {"at": FACTS["now"] - 60, "reason": "no answer in time"}
    facts = consumed({}, brokers_in_sync=2, topics={"meters": behind}, last_error=last)
    with seen.shown(facts):
        assert seen.text("#kafka-state") == "up, but see its topics"
        assert seen.text("#kafka-brokers") == "2 of 3"
        assert seen.text("#kafka-error").endswith("no answer in time")
        assert "topic meters: 24 partitions not on all brokers" in seen.text("#troubles")
        seen.assert_accessible()


def test_kafka_that_cannot_be_used_is_red_and_says_why(seen: StatusPage) -> None:
    unknown = {**TOPIC, "partitions": 0, "replicas": 0, "in_sync_min": 0, "reason": "no answer"}
    away = {"up": False, "reason": "no answer", "brokers": 0, "brokers_in_sync": 0}
    refusing = [{**STREAM["workers"][0], "state": "refusing"}]
    delivery = {"first": "kafka", "fallback": None, "ack": "committed"}
    facts = facts_with(workers=refusing, delivery=delivery, messages_written=3)
    facts |= {"ready": False, "reasons": ["no answer"], "questdb": None}
    facts["kafka"] = {**KAFKA, **away, "topics": {"meters": unknown}}
    with seen.shown(facts):
        assert seen.text("#kafka-state") == "cannot be used"
        assert seen.text("#kafka-reason") == "no answer"
        assert seen.table("#topics") == [["meters", "cannot be used", UNKNOWN, UNKNOWN, "3"]]
        chip = seen.page.locator(f"#stream-{METERS} .chip").inner_text()
        assert "turned away, see Kafka" in chip
        assert seen.text("#troubles") == "no answer"
        seen.assert_accessible()


def test_shards_are_listed_with_their_state(seen: StatusPage) -> None:
    facts = consumed({})
    facts["questdb"] = {**FACTS["questdb"], "shards": {"north": True, "south": False}}
    with seen.shown(facts):
        assert seen.table("#shards") == [["north", "up"], ["south", "does not answer"]]
        seen.assert_accessible()
