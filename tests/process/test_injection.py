"""No text of any field is more than text: it comes back from QuestDB as it was sent.

The first stream writes by ILP and the second by SQL, so that both ways are put to the same test.
"""

import itertools
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.process.raw_http import ask, json_lines
from tests.process.running_service import Launch, RunningService
from tests.process.stored_tables import StoredTables, Value

pytestmark = [pytest.mark.process, pytest.mark.questdb]

NASTY = [
    # SQL, by pgwire and in whatever builds a statement from a value.
    "'); DROP TABLE meter_usage; --",
    "' OR '1'='1",
    "'; TRUNCATE TABLE generation_output; /*",
    "$1",
    "$$",
    "\\'; DROP TABLE meters; --",
    '"; DROP TABLE "meter_usage',
    "NULL",
    "null",
    "\\N",
    "%s%n{0}{x}",
    # ILP: another tag, another field, another line, another table.
    "a,tag=b",
    "a b=1",
    "a=b",
    "m\ninjected,meter_id=x kwh=1 1700000000000000000",
    "m\r\ninjected kwh=1i\n",
    "\n",
    "\\",
    "\\\\ ",
    "\\,\\=\\ ",
    'a" b="c',
    "a kwh=99t\n",
    "# comment",
    # JSON, logs, terminals, pages.
    '","kwh":1e9,"x":"',
    "</script><script>alert(1)</script>",
    "\x1b[2J\x07\x08\x7f",
    "${jndi:ldap://x}",
    "../../etc/passwd",
    # Unicode: direction, no width, marks, outside the first plane, last of each length.
    "\u202edrop\u2066",
    "\u200b",
    "\ufeff",
    "e\u0301\u0301",
    "\U0001f600",
    "\x01\x7f\x80\u07ff\u0800\uffff\U00010000\U0010ffff",
    "\u2028\u2029\x85",
    " leading and trailing ",
    "'" * 256,
    "\\" * 256,
]
CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
TEXTS = st.one_of(
    st.sampled_from(NASTY),
    st.text(CHARACTERS, min_size=1, max_size=256),
    st.lists(st.sampled_from(NASTY), min_size=2, max_size=4).map("".join),
).map(lambda text: text[:256])


def identifier(text: str) -> str:
    """Return a text that is more than blanks, as identifiers must be."""
    return f"x{text}"[:256] if text.isspace() else text


ROWS = st.lists(st.tuples(TEXTS.map(identifier), TEXTS, TEXTS, TEXTS), min_size=1, max_size=40)
ALL_NASTY = [(identifier(text), text, text, text) for text in NASTY]

METER = ("meter_usage", "kwh", ("meter_id", "premise_id", "quality_flag", "source_system"))
GENERATION = ("generation_output", "mw", ("plant_id", "unit_id", "status", "fuel_type"))
_days = itertools.count()


@pytest.fixture(scope="module")
def service(launch: Launch) -> Iterator[RunningService]:
    with launch({"generation_output": {"sink": {"kind": "pgwire"}}}) as running:
        yield running


def shape(tables: StoredTables) -> list[list[Value]]:
    """Return every table with its columns."""
    columns = "SELECT table_name, column_name FROM information_schema.columns()"
    return tables.execute(f"{columns} ORDER BY table_name, column_name")


def assert_kept(
    stream: tuple[str, str, Sequence[str]],
    rows: Sequence[Sequence[str]],
    service: RunningService,
    tables: StoredTables,
) -> None:
    """Post the texts, one reading a microsecond of a day of its own, and read them back."""
    table, value, fields = stream
    day = (date(2005, 1, 1) + timedelta(days=next(_days))).isoformat()
    records = [
        {
            "ts": f"{day}T00:00:00.{index:06}Z",
            value: index,
            **dict(zip(fields, texts, strict=True)),
            "event_id": texts[0],
            texts[1]: texts[2],  # a field that is not known
        }
        for index, texts in enumerate(rows)
        if not {texts[1]} & {"ts", value, *fields, "event_id"}
    ]
    answer = service.post_lines(json_lines(records), stream=table)
    assert answer.accepted_all().accepted == len(records)
    tables.wait_applied(table)
    names = ", ".join(fields)
    stored = tables.execute(f"SELECT {value}, {names} FROM {table} WHERE ts IN '{day}' ORDER BY ts")
    assert stored == [[record[name] for name in (value, *fields)] for record in records]


@pytest.mark.parametrize("stream", [METER, GENERATION], ids=["ilp", "pgwire"])
def test_every_nasty_text_is_stored_as_it_is_and_does_nothing(
    stream: tuple[str, str, Sequence[str]], service: RunningService, tables: StoredTables
) -> None:
    before = shape(tables)
    assert_kept(stream, ALL_NASTY, service, tables)
    assert shape(tables) == before


@pytest.mark.parametrize("stream", [METER, GENERATION], ids=["ilp", "pgwire"])
def test_any_text_is_stored_as_it_is_and_does_nothing(
    stream: tuple[str, str, Sequence[str]], service: RunningService, tables: StoredTables
) -> None:
    before = shape(tables)

    @settings(max_examples=12, suppress_health_check=list(HealthCheck))
    @given(ROWS)
    def kept(rows: list[tuple[str, str, str, str]]) -> None:
        assert_kept(stream, rows, service, tables)

    kept()
    assert shape(tables) == before
    assert ask(service.ports.of(stream[0]), "/ingest/" + stream[0]).status == 405, "it still serves"
