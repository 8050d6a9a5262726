"""What cannot be opened is refused with what to do; what can be is closed again."""

from pathlib import Path

import pytest
from tests.unit.ingest.sources.source_rig import METER_USAGE, meter_mapping, read_file, written

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.sources import open_source
from utility_ts_analytics.records.streams import STREAMS

CSV = "ts,meter_id,kwh\n2024-01-01T00:00:00Z,m,1\n"


def test_unknown_name_is_refused_with_the_kinds_there_are(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"must end in \.ndjson, \.jsonl, \.csv.*--format"):
        read_file(written(tmp_path, "readings.txt", CSV))


def test_what_somebody_says_beats_the_mapping_and_that_the_name(tmp_path: Path) -> None:
    mapping = meter_mapping(file={"kind": "csv"}, fields={"meter_id": "meter_id", "kwh": "kwh"})
    assert len(read_file(written(tmp_path, "a.dat", CSV), mapping).rows) == 1
    with pytest.raises(OperatorError, match="the header lacks"):
        read_file(written(tmp_path, "a.csv", CSV), mapping, kind="psv")


@pytest.mark.parametrize("name", ["-", "r.parquet.gz"])
def test_parquet_is_a_file_of_its_own(tmp_path: Path, name: str) -> None:
    path = Path(name) if name == "-" else written(tmp_path, name, b"")
    with pytest.raises(OperatorError, match="its description is at its end"):
        read_file(path, kind="parquet")


def test_mapping_of_another_stream_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="is for meter_usage, not for generation_output"):
        open_source(
            written(tmp_path, "r.csv", CSV),
            spec=STREAMS["generation_output"],
            mapping=meter_mapping(),
            kind=None,
            line_bytes_max=1_000,
        )


def test_file_is_closed_on_leaving(tmp_path: Path) -> None:
    source = open_source(
        written(tmp_path, "r.csv", CSV),
        spec=METER_USAGE,
        mapping=None,
        kind=None,
        line_bytes_max=1_000,
    )
    with source:
        pass
    with pytest.raises(ValueError, match="closed file"):
        list(source)
