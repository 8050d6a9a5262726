"""Bad readings over HTTP: each is named, counted and left out; the others are stored."""

import msgspec
import pytest
from tests.process.raw_http import JSON, ListedError
from tests.process.running_service import MakeId, RunningService
from tests.process.sample_readings import expected_kwh, reading_lines, readings
from tests.process.stored_tables import StoredTables

pytestmark = [pytest.mark.process, pytest.mark.questdb]

PARSE_ERRORS: list[tuple[str, str | None, str]] = [
    ("invalid-json", None, '{"ts":"2024-01-01T00:00:00Z","meter_id":"ID","kw'),
    ("invalid-json", None, '{"ts":"2024-01-01T00:00:00Z","meter_id":"ID","kwh":NaN}'),
    ("invalid-json", None, '{"ts":"2024-01-01T00:00:00Z","meter_id":"ID","kwh":Infinity}'),
    ("invalid-json", None, '{"ts":"2024-01-01T00:00:00Z","meter_id":"ID","kwh":-Infinity}'),
    ("invalid-json", None, '{"ts":"2024-01-01T00:00:00Z","meter_id":"ID","kwh":1} {}'),
    ("invalid-json", None, "not json"),
    ("missing-field", "ts", '{"meter_id":"ID","kwh":1}'),
    ("missing-field", "meter_id", '{"ts":"2024-01-01T00:00:00Z","kwh":1}'),
    ("missing-field", "kwh", '{"ts":"2024-01-01T00:00:00Z","meter_id":"ID"}'),
    ("wrong-type", "kwh", '{"ts":"2024-01-01T00:00:00Z","meter_id":"ID","kwh":"1"}'),
    ("wrong-type", "kwh", '{"ts":"2024-01-01T00:00:00Z","meter_id":"ID","kwh":null}'),
    ("wrong-type", "meter_id", '{"ts":"2024-01-01T00:00:00Z","meter_id":7,"kwh":1}'),
    ("wrong-type", "ts", '{"ts":1704067200,"meter_id":"ID","kwh":1}'),
    (
        "wrong-type",
        "event_id",
        '{"ts":"2024-01-01T00:00:00Z","meter_id":"ID","kwh":1,"event_id":7}',
    ),
    ("wrong-type", None, "[1]"),
    ("wrong-type", None, "null"),
    ("invalid-timestamp", "ts", '{"ts":"2024-01-01T00:00:00","meter_id":"ID","kwh":1}'),
    ("invalid-timestamp", "ts", '{"ts":"2024-02-30T00:00:00Z","meter_id":"ID","kwh":1}'),
    ("invalid-timestamp", "ts", '{"ts":"yesterday","meter_id":"ID","kwh":1}'),
    ("invalid-number", "kwh", '{"ts":"2024-01-01T00:00:00Z","meter_id":"ID","kwh":1e999}'),
    (
        "invalid-number",
        "kvarh",
        '{"ts":"2024-01-01T00:00:00Z","meter_id":"ID","kwh":1,"kvarh":-1e999}',
    ),
]
RULES_BROKEN: list[tuple[str, str | None, str]] = [
    (
        "timestamp-out-of-range",
        "ts",
        '{"ts":"1999-12-31T23:59:59.999999Z","meter_id":"ID","kwh":1}',
    ),
    ("timestamp-out-of-range", "ts", '{"ts":"2100-01-01T00:00:00Z","meter_id":"ID","kwh":1}'),
    ("timestamp-out-of-range", "ts", '{"ts":"2000-01-01T00:00:00+00:01","meter_id":"ID","kwh":1}'),
    ("timestamp-out-of-range", "ts", '{"ts":"9999-12-31T23:59:59Z","meter_id":"ID","kwh":1}'),
    ("negative-value", "kwh", '{"ts":"2024-01-01T00:00:00Z","meter_id":"ID","kwh":-0.001}'),
    ("text-length", "meter_id", '{"ts":"2024-01-01T00:00:00Z","meter_id":"","kwh":1}'),
    (
        "text-length",
        "meter_id",
        '{"ts":"2024-01-01T00:00:00Z","meter_id":"' + "ä" * 257 + '","kwh":1}',
    ),
    (
        "text-length",
        "quality_flag",
        '{"ts":"2024-01-01T00:00:00Z","meter_id":"ID","kwh":1,"quality_flag":"' + "q" * 257 + '"}',
    ),
    (
        "forbidden-character",
        "meter_id",
        '{"ts":"2024-01-01T00:00:00Z","meter_id":"ID\\u0000","kwh":1}',
    ),
    (
        "forbidden-character",
        "premise_id",
        '{"ts":"2024-01-01T00:00:00Z","meter_id":"ID","kwh":1,"premise_id":"\\u0000"}',
    ),
]


def assert_only_error(error: ListedError, code: str, field: str | None) -> None:
    assert (error.code, error.field) == (code, field)
    assert error.detail


@pytest.mark.parametrize(("code", "field", "line"), PARSE_ERRORS + RULES_BROKEN)
def test_bad_line_is_named_and_its_neighbours_are_stored(
    code: str,
    field: str | None,
    line: str,
    service: RunningService,
    tables: StoredTables,
    make_id: MakeId,
) -> None:
    meter_id, bad_id = make_id("m"), make_id("bad")
    first, last = reading_lines(meter_id, 2).splitlines(keepends=True)
    body = first + line.replace("ID", bad_id).encode() + b"\n" + last
    answer = service.post_lines(body)
    assert answer.status == 200
    summary = answer.summary()
    is_rule = (code, field, line) in RULES_BROKEN
    assert (summary.accepted, summary.parse_errors, summary.rejected) == (2, not is_rule, is_rule)
    [error] = summary.errors
    assert (error.line, error.index) == (2, None)
    assert_only_error(error, code, field)
    assert bad_id not in answer.body.decode(), "a payload must not come back"
    assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(2)
    assert tables.count_meter(bad_id) == 0


@pytest.mark.parametrize(
    ("code", "field", "element"),
    [
        case
        for case in PARSE_ERRORS + RULES_BROKEN
        if case[0] not in {"invalid-json", "invalid-number"} or "e999" in case[2]
    ],
)
def test_bad_array_element_is_named_by_its_index(
    code: str,
    field: str | None,
    element: str,
    service: RunningService,
    tables: StoredTables,
    make_id: MakeId,
) -> None:
    meter_id, bad_id = make_id("m"), make_id("bad")
    first, last = reading_lines(meter_id, 2).decode().splitlines()
    body = f"[{first}, {last}, {element.replace('ID', bad_id)}]"
    summary = service.post_array(body.encode()).summary()
    [error] = summary.errors
    assert (error.line, error.index) == (None, 2)
    assert_only_error(error, code, field)
    assert summary.accepted == tables.count_meter(meter_id) == 2
    assert tables.count_meter(bad_id) == 0


def test_generation_rules_name_the_fields_of_their_stream(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    plant_id = make_id("p")
    lines = [
        f'{{"ts":"2024-01-01T00:00:00Z","plant_id":"{plant_id}"}}',
        f'{{"ts":"2024-01-01T00:00:00Z","plant_id":"{plant_id}","mw":-1}}',
        f'{{"ts":"2024-01-01T00:00:00Z","plant_id":"{plant_id}","mw":1}}',
        '{"ts":"2024-01-01T00:00:00Z","mw":1}',
    ]
    answer = service.post_lines("\n".join(lines).encode(), stream="generation_output")
    summary = answer.summary()
    assert [(error.line, error.code, error.field) for error in summary.errors] == [
        (1, "missing-field", "mw"),
        (2, "negative-value", "mw"),
        (4, "missing-field", "plant_id"),
    ]
    assert (summary.accepted, summary.parse_errors, summary.rejected) == (1, 2, 1)
    assert len(tables.plant(plant_id)) == 1


@pytest.mark.parametrize("field", ["premise_id", "unknown"])
def test_line_that_is_not_utf8_is_named(
    field: str, service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    good = reading_lines(meter_id, 2)
    bad = good.splitlines()[0].removesuffix(b"}") + b',"' + field.encode() + b'":"\xff"}\n'
    summary = service.post_lines(bad + good).summary()
    [error] = summary.errors
    assert (error.line, error.code, error.field) == (1, "invalid-utf8", None)
    assert (summary.accepted, summary.parse_errors) == (2, 1)
    assert [row["premise_id"] for row in tables.meter(meter_id)] == [None, None]


def test_lines_are_numbered_with_blank_ones_and_across_blocks(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    lines = reading_lines(meter_id, 20_000, step_s=1).splitlines()
    for number in (20_000, 13_001, 2, 1):
        lines[number - 1 : number - 1] = [b"  ", b"bad", b""]
    summary = service.post_lines(b"\r\n".join(lines)).summary()
    assert [error.line for error in summary.errors] == [2, 6, 13_008, 20_010]
    assert (summary.accepted, summary.parse_errors) == (20_000, 4)
    assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(20_000)


@pytest.mark.parametrize(("bad_count", "truncated"), [(100, False), (150, True)])
def test_at_most_100_errors_are_listed(
    bad_count: int, truncated: bool, service: RunningService, make_id: MakeId
) -> None:
    body = b"bad\n" * bad_count + reading_lines(make_id("m"), 1)
    summary = service.post_lines(body).summary()
    assert summary.parse_errors == bad_count
    assert [error.line for error in summary.errors] == list(range(1, 101))
    assert summary.errors_truncated is truncated


def test_nothing_accepted_is_422_with_the_same_body(service: RunningService) -> None:
    answer = service.post_lines(b"bad\n\nworse\n")
    assert answer.status == 422
    summary = answer.summary()
    assert (summary.accepted, summary.parse_errors, summary.rejected) == (0, 2, 0)
    assert [error.line for error in summary.errors] == [1, 3]
    assert (summary.ack, summary.errors_truncated) == ("committed", False)


def test_nothing_accepted_has_its_problem_code(service: RunningService) -> None:
    document = msgspec.json.decode(service.post_lines(b"bad\n").body, type=dict[str, object])
    assert (document["code"], document["retryable"]) == ("nothing-accepted", False)


def test_strict_ends_at_the_first_bad_line_and_says_how_many_are_stored(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    good = reading_lines(meter_id, 15_000, step_s=1)
    lines = good.splitlines(keepends=True)
    bad_body = b"".join([*lines[:14_000], b"bad\n", *lines[14_000:], b"worse\n"])
    answer = service.post_lines(bad_body, query="?strict=true")
    problem = answer.problem(400, "strict-rejected")
    assert not problem.retryable
    assert "14001" in problem.detail.replace(",", "").replace("_", "")
    stored = [row["kwh"] for row in tables.meter(meter_id)]
    assert len(stored) == problem.accepted <= 14_000
    assert stored == expected_kwh(len(stored))
    assert service.post_lines(good, query="?strict=true").accepted_all().accepted == 15_000
    assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(15_000)


def test_strict_takes_a_clean_body_with_blank_lines(
    service: RunningService, make_id: MakeId
) -> None:
    body = reading_lines(make_id("m"), 3).replace(b"\n", b"\r\n\r\n")
    assert service.post_lines(body, query="?strict=true").accepted_all().accepted == 3


def test_validate_only_checks_everything_and_stores_nothing(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = reading_lines(meter_id, 5) + b"bad\n"
    answer = service.post_lines(body, query="?validate_only=true")
    assert answer.status == 200
    assert [(error.line, error.code) for error in answer.summary().errors] == [(6, "invalid-json")]
    array = msgspec.json.encode(readings(meter_id, 5))
    assert service.post_array(array, query="?validate_only=true").status == 200
    strict = service.post_lines(body, query="?validate_only=true&strict=true")
    assert strict.problem(400, "strict-rejected").accepted == 0
    assert tables.count_meter(meter_id) == 0
    assert service.post_lines(body, query="?validate_only=false").summary().accepted == 5
    assert tables.count_meter(meter_id) == 5


@pytest.mark.parametrize("body", [b"", b"[", b"[{}]x", b"7", b'"text"', b"[NaN]", b"\xff"])
def test_array_body_that_is_no_array_of_objects_is_400(
    body: bytes, service: RunningService
) -> None:
    assert service.post_array(body).problem(400, "invalid-json").accepted == 0


def test_ndjson_is_not_an_array_body(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    answer = service.post_array(reading_lines(meter_id, 2), headers={"content-type": JSON})
    answer.problem(400, "invalid-json")
    assert tables.count_meter(meter_id) == 0
