"""Lines of a text file in blocks, without the lines that a mapping says are no rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.file_kinds import check_text
from utility_ts_analytics.ingest.mapping.model import FileSection
from utility_ts_analytics.ingest.notes import add_note
from utility_ts_analytics.ingest.sources.contract import BLOCK_BYTES_MAX, BLOCK_ROWS_MAX
from utility_ts_analytics.ingest.sources.file_pieces import FilePieces
from utility_ts_analytics.reading.lines import LineBlock, LineSplitter, LongLine
from utility_ts_analytics.reading.ndjson import BYTE_ORDER_MARK


@dataclass(frozen=True, slots=True)
class TextBlock:
    r"""Whole lines that may be rows.

    Attributes:
        data: UTF-8 as far as the file is; each line ended by `\n`. May be empty.
        numbers: Line number in the file of each line in `data`.
        size_bytes: Of the file's text that this came from.
    """

    data: bytes
    numbers: Sequence[int]
    size_bytes: int

    def lines(self) -> list[bytes]:
        """Return the lines, ends included."""
        return BytesIO(self.data).readlines()

    def halves(self) -> "tuple[TextBlock, TextBlock]":
        """Return the lines of the first half, and those of the second; of two lines or more."""
        lines, middle = self.lines(), len(self.numbers) // 2
        half_bytes = self.size_bytes // 2
        return (
            TextBlock(b"".join(lines[:middle]), self.numbers[:middle], half_bytes),
            TextBlock(
                b"".join(lines[middle:]), self.numbers[middle:], self.size_bytes - half_bytes
            ),
        )


@dataclass(slots=True)
class TextLines:
    """Cuts one file into blocks of at most a MiB, bounded whatever the file is.

    Attributes:
        pieces: The file.
        rules: Which lines are none, and the encoding.
        line_bytes_max: Longest line, bytes.
        notes: Gets how many lines each rule left out.
    """

    pieces: FilePieces
    rules: FileSection
    line_bytes_max: int
    notes: dict[str, int]

    def __iter__(self) -> Iterator[TextBlock]:
        """Yield the blocks in order.

        Raises:
            OperatorError: The file is no text, is empty, or a line is too long: with its number.
        """
        splitter = LineSplitter(
            self.line_bytes_max, BLOCK_BYTES_MAX, block_lines_max=BLOCK_ROWS_MAX
        )
        started = False
        for piece in self.pieces:
            if not started:
                check_text(piece, self.pieces.name)
                started = True
            yield from map(self._block, splitter.feed(piece))
        if not started:
            raise OperatorError(f"cannot read {self.pieces.name}: it is empty")
        yield from map(self._block, splitter.finish())

    def original(self, text: bytes) -> bytes:
        """Return text of a block in the encoding of the file."""
        if self.rules.encoding == "utf-8":
            return text
        return text.decode(errors="surrogateescape").encode(
            self.rules.encoding, errors="surrogateescape"
        )

    def _block(self, part: LineBlock | LongLine) -> TextBlock:
        if isinstance(part, LongLine):
            raise OperatorError(
                f"cannot read {self.pieces.name}, line {part.line}: it is over"
                f" {self.line_bytes_max} bytes (max_line_bytes)"
            )
        data = part.data
        if part.first_line == 1:
            data = data.removeprefix(BYTE_ORDER_MARK)
        if self.rules.encoding != "utf-8":
            text = data.decode(self.rules.encoding, errors="surrogateescape")
            data = text.encode(errors="surrogateescape")
        block = TextBlock(
            data, range(part.first_line, part.first_line + part.lines), len(part.data)
        )
        if block.numbers[0] <= self.rules.skip_lines or self._has_prefixes():
            return self._filtered(block)
        return block

    def _has_prefixes(self) -> bool:
        return bool(self.rules.skip_lines_starting_with or self.rules.only_lines_starting_with)

    def _filtered(self, block: TextBlock) -> TextBlock:
        """Leave out lines by the rules, and count them."""
        skip = tuple(word.encode() for word in self.rules.skip_lines_starting_with)
        only = tuple(word.encode() for word in self.rules.only_lines_starting_with)
        lines: list[bytes] = []
        numbers: list[int] = []
        for line, number in zip(block.lines(), block.numbers, strict=True):
            if number <= self.rules.skip_lines:
                add_note(self.notes, "lines-skipped-at-top")
            elif skip and line.startswith(skip):
                add_note(self.notes, "lines-skipped-by-prefix")
            elif only and not line.startswith(only):
                add_note(self.notes, "lines-of-another-kind")
            else:
                lines.append(line)
                numbers.append(number)
        return TextBlock(b"".join(lines), numbers, block.size_bytes)
