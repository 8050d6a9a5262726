"""NDJSON with foreign names: members as columns, each bad line by its number."""

from datetime import UTC, datetime
from pathlib import Path

from tests.unit.ingest.sources.source_rig import meter_mapping, read_file, written

MAPPING = meter_mapping(
    time={"columns": "at", "format": ["epoch_s", "iso"]},
    fields={"meter_id": "meter", "kwh": {"column": "value", "unit": "Wh"}},
)


def test_members_become_fields_and_bad_lines_are_named(tmp_path: Path) -> None:
    lines = [
        '{"meter":"m-1","at":"2024-01-01T00:00:00Z","value":1500,"other":{"x":[]}}',
        '{"meter":7,"at":1704067200,"value":"250"}',
        "",
        '{"meter":"m","at":1704067200,"value":true}',
        '{"meter":"m","at":1704067200,"value":',
        "[1]",
        '{"meter":"m","at":"soon","value":1}',
        '{"meter":"m","at":1704067200}',
        '{"meter":"m","at":1704067200,"value":"x"}',
        '{"meter":"m-2","at":1704067200,"value":null}',
    ]
    content = "\n".join(lines).encode() + b'\n{"meter":"\xff"}'
    found = read_file(written(tmp_path, "r.ndjson", content), MAPPING)
    assert found.places == [1, 2]
    assert found.values("meter_id") == ["m-1", "7"]
    assert found.values("kwh") == [1.5, 0.25]
    assert found.values("ts") == [datetime(2024, 1, 1, tzinfo=UTC)] * 2
    assert found.codes == [
        (4, "wrong-type", "kwh"),
        (5, "invalid-json", None),
        (6, "wrong-type", None),
        (7, "invalid-timestamp", "ts"),
        (8, "missing-field", "kwh"),
        (9, "invalid-number", "kwh"),
        (10, "missing-field", "kwh"),
        (11, "invalid-utf8", None),
    ]
    assert found.refused.splitlines()[:-1] == [line.encode() for line in lines[3:]]


def test_numbers_alone_and_beyond_64_bits_are_numbers(tmp_path: Path) -> None:
    lines = "".join(
        f'{{"meter":"m","at":"2024-01-01T00:00:00Z","value":{value}}}\n' for value in (1, 2**70, 3)
    )
    found = read_file(written(tmp_path, "r.ndjson", lines), MAPPING)
    assert found.values("kwh") == [0.001, 2**70 / 1000, 0.003]


def test_numbers_where_texts_of_times_are_wanted_are_no_times(tmp_path: Path) -> None:
    """Also where a whole block has nothing else: its column is then one of numbers."""
    texts_only = meter_mapping(time={"columns": "at", "format": "iso"})
    content = '{"meter":"m","at":1704067200,"value":1}\n{"meter":"m","at":2.5,"value":1}\n[]\n'
    found = read_file(written(tmp_path, "r.ndjson", content), texts_only)
    assert found.codes == [
        (1, "invalid-timestamp", "ts"),
        (2, "invalid-timestamp", "ts"),
        (3, "wrong-type", None),
    ]
    assert read_file(written(tmp_path, "s.ndjson", "[]\n"), texts_only).codes == [
        (1, "wrong-type", None)
    ]
