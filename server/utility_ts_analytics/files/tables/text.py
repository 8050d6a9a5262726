"""Lines of a text file as UTF-8, whatever its encoding, each of bounded length."""

import codecs
import re
import sys
from collections.abc import Iterator
from io import BytesIO
from typing import Final

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.file_kinds import check_text
from utility_ts_analytics.files.tables.contract import BLOCK_BYTES_MAX, BLOCK_ROWS_MAX
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.reading.lines import LineBlock, LineSplitter, LongLine
from utility_ts_analytics.reading.ndjson import BYTE_ORDER_MARK

_UNREADABLE: Final = "ingest-unreadable"
"""Name of the error handler below."""

_KEPT_BYTE: Final = re.compile("\udcff(.)", re.DOTALL)

_NO_FILES: Final = frozenset(
    ("idna", "punycode", "unicode-escape", "unicode_escape", "raw-unicode-escape")
)
"""Encodings of Python that no file has, and that fail on bytes which they do not know."""

_ORDER: Final = "le" if sys.byteorder == "little" else "be"
_WITH_MARK: Final = {
    "utf-16": (f"utf-16-{_ORDER}", "utf-16"),
    "utf-32": (f"utf-32-{_ORDER}", "utf-32"),
}
"""What encodes a part of such a text, and what makes the mark at its start."""


class TextFile:
    """One text file in one encoding.

    Args:
        file: Its bytes.
        encoding: Any that Python knows, such as `windows-1252` or `utf-16`. What it cannot read
            stays in the text as bytes that are no UTF-8.
        max_line_bytes: Longest line, bytes.

    Attributes:
        mark: What a file in this encoding begins with, so that it is read as such: a byte order
            mark where the encoding has one, else nothing.

    Raises:
        OperatorError: There is no such encoding.
    """

    def __init__(self, file: FileBytes, encoding: str, max_line_bytes: int) -> None:
        self.file = file
        self.max_line_bytes = max_line_bytes
        try:
            "".encode(encoding)  # no text encoding: a LookupError too
            name = codecs.lookup(encoding).name
        except (LookupError, ValueError):
            name = next(iter(_NO_FILES))
        if name in _NO_FILES:
            raise OperatorError(
                f"cannot read {file.name}: there is no encoding {encoding!r}; such as utf-8,"
                " windows-1252, iso-8859-1, utf-16"
            )
        self._encoding = "utf-8" if name == "utf-8-sig" else name
        self._writes, with_mark = _WITH_MARK.get(name, (self._encoding, ""))
        self.mark = "".encode(with_mark) if with_mark else b""

    def parts(self) -> Iterator[LineBlock | LongLine]:
        r"""Yield the lines in blocks of about a MiB, each ended by `\n`; a pass of its own.

        Raises:
            OperatorError: The file cannot be read, is empty, or is no text.
        """
        splitter = LineSplitter(
            self.max_line_bytes, BLOCK_BYTES_MAX, block_lines_max=BLOCK_ROWS_MAX
        )
        for chunk in self.chunks():
            yield from splitter.feed(chunk)
        yield from splitter.finish()

    def original(self, text: bytes) -> bytes:
        """Return text of a block in the encoding of the file, without its mark."""
        if self._encoding == "utf-8":
            return text
        letters = text.decode(errors="surrogateescape")
        if self._encoding.startswith(("utf-16", "utf-32")):
            # What could not be read is one unit that cannot be read again.
            return letters.encode(self._writes, "surrogatepass")
        if "\udcff" in letters:
            letters = _KEPT_BYTE.sub(r"\1", letters)
        return letters.encode(self._writes, _UNREADABLE)

    def chunks(self) -> Iterator[bytes]:
        """Yield UTF-8 without a byte order mark, with line ends that have a newline.

        Raises:
            OperatorError: As `parts`.
        """
        started = False
        returns_only = False
        for text in self._decoded():
            plain = text
            if not started:
                started = True
                plain = text.removeprefix(BYTE_ORDER_MARK)
                # A return at the very end may belong to a newline that comes next.
                returns_only = b"\r" in plain[:-1] and b"\n" not in plain
            if plain:
                yield plain.replace(b"\r", b"\n") if returns_only else plain
        if not started:
            raise OperatorError(f"cannot read {self.file.name}: it is empty")

    def _decoded(self) -> Iterator[bytes]:
        """Yield the bytes of the file as UTF-8."""
        looks_binary = self._encoding.startswith(("utf-16", "utf-32", "iso2022"))
        decoder = codecs.getincrementaldecoder(self._encoding)(_UNREADABLE)
        started, judged = False, looks_binary or self._encoding.startswith("utf")
        for chunk in self.file.chunks():
            if not started and not looks_binary:
                check_text(chunk, self.file.name)
            started = True
            if not judged and not chunk.isascii():
                judged = True
                self._check_not_utf8(chunk)
            yield chunk if self._encoding == "utf-8" else _utf8(decoder.decode(chunk))
        if started and self._encoding != "utf-8":
            yield _utf8(decoder.decode(b"", final=True))

    def _check_not_utf8(self, chunk: bytes) -> None:
        """Refuse a file that was saved as UTF-8 since: each of its letters would become two.

        A chunk of another encoding that is UTF-8 from end to end does not come about by chance,
        unless its few letters are pairs such as `Ã¼`.
        """
        try:
            letters = codecs.getincrementaldecoder("utf-8")().decode(chunk)
        except UnicodeDecodeError:
            return
        if not letters.isascii():
            raise OperatorError(
                f"cannot read {self.file.name}: it is UTF-8, and the mapping says"
                f" {self._encoding}: leave the encoding out, or save the file as {self._encoding}"
            )


def lines_of(data: bytes) -> list[bytes]:
    """Return the lines of a block, ends included."""
    return BytesIO(data).readlines()


class LineTexts:
    """The lines of a block of a file, cut only if one is asked for."""

    def __init__(self, data: bytes, file: TextFile) -> None:
        self._data = data
        self._file = file
        self._lines: list[bytes] = []

    def line(self, index: int) -> bytes:
        """Return a line as it stands in the block."""
        if not self._lines:
            self._lines = lines_of(self._data)
        return self._lines[index]

    def __call__(self, index: int) -> bytes:
        """Return a line as it stands in the file."""
        return self._file.original(self.line(index))


def _utf8(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _unreadable(error: UnicodeError) -> tuple[str | bytes, int]:
    """Keep each byte that cannot be read, behind one that no UTF-8 has: 0xFF.

    Alone, two such bytes may be UTF-8 by chance.
    """
    if isinstance(error, UnicodeDecodeError):
        found = error.object[error.start : error.end]
        if error.encoding.startswith("utf"):
            return "\udcff", error.end
        text = found.decode("ascii", "surrogateescape")
        return "".join(f"\udcff{letter}" for letter in text), error.end
    if isinstance(error, UnicodeEncodeError):
        return error.object[error.start : error.end].encode(errors="surrogateescape"), error.end
    raise error


codecs.register_error(_UNREADABLE, _unreadable)
