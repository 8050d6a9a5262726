#!/usr/bin/env python3
"""Makes docs/images/report-*.svg: charts of the report for the sample week.

Needs a QuestDB with data-samples/, such as that of ./scripts/run.

.venv/bin/python scripts/make_report_pictures.py [--uri URI] [--http ADDRESS]          writes them
.venv/bin/python scripts/make_report_pictures.py [--uri URI] [--http ADDRESS] --check  names those
                                                                                       that differ
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from utility_ts_analytics.analysis.report.assembly import ReportRequest, make_report
from utility_ts_analytics.analysis.report.inline_svg import svg_file
from utility_ts_analytics.analysis.report.theme import NARROW
from utility_ts_analytics.analysis.sources import Sources
from utility_ts_analytics.archive.export import QuestDBHttp
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.database.access import PLAIN
from utility_ts_analytics.queries.tariff_file import read_tariff
from utility_ts_analytics.queries.time_range import TimeRange

PROJECT = Path(__file__).parents[1]
FOLDER = PROJECT / "docs" / "images"
TARIFF = PROJECT / "tariffs" / "seasonal-three-period.toml"
WEEK = TimeRange(datetime(2024, 6, 3, tzinfo=UTC), datetime(2024, 6, 10, tzinfo=UTC))
KEYS = ("load", "losses", "gaps", "tariff-energy")
URI = "postgresql://admin:quest@localhost:8812/qdb"
HTTP = "localhost:9000"


def pictures(uri: str, http: str) -> dict[str, str]:
    """Return what each picture should hold, by file name."""
    host, _, port = http.rpartition(":")
    sources = Sources(None, server=QuestDBHttp(host, int(port), PLAIN), pg_uri=uri)
    request = ReportRequest(WEEK, ZoneInfo("UTC"), read_tariff(TARIFF))
    report = make_report(sources, request, clock=SystemClock())
    return {
        f"report-{picture.key}.svg": svg_file(
            picture.draw(NARROW),
            key=picture.key,
            title=picture.title,
            description=picture.description,
        )
        for section in report.sections
        for picture in section.pictures
        if picture.key in KEYS
    }


def differing(wanted: dict[str, str], folder: Path) -> list[str]:
    """Return the names of pictures that are missing or differ."""
    return sorted(
        name
        for name, text in wanted.items()
        if not (folder / name).exists() or (folder / name).read_text("utf-8") != text
    )


def main(arguments: list[str] | None = None) -> int:
    """Write or check; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--uri", default=URI, help="of a QuestDB with the sample in it")
    parser.add_argument("--http", default=HTTP, help="its HTTP server, host:port")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)
    wanted = pictures(options.uri, options.http)
    names = differing(wanted, FOLDER)
    for name in names:
        if options.check:
            print(f"{name} is not what the report draws: run scripts/make_report_pictures.py")
        else:
            (FOLDER / name).write_text(wanted[name], "utf-8")
    return 1 if options.check and names else 0


if __name__ == "__main__":
    sys.exit(main())
