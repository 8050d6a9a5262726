"""Files of the sample's readings as a utility gets them: one folder per stream and local day."""

import csv
import gzip
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

SAMPLES = Path(__file__).parents[2] / "data-samples"


def deliver(inbox: Path, days: Sequence[str], zone: str) -> dict[tuple[str, str], int]:
    """Write `<inbox>/<stream>/<day>/readings.csv` for some local days.

    Returns:
        Rows by stream and day.
    """
    wanted, local = set(days), ZoneInfo(zone)
    counts: dict[tuple[str, str], int] = {}
    for stream in ("meter_usage", "generation_output"):
        with gzip.open(SAMPLES / f"{stream}.csv.gz", "rt", newline="") as file:
            head, *rows = csv.reader(file)
        place = head.index("ts")
        by_day: dict[str, list[list[str]]] = {day: [] for day in days}
        for row in rows:
            if (day := _local_day(row[place], local).isoformat()) in wanted:
                by_day[day].append(row)
        for day, its_rows in by_day.items():
            counts[stream, day] = len(its_rows)
            folder = inbox / stream / day
            folder.mkdir(parents=True)
            with (folder / "readings.csv").open("w", newline="") as written:
                csv.writer(written).writerows([head, *its_rows])
    return counts


def _local_day(ts: str, zone: ZoneInfo) -> date:
    return datetime.fromisoformat(ts).astimezone(zone).date()
