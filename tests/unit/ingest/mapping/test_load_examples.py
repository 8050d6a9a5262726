"""The mappings of the repository, each on its sample, with values computed here by hand."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.unit.ingest.sources.source_rig import FileRead, read_file

from utility_ts_analytics.ingest.mapping import load_mapping

MAPPINGS = Path(__file__).parents[4] / "mappings"
JUNE = datetime(2024, 6, 3, tzinfo=UTC)


def example(mapping: str, sample: str) -> FileRead:
    rules = load_mapping(MAPPINGS / f"{mapping}.toml")
    return read_file(MAPPINGS / "samples" / sample, rules, stream=rules.stream)


def table(found: FileRead, *names: str) -> list[tuple[object, ...]]:
    return list(zip(*(found.values(name) for name in names), strict=True))


def test_csv_with_local_time_over_the_end_of_summer_time() -> None:
    """02:00 is a label of the end: 01:45 to 02:00 of summer time is 23:45Z to 00:00Z."""
    found = example("csv-local-time", "csv-local-time.csv")
    first = datetime(2024, 10, 26, 23, 45, tzinfo=UTC)
    quarters = [first + timedelta(minutes=15 * step) for step in range(9)]
    assert found.errors == []
    assert found.values("ts") == [*quarters, quarters[0], quarters[4]]
    assert found.values("kwh")[:3] == [0.2505, 0.251, 0.252]
    assert found.values("kvarh")[:3] == [0.012, None, 0.012]
    assert found.values("quality_flag")[:3] == ["VALID", "VALID", "ESTIMATED"]
    assert set(found.values("source_system")) == {"HES-NORD"}
    assert found.notes == {"repeated-hour-first": 5, "repeated-hour-second": 5}


def test_pipes_with_mean_power_of_the_half_hour() -> None:
    found = example("pipe-export", "pipe-export.dat")
    start = JUNE - timedelta(hours=2)
    assert table(found, "meter_id", "ts", "kwh", "kvarh", "quality_flag", "premise_id") == [
        ("M-1", start, 1.25, 0.25, "VALID", "P-1"),
        ("M-1", start + timedelta(minutes=30), 1.5, 0.2, "ESTIMATED", "P-1"),
        ("M-2", start, 0.0625, None, "VALID", None),
        ("M-2", start + timedelta(minutes=30), 0.125, None, "9", None),
    ]
    assert found.places == [2, 3, 4, 5]
    assert found.notes == {"lines-of-another-kind": 2}


def test_parquet_of_a_data_lake() -> None:
    found = example("data-lake-parquet", "data-lake.parquet")
    assert table(found, "meter_id", "premise_id", "ts", "kwh", "kva_demand") == [
        ("1001", "S-1", JUNE, 0.25, 1.1),
        ("1002", "S-2", JUNE, 0.125, None),
        ("1001", "S-1", JUNE + timedelta(minutes=15), 0.3, 1.3),
    ]
    assert found.notes == {"rows-left-out": 1}


def test_wide_days_of_92_96_and_100_quarter_hours() -> None:
    found = example("wide-days", "wide-days.csv")
    expected: list[datetime] = []
    berlin = ZoneInfo("Europe/Berlin")
    for month, day, count in ((3, 31, 92), (6, 3, 96), (10, 27, 100)):
        midnight = datetime(2024, month, day, tzinfo=berlin).astimezone(UTC)
        following = datetime(2024, month, day, tzinfo=berlin) + timedelta(days=1)
        assert (following.astimezone(UTC) - midnight) / timedelta(minutes=15) == count
        expected += [midnight + timedelta(minutes=15 * step) for step in range(count)]
    assert found.errors == []
    assert found.values("ts") == expected
    counts = (92, 96, 100)
    values = [number / 1000 for count in counts for number in range(1, count + 1)]
    assert found.values("kwh") == values
    assert found.notes == {
        "wide-cells-empty": 12,
        "wide-days-under-24-hours": 1,
        "wide-days-over-24-hours": 1,
    }


def test_nem12() -> None:
    found = example("nem12", "nem12.csv")
    start = JUNE - timedelta(hours=10)
    times = [start + timedelta(minutes=30 * step) for step in range(48)]
    assert found.values("ts") == times * 2
    assert found.values("kwh") == [step / 100 for step in range(1, 49)] + [0.0] * 48
    assert found.values("kvarh")[:48] == [(step % 9 + 1) / 100 for step in range(48)]
    assert found.values("quality_flag") == ["A"] * 40 + ["S"] * 8 + ["A"] * 48
    assert set(found.values("source_system")) == {"MDP-EXAMPLE"}


def test_generation_in_mwh() -> None:
    found = example("generation-mwh", "generation-mwh.csv")
    ten = JUNE + timedelta(hours=10)
    assert table(found, "plant_id", "unit_id", "ts", "mw", "fuel_type") == [
        ("SOLAR-1", "U1", ten, 1.0, "SOLAR"),
        ("SOLAR-1", "U1", ten + timedelta(minutes=15), 1.2, "SOLAR"),
        ("HYDRO-1", "U1", ten, 4.5, "HYDRO"),
    ]


@pytest.mark.parametrize("path", sorted(MAPPINGS.glob("*.toml")), ids=lambda path: path.name)
def test_every_mapping_names_its_sample(path: Path) -> None:
    [name] = [word.rstrip(".") for word in path.read_text().split() if word.startswith("samples/")]
    assert (MAPPINGS / name).is_file()
