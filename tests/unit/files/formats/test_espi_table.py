"""Green Button readings: what becomes energy, and how readings are described."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.files.format_rig import (
    SAMPLES,
    cells,
    read_table,
)
from tests.unit.files.formats.espi_rig import (
    NOON,
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
from utility_ts_analytics.files.tables.file_bytes import FileBytes


def test_sample_comes_to_its_right_rows() -> None:
    found = read_table(EspiTable(FileBytes(SAMPLES / "green-button.xml")))
    rows = rows_of(found)
    assert cells(rows, "rec", "ts", "meter_id", "kwh") == [
        (1, NOON, "4701", 0.703),
        (2, NOON + timedelta(minutes=30), "4701", 0.607),
    ]
    assert found.lines == [8, 9]
    assert (found.notes, found.refused) == ({}, [])


@pytest.mark.parametrize(
    ("texts", "duration", "energy", "kwh"),
    [
        (WH, 900, True, 1.5),
        (WH + "<powerOfTenMultiplier>3</powerOfTenMultiplier>", 900, True, 1500.0),
        (WH + "<powerOfTenMultiplier>-3</powerOfTenMultiplier>", 900, True, 0.0015),
        ("<uom>72</uom>", 900, True, 1.5),
        ("<uom>38</uom><kind>37</kind>", 900, True, 0.375),
        ("<uom>38</uom><accumulationBehaviour>6</accumulationBehaviour>", 1800, True, 0.75),
        ("<uom>38</uom><accumulationBehaviour>12</accumulationBehaviour>", 900, False, None),
        ("<uom>38</uom><dataQualifier>8</dataQualifier>", 900, False, None),
        ("<uom>72</uom><accumulationBehaviour>1</accumulationBehaviour>", 900, False, None),
        ("<uom>72</uom><accumulationBehaviour>3</accumulationBehaviour>", 900, False, None),
        ("<uom>72</uom><accumulationBehaviour>9</accumulationBehaviour>", 900, False, None),
        ("<uom>73</uom>", 900, False, None),
        ("<uom>169</uom>", 900, False, None),
        ("<uom>4711</uom>", 900, False, None),
        ("<flowDirection>1</flowDirection>", 900, None, None),
        ("<uom>72</uom><powerOfTenMultiplier>k</powerOfTenMultiplier>", 900, None, None),
        ("<uom>72</uom><powerOfTenMultiplier>99999</powerOfTenMultiplier>", 900, None, None),
        (WH, 0, True, None),
    ],
)
def test_only_energy_of_intervals_becomes_kwh(
    tmp_path: Path, texts: str, duration: int, energy: bool | None, kwh: float | None
) -> None:
    parts = (point(), meter_reading(), reading_type(texts), block(value(1500, duration=duration)))
    found = read(tmp_path, feed(*parts))
    assert cells(found.rows, "energy", "kwh") == [(energy, kwh)]
    assert len(rows_of(found)) == (energy is not False)


def test_gas_is_left_out(tmp_path: Path) -> None:
    found = read(tmp_path, feed(point(kind=1), meter_reading(), reading_type(), block(value(5))))
    assert cells(found.rows, "service_kind", "energy") == [(1, False)]
    assert rows_of(found) == []
    commodity = feed(
        meter_reading(), reading_type(WH + "<commodity>7</commodity>"), block(value(5))
    )
    assert read(tmp_path, commodity).values("service_kind") == [1]


def test_qualities_are_named_and_net_and_total_kept_apart(tmp_path: Path) -> None:
    def quality(*codes: int) -> str:
        return "".join(
            f"<e:ReadingQuality><e:quality>{code}</e:quality></e:ReadingQuality>" for code in codes
        )

    net = WH.replace("<flowDirection>1<", "<flowDirection>4<")
    parts = (
        *(point(), meter_reading(), reading_type(net + "<defaultQuality>17</defaultQuality>")),
        block(value(1, more=quality(14)), value(2, more=quality(8, 10, 99)), value(-3)),
    )
    found = read(tmp_path, feed(*parts))
    assert cells(found.rows, "quality", "quality_name") == [
        ("14", "raw"),
        ("8,10,99", "estimated-reference-day,questionable,99"),
        ("17", "validated"),
    ]
    assert cells(rows_of(found), "meter_id", "kwh", "quality_flag")[2] == (
        "1-NET",
        -0.003,
        "VALIDATED",
    )


def test_readings_without_times_stand_at_their_place_in_the_block(tmp_path: Path) -> None:
    bare = "<e:IntervalReading><e:value>5</e:value></e:IntervalReading>"
    kind = reading_type(WH + "<intervalLength>1800</intervalLength>")
    found = read(tmp_path, feed(point(), meter_reading(), kind, block(bare, bare), block(bare)))
    later = NOON + timedelta(minutes=30)
    assert cells(found.rows, "ts", "minutes") == [(NOON, 30.0), (later, 30.0), (NOON, 30.0)]
