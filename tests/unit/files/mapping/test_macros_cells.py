"""A cell never ends a file: whatever stands in it, each macro gives a value or NULL."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache

import duckdb
import pytest
from tests.unit.files.mapping.macro_rig import MACROS, rows, value


def listed(text: str) -> list[str]:
    return [cell.strip() for line in text.strip().splitlines() for cell in line.split(" | ")]


SIGNS = ["", " ", "\t", "\u00a0", "\x00", "\x01", "\ud7ff", "\U0001f600", "\u017f", "\u0130", "\\"]
SIGNS += listed(
    """- | + | ' | =" | $ | % | %n | " | "a | a,b | ," | / | ( | [ | * | (?i) | [] | {}"""
)
NUMBERS = listed("""
    0 | 1 | 1.5 | 1,5 | .5 | 5. | 1_000 | 1.000.000 | 0x10 | nan | inf | Infinity
    1e5 | 1e25 | 1e26 | 1e38 | 1e39 | 1e308 | 1e309 | 1e-400 | 1e999999999999 | 1700000000000
    2147483648 | 4294967296 | 9223372036854775808 | 18446744073709551616
""")
NUMBERS += ["9" * digits for digits in (9, 12, 13, 18, 19, 24, 25, 26, 38, 39, 400)]
NUMBERS += ["0" * 400, "0." + "9" * 400]
SPANS = listed("""
    3000 years | 1 day | 31 days | 1 month | -1 month | 1000000000 years | 1e5 minutes | 01:00:00
    00:15 | 99999999:00:00 | P1Y | PT15M | INTERVAL 1 DAY | 290000 years | 178000000 years | 1 eon
""")
TIMES = listed("""
    epoch | infinity | -infinity | now | today | 2024-01-01 | 2024-13-45 | 0000-00-00 | 0001-01-01
    9999-12-31 | 24:00 | 9999-12-31 24:00 | 9999-12-31 24:00:00 | 294247-01-10 04:00:54.775806
    2024-01-01 24:00 | 2024-01-01 23:59:60 | 2024-01-01T00:00:00Z | 0001-01-01T00:00:00+14:00
    9999-12-31T23:59:59.9999999-12:00 | 2024-01-01T00:00:00.123456789+02:00 | 290309-12-22 (BC)
    2024-01-01 00:00 Europe/Berlin | 2024-03-31 02:30:00 | 2024-10-27 02:30:00 | 31.12.9999 24:00
    99991231 24:00 | 0000-01-01T00:00:00Z | 9999-12-31T23:59:59.9999995Z | 2024-02-30 00:00
    294247-01-10T04:00:54.775807Z | 1e5-01-01
""")
WORDS = listed("""
    UTC | Z | UTC+1 | +14:00 | -99:99 | +18:01 | +99999999999999999999:00 | CET | kWh | MWh
    kW | mw | true | false | NULL | None | a.csv.gz
""")
TEXTS = [*SIGNS, *NUMBERS, *("-" + number for number in NUMBERS), *SPANS, *TIMES, *WORDS]
COLUMNS: dict[str, list[object]] = {
    "VARCHAR": [*TEXTS, "a" * 5_000],
    "BIGINT": [0, 1, -1, 60, 10**9, 2**31, 10**12, 2**63 - 1, -(2**63)],
    "UBIGINT": [0, 2**64 - 1],
    "HUGEINT": [0, 1, 2**127 - 1, -(2**127), 10**24, 10**25],
    "INTEGER": [0, 1, -1, 2**31 - 1, -(2**31)],
    "DOUBLE": [0.0, -0.0, 0.1, 1e9, 1e15, 1e25, 1e26, 1e300, -1e300, 5e-324, "inf", "nan"],
    "FLOAT": [0.0, 1.5, 3e38, "-inf", "nan"],
    "DECIMAL(38,0)": [Decimal(0), Decimal(10**37), -Decimal(10**37)],
    "DECIMAL(38,38)": [Decimal(0), Decimal("0." + "9" * 38)],
    "BOOLEAN": [True, False],
    "DATE": ["0001-01-01", "2024-03-31", "9999-12-31", "infinity", "5881580-07-10"],
    "TIMESTAMP": [
        "2024-10-27 02:30:00",
        "9999-12-31 23:59:59.999999",
        "infinity",
        "-infinity",
        "290309-12-22 (BC) 00:00:00",
    ],
    "TIMESTAMP_S": ["2024-01-01", "294247-01-10", "infinity"],
    "TIMESTAMP_NS": ["2024-01-01", "1677-09-22", "2262-04-11"],
    "TIMESTAMPTZ": ["2024-01-01 00:00:00+00", "infinity", "294247-01-10 00:00:00+00"],
    "TIME": ["00:00", "24:00:00"],
    "INTERVAL": [
        "0 days",
        "15 minutes",
        "-1 day",
        "178000000 years",
        "-178000000 years",
        "2147483647 days",
    ],
}
CALLS = [
    "txt({})",
    "is_blank({})",
    "is_blank('-', ['-', {}::VARCHAR])",
    "id({})",
    "cell({}::VARCHAR, 2)",
    "cell({}::VARCHAR, 1, sep := ';')",
    "cell('a,b', {}::VARCHAR)",
    "cell('a,\"b', {})",
    "cell('a,\"b', 1, sep := {}::VARCHAR)",
    "cell('a,b', 1, sep := {}::VARCHAR)",
    "num({})",
    "num({}, ',')",
    "num({}, ',', '.')",
    "num({}, groups := ' ')",
    "num('1.5', point := {}::VARCHAR)",
    "num('1.5', groups := {}::VARCHAR)",
    "num({}) + num({})",
    "num({}) - num('-' || {}::VARCHAR)",
    "num({}) * 2",
    "num({}) * -2",
    "-num({})",
    "abs(num({}))",
    "round(num({}), 3)",
    "num({}) / num({})",
    "num({}) / 4",
    "num({}) * 0.25",
    "num({})::DOUBLE * num({})",
    "kwh({}, 'Wh')",
    "kwh({}, 'kW', 15)",
    "kwh(1, {}, 15)",
    "kwh(1, 'kW', {})",
    "kwh({}, 'MW', {})",
    "mw({}, 'W')",
    "mw({}, 'kWh', 15)",
    "mw(1, {}, 15)",
    "mw(1, 'kWh', {})",
    "mw({}, 'GWh', {})",
    "minutes({})",
    "epoch_s({})",
    "epoch_millis({})",
    "instant({})",
    "wall({}, '%Y-%m-%d %H:%M')",
    "wall({}, ['%Y-%m-%d %H:%M', '%d.%m.%Y %H:%M:%S.%f', '%Y%m%d', '%H:%M'])",
    "utc('Europe/Berlin', {})",
    "utc_first('Europe/Berlin', {})",
    "utc_second('America/New_York', {})",
    "utc_pass('Europe/Berlin', {}, true)",
    "utc_pass('Europe/Berlin', TIMESTAMP '2024-10-27 02:30:00', {})",
    "is_twice('Europe/Berlin', {})",
    "utc_fixed({}, TIMESTAMP '2024-10-27 02:30:00')",
    "utc_fixed('-18:00', {})",
    "utc_named({}, TIMESTAMP '2024-10-27 02:30:00')",
    "utc_named('NZDT', {})",
    "day_minutes('Pacific/Apia', {})",
    "utc_nth('Europe/Berlin', {}, 1, 15)",
    "utc_nth('Europe/Berlin', DATE '2024-03-31', {}, 15)",
    "utc_nth('Europe/Berlin', DATE '2024-03-31', 1, {})",
    "utc_nth('Europe/Berlin', DATE '2024-03-31', 1000000, {})",
]


@cache
def cells(kind: str) -> duckdb.DuckDBPyConnection:
    """Return a connection that has the macros, and a table of cells of one type."""
    made = duckdb.connect(":memory:")
    made.execute(MACROS.read_text("utf-8"))
    made.execute(f"CREATE TABLE cells (rec BIGINT, x {kind})")
    made.executemany(
        f"INSERT INTO cells VALUES (?, ?::{kind})",
        [(index, cell) for index, cell in enumerate([*COLUMNS[kind], None])],
    )
    return made


def cells_that_raise(kind: str, query: str) -> str | None:
    """Return what a query says of a type's cells; None where it gives a value for each."""
    try:
        cells(kind).execute(query).fetchall()
    except duckdb.BinderException:
        return None  # before the first row, whatever stands in the cells
    except duckdb.Error as error:
        return str(error).split("\n")[0]
    return None


@pytest.mark.parametrize("call", CALLS)
def test_no_cell_raises(call: str) -> None:
    said = {
        kind: reason
        for kind in COLUMNS
        if (
            reason := cells_that_raise(
                kind, f"SELECT ({call.replace('{}', 'x')})::VARCHAR FROM cells"
            )
        )
        and "this is an instant already" not in reason
    }
    assert said == {}


TABLES = [
    "by_order('file', 'Europe/Berlin')",
    "differences('file', 60)",
    "differences('file', INTERVAL 31 DAY, digits := 5)",
    "differences('file', 43200, digits := x)",
    "differences('file', x)",
    "differences_sorted('file', x, digits := x)",
]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("kind", COLUMNS)
def test_no_cell_raises_in_a_table(table: str, kind: str) -> None:
    query = f"""
        WITH file AS (
            SELECT rec, x, a.rec % 2 AS key, x AS local, x AS register, x AS text,
                make_timestamptz(1700000000000000 + rec * 60000000) AS ts
            FROM cells AS a
        )
        FROM {table}"""
    said = cells_that_raise(kind, f"SELECT t::VARCHAR FROM ({query}) AS t")
    assert said is None or "this is an instant already" in said


@pytest.mark.parametrize("length", ["44640", "'44640'", "44640.0", "INTERVAL 31 DAY", "'31 days'"])
def test_month_is_a_length_like_any_other(length: str) -> None:
    assert value(f"minutes({length})") == timedelta(days=31)
    states = """
        WITH states AS (
            SELECT 'M' AS key, 100 AS register, TIMESTAMPTZ '2024-01-01 00:00:00+00' AS ts
            UNION ALL SELECT 'M', 130, TIMESTAMPTZ '2024-02-01 00:00:00+00'
        )"""
    for macro in ("differences", "differences_sorted"):
        query = f"{states} SELECT used FROM {macro}('states', {length}) WHERE why IS NULL"
        assert rows(query) == [(30,)]


@pytest.mark.parametrize(
    ("text", "minutes"), [("1e5", 100_000), ("3000 years", None), ("1700000000000", None)]
)
def test_minutes_beyond_nineteen_centuries_are_null(text: str, minutes: int | None) -> None:
    span = value("minutes(?)", text)
    assert span == (None if minutes is None else timedelta(minutes=minutes))


def test_a_sum_of_a_hundred_numbers_never_overflows() -> None:
    largest = "9" * 24
    assert value(" + ".join(["num(?)"] * 100), *[largest] * 100) == 100 * Decimal(largest)
    assert value("num(?) * 2", largest) == 2 * Decimal(largest)
    assert value("num(?)", "1" + "0" * 24) is None
    assert value("num(?)", 10**24) is None
    assert value("num(?)", 1e24) is None


def test_intervals_of_a_day_that_are_too_long_are_null() -> None:
    assert value("utc_nth('UTC', DATE '2024-01-01', ?, ?)", 1_000_000, 1_000_000_000) is None
    assert value("utc_nth('UTC', DATE '2024-01-01', ?, ?)", "2", "3000 years") is None
    assert value("utc_nth('UTC', DATE '2024-01-01', ?, ?)", 96, 15) == datetime(
        2024, 1, 1, 23, 45, tzinfo=UTC
    )
