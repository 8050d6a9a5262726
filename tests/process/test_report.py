"""`ingestion-service report`: the command, and the page in a real Chromium."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.process.running_service import (
    PROJECT,
    QuestDBPorts,
    ServicePorts,
    free_ports,
    run_command,
    run_without,
    write_config,
)
from tests.process.status_browser import (
    DESK,
    PHONE,
    assert_accessible,
    assert_fits,
    running_browser,
)
from tests.unit.analysis.report.report_frames import HOSTILE
from tests.unit.analysis.report.test_page import seen
from tests.unit.queries.query_rig import LONG_AGO, store

pytestmark = [pytest.mark.process, pytest.mark.questdb]

TARIFF = PROJECT / "tariffs" / "seasonal-three-period.toml"
NAME = HOSTILE.replace("\x01", "")
WEEK = ("--from", "2024-06-03", "--to", "2024-06-10")
DRAWN_TIMEOUT_S = 120.0
"""Two seconds on an idle machine; tests share theirs."""


class Database(QuestDBPorts, Protocol):
    def query(self, sql: str) -> Sequence[Sequence[object]]: ...
    def truncate(self, *tables: str) -> None: ...
    def wait_applied(self, table: str) -> None: ...


def _config(questdb: QuestDBPorts, place: Path) -> Path:
    return write_config(place / "config.toml", questdb, ServicePorts(*free_ports(3)), {})


@pytest.fixture(scope="module")
def sample_page(sample_questdb: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("report")
    out = place / "report.html"
    out.write_text("an older report")
    config = _config(sample_questdb, place)
    done = run_command(
        *("report", "--config", str(config), "--out", str(out), "--tariff", str(TARIFF), *WEEK),
        cwd=place,
        timeout_s=DRAWN_TIMEOUT_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{out}: Readings of 3 to 9 June 2024\n"
    return out


def test_report_replaces_the_older_one_and_leaves_nothing_else(sample_page: Path) -> None:
    assert sorted(path.name for path in sample_page.parent.iterdir()) == [
        *("config.toml", "report.html"),
    ]
    umask = os.umask(0)
    os.umask(umask)
    assert sample_page.stat().st_mode & 0o777 == 0o666 & ~umask
    page = sample_page.read_text()
    assert "Local time</dt><dd>Europe/Berlin" in page  # the tariff's
    assert {"svg", "table", "details"} <= set(seen(page).tags)
    assert len(page) < 600_000


def test_options_that_make_no_sense_are_refused_together(
    sample_questdb: Database, tmp_path: Path
) -> None:
    config = _config(sample_questdb, tmp_path)
    done = run_command(
        *("report", "--config", str(config), "--out", "r.html", "--zone", "Europe/Atlantis"),
        *("--from", "yesterday", "--tariff", "none.toml"),
        cwd=tmp_path,
    )
    assert done.returncode == 2
    for part in ("--tariff: none.toml", "Europe/Atlantis", "'yesterday'", "give both or neither"):
        assert part in done.stderr
    assert not (tmp_path / "r.html").exists()


def test_database_that_is_away_leaves_the_older_report(
    sample_questdb: Database, tmp_path: Path
) -> None:
    config = _config(sample_questdb, tmp_path)
    uri = f"postgresql://admin:quest@127.0.0.1:{free_ports(1)[0]}/qdb"
    (tmp_path / "r.html").write_text("an older report")
    done = run_command(
        *("report", "--config", str(config), "--out", "r.html"),
        cwd=tmp_path,
        extra={"INGESTION__QUESTDB__URI": uri},
    )
    assert done.returncode == 1
    assert done.stderr.startswith("ingestion-service: cannot connect to QuestDB")
    assert len(done.stderr.splitlines()) == 1
    assert (tmp_path / "r.html").read_text() == "an older report"


def test_folder_that_is_not_there_is_named(sample_questdb: Database, tmp_path: Path) -> None:
    config = _config(sample_questdb, tmp_path)
    done = run_command(
        *("report", "--config", str(config), "--out", "no/r.html", *WEEK),
        cwd=tmp_path,
        timeout_s=DRAWN_TIMEOUT_S,
    )
    assert done.returncode == 1
    assert "cannot write no/r.html: No such file or directory" in done.stderr


def test_without_the_extra_the_command_names_it(sample_questdb: Database, tmp_path: Path) -> None:
    config = str(_config(sample_questdb, tmp_path))
    done = run_without("matplotlib", "report", "--config", config, "--out", "r.html", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "ingestion-service: cannot draw a report: matplotlib is not installed;"
        " run pip install 'utility-ts-analytics[analysis]'\n"
    )


@pytest.fixture(scope="module")
def browser(questdb: Database, sample_page: Path) -> Iterator[Browser]:
    """Started after both databases: `asyncio.run` is of no use beside it."""
    assert questdb.pg_uri
    assert sample_page.exists()
    with running_browser() as browser:
        yield browser


@contextlib.contextmanager
def _shown(browser: Browser, file: Path) -> Iterator[Page]:
    """Show a page; afterwards, the browser must have nothing to say of it."""
    context = browser.new_context(viewport=DESK, offline=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: complaints.append(f"asked for {request.url}"))
    page.goto(file.as_uri())
    yield page
    context.close()
    assert complaints == [f"asked for {file.as_uri()}"]


def test_page_is_for_every_screen_and_for_those_who_do_not_see(
    sample_page: Path, browser: Browser
) -> None:
    with _shown(browser, sample_page) as page:
        assert_fits(page)
        for size in (DESK, PHONE):
            page.set_viewport_size(size)
            pictures = page.get_by_role("img")
            assert pictures.count() == 8  # of each chart, one of its two forms
            names = [pictures.nth(place).locator("title").text_content() for place in range(8)]
            assert len(set(names)) == 8
        assert_accessible(page)


def test_colours_of_charts_follow_the_scheme(sample_page: Path, browser: Browser) -> None:
    ink = "getComputedStyle(document.querySelector('svg [fill=\"#16202c\"]')).fill"
    with _shown(browser, sample_page) as page:
        page.emulate_media(color_scheme="light")
        assert page.evaluate(ink) == "rgb(22, 32, 44)"
        page.emulate_media(color_scheme="dark")
        assert page.evaluate(ink) == "rgb(232, 237, 243)"
        page.emulate_media(color_scheme="dark", media="print")
        assert page.evaluate(ink) == "rgb(22, 32, 44)"


def test_what_belongs_together_stays_together_on_paper(sample_page: Path, browser: Browser) -> None:
    breaks = "e => [getComputedStyle(e).breakInside, getComputedStyle(e).breakAfter]"
    with _shown(browser, sample_page) as page:
        page.emulate_media(media="print")
        assert page.locator("#losses h2").evaluate(breaks) == ["auto", "avoid"]
        assert page.locator("#losses .finding").evaluate(breaks) == ["avoid", "avoid"]
        assert page.locator("#losses figure").evaluate(breaks) == ["avoid", "auto"]
        before = "e => getComputedStyle(e).breakBefore"
        assert page.locator("#losses .notes").evaluate(before) == "avoid"


def test_figures_behind_a_chart_open_by_keyboard(sample_page: Path, browser: Browser) -> None:
    with _shown(browser, sample_page) as page:
        table = page.locator("#losses table").first
        expect(table).not_to_be_visible()
        page.locator("#losses summary").first.press("Enter")
        expect(table).to_be_visible()
        expect(table.locator("tbody tr").first).to_contain_text("F2")


def test_names_that_are_markup_are_shown_as_they_are(
    questdb: Database, browser: Browser, tmp_path: Path
) -> None:
    _store_hostile(questdb)
    config = _config(questdb, tmp_path)
    out = tmp_path / "r.html"
    done = run_command(
        *("report", "--config", str(config), "--out", str(out), *WEEK),
        cwd=tmp_path,
        timeout_s=DRAWN_TIMEOUT_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    with _shown(browser, out) as page:
        assert page.locator("script").count() == 0
        for section in ("load", "losses", "tariff", "peaks", "generation", "gaps"):
            expect(page.locator(f"#{section}")).to_contain_text(NAME)
        assert_fits(page)
        assert_accessible(page)


def _store_hostile(questdb: Database) -> None:
    """One day of one meter, feeder and plant, each with a name that is markup."""
    start = datetime(2024, 6, 5, tzinfo=UTC)
    times = [start + timedelta(minutes=15 * place) for place in range(96)]
    since = {"valid_from": LONG_AGO}
    store(
        questdb,
        meters=[{**since, "meter_id": NAME, "customer_id": "c", "status": "active"}],
        customers=[{**since, "customer_id": "c", "segment": NAME}],
        meter_scale_map=[{**since, "meter_id": NAME, "scale_factor": 1.0}],
        meter_feeder_map=[{**since, "meter_id": NAME, "feeder_id": NAME, "substation_id": "s"}],
        plant_feeder_map=[{**since, "plant_id": NAME, "feeder_id": NAME, "substation_id": "s"}],
        plants=[{**since, "plant_id": NAME, "fuel_type": NAME, "capacity_mw": 1.0}],
        meter_usage=[{"ts": ts, "meter_id": NAME, "kwh": 1.0} for ts in times[:90]],
        generation_output=[
            {"ts": ts, "plant_id": NAME, "mw": 0.001, "fuel_type": NAME} for ts in times
        ],
        network_measurements=[
            {
                "ts": ts,
                "node_id": NAME,
                "feeder_id": NAME,
                "quantity": "active_power",
                "value": 0.004,
                "unit": "MW",
            }
            for ts in times
        ],
    )
