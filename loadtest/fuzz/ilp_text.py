"""An ILP reader of our own, to hold the service's encoder to what a server would understand.

Written from QuestDB's description of the protocol, knowing nothing of the encoder: tags, quoted
texts, decimal and binary numbers, whole numbers, and times with or without a unit.
"""

import struct
from dataclasses import dataclass, field

_BINARY_DOUBLE = 16
"""Type byte of an eight-byte float behind a second `=` (protocol version 2)."""


@dataclass(frozen=True, slots=True)
class IlpRow:
    """One line.

    Attributes:
        table: Its name.
        values: Tags and fields by name.
        microseconds: The time of the row, since 1970.
    """

    table: str
    values: dict[str, str | float] = field(default_factory=dict)
    microseconds: int = 0


class IlpReader:
    """Reads line after line from one payload.

    Raises:
        AssertionError: The payload is not ILP; from any method.
    """

    def __init__(self, payload: bytes) -> None:
        self._data = payload
        self._at = 0

    def rows(self) -> list[IlpRow]:
        """Return every row, in order."""
        found = []
        while self._at < len(self._data):
            found.append(self._row())
        return found

    def _row(self) -> IlpRow:
        table = self._name(b", ")
        values: dict[str, str | float] = {}
        while self._peek() == b",":
            self._at += 1
            self._put(values, self._name(b"="), self._tag)
        while True:
            self._expect(b" " if self._peek() == b" " else b",")
            if not self._peek_is_field():
                break
            self._put(values, self._name(b"="), self._field)
        return IlpRow(table, values, self._time())

    def _put(self, values: dict[str, str | float], name: str, read: object) -> None:
        assert name, "a column has no name"
        assert name not in values, f"column {name} stands twice"
        self._expect(b"=")
        assert callable(read)
        values[name] = read()

    def _peek(self) -> bytes:
        return self._data[self._at : self._at + 1]

    def _peek_is_field(self) -> bool:
        """Tell a field from the time that ends the line."""
        first = self._peek()
        assert first, "the payload ends in mid-line"
        return not (first.isdigit() or first == b"-")

    def _expect(self, wanted: bytes) -> None:
        assert self._peek() == wanted, (wanted, self._data[self._at : self._at + 20])
        self._at += 1

    def _name(self, ends: bytes) -> str:
        """Read a name or a tag's value up to one of `ends`, which is left where it is."""
        text = bytearray()
        while (byte := self._peek()) and byte not in ends:
            if byte == b"\\":
                self._at += 1
                byte = self._peek()
            else:
                assert byte not in b'\n\r="', (byte, bytes(text))
            text += byte
            self._at += 1
        assert byte, "the payload ends in a name"
        return text.decode()

    def _tag(self) -> str:
        return self._name(b", ")

    def _field(self) -> str | float:
        first = self._peek()
        if first == b'"':
            return self._quoted()
        if first == b"=":
            return self._binary()
        start = self._at
        while self._peek() not in (b",", b" ", b""):
            self._at += 1
        text = self._data[start : self._at].decode()
        return float(text.removesuffix("i"))

    def _quoted(self) -> str:
        text = bytearray()
        self._expect(b'"')
        while (byte := self._peek()) != b'"':
            if byte == b"\\":
                self._at += 1
                byte = self._peek()
                assert byte in (b"\\", b'"', b"\n", b"\r"), byte
            else:
                # QuestDB ends a line at a bare newline, inside of quotes or not.
                assert byte not in (b"", b"\n"), "a text has a bare newline or no end"
            text += byte
            self._at += 1
        self._expect(b'"')
        return text.decode()

    def _binary(self) -> float:
        self._expect(b"=")
        assert self._data[self._at] == _BINARY_DOUBLE, self._data[self._at]
        raw = self._data[self._at + 1 : self._at + 9]
        self._at += 9
        (value,) = struct.unpack("<d", raw)
        return float(value)

    def _time(self) -> int:
        end = self._data.index(b"\n", self._at)
        text = self._data[self._at : end]
        self._at = end + 1
        if text.endswith(b"t"):
            return int(text[:-1])
        nanoseconds = int(text.removesuffix(b"n"))
        assert nanoseconds % 1000 == 0, "the time is not a whole microsecond"
        return nanoseconds // 1000
