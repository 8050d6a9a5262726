"""Everything that is wrong with a mapping is reported at once, each with its path."""

from fractions import Fraction
from pathlib import Path

import pytest

from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.ingest.mapping.load import FILE_BYTES_MAX, load_mapping, parse_mapping

GOOD = """
stream = "meter_usage"
[file]
null = "-"
[time]
columns = "when"
format = "%d.%m.%Y %H:%M"
zone = "Europe/Berlin"
interval_minutes = 15
[fields]
meter_id = "meter"
kwh = { column = "value", unit = "kW", multiplier = 0.1, null = ["x"] }
quality_flag = { column = "q", values = { A = "ACTUAL" }, other_values = "keep" }
source_system = { constant = "HES" }
[only]
kind = "import"
"""


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "m.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def problems_of(tables: dict[str, object]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as refused:
        parse_mapping(tables)
    return refused.value.problems


def test_mapping_is_read(tmp_path: Path) -> None:
    mapping = load_mapping(written(tmp_path, "\ufeff" + GOOD))
    assert mapping.time.columns == ("when",)
    kwh = mapping.fields["kwh"]
    assert kwh.factor == Fraction(1, 40)  # 0.1 as it was written, a quarter of an hour
    assert kwh.null == {"-", "x"}
    assert mapping.fields["quality_flag"].values == {"A": "ACTUAL"}
    assert mapping.fields["source_system"].constant == "HES"
    assert mapping.only == {"kind": ("import",)}


def test_every_problem_is_reported_with_file_and_path(tmp_path: Path) -> None:
    text = GOOD.replace('zone = "Europe/Berlin"', 'zone = "Europe/Atlantis"\nlabl = "end"')
    text = (
        text.replace('unit = "kW"', 'unit = "kVA"') + '[files]\nx = 1\n[wide]\nfield = "premise_id"'
    )
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        load_mapping(path)
    assert refused.value.exit_code == 2
    lines = [line.removeprefix(f"{path}: ") for line in refused.value.problems]
    assert [line.split(": ")[0] for line in lines] == [
        "files",
        "time.labl",
        "fields.kwh.unit",
        "time.zone",
        "wide.first_column",
        "wide.last_column",
        "wide.field",
    ]
    assert lines[1] == "time.labl: is no known key; did you mean label?"
    assert all(str(path) in line for line in refused.value.problems)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"stream = ", "cannot parse the mapping"),
        (b"\xff", "cannot parse the mapping"),
        (b"#" * (FILE_BYTES_MAX + 1), "is larger than 1048576 bytes"),
    ],
)
def test_file_that_is_no_mapping_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        load_mapping(written(tmp_path, content))
    with pytest.raises(ConfigError, match="No such file"):
        load_mapping(tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        ({}, 'stream: must be "meter_usage" or "generation_output", is not set'),
        ({"stream": "x"}, 'stream: must be "meter_usage" or "generation_output", is "x"'),
        ({"stream": "meter_usage", "file": 1}, "file: must be a table, is 1"),
        ({"stream": "meter_usage", "only": {"a": 1}}, "only.a: must be a text or a list of texts"),
        ({"stream": "meter_usage", "only": 1}, "only: must be a table, is 1"),
    ],
)
def test_tables_of_wrong_types(tables: dict[str, object], problem: str) -> None:
    assert problem in problems_of(tables)
