"""NEM12 files written after the specification: instants, units, channels, qualities, refusals."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.files.format_rig import (
    SAMPLES,
    cells,
    read_table,
)
from tests.unit.files.formats.nem12_rig import (
    HEADER,
    LINE_BYTES_MAX,
    MIDNIGHT,
    channel,
    day,
    read,
    refused_text,
    rows_of,
    table_of,
)

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.formats.nem12_table import Nem12Table
from utility_ts_analytics.files.tables.file_bytes import FileBytes


def test_sample_comes_to_rows_of_its_mapping() -> None:
    found = read_table(Nem12Table(FileBytes(SAMPLES / "nem12.csv"), LINE_BYTES_MAX))
    assert found.refused == []
    rows = rows_of(found)
    assert rows
    assert all(row["meter_id"] and row["ts"] and row["kwh"] is not None for row in rows)


def test_values_stand_at_the_start_of_their_interval_in_market_time(tmp_path: Path) -> None:
    values = [number / 8 for number in range(48)]
    found = read(tmp_path, channel("E1"), day(values))
    assert found.refused == []
    assert found.values("ts") == [MIDNIGHT + timedelta(minutes=30 * step) for step in range(48)]
    assert found.values("kwh") == values
    assert set(found.values("rec")) == set(found.lines) == {3}
    names = ("minutes", "nmi", "suffix", "serial", "direction", "quality", "method", "participant")
    [row] = set(cells(found.rows, *names))
    assert row == (30, "NMI0000001", "E1", "SERIAL7", "consumption", "A", "A", "MDP1")
    [row] = set(cells(rows_of(found), "meter_id", "premise_id", "quality_flag", "source_system"))
    assert row == ("NMI0000001-E1", "NMI0000001", "A", "MDP1")
    assert found.notes == {}
    # The whole day with its channel, so that it can be corrected and loaded again.
    assert found.texts[7].decode() == f"{channel('E1')}\r\n{day(values)}\r\n"


@pytest.mark.parametrize(
    ("unit", "minutes", "value", "kwh"),
    [
        ("kWh", 30, 1.5, 1.5),
        ("KWH", 15, 1.5, 1.5),
        ("Wh", 5, 1500, 1.5),
        ("MWH", 30, 0.25, 250.0),
        ("kW", 15, 2, 0.5),
        ("MW", 30, 0.5, 250.0),
    ],
)
def test_units_and_interval_lengths(
    tmp_path: Path, unit: str, minutes: int, value: float, kwh: float
) -> None:
    found = read(tmp_path, channel("E1", unit, minutes), day(value, minutes=minutes))
    assert found.values("kwh") == [kwh] * (1440 // minutes)
    assert found.values("ts")[-1] == MIDNIGHT + timedelta(days=1, minutes=-minutes)


def test_reactive_channels_join_the_active_one_of_their_direction(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        *(channel("E1"), day(1), day(5, date="20240408")),
        *(channel("B1"), day(2)),
        *(channel("Q1", "kvarh"), day(0.5)),
        *(channel("K1", "varh"), day(250)),
        *(channel("Q2", "kvarh"), day(9)),
        *(channel("E1", nmi="NMI0000002"), day(7)),
        *(channel("V1", "V"), day(230)),
    )
    assert set(cells(rows_of(found), "meter_id", "kwh", "kvarh")) == {
        ("NMI0000001-E1", 1.0, 0.5),
        ("NMI0000001-E1", 5.0, None),
        ("NMI0000001-B1", 2.0, 0.25),
        ("NMI0000002-E1", 7.0, None),
    }
    assert found.notes == {
        "nem12-reactive-values-paired": 96,
        "nem12-reactive-values-without-active-channel": 48,
        "nem12-values-of-other-units-left-out": 48,
    }


def test_qualities_are_those_of_400_records_where_there_are_any(tmp_path: Path) -> None:
    records = [
        channel("E1"),
        day(1, "V"),
        "400,1,20,A,,",
        "400,21,24,S14,32,tampering",
        "400,25,40,N,",
        "400,41,47,E52",
        "500,S,ORDER1,20240407154500,001123.5",
        day(1, "F16", date="20240408"),
    ]
    found = read(tmp_path, *records)
    flags = ["A"] * 20 + ["S"] * 4 + ["E"] * 7 + ["V"] + ["F"] * 48
    assert [row["quality_flag"] for row in rows_of(found)] == flags
    methods = ["A"] * 20 + ["S14"] * 4 + ["N"] * 16 + ["E52"] * 7 + ["V"] + ["F16"] * 48
    assert found.values("method") == methods
    assert found.notes == {
        "nem12-null-values": 16,
        "nem12-values-of-quality-v-without-400-record": 1,
        "nem12-reason-codes-not-kept": 4,
        "nem12-service-orders": 1,
    }


def test_empty_values_are_absent_and_others_that_are_no_numbers_refused(tmp_path: Path) -> None:
    values: list[object] = [1.0] * 48
    values[3], values[10], values[11], values[12] = "", "1,5".replace(",", ";"), "nan", -1
    found = read(tmp_path, channel("E1"), day(values))
    assert len(found.rows) == 45
    assert found.codes == [(3, "invalid-number", "kwh"), (3, "invalid-number", "kwh")]
    assert found.notes == {"nem12-values-empty": 1}


@pytest.mark.parametrize(
    ("records", "line", "reason"),
    [
        ([channel("E1"), day(1, minutes=15)], 3, "has not the 48 values of 30 minutes"),
        ([channel("E1"), day([1] * 47)], 3, "has not the 48 values of 30 minutes"),
        ([channel("E1"), day(1, "")], 3, "a quality flag"),
        ([channel("E1"), day(1, date="20240231")], 3, "date is no day"),
        ([channel("E1"), day(1, date="2024-04-07")], 3, "date must be YYYYMMDD"),
        ([day()], 2, "no good 200 record before it"),
        ([channel("E1", minutes=7), day()], 2, "must have an interval of"),
        ([channel("")], 2, "lacks its NMI or suffix"),
        (["200,NMI0000001,E1"], 2, "lacks fields"),
        ([channel("E1"), day(), "400,40,49,A,,"], 3, "intervals are not those of its day"),
        ([channel("E1"), day(), "400,1,48,,,"], 3, "lacks a quality flag"),
        (["400,1,48,A,,"], 2, "no 300 record before it"),
        (["12,13,14"], 2, "no record of NEM12"),
    ],
)
def test_records_that_cannot_be_read_are_refused_by_line_and_the_rest_is_read(
    tmp_path: Path, records: list[str], line: int, reason: str
) -> None:
    found = read(tmp_path, *records, channel("E1", nmi="NMI0000002"), day(2))
    assert found.refused[0].rec == found.refused[0].line == line
    assert reason in found.refused[0].detail
    assert found.values("kwh") == [2.0] * 48


def test_refused_days_can_be_corrected_and_loaded_again(tmp_path: Path) -> None:
    """With the channel that they belong to, and the qualities behind them."""
    bad, odd = day([1] * 47), day(["x", *[1] * 47])
    found = read(tmp_path, channel("B1"), day(3), bad, "400,1,48,E52,,", channel("E1"), odd)
    table = Nem12Table(FileBytes(tmp_path / "r.csv"), LINE_BYTES_MAX)
    refused = table.head.decode() + refused_text(found)
    expected = [HEADER, channel("B1"), bad, "400,1,48,E52,,", channel("E1"), odd]
    assert refused.split("\r\n")[:-1] == expected
    assert [one.rec for one in found.refused] == [4, 7]
    corrected = refused.replace(bad, day(1)).replace(odd, day(4))
    again = table_of(tmp_path, "again.csv", corrected)
    assert set(again.values("kwh")) == {1.0, 4.0}
    assert set(again.values("quality")) == {"A", "E"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("100,NEM13,200404101030,MDP1,R1\n250,...\n", ", line 1: it is NEM13"),
        ("\n100,NEM14,200404101030,MDP1,R1\n", ", line 2: its version must be NEM12"),
        ("300,20240407,1,2\n", ", line 1: a NEM12 file begins with a 100 record"),
        (f'{HEADER}\n200,"x\n', ", line 2: unexpected end of data"),
        ("\n\n", ": it has no records"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(OperatorError) as refused:
        table_of(tmp_path, "r.nem12", content)
    assert str(refused.value).startswith(f"cannot read {tmp_path / 'r.nem12'}{reason}")


def test_files_that_are_put_together_or_lack_their_ends_are_read(tmp_path: Path) -> None:
    records = [HEADER, channel("E1"), day(1), "900", HEADER, channel("E2"), day(2)]
    found = table_of(tmp_path, "r.csv", "\n".join(records))
    assert set(found.values("suffix")) == {"E1", "E2"}
    assert found.notes == {"nem12-no-end-record": 1}
    found = table_of(tmp_path, "bare.nem12", "\n".join([channel("E1"), day(1), "900"]))
    assert (len(found.rows), found.notes) == (48, {"nem12-no-header-record": 1})
    assert set(found.values("participant")) == {None}


def test_file_with_reactive_channels_only_is_told(tmp_path: Path) -> None:
    found = read(
        tmp_path, *(line for name in "QK" for line in (channel(f"{name}1", "kvarh"), day()))
    )
    assert found.rows == []
    assert found.notes == {
        "nem12-reactive-values-without-active-channel": 96,
        "nem12-active-channels": 0,
        "nem12-reactive-channels": 2,
    }


@pytest.mark.parametrize(
    ("suffix", "direction"),
    [
        ("E1", "consumption"),
        ("F2", "consumption"),
        ("B1", "generation"),
        ("N1", "net"),
        ("11", None),
    ],
)
def test_first_letter_of_the_channel_says_the_direction(
    tmp_path: Path, suffix: str, direction: str | None
) -> None:
    assert set(read(tmp_path, channel(suffix), day(1)).values("direction")) == {direction}


def test_days_of_one_nmi_are_held_up_to_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind it they go out, and what would belong to them is counted instead."""
    monkeypatch.setattr("utility_ts_analytics.files.formats.nem12_table.HELD_DAYS_MAX", 3)
    days = [day(1, date=f"202404{number:02}") for number in range(1, 5)]
    found = read(tmp_path, channel("E1"), *days, channel("Q1", "kvarh"), *days[:2])
    assert len(found.rows) == 4 * 48
    assert found.blocks > 1
    assert found.notes == {"nem12-reactive-values-without-active-channel": 2 * 48}


def test_refused_records_come_with_the_block_that_they_stand_in(tmp_path: Path) -> None:
    """`rec` of rows and of refused records rises over all blocks."""
    days = [
        day(1, date=f"2024{month:02}{number:02}") for month in (1, 2, 3) for number in range(1, 26)
    ]
    days[60] = day([1] * 47)
    found = read(tmp_path, channel("E1"), *days)
    assert (found.blocks, len(found.rows)) == (2, 74 * 48)
    assert [one.rec for one in found.refused] == [63]
