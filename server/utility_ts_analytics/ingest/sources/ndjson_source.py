"""NDJSON with foreign names: one object per line, its members as columns.

Without a mapping NDJSON is read by the server's own decoder, which makes no columns.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import msgspec
import pyarrow as pa

from utility_ts_analytics.ingest.file_kinds import FileKind
from utility_ts_analytics.ingest.mapping.mapper import Mapper
from utility_ts_analytics.ingest.mapping.model import FileMapping
from utility_ts_analytics.ingest.sources.contract import Refused, SourceBlock
from utility_ts_analytics.ingest.sources.file_pieces import FilePieces
from utility_ts_analytics.ingest.sources.in_pieces import ReadInPieces
from utility_ts_analytics.ingest.sources.raw import RawBlock, mapped
from utility_ts_analytics.ingest.sources.text_lines import TextBlock, TextLines
from utility_ts_analytics.reading.diagnosis import TOO_DEEP, invalid_utf8, malformed
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.records.validation import RowError

_BLANKS = b" \t\r\n"
_decode = msgspec.json.Decoder(dict[str, object]).decode
Value = str | int | float | None


class NdjsonSource(ReadInPieces):
    """One file of objects.

    Args:
        pieces: The file.
        spec: The stream.
        mapping: What its members become.
        line_bytes_max: Longest line, bytes.
        stack: Closes the file.
    """

    def __init__(
        self,
        pieces: FilePieces,
        spec: StreamSpec,
        mapping: FileMapping,
        *,
        line_bytes_max: int,
        stack: ExitStack,
    ) -> None:
        super().__init__(pieces, stack)
        self.refused_kind: FileKind = "ndjson"
        names = [rule.column for rule in mapping.fields.values() if rule.column is not None]
        # Any object may have any member: none is missing before its line is read.
        names = list(dict.fromkeys([*mapping.time.columns, *names, *mapping.only]))
        self._mapper = Mapper.of_file(mapping, spec, names, f"{self.name}: the mapping")
        self._lines = TextLines(pieces, mapping.file, line_bytes_max, self._mapper.notes)

    @property
    def notes(self) -> Mapping[str, int]:
        """How often each rule decided something."""
        return self._mapper.notes

    def __iter__(self) -> Iterator[SourceBlock]:
        """Yield the blocks; see `contract.Source`."""
        for block in self._lines:
            rows = self._rows(block)
            batch = pa.RecordBatch.from_arrays(
                [_column(rows.columns[name]) for name in self._mapper.used],
                names=list(self._mapper.used),
            )
            raw = RawBlock(
                batch, rows.lines, rows.refused, block.size_bytes, rows.texts.__getitem__
            )
            yield mapped(raw, self._mapper)

    def _rows(self, block: TextBlock) -> "_Rows":
        rows = _Rows({name: [] for name in self._mapper.used})
        for text, line in zip(block.lines(), block.numbers, strict=True):
            if not text.strip(_BLANKS):
                continue
            found = self._members(text, line)
            if isinstance(found, RowError):
                rows.refused.append(Refused(found, text))
                continue
            for name, value in zip(self._mapper.used, found, strict=True):
                rows.columns[name].append(value)
            rows.lines.append(line)
            rows.texts.append(text)
        return rows

    def _members(self, text: bytes, line: int) -> list[Value] | RowError:
        """Return the members that are used, or why there are none."""
        try:
            text.decode()
            members = _decode(text)
        except UnicodeDecodeError:
            return invalid_utf8(line)
        except RecursionError:
            return RowError(line, "invalid-json", None, TOO_DEEP)
        except msgspec.DecodeError:
            fault = malformed(text)
            if fault is not None:
                return RowError(line, "invalid-json", None, fault)
            return RowError(line, "wrong-type", None, "a record must be a JSON object")
        values: list[Value] = []
        for name in self._mapper.used:
            value = members.get(name)
            if isinstance(value, bool) or not isinstance(value, str | int | float | None):
                target = self._mapper.field_of(name)
                detail = f"{target or 'a member'} must be text or a number"
                return RowError(line, "wrong-type", target, detail)
            values.append(value)
        return values


@dataclass(slots=True)
class _Rows:
    """What the lines of a block came to."""

    columns: dict[str, list[Value]]
    lines: list[int] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def _column(values: Sequence[Value]) -> pa.Array:
    """Return members as numbers where all are, else as the texts that JSON would write."""
    if any(isinstance(value, str) for value in values):
        texts = [
            value if isinstance(value, str | None) else msgspec.json.encode(value).decode()
            for value in values
        ]
        return pa.array(texts, pa.string())
    whole = all(isinstance(value, int | None) for value in values)
    try:
        return pa.array(values, pa.int64() if whole else pa.float64())
    except (pa.ArrowException, OverflowError):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
