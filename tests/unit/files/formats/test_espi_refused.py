"""Refused Green Button readings can be corrected and loaded again."""

import json
from pathlib import Path

from tests.unit.files.format_rig import (
    cells,
    file_of,
    read_table,
)
from tests.unit.files.formats.espi_rig import (
    NOON,
    START,
    WH,
    block,
    feed,
    meter_reading,
    point,
    read,
    reading_type,
    rows_of,
    value,
)

from utility_ts_analytics.files.formats.espi_table import EspiTable


def test_what_cannot_be_read_is_refused_and_can_be_corrected_and_read_again(tmp_path: Path) -> None:
    readings = [
        *(value("1,5"), value(1, start="x"), value(1, start=START * 1000), value(1, duration="-1")),
        *("<e:IntervalReading><e:value>5</e:value></e:IntervalReading>", value(""), value(7)),
    ]
    parts = (
        point(),
        meter_reading(),
        reading_type(WH + "<powerOfTenMultiplier>1</powerOfTenMultiplier>"),
    )
    found = read(tmp_path, feed(*parts, block(*readings)))
    assert found.codes == [
        (1, "invalid-number", "kwh"),
        (2, "invalid-timestamp", "ts"),
        (3, "invalid-timestamp", "ts"),
        (4, "invalid-number", "kwh"),
        (5, "missing-field", "ts"),
    ]
    assert [one.cell for one in found.refused] == ["1,5", "x", str(START * 1000), "-1", None]
    assert found.notes == {"espi-readings-without-a-value": 1}
    assert cells(rows_of(found), "rec", "kwh") == [(7, 0.07)]
    lines = [json.loads(one.text) for one in found.refused]
    assert [line["value"] for line in lines] == ["1,5", "1", "1", "1", "5"]
    for line in lines:
        line |= {"start": str(START), "duration": "900", "value": "4"}
    lines[0]["quality"] = "14"
    corrected = "".join(json.dumps(line) + "\n" for line in lines).encode() + found.texts[1]
    again = read_table(EspiTable(file_of(tmp_path, "gb.xml.ndjson", corrected)))
    assert cells(rows_of(again), "meter_id", "ts", "kwh") == [("1", NOON, 0.04)] * 5 + [
        ("1", NOON, 0.07)
    ]
    assert again.values("quality_name")[0] == "raw"
