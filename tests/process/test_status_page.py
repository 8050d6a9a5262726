"""The status page in a real Chromium beside a real service, through good times and bad."""

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, HttpCredentials, expect
from tests.process.own_questdb import OwnQuestDB, apply_schema
from tests.process.running_service import MakeId, RunningService, run_service
from tests.process.sample_readings import reading_lines
from tests.process.status_browser import UNKNOWN, StatusPage, running_browser, status_tab

pytestmark = [pytest.mark.process, pytest.mark.questdb]

METERS, PLANTS = "meter_usage", "generation_output"
SINK = {"delivery_timeout_ms": 2_000, "request_timeout_ms": 1_000}
TOKEN = "for-those-who-look"  # noqa: S105
LOGIN: HttpCredentials = {"username": "anyone", "password": TOKEN}
SETTINGS = {METERS: {"sink": SINK}, "metrics": {"auth_bearer_token": TOKEN}}
WORKING = re.compile("^(All is well|Ready, but|Storing, but)")
"""The first line while nothing is wrong; what was refused by a test before is still told."""
FAILED = "error: Failed to load resource:"
BAD_LINES = b'{"ts":"2024-01-01T00:00:00Z","meter_id":"m","kwh":"x"}\n{"ts":1}\n{\n'


@dataclass(frozen=True, slots=True)
class Stage:
    """One service with a QuestDB of its own, and a tab that stays open all the time."""

    service: RunningService
    own: OwnQuestDB
    browser: Browser
    seen: StatusPage

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.service.ports.operations}/"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    place = tmp_path_factory.mktemp("status_page")
    own = OwnQuestDB(place)
    with contextlib.ExitStack() as running:
        browser = running.enter_context(running_browser())
        running.callback(own.server.stop)
        own.server.start()
        service = running.enter_context(run_service(place, own.addresses, SETTINGS, ready=False))
        apply_schema(service, place)
        service.wait_ready()
        seen = running.enter_context(status_tab(browser, http_credentials=LOGIN))
        stage = Stage(service, own, browser, seen)
        seen.open(stage.url)
        yield stage


@contextlib.contextmanager
def steady_load(service: RunningService, run: str) -> Iterator[None]:
    """Post good and bad lines for the length of a `with` block."""
    over = threading.Event()
    body = reading_lines(run, 50) + BAD_LINES

    def post_on() -> None:
        while not over.wait(0.02):
            service.post_lines(body)

    client = threading.Thread(target=post_on)
    client.start()
    try:
        yield
    finally:
        over.set()
        client.join()


def assert_shows(seen: StatusPage, document: dict[str, Any]) -> None:
    """What the page shows is what the document says."""
    for name, stream in document["streams"].items():
        for what in ("received", "stored", "refused"):
            assert seen.part(name, what) == f"{stream['now'][f'{what}_rows_per_s']:,}"
        rows, capacity = stream["buffer"]["held_rows"], stream["buffer"]["capacity_rows"]
        assert seen.part(name, "queue").endswith(f", {rows:,} of {capacity:,} rows")
        stored, received = stream["stored_rows"], stream["received_rows"]
        assert seen.part(name, "stored-rows") == f"{stored:,} of {received:,}"
        workers = seen.table(f"#stream-{name} [data-is=workers]")
        assert [row[:2] + row[3:] for row in workers] == [
            [str(w["pid"]), w["state"], f"{w['stored_rows']:,}", f"{w['held_rows']:,}"]
            for w in stream["workers"]
        ]
        reasons = {**stream["rejected_by_reason"], **stream["failed_by_reason"]}
        lately = stream["last_minute"]["refused_by_reason"]
        assert {row[0]: row[1:3] for row in seen.table(f"#stream-{name} [data-is=reasons]")} == {
            reason: [f"{lately.get(reason, 0):,}", f"{count:,}"]
            for reason, count in reasons.items()
        } or not reasons
        answers = seen.table(f"#stream-{name} [data-is=answers]")
        codes = stream["requests_by_code"]
        assert {row[0][:3]: row[2] for row in answers if codes} == {
            code: f"{count:,}" for code, count in codes.items()
        }
    tables = document["questdb"]["tables"]
    assert {row[0]: row[2] for row in seen.table("#tables") if tables} == {
        name: f"{table['wal_lag_transactions']:,}" for name, table in tables.items()
    }
    errors = [row[1:] for row in seen.table("#errors") if document["errors"]]
    assert errors == [
        [e["stream"], e["code"], f"{e['line']:,}" if e["line"] else UNKNOWN, e["field"] or UNKNOWN]
        for e in document["errors"]
    ]
    assert seen.text("#version") == document["version"]


def assert_in_order(stage: Stage) -> None:
    """Figures are right, nothing overflows, and everybody can read it: in whatever state."""
    with stage.seen.frozen() as document:
        assert_shows(stage.seen, document)
        stage.seen.assert_fits()
        stage.seen.assert_accessible()


def test_idle_service_is_well_and_waits(stage: Stage) -> None:
    expect(stage.seen.page.locator("#state")).to_have_text("All is well: ready, waiting for data")
    expect(stage.seen.page.locator("#questdb-state")).to_have_text("up")
    assert "OK" in stage.seen.page.title()
    assert_in_order(stage)


def test_load_is_seen_arriving_stored_and_refused(stage: Stage, make_id: MakeId) -> None:
    page = stage.seen.page
    with steady_load(stage.service, make_id("m")):
        expect(page.locator("#arriving .answer")).to_have_text("Yes")
        expect(page.locator("#stored .answer")).to_have_text("Yes")
        expect(page.locator("#refused .detail")).to_contain_text("wrong-type")
        expect(page.locator(f"#stream-{METERS} .chip")).to_contain_text("of the rows")
        assert_in_order(stage)
        with stage.seen.frozen() as document:
            curve = page.locator(f"#stream-{METERS} [data-is=stored-line]").get_attribute("d")
            history = document["streams"][METERS]["history"]["stored_rows_per_s"]
            assert curve is not None
            assert len(curve.split("L")) == len(history)
            assert len(set(history)) > 1
    stage.service.post_lines(reading_lines(make_id("m"), 5)).accepted_all()


def test_suspended_table_is_named_until_it_is_resumed(stage: Stage) -> None:
    page = stage.seen.page
    stage.own.tables.execute(f"ALTER TABLE {PLANTS} SUSPEND WAL")
    try:
        expect(page.locator("#state")).to_contain_text("Not ready")
        expect(page.locator("#troubles")).to_contain_text(f"ALTER TABLE {PLANTS} RESUME WAL")
        expect(page.locator("#questdb-state")).to_have_text("up, but see its tables")
        expect(page.locator(f"#stream-{PLANTS} .chip")).to_contain_text("turned away")
        [state] = [row[1] for row in stage.seen.table("#tables") if row[0] == PLANTS]
        assert state == "suspended"
        assert "WRONG" in page.title()
        assert_in_order(stage)
    finally:
        stage.own.tables.execute(f"ALTER TABLE {PLANTS} RESUME WAL")
    expect(page.locator("#state")).to_have_text(WORKING)


def test_token_is_needed_for_the_page_and_one_that_goes_wrong_is_said(stage: Stage) -> None:
    """Only the first challenge is one that Chromium knows; `stage` has answered it."""
    answer = stage.service.ask_operations("/")
    assert (answer.status, answer.headers["www-authenticate"][:6]) == (401, "Basic ")
    seen, place = stage.seen, re.compile(r"/status\.json$")
    seen.page.route(place, lambda route, request: route.fulfill(status=401))
    state = seen.page.locator("#state")
    expect(state).to_have_text("The service asks for a token: reload this page")
    assert set(seen.complaints) == {
        f"{FAILED} the server responded with a status of 401 (Unauthorized)"
    }
    seen.page.unroute(place)
    expect(state).to_have_text(WORKING)
    seen.complaints.clear()


def test_page_without_contact_says_how_old_it_is_and_lives_through_a_restart(
    stage: Stage,
) -> None:
    seen, service = stage.seen, stage.service
    page = seen.page
    assert service.terminate() == 0
    expect(page.locator("#state")).to_have_text("Lost contact with the service")
    expect(page.locator("#lost")).to_contain_text(
        re.compile(r"is \d+ s old, from \d\d:\d\d:\d\d\.")
    )
    expect(page.locator("#lost")).to_contain_text("It does not answer. Trying again")
    assert "WRONG" in page.title()
    assert_marked_old(seen)
    # No page can keep its browser from writing that nobody answered.
    assert set(seen.complaints) == {f"{FAILED} net::ERR_CONNECTION_REFUSED"}
    seen.complaints.clear()

    service.start()
    service.wait_ready()
    expect(page.locator("#state")).to_contain_text("All is well")
    expect(page.locator("#lost")).to_be_hidden()
    assert re.fullmatch(r"\d+ s", seen.text("#uptime"))
    seen.complaints.clear()


def assert_marked_old(seen: StatusPage) -> None:
    """The old figures stay, marked by more than a colour, and the page can still be read."""
    seen.assert_fits()
    seen.assert_accessible()
    assert "old" in seen.text("#age")
    border = seen.page.locator("#arriving").evaluate("e => getComputedStyle(e).borderLeftStyle")
    assert border == "dashed"
    expect(seen.page.locator("#figures")).to_be_visible()


def test_questdb_that_is_down_is_said_and_what_is_refused_for_it(stage: Stage) -> None:
    page = stage.seen.page
    stage.own.server.stop()
    assert stage.service.post_lines(reading_lines("m", 5)).status == 503
    expect(page.locator("#state")).to_have_text("Not ready: readings are not being stored")
    expect(page.locator("#questdb-state")).to_have_text("does not answer")
    expect(page.locator("#questdb-reason")).to_contain_text("cannot connect to QuestDB")
    expect(page.locator("#stored .answer")).to_have_text("No")
    expect(page.locator("#refused .detail")).to_contain_text("503 not storing")
    expect(page.locator("#tables")).to_contain_text("not known")
    assert_in_order(stage)
