"""Mappings of the gallery over broken files: nothing is hidden, nothing comes under another meter.

What is refused, corrected and loaded again gives the rows that the right file has given.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pyarrow as pa
import pytest
from tests.unit.files.mapping.mapping_rig import OfOneFile

from utility_ts_analytics.files.mapping.engine import Selection
from utility_ts_analytics.files.mapping.statement import load_statement
from utility_ts_analytics.files.pieces import Refused
from utility_ts_analytics.files.sources.column_pieces import ColumnRules
from utility_ts_analytics.files.sources.mapped_file import MappedFile
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END

MAPPINGS: Final = Path(__file__).parents[4] / "mappings"
SAMPLES: Final = MAPPINGS / "samples"

D0036: Final = b"""ZHV|1|D0036001|
026|M-1|V|
027|AI|
028|20240101|
029|A|1|
029|A|2|
029|A|3|
027|RI|
028|20240101|
029|A|9|
026|M-2|V|
027|AE|
028|20240101|
029|A|4|
029|A|5|
028|20240102|
029|A|6|
026|M-3|V|
027|AI|
028|20240101|
029|A|7|
ZPT|1|
"""
CONSUMED: Final = b"Energy consumption time period,Usage,Quality\n"
RECEIVED: Final = b"Energy Received time period,Usage,Quality\n"
SCE: Final = (
    b'Usage report\n"Place: 12 EXAMPLE RD"\n"From 2024-03-01 00:00:00, 1 day"\n'
    + CONSUMED
    + b'"2024-03-01 00:00:00 to 2024-03-01 00:15:00","1",""\n'
    b'"2024-03-01 00:15:00 to 2024-03-01 00:30:00","2",""\n'
    b'"From 2024-03-01 00:00:00, 1 day"\n'
    + RECEIVED
    + b'"2024-03-01 00:00:00 to 2024-03-01 00:15:00","3",""\n'
    b'"2024-03-01 00:15:00 to 2024-03-01 00:30:00","4",""\n'
    b'"From 2024-03-02 00:00:00, 1 day"\n'
    + CONSUMED
    + b'"2024-03-02 00:00:00 to 2024-03-02 00:15:00","5",""\n'
)
TEPCO: Final = (SAMPLES / "tepco-demand.csv").read_bytes().replace(b"\r\n", b"\n")
LOAD_CURVE: Final = (SAMPLES / "enedis-load-curve.csv").read_bytes()
SPREADSHEET: Final = (SAMPLES / "enedis-spreadsheet.csv").read_bytes()

Row = tuple[str, str, float]


class Loaded:
    """What a file comes to by a mapping of the gallery."""

    def __init__(self, name: str, path: Path) -> None:
        text = (MAPPINGS / f"{name}.sql").read_text(encoding="utf-8")
        self._spec = STREAMS[text.split("Stream: ")[1].split(".")[0].split(",")[0].strip()]
        rules = ColumnRules(self._spec, True, TS_END, None, lambda batch, recs: None, 0)
        selection = Selection(
            OfOneFile(load_statement(MAPPINGS / f"{name}.sql")), FileBytes(path), 2_000
        )
        columns: Mapping[str, Sequence[str]] = {}
        self.rows: list[Row] = []
        self.refused: list[Refused] = []
        with MappedFile(
            selection, FileBytes(path), columns, selection.open_table, rules=rules
        ) as file:
            for piece in file:
                self.refused += piece.refused
                assert isinstance(piece._rows, pa.RecordBatch)
                self.rows += map(self._row, piece._rows.to_pylist())
            self.left_out = file.notes.get("records-left-out", 0)
            self._head = file.head

    def refused_file(self) -> bytes:
        return self._head + b"".join(one.text for one in self.refused)

    def _row(self, row: Mapping[str, Any]) -> Row:
        value = row["kwh"] if "kwh" in row else row["mw"]
        return str(row["ts"]), row[self._spec.key_field], value


def loaded(name: str, folder: Path, content: bytes, file: str = "f.csv") -> Loaded:
    path = folder / file
    path.write_bytes(content)
    return Loaded(name, path)


@cache
def loaded_whole(name: str, content: bytes) -> Loaded:
    """Return what the right file comes to: the same for all its faults."""
    with TemporaryDirectory() as folder:
        return loaded(name, Path(folder), content)


def sample(name: str) -> bytes:
    [path] = SAMPLES.glob(f"{name}.*")
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "right", "changes"),
    [
        ("d0036", D0036, {b"029|A|1|": b"029|A|x|", b"029|A|3|": b"029|A||"}),
        ("d0036", D0036, {b"029|A|2|": b"02g|A|2|"}),
        ("d0036", D0036, {b"026|M-2": b"o26|M-2"}),
        ("d0036", D0036, {b"027|AE": b"027|AX", b"029|A|1|": b"029|A|x|"}),
        ("d0036", D0036, {b"028|20240102|": b"028|20240132|"}),
        ("d0036", D0036, {b"026|M-2": b"026|M-\xff", b"029|A|7|": b"029|A|y|"}),
        ("sce", SCE, {b'03-01 00:30:00","2"': b'03-01 00:30:00","x"', b'"4"': b'"y"'}),
        ("sce", SCE, {b'"2024-03-01 00:15:00 to 2024-03-01 00:30:00","4"': b'"2024-03-01","4"'}),
        ("sce", SCE, {RECEIVED: b"Energy Received tim perod,Usage,Quality\n"}),
        ("sce", SCE, {RECEIVED: b"Energy Received\xff time period,Usage,Quality\n"}),
        ("pvgis-hourly", sample("pvgis-hourly"), {b"20200601:0411": b"2020-06-01 04:11"}),
        ("pvgis-hourly", sample("pvgis-hourly"), {b"20200601:0411": b"x"}),
        ("tepco-demand", TEPCO, {b"2024/5/6,1:00": b"2024-5-6,1:00"}),
        ("tepco-demand", TEPCO, {b"2024/5/6,1:00": b"x024/5/6,1:00"}),
        ("tepco-demand", TEPCO, {b"1:00,2310": b"1:00,x", b"0:00,2345": b"0:00,"}),
        ("cmep", sample("cmep"), {b"MEPMD01": b"MEPMDO1"}),
        ("cmep", sample("cmep"), {b"00000015,3,": b"00000015,x,"}),
        ("cmep", sample("cmep"), {b"00000015,3,": b"00000015,2,"}),
        ("cmep", sample("cmep"), {b"3,202401010015": b"3,2024-01-01"}),
        ("fronius-solarweb", sample("fronius-solarweb"), {b"10.5": b"x10.5"}),
        ("fronius-solarweb", sample("fronius-solarweb"), {b"31.03.2024 03:00": b"03:00"}),
        ("fronius-solarweb", sample("fronius-solarweb"), {b"[kWh]": b"[\xff]"}),
        ("aemo-scada", sample("aemo-scada"), {b'00:05:00",BAL30': b'00:05",BAL30'}),
        ("influx-annotated", sample("influx-annotated"), {b",,1,2024": b"1,2024"}),
        ("influx-annotated", sample("influx-annotated"), {b"0.5,kwh,FX-A": b"0.5"}),
        ("pipe-export", sample("pipe-export"), {b"D|M-1|P-1|20240603|0000": b"d|M-1|P-1|0"}),
        ("pge", sample("pge"), {b"Electric usage,2024-03-10,00:45": b"Elect,2024-03-10,00:45"}),
        ("enedis-load-curve", LOAD_CURVE, {b";560": b";x", b"T03:00:00+02": b"T03"}),
        ("enedis-spreadsheet", SPREADSHEET, {SPREADSHEET.splitlines()[1]: b"02/03 x;;4"}),
    ],
)  # fmt: skip
def test_what_is_refused_is_corrected_and_loaded_again(
    tmp_path: Path, name: str, right: bytes, changes: Mapping[bytes, bytes]
) -> None:
    whole = loaded_whole(name, right)
    assert whole.refused == []
    bad = right
    for good, broken in changes.items():
        assert right.count(good) == 1 or name == "sce"
        bad = bad.replace(good, broken)
    found = loaded(name, tmp_path, bad)
    assert found.refused
    assert set(found.rows) < set(whole.rows)
    assert found.left_out <= whole.left_out
    kept = found.refused_file()
    for good, broken in changes.items():
        kept = kept.replace(broken, good)
    again = loaded(name, tmp_path, kept)
    assert set(again.rows) | set(found.rows) == set(whole.rows)
    assert again.refused == []


@pytest.mark.parametrize(
    ("name", "right", "number"),
    [
        *(("d0036", D0036, number) for number in (2, 3, 4, 5, 10, 11, 13)),
        *(("sce", SCE, number) for number in (0, 3, 5, 7)),
        *(("tepco-demand", TEPCO, number) for number in (0, 4, 5, 9, 10)),
    ],
)
def test_line_that_cannot_be_read_gives_no_row_to_another_meter(
    tmp_path: Path, name: str, right: bytes, number: int
) -> None:
    """Whatever it was: what stands behind it is right, or refused."""
    whole = loaded_whole(name, right)
    lines = right.splitlines(keepends=True)
    good, lines[number] = lines[number], b"\x81 x\n"
    found = loaded(name, tmp_path, b"".join(lines))
    assert set(found.rows) <= set(whole.rows)
    assert "invalid-utf8" in [one.code for one in found.refused]
    assert len(found.refused) > len(whole.rows) - len(found.rows) - 1
    again = loaded(name, tmp_path, found.refused_file().replace(b"\x81 x\n", good))
    assert set(again.rows) <= set(whole.rows)


def test_corrected_line_is_not_taken_for_one_of_the_record_that_is_refused_above_it(
    tmp_path: Path,
) -> None:
    bad = D0036.replace(b"029|A|1|", b"029|A|x|").replace(b"029|A|7|", b"029|A|\xff|")
    found = loaded("d0036", tmp_path, bad)
    kept = found.refused_file().replace(b"|x|", b"|1|").replace(b"\xff", b"7")
    again = loaded("d0036", tmp_path, kept)
    assert again.rows == [("2024-01-01 00:00:00+00:00", "M-1", 1.0)]
    assert len(again.refused) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d0036", b"029|A|1|\n"),
        ("sce", SCE.splitlines()[4] + b"\n"),
        ("tepco-demand", b"2024/5/6,1:00,2310,2320\n"),
        ("enedis-load-curve", b"2023-10-29T02:30:00+02:00;560\n"),
        ("enedis-load-curve", b"Identifiant PRM;\n\xff\n2023-10-29T02:30:00+02:00;560\n"),
    ],
)
def test_record_without_what_must_stand_above_it_is_refused(
    tmp_path: Path, name: str, content: bytes
) -> None:
    found = loaded(name, tmp_path, content)
    assert found.rows == []
    assert len(found.refused) == content.count(b"\xff") + 1


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("esb-networks-hdf", b"Active Import Interval (kW)", b"Active Imprt Interval (kW)"),
        ("esb-networks-hdf", b"Active Import Interval (kW)", b"Active Import Interval (kWh)"),
        ("pge", b"Electric usage", b""),
    ],
)
def test_kind_that_is_not_known_is_refused_and_not_left_out(
    tmp_path: Path, name: str, good: bytes, bad: bytes
) -> None:
    found = loaded(name, tmp_path, sample(name).replace(good, bad))
    assert found.rows == []
    assert found.left_out == 0
    assert found.refused


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("aemo-scada", b"D,DISPATCH,UNIT_SCADA", b"D,DISPATCH,UNIT_SCDA"),
        ("pipe-export", b"D|", b"d|"),
        ("influx-annotated", b",,", b",x,"),
    ],
)
def test_lines_of_no_known_kind_are_refused_whatever_is_in_them(
    tmp_path: Path, name: str, good: bytes, bad: bytes
) -> None:
    found = loaded(name, tmp_path, sample(name).replace(good, bad))
    assert found.rows == []
    assert {one.code for one in found.refused} == {"wrong-type"}
