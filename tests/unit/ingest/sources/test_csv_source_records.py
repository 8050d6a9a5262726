"""CSV gives the records that the server makes of the same readings as NDJSON."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.ingest.sources.source_rig import METER_USAGE, decoded, read_file

from utility_ts_analytics.records.event_id import assign_event_ids

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=9
)
NUMBERS = st.floats(0, allow_nan=False, allow_infinity=False)
INSTANTS = st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30), timezones=st.just(UTC))
IDS = TEXTS.filter(lambda text: not text.isspace())
OFFSETS = st.integers(-12, 14).map(lambda hours: timedelta(hours=hours))


@st.composite
def reading_values(draw: st.DrawFn) -> dict[str, str | float]:
    """One valid reading as its producer has it."""
    shifted = draw(INSTANTS) + draw(OFFSETS)
    values: dict[str, str | float] = {"ts": shifted.isoformat(), "meter_id": draw(IDS)}
    values["kwh"] = draw(NUMBERS)
    for name in ("premise_id", "quality_flag", "event_id"):
        if (text := draw(st.none() | TEXTS)) is not None:
            values[name] = text
    if (number := draw(st.none() | st.floats(allow_nan=False, allow_infinity=False))) is not None:
        values["kvarh"] = number
    return values


@given(st.lists(reading_values(), max_size=12), st.sampled_from(["\n", "\r\n"]), st.booleans())
@settings(max_examples=150)
def test_rows_equal_what_the_server_makes_of_the_same_ndjson(
    tmp_path_factory: pytest.TempPathFactory,
    readings: list[dict[str, str | float]],
    end: str,
    quote_all: bool,
) -> None:
    """Rows, order and event ids; the server's path is its splitter and decoder over one body."""
    names = ["kvarh", "event_id", "quality_flag", "premise_id", "meter_id", "kwh", "ts"]
    text = io.StringIO()
    # Quoted: csv.writer of Python 3.11 and 3.12 leaves a lone CR bare where the line ends in LF.
    table = csv.DictWriter(
        text,
        names,
        lineterminator=end,
        quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_NONNUMERIC,
    )
    table.writeheader()
    table.writerows(readings)
    path = tmp_path_factory.getbasetemp() / "same.csv"
    path.write_bytes(text.getvalue().encode())

    found = read_file(path)
    rows = [row for _, row in found.rows]
    assign_event_ids(rows, stream_number=METER_USAGE.number)
    assert found.errors == []
    assert rows == decoded("".join(json.dumps(values) + "\n" for values in readings))
