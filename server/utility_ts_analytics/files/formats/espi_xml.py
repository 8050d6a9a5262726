"""Green Button XML as a stream of entries and readings: what stands in the file, not what it means.

The parser is the standard library's expat, driven piece by piece: no tree is built, so that memory
does not depend on the file. A document type is refused, and with it every entity that is not XML's
own: neither can a file unfold itself, nor name another one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.formats.espi_links import Entry

_FEED_BYTES = 65_536
"""Fed at once: a few hundred readings, which are held until they are asked for."""
_TOKEN_BYTES_MAX = 4_194_304
"""Of one tag, comment or the like: expat holds it until it ends."""
_TEXT_CHARACTERS_MAX = 4_096
"""Kept of the text of one element; a longer one is no number and no link."""
_PARTS_MAX = 1_000
_DEPTH_MAX = 200
_LINKS_OF_ENTRY_MAX = 10_000

_RESOURCES = frozenset(("UsagePoint", "MeterReading", "ReadingType"))
_READING_TEXTS = frozenset(("start", "duration", "value", "quality"))
_READING_BYTES_MAX = 1_048_576
_TAGS_MAX = 10_000
"""Tags whose local names are remembered: a file has some thirty."""


@dataclass(slots=True)
class IntervalReading:
    """One reading as it stands in the file.

    Attributes:
        entry: Number of its entry; 0 without one.
        line: On which it begins, from 1.
        number: Of the reading in its interval block, from 0.
        block_start: Of the interval block: text, empty where it does not say.
        start: Text; empty where there is none.
        duration: The same.
        value: The same.
        qualities: Texts, in their order.
    """

    entry: int
    line: int
    number: int
    block_start: str
    start: str = ""
    duration: str = ""
    value: str = ""
    qualities: list[str] = field(default_factory=list)


def entries(chunks: Iterable[bytes], name: str) -> Iterator[Entry]:
    """Yield the entries of a file, without their readings.

    Args:
        chunks: Of the file.
        name: Of the file, for messages.

    Raises:
        OperatorError: It cannot be read on; names the line.
    """
    reader = _Reader(name, wants_readings=False)
    for _ in _fed(chunks, reader):
        yield from reader.entries
        reader.entries.clear()
        reader.readings.clear()


def readings(chunks: Iterable[bytes], name: str) -> Iterator[list[IntervalReading]]:
    """Yield the readings of a file in pieces, in their order; some pieces are empty.

    Raises:
        OperatorError: As `entries`; the readings before it have been handed out.
    """
    reader = _Reader(name, wants_readings=True)
    for _ in _fed(chunks, reader):
        yield reader.readings
        reader.readings = []
        reader.entries.clear()


def _fed(chunks: Iterable[bytes], reader: "_Reader") -> Iterator[None]:
    for chunk in chunks:
        for start in range(0, len(chunk), _FEED_BYTES):
            error = reader.feed(chunk[start : start + _FEED_BYTES])
            yield
            if error is not None:
                raise error
    error = reader.feed(b"", is_final=True)
    yield
    if error is not None:
        raise error


class _Reader:
    """Handlers of expat, and what they found.

    Nearly all of a file is within interval blocks: there, other handlers do as little as they can.
    """

    def __init__(self, name: str, *, wants_readings: bool) -> None:
        self.entries: list[Entry] = []
        self.readings: list[IntervalReading] = []
        self._name = name
        self._wants_readings = wants_readings
        self._fed_bytes = 0
        self._entry_count = 0
        self._path: list[str] = []
        self._entry: Entry | None = None
        self._texts: dict[str, str] | None = None
        self._resource_depth = 0
        self._reading_begin = -1
        self._block_start = ""
        self._number = 0
        self._names: dict[str, str] = {}
        # What was read since the last tag began.
        self._parts: list[str] = []
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._on_document_type
        parser.StartElementHandler = self._on_start
        parser.EndElementHandler = self._on_end
        parser.CharacterDataHandler = self._parts.append
        self._parser = parser

    def feed(self, data: bytes, *, is_final: bool = False) -> OperatorError | None:
        """Take the next bytes; returns why it cannot be read on, if so."""
        self._fed_bytes += len(data)
        try:
            self._parser.Parse(data, is_final)
        except expat.ExpatError as error:
            return self._error(expat.ErrorString(error.code), error.lineno)
        except OperatorError as error:
            return error
        position = self._parser.CurrentByteIndex
        if self._fed_bytes - position > _TOKEN_BYTES_MAX:
            return self._error(f"a tag is over {_TOKEN_BYTES_MAX} bytes")
        if 0 <= self._reading_begin < position - _READING_BYTES_MAX:
            return self._error(f"an interval reading is over {_READING_BYTES_MAX} bytes")
        if len(self._parts) > _PARTS_MAX:
            self._parts[:] = ["".join(self._parts)[:_TEXT_CHARACTERS_MAX]]
        return None

    def _error(self, reason: str, line: int | None = None) -> OperatorError:
        place = line or self._parser.CurrentLineNumber
        return OperatorError(f"cannot read {self._name}, line {place}: {reason}")

    def _on_document_type(self, *_: object) -> None:
        raise self._error("it has a document type (<!DOCTYPE>), which Green Button files have not")

    def _text(self) -> str:
        return "".join(self._parts)[:_TEXT_CHARACTERS_MAX].strip()

    def _local(self, tag: str) -> str:
        name = tag[tag.rfind(" ") + 1 :]
        if len(self._names) < _TAGS_MAX:
            self._names[tag] = name
        return name

    def _on_start(self, tag: str, attributes: dict[str, str]) -> None:
        name = self._names.get(tag) or self._local(tag)
        path = self._path
        path.append(name)
        self._parts.clear()
        if len(path) > _DEPTH_MAX:
            raise self._error(f"elements are nested over {_DEPTH_MAX} deep")
        if self._texts is not None:
            return
        if name == "IntervalReading":
            self._begin_reading()
        elif name == "entry" and self._entry is None:
            self._entry_count += 1
            self._entry = Entry(self._entry_count)
        elif name in _RESOURCES:
            self._texts, self._resource_depth = {}, len(path)
        elif name == "IntervalBlock":
            self._begin_block()
        elif name == "link" and self._entry is not None:
            self._link(self._entry, attributes)

    def _begin_block(self) -> None:
        self._block_start, self._number = "", 0
        entry = self._entry
        if entry is not None and len(entry.resources) < _LINKS_OF_ENTRY_MAX:
            entry.resources.append(("IntervalBlock", {}))
        if not self._wants_readings:
            self._skip_element()

    def _skip_element(self) -> None:
        """Switch to handlers that only find the end of the element that has begun."""
        parser = self._parser
        depth = 0

        def on_start(_: str, __: dict[str, str]) -> None:
            nonlocal depth
            depth += 1
            if depth > _DEPTH_MAX:
                raise self._error(f"elements are nested over {_DEPTH_MAX} deep")

        def on_end(_: str) -> None:
            nonlocal depth
            depth -= 1
            if depth < 0:
                self._path.pop()
                parser.StartElementHandler = self._on_start
                parser.EndElementHandler = self._on_end
                parser.CharacterDataHandler = self._parts.append

        parser.StartElementHandler = on_start
        parser.EndElementHandler = on_end
        parser.CharacterDataHandler = None

    def _begin_reading(self) -> None:
        """Switch to handlers that know the few elements of a reading, until it ends."""
        parser, parts, names, local = self._parser, self._parts, self._names, self._local
        texts: dict[str, str] = {}
        qualities: list[str] = []
        line = parser.CurrentLineNumber
        self._reading_begin = parser.CurrentByteIndex

        def on_start(_: str, __: dict[str, str]) -> None:
            parts.clear()

        def on_end(tag: str) -> None:
            name = names.get(tag) or local(tag)
            if name in _READING_TEXTS:
                text = "".join(parts)[:_TEXT_CHARACTERS_MAX].strip()
                if name == "quality":
                    qualities.append(text)
                else:
                    texts[name] = text
            elif name == "IntervalReading":
                self._end_reading(line, texts, qualities)

        parser.StartElementHandler = on_start
        parser.EndElementHandler = on_end

    def _end_reading(self, line: int, texts: dict[str, str], qualities: list[str]) -> None:
        self._path.pop()
        self._reading_begin = -1
        self._parser.StartElementHandler = self._on_start
        self._parser.EndElementHandler = self._on_end
        number = self._number
        self._number += 1
        get = texts.get
        self.readings.append(
            IntervalReading(
                self._entry.number if self._entry is not None else 0,
                line,
                number,
                self._block_start,
                get("start", ""),
                get("duration", ""),
                get("value", ""),
                qualities,
            )
        )

    def _link(self, entry: Entry, attributes: dict[str, str]) -> None:
        relation, address = attributes.get("rel", ""), attributes.get("href", "")
        address = address[:_TEXT_CHARACTERS_MAX]
        if relation == "self":
            entry.self_link = address
        elif relation == "up":
            entry.up_link = address
        elif relation == "related":
            if len(entry.related) >= _LINKS_OF_ENTRY_MAX:
                raise self._error(f"an entry has over {_LINKS_OF_ENTRY_MAX} links")
            entry.related.append(address)

    def _on_end(self, _: str) -> None:
        path = self._path
        name = path.pop()
        if self._texts is not None:
            self._end_in_resource(name, self._texts)
        elif name == "start" and path[-2:] == ["IntervalBlock", "interval"]:
            self._block_start = self._text()
        elif self._entry is not None and path and path[-1] == "entry":
            if name in ("id", "title"):
                setattr(self._entry, name, self._text())
        elif name == "entry" and self._entry is not None:
            self.entries.append(self._entry)
            self._entry = None

    def _end_in_resource(self, name: str, texts: dict[str, str]) -> None:
        if len(self._path) >= self._resource_depth:
            key = "/".join([*self._path[self._resource_depth :], name])
            if len(texts) < _LINKS_OF_ENTRY_MAX:
                texts.setdefault(key, self._text())
            return
        self._texts = None
        if self._entry is not None:
            self._entry.resources.append((name, texts))
        else:
            self.entries.append(Entry(0, resources=[(name, texts)]))
