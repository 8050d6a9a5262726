"""Files of JSON records as pieces, from a place on, through the decoder that the server uses.

In an unpacked NDJSON file a place is an offset, so a resumed load seeks. Elsewhere, and behind a
line that was too long to be measured, it is a line number: the part before it is cut into lines
again but not decoded.
"""

import io
from collections.abc import Iterator, Sequence
from functools import partial

from utility_ts_analytics.files.file_kinds import check_text
from utility_ts_analytics.files.pieces import START, ErrorBudget, PieceSource, Place
from utility_ts_analytics.files.sources.ndjson_pieces import NdjsonPiece, NdjsonRules
from utility_ts_analytics.files.sources.stream_bytes import StreamBytes
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.reading.decoder_gaps import needs_plain_path
from utility_ts_analytics.reading.line_errors import over_long
from utility_ts_analytics.reading.lines import LineBlock, LineSplitter, LongLine, from_line
from utility_ts_analytics.reading.ndjson import BYTE_ORDER_MARK, Decoded


class _RecordFile(PieceSource):
    """A file of JSON records from a place on.

    Args:
        file: Its bytes.
        rules: How records are read.
        start: Where to begin: the place of a piece of an earlier run over the same file.
    """

    rereads = False

    def __init__(
        self, file: FileBytes | StreamBytes, rules: NdjsonRules, start: Place = START
    ) -> None:
        super().__init__()
        self._stack.callback(file.close)
        self._file = file
        self._rules = rules
        self._start = start
        self._lines = start.lines
        self._budget = ErrorBudget(rules.refused_max)

    @property
    def bytes_read(self) -> int:
        """Bytes read so far of the file on disk."""
        return self._file.bytes_read

    def interrupt(self) -> None:
        """Stop waiting for a stream; a file is not waited for."""
        if isinstance(self._file, StreamBytes):
            self._file.interrupt()

    def _counted(self, decoded: Decoded) -> int:
        """Count records, and return how many there were so far."""
        self._budget.take(len(decoded.errors))
        self._rules.versions(decoded)
        self._lines += decoded.line_count
        return self._lines


class NdjsonFile(_RecordFile):
    """One NDJSON file, or stream, from a place on."""

    def __iter__(self) -> Iterator[NdjsonPiece]:
        """Yield the pieces in order; see `PieceSource`."""
        rules, start = self._rules, self._start
        offset = start.offset if self._file.seekable else None
        splitter = LineSplitter(
            rules.max_line_bytes, next_line=start.next_line if start.offset else 1
        )
        for part in self._parts(splitter):
            if isinstance(part, LongLine):
                offset = None  # nobody has counted its bytes
                decoded = Decoded.of_error(over_long(part, rules.max_line_bytes))
                first, next_line, data = part.line, part.line + 1, None
            else:
                if offset is not None:
                    offset += len(part.data)
                decoded = rules.decoder.decode(part, ts_end=rules.ts_end)
                first, next_line, data = part.first_line, part.first_line + part.lines, part.data
            place = Place(self._counted(decoded), next_line, offset)
            yield NdjsonPiece(decoded, partial(_lines, data), first, place, rules.key_field)

    def _parts(self, splitter: LineSplitter) -> Iterator[LineBlock | LongLine]:
        """Yield the lines behind the start."""
        first = not self._start.offset
        for chunk in self._file.chunks(self._start.offset or 0):
            if first and not _may_be_json(chunk):
                # Refuse a file that is known to be of another kind, rather than each of its lines.
                check_text(chunk, self._file.name)
            first = False
            yield from from_line(splitter.feed(chunk), self._start.next_line)
        yield from from_line(splitter.finish(), self._start.next_line)


class JsonArrayFile(_RecordFile):
    """One file that is a JSON array of records, of any size, from a place on.

    Args:
        file: Its bytes.
        elements: Yields texts, the number of the first from 1, and the bytes that they came from.
        rules: How records are read.
        start: Where to begin: the place of a piece of an earlier run over the same file.
    """

    def __init__(
        self,
        file: FileBytes,
        elements: Iterator[tuple[Sequence[bytes], int, int]],
        rules: NdjsonRules,
        start: Place = START,
    ) -> None:
        super().__init__(file, rules, start)
        self._elements = elements

    def __iter__(self) -> Iterator[NdjsonPiece]:
        """Yield the pieces in order; see `PieceSource`."""
        for texts, first, size_bytes in self._elements:
            behind = first + len(texts)
            skip = max(0, min(len(texts), self._start.next_line - first))
            if skip == len(texts):
                continue
            rest = texts[skip:]
            decoded = self._rules.decoder.decode_texts(
                rest,
                range(first + skip, behind),
                ts_end=self._rules.ts_end,
                size_bytes=size_bytes,
                plain=needs_plain_path(b"\n".join(rest)),
            )
            place = Place(self._counted(decoded), behind)
            yield NdjsonPiece(
                decoded,
                partial(list, rest),
                first + skip,
                place,
                self._rules.key_field,
                has_lines=False,
            )


def _lines(data: bytes | None) -> Sequence[bytes]:
    """Return the lines of a block, ends included; of a line that is too long an empty one."""
    return [b""] if data is None else io.BytesIO(data).readlines()


def _may_be_json(head: bytes) -> bool:
    return head.removeprefix(BYTE_ORDER_MARK).lstrip()[:1] in (b"{", b"")
