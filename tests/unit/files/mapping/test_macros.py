"""Plain examples of the macros: those of the reference, and what each of them does not read."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from tests.unit.files.mapping.macro_rig import MACROS, connection, texts, value

PAGE = (Path(__file__).parents[4] / "docs" / "MACROS.md").read_text("utf-8")
EXAMPLES = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", PAGE, re.MULTILINE)
QUERIES = re.findall(r"```sql\n(.+?)```\n```text\n(.+?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("expression", "result"), EXAMPLES)
def test_examples_of_the_reference_give_what_it_says(expression: str, result: str) -> None:
    assert texts(f"SELECT {expression}") == [result]


@pytest.mark.parametrize(("query", "result"), QUERIES)
def test_queries_of_the_reference_give_what_it_says(query: str, result: str) -> None:
    assert texts(query) == result.splitlines()


def test_every_scalar_macro_has_an_example() -> None:
    macros = re.findall(r"^CREATE MACRO ([a-z]\w+)", MACROS.read_text("utf-8"), re.MULTILINE)
    shown = " ".join(expression for expression, _ in EXAMPLES) + " ".join(q for q, _ in QUERIES)
    assert len(macros) > 20
    assert [m for m in macros if f"{m}(" not in shown] == ["differences_sorted"]


NOTHING = [
    *[
        f"num('{text}')"
        for text in ["1_000", "0x10", "NaN", "Infinity", "1e400", "(12.5)", "12.5-"]
    ],
    *[
        f"num('{text}')"
        for text in ["1234.5 MW", "null", "", " ", "1,5", "--1", "1e", ".", "1 000"]
    ],
    "num('1.250', point := ',')",
    "num('1.25', point := ',', groups := '.')",
    "num('0.250', point := ',', groups := '.')",
    "num('1.2500', point := ',', groups := '.')",
    "num('12,34', groups := ',')",
    "num(NULL)",
    "kwh(1, 'm3')",
    "kwh(1, 'kW')",
    "kwh(1, 'kW', 0)",
    "kwh('x', 'kWh')",
    "kwh(1, NULL)",
    "kwh(1e25, 'GWh')",
    "mw(1, 'kWh')",
    "mw(1, 'kWh', -15)",
    "txt(' \t ')",
    "txt(NULL)",
    "id('=\"\"')",
    "id(5.4e17::DOUBLE)",
    "id(0.5::DOUBLE)",
    "id(16777217::FLOAT)",
    "cell('a,b', 3)",
    "cell('a,b', 0)",
    "wall('2022/07/01 24:15', '%Y/%m/%d %H:%M')",
    "wall('2022/02/30 24:00', '%Y/%m/%d %H:%M')",
    "wall('2022/07/01', '%Y/%m/%d %H:%M')",
    "wall('infinity', '%Y')",
    "wall('epoch', ['%Y', '%m'])",
    "wall('', '%Y')",
    "wall(NULL, '%Y')",
    "instant('2024-01-01T00:00:00')",
    "instant('2024-01-01')",
    "instant('2024-02-30T00:00:00Z')",
    "instant('2024-01-01T24:00:00Z')",
    "instant('2024-01-01T23:59:60Z')",
    "instant('2024-01-01T00:00:00+25:00')",
    "instant('2024-01-01T00:00:00+02:75')",
    "instant('2024-01-01 00:00:00 Europe/Berlin')",
    "instant('infinity')",
    "instant(TIMESTAMP '2024-01-01')",
    "epoch_s('x')",
    "epoch_s(1e30)",
    "epoch_s(NULL)",
    "epoch_s(9223372036854775807)",
    "epoch_millis('1_000')",
    "minutes('x')",
    "utc('Europe/Berlin', TIMESTAMP '2024-10-27 02:30')",
    "utc('Europe/Berlin', TIMESTAMP '2024-03-31 02:30')",
    "utc_first('Europe/Berlin', TIMESTAMP '2024-03-31 02:30')",
    "utc_pass('Europe/Berlin', TIMESTAMP '2024-10-27 02:30', NULL)",
    "utc('Europe/Berlin', '2024-07-01 12:00+02')",
    "utc('Europe/Berlin', 'infinity'::TIMESTAMP)",
    "utc(NULL, TIMESTAMP '2024-07-01')",
    "utc_fixed('Australia/Brisbane', TIMESTAMP '2024-07-01')",
    "utc_named('IST', TIMESTAMP '2024-07-01')",
    "day_minutes('Europe/Berlin', NULL)",
    *[f"utc_nth('America/Chicago', DATE '2024-11-03', {n}, 60)" for n in (0, 26, -1, 1.5, "'x'")],
    "utc_nth('America/Chicago', DATE '2024-11-03', 1, 0)",
    "utc_nth('America/Chicago', DATE '2024-11-03', NULL, 60)",
]


@pytest.mark.parametrize("expression", NOTHING)
def test_what_cannot_be_read_is_null(expression: str) -> None:
    assert texts(f"SELECT {expression}") == ["NULL"]


MORE = [
    ("num(' 12.5')", "12.5"),
    ("num('.5') + num('5.') - num('+3') + num('-0')", "2.5"),
    ("num('1\u00a0234\u202f567,5', point := ',', groups := '\u00a0\u202f')", "1234567.5"),
    ("num('-1''234.5', groups := '''')", "-1234.5"),
    ("num(5)", "5"),
    ("num(0.1::DOUBLE, point := ',')", "0.1"),
    ("num('\u00a012.5')", "12.5"),
    ("(num('0.196') + num('0.100'))::DOUBLE", "0.296"),
    ("num('1000000') * num('60') * 0.25", "15000000"),
    ("num('560') / 2000", "0.28"),
    ("kwh(' 2 ', ' KW ', INTERVAL 30 MINUTES)", "1"),
    ("kwh('1', 'w', '60')", "0.001"),
    ("kwh(1, 'kW', 5)", "0.083333333333333333"),
    ("mw(1001, 'kWh', 30)", "2.002"),
    ("id('''10400')", "10400"),
    ("id('O''Brien')", "O'Brien"),
    ("id(123::DOUBLE)", "123"),
    ("id(541400000000000123)", "541400000000000123"),
    ("is_blank(NULL)", "true"),
    ("is_blank('n/e')", "false"),
    ('cell(\'x;"say ""y""";\', 2, \';\')', 'say "y"'),
    ("cell('a,b,', 3)", ""),
    ("cell('\"a\",b', -1)", "b"),
    ("name_of('x')", "x"),
    ("name_of('refused/M-1.json.ndjson')", "M-1"),
    ("name_of('M-9.Parquet.ndjson')", "M-9"),
    ("name_of('M-2.xlsx.csv')", "M-2"),
    ("name_of('M-3.xml.ndjson.gz')", "M-3"),
    ("name_of('NMI.1.csv')", "NMI.1"),
    ("wall('29-oct-2023', '%d-%b-%Y')", "2023-10-29 00:00:00"),
    ("wall(' 3/9/2024 12:15 PM ', '%m/%d/%Y %I:%M %p')", "2024-03-09 12:15:00"),
    ("wall('202212312400', '%Y%m%d%H%M')", "2023-01-01 00:00:00"),
    ("wall('2024-01-01 00:00:59.9999995', '%Y-%m-%d %H:%M:%S.%f')", "2024-01-01 00:01:00"),
    ("wall(DATE '2024-01-01', '%Y')", "2024-01-01 00:00:00"),
    ("instant(' 2024-01-01t00:00:00,1234565z ')", "2024-01-01 00:00:00.123457+00"),
    ("instant('2024-01-01T08:00-00:00')", "2024-01-01 08:00:00+00"),
    ("epoch_s('1704067200.0000005')", "2024-01-01 00:00:00.000001+00"),
    ("utc_fixed('UTC', DATE '2024-01-01')", "2024-01-01 00:00:00+00"),
    ("utc_named(' cest ', TIMESTAMP '2024-01-01')", "2023-12-31 22:00:00+00"),
    ("day_minutes('Australia/Lord_Howe', '2024-04-07')", "1470"),
    ("day_minutes('America/Sao_Paulo', TIMESTAMP '2018-11-04 17:00')", "1380"),
    ("day_minutes('Pacific/Apia', DATE '2011-12-30')", "0"),
    ("utc_nth('Europe/London', DATE '2023-10-29', num('50'), '30')", "2023-10-29 23:30:00+00"),
]


@pytest.mark.parametrize(("expression", "result"), MORE)
def test_further_examples(expression: str, result: str) -> None:
    assert texts(f"SELECT {expression}") == [result]


def test_columns_are_read_as_constants_are() -> None:
    assert value("utc_nth(?, ?::DATE, ?, ?)", "America/Chicago", "2024-11-03", "25", "60") == (
        datetime(2024, 11, 4, 5, tzinfo=UTC)
    )
    assert value("kwh(?, ?, ?)", "1.5", "kW", "30") == Decimal("0.75")
    assert value("num(?, point := ',', groups := '.')", "1.250") == 1250


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("utc('Europe/Nowhere', TIMESTAMP '2024-07-01')", "Europe/Nowhere"),
        ("utc('Europe/Berlin', TIMESTAMPTZ '2024-07-01')", "an instant already"),
        ("wall('2024-07-01 +02', '%Y-%m-%d %z')", "use instant()"),
    ],
)
def test_what_makes_no_sense_in_any_row_is_an_error(expression: str, part: str) -> None:
    with pytest.raises(duckdb.Error, match=re.escape(part)):
        connection().execute(f"SELECT {expression}").fetchall()


@pytest.mark.parametrize(
    "format_",
    [
        "%Y/%m/%d %H:%M",
        "%d.%m.%Y %H:%M",
        "%m/%d/%Y %H:%M:%S",
        "%d-%b-%Y %H:%M",
        "%Y%m%d %H%M",
        "%Y%m%d%H%M",
        "%Y-%m-%dT%H:%M:%S.%f",
        "%H:%M %d/%m/%Y",
        "%Y-%m-%d %H",
        "%d/%m/%y %H:%M",
        "%d %b %y, %Hh%M",
    ],
)
def test_midnight_at_the_end_of_each_day_of_a_year(format_: str) -> None:
    # The day, or the year, may be a 24 itself.
    days = [datetime(2023, 12, 31) + timedelta(days=number) for number in range(367)]
    shown = [day.strftime(format_.replace("%H", "24")) for day in days]
    found = connection().execute(
        f"SELECT wall(s, '{format_}') FROM (SELECT unnest($1) AS s)", [shown]
    )
    assert [row[0] for row in found.fetchall()] == [day + timedelta(days=1) for day in days]


@pytest.mark.parametrize(
    "text", ["2024/10/24 24:15", "2024/10/24 25:00", "2024/24/10 10:00", "2024/10/24 24:00:01"]
)
def test_no_other_24_becomes_midnight(text: str) -> None:
    assert value("wall(?, ['%Y/%m/%d %H:%M', '%Y/%m/%d %H:%M:%S'])", text) is None
