"""Law 10: quoting then parsing gives the value back, for our own parser and for QuestDB's."""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Protocol

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from utility_ts_analytics.queries.literals import (
    SampleInterval,
    in_utc,
    parse_sample_by,
    quote_table,
    quote_text,
    quote_texts,
    quote_timestamp,
)

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
times = st.datetimes(
    min_value=datetime(2, 1, 1),
    max_value=datetime(9998, 12, 31),
    timezones=st.integers(-23 * 60, 23 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)
QUOTED_TEXT = "'a' and 'b'"
HOSTILE_TEXTS = (
    "",
    "'",
    "''",
    "'a'",
    QUOTED_TEXT,
    "it's",
    "\\",
    "\\'",
    "'; DROP TABLE meter_usage; --",
    "' OR '1'='1",
    "-- comment",
    "/* comment */",
    "a\nb\r\n\t\x01\x7f",
    '"',
    "$1 ? :x {0} %s",
    "ä ¼ € 😀 \U0010ffff \ufeff \u2028",
)


def parse_text(literal: str) -> str:
    """The plain SQL rule, written apart from the code under test."""
    match = re.fullmatch(r"'((?:[^']|'')*)'", literal, re.DOTALL)
    assert match is not None, f"{literal!r} is not one literal"
    return match[1].replace("''", "'")


@given(texts)
def test_quoted_text_parses_to_the_same_text(value: str) -> None:
    assert parse_text(quote_text(value)) == value


@pytest.mark.parametrize("value", HOSTILE_TEXTS)
def test_hostile_text_stays_one_literal(value: str) -> None:
    assert parse_text(quote_text(value)) == value


def test_simple_text_stands_as_it_is() -> None:
    assert quote_text("m-1") == "'m-1'"


@pytest.mark.parametrize("value", ["\x00", "m-1\x00", "'\x00'"])
def test_text_with_u0000_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"U\+0000"):
        quote_text(value)


def test_text_with_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        quote_text("m-\ud800")


def test_texts_stand_in_their_order() -> None:
    assert quote_texts((text for text in ("b", "it's")), "meters") == "'b', 'it''s'"


def test_no_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot query meters: the list is empty"):
        quote_texts([], "meters")


def test_one_text_for_a_list_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"cannot query meters: give a list of names, not .* 'm-1'"
    ):
        quote_texts("m-1", "meters")


@given(times)
def test_quoted_timestamp_parses_to_the_same_instant(value: datetime) -> None:
    assert datetime.fromisoformat(parse_text(quote_timestamp(value))) == value


def test_timestamp_stands_in_utc_with_microseconds() -> None:
    value = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))

    assert quote_timestamp(value) == "'2026-02-28T23:30:00.000000Z'"


def test_early_year_keeps_its_four_digits() -> None:
    assert quote_timestamp(datetime(7, 1, 1, tzinfo=UTC)) == "'0007-01-01T00:00:00.000000Z'"


def test_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        quote_timestamp(datetime(2026, 1, 1))


def test_time_outside_the_calendar_in_utc_is_refused() -> None:
    west = timezone(timedelta(hours=-1))

    with pytest.raises(ValueError, match="outside the years"):
        in_utc(datetime.max.replace(tzinfo=west))


@given(st.integers(1, 9999), st.sampled_from("smhdwMy"))
def test_sample_interval_written_then_parsed_is_the_same(count: int, unit: str) -> None:
    interval = SampleInterval(count, unit)

    assert parse_sample_by(interval.sql) == interval


@pytest.mark.parametrize(
    "text",
    ["", "h", "0h", "01h", "-1h", "1.5h", "1 h", "1h ", "1h\n", "1H", "1q", "10000h", "\u0661h"],
)
def test_any_other_interval_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot sample by"):
        parse_sample_by(text)


@pytest.mark.parametrize("text", ["1h FILL(0)", "1h; DROP TABLE meter_usage", "1h ORDER BY 1 --"])
def test_interval_cannot_carry_further_sql(text: str) -> None:
    with pytest.raises(ValueError, match="cannot sample by"):
        parse_sample_by(text)


class Database(Protocol):
    """What these tests ask of the `questdb` fixture."""

    @property
    def pg_uri(self) -> str: ...

    def query(self, sql: str) -> Sequence[Sequence[object]]: ...

    def truncate(self, *tables: str) -> None: ...

    def wait_applied(self, table: str) -> None: ...


def read_back(questdb: Database, values: Sequence[str]) -> list[object]:
    """The texts as QuestDB reads them from one SELECT.

    Over pgwire: REST writes a literal of one character, which is a CHAR, into its JSON unescaped.
    """

    async def select() -> list[object]:
        connection = await asyncpg.connect(questdb.pg_uri, timeout=10)
        try:
            columns = [f"{quote_text(value)} AS v{i}" for i, value in enumerate(values)]
            return list(await connection.fetchrow(f"SELECT {', '.join(columns)}", timeout=10))
        finally:
            await connection.close()

    return asyncio.run(select())


@pytest.mark.questdb
def test_questdb_reads_hostile_texts_as_they_were(questdb: Database) -> None:
    assert read_back(questdb, HOSTILE_TEXTS) == list(HOSTILE_TEXTS)


@pytest.mark.questdb
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(values=st.lists(texts, min_size=1, max_size=20))
def test_questdb_reads_quoted_texts_as_they_were(questdb: Database, values: list[str]) -> None:
    assert read_back(questdb, values) == values


@pytest.mark.questdb
@pytest.mark.parametrize("condition", ["= {}", "IN ({})", "IN ({}, 'no such')"])
def test_hostile_text_is_stored_and_finds_its_own_row_only(
    questdb: Database, condition: str
) -> None:
    questdb.truncate("meters")
    rows = ", ".join(
        f"('2026-01-01', {quote_text(text)}, {i})" for i, text in enumerate(HOSTILE_TEXTS)
    )
    questdb.query(f"INSERT INTO meters (valid_from, meter_id, rated_kva) VALUES {rows}")
    questdb.wait_applied("meters")

    for i, text in enumerate(HOSTILE_TEXTS):
        found = questdb.query(
            f"SELECT meter_id, rated_kva FROM meters"
            f" WHERE meter_id {condition.format(quote_text(text))}"
        )
        assert [tuple(row) for row in found] == [(text, float(i))]


@pytest.mark.questdb
@pytest.mark.xfail(
    strict=True, reason="QuestDB 9.3.4 unquotes the constant argument of a cast twice"
)
def test_cast_keeps_a_text_that_starts_with_a_quote(questdb: Database) -> None:
    assert questdb.query(f"SELECT {quote_text(QUOTED_TEXT)}::varchar AS v")[0][0] == QUOTED_TEXT


@pytest.mark.questdb
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(value=times)
def test_questdb_reads_a_quoted_timestamp_as_the_same_instant(
    questdb: Database, value: datetime
) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    sql = f"SELECT datediff('u', '1970-01-01'::timestamp, {quote_timestamp(value)}::timestamp) AS v"

    # datediff has no sign.
    assert questdb.query(sql)[0][0] == abs(value - epoch) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("name", "quoted"),
    [("meter_usage", "meter_usage"), ("order", '"order"'), ("Scada", '"Scada"'), ("_1", '"_1"')],
)
def test_name_that_may_be_a_keyword_is_quoted(name: str, quoted: str) -> None:
    assert quote_table(name) == quoted


@pytest.mark.parametrize("name", ["", "1a", "a b", 'a"b', "a;b", "a" * 128, "a\n", "\u00e9"])
def test_name_that_no_configuration_takes_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot query table"):
        quote_table(name)
