"""Counts the rows of a load that replace an earlier row, and describes the first of each file.

`Replacements` compares hashes; both rows of a pair are read again here to show their values.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from utility_ts_analytics.errors import ConfigError, OperatorError
from utility_ts_analytics.files.inputs import Input
from utility_ts_analytics.files.pieces import START, PieceSource, Place
from utility_ts_analytics.files.replaced.replacements import Replacements, VersionPlace
from utility_ts_analytics.files.result import FileResult, ReplacedRows
from utility_ts_analytics.reading.ndjson import Decoded
from utility_ts_analytics.records.encoded import EncodedLines
from utility_ts_analytics.records.row_versions import (
    VERSION_BYTES,
    index_of_version,
    versions_of_rows,
)
from utility_ts_analytics.records.streams import StreamSpec

if TYPE_CHECKING:
    import pyarrow as pa

    from utility_ts_analytics.files.pieces import Numbers

FILES_READ_AGAIN_MAX: Final = 10
"""Files whose first pair is described with its values: each is read again as far as that row."""

FIELDS_NAMED_MAX: Final = 3
TEXT_CHARACTERS_MAX: Final = 40
_BEFORE_DIFFERENCE: Final = 8
"""Characters shown before the first difference of two texts that begin alike."""

RowOf = Callable[[int], Mapping[str, object]]
"""Returns row i of a batch, by field."""


class VersionTaker:
    """Hashes the rows that a source reads, and passes the hashes on.

    Args:
        spec: The stream.
        take: Gets the versions of a batch (`records.row_versions`), the numbers of its records,
            and what returns its rows.
    """

    def __init__(self, spec: StreamSpec, take: "Callable[[bytes, Numbers, RowOf], None]") -> None:
        self._spec = spec
        self._take = take

    def decoded(self, decoded: Decoded) -> None:
        """Take decoded rows, in either form."""
        rows = decoded.rows
        if decoded.lines is not None:
            self._lines(decoded.lines, decoded.positions)
        elif rows:
            self._take(
                versions_of_rows(rows, self._spec),
                decoded.positions,
                lambda index: msgspec.structs.asdict(rows[index]),
            )

    def columns(self, batch: "pa.RecordBatch | EncodedLines", recs: "Numbers") -> None:
        """Take checked columns, or encoded rows with their versions."""
        if isinstance(batch, EncodedLines):
            self._lines(batch, recs)
            return
        # pyarrow is needed only where columns are.
        from utility_ts_analytics.records.column_buffers import versions_of_columns

        if batch.num_rows:
            self._take(
                versions_of_columns(batch, self._spec),
                recs,
                lambda index: batch.slice(index, 1).to_pylist()[0],
            )

    def _lines(self, lines: EncodedLines, positions: "Numbers") -> None:
        self._take(
            lines.versions,
            positions,
            lambda index: msgspec.structs.asdict(lines.part(index, index + 1).rows()[0]),
        )


OpenInput = Callable[[Input, Place, VersionTaker], PieceSource]
"""Opens an input at a place, with what takes its rows. Raises OperatorError."""


class ReplacedCount:
    """Counts over all files of a load. Rows come from one thread at a time.

    Args:
        spec: The stream.
        inputs: All files of the load, in order.
        open_input: Opens a file again, to read the rows of a pair.

    Attributes:
        taker: Takes the rows of the file that was begun last.
    """

    def __init__(self, spec: StreamSpec, inputs: Sequence[Input], open_input: OpenInput) -> None:
        self._spec = spec
        self._inputs = inputs
        self._numbers = {entry: number for number, entry in enumerate(inputs)}
        self._open_input = open_input
        self._replacements = Replacements()
        self._number = 0
        self._unordered: set[int] = set()
        self.taker = VersionTaker(spec, self._add)

    def begin(self, entry: Input) -> None:
        """Count the rows that follow as those of this file; the one before has ended."""
        self._number = self._numbers[entry]

    def ended(self, source: PieceSource) -> None:
        """Remember whether the rows of the file that was read came in a known order."""
        if not source.order_known:
            self._unordered.add(self._number)

    def finish(
        self, hurried: Callable[[], bool]
    ) -> tuple[Mapping[Input, ReplacedRows], str | None]:
        """Return what was found, by file, and why it may not be complete; once.

        Args:
            hurried: Whether the load is to end: then no file is read again for values.
        """
        counts = self._replacements.finish()
        found: dict[Input, ReplacedRows] = {}
        for number, one in sorted(counts.by_file.items()):
            earlier, later = one.first.earlier, one.first.later
            sentence = self._where(earlier, later)
            if len(found) < FILES_READ_AGAIN_MAX:
                sentence += self._values(earlier, later, hurried)
            found[self._inputs[number]] = ReplacedRows(
                one.count, sentence, number not in self._unordered
            )
        return found, counts.incomplete

    def close(self) -> None:
        """Free memory and disk. Idempotent."""
        self._replacements.close()

    def _add(self, versions: bytes, recs: "Numbers", _: RowOf) -> None:
        self._replacements.add(versions, self._number, recs)

    def _where(self, earlier: VersionPlace, later: VersionPlace) -> str:
        where = f"record {later.position:,} replaces record {earlier.position:,}"
        if earlier.file_number != later.file_number:
            where += f" of {self._inputs[earlier.file_number].name}"
        return where

    def _values(
        self, earlier: VersionPlace, later: VersionPlace, hurried: Callable[[], bool]
    ) -> str:
        """Return key and difference of two rows; empty where they cannot be read again."""
        new = self._row(later, hurried)
        old = None if new is None else self._row(earlier, hurried)
        if old is None or new is None:
            return ""
        key = ", ".join(_written(new.get(name)) for name in self._spec.dedup_keys)
        return f" ({key}): {difference_text(old, new, self._spec.fields)}"

    def _row(self, place: VersionPlace, hurried: Callable[[], bool]) -> Mapping[str, object] | None:
        """Read a row again; None where that cannot be."""
        entry = self._inputs[place.file_number]
        if not entry.is_file or hurried():
            return None
        found: list[Mapping[str, object]] = []

        def look(versions: bytes, recs: "Numbers", row_of: RowOf) -> None:
            if not found and (index := _index_at(versions, recs, place)) is not None:
                found.append(row_of(index))

        try:
            with self._open_input(entry, START, VersionTaker(self._spec, look)) as source:
                for _ in source:
                    if found or hurried():
                        break
        except (OperatorError, ConfigError):
            pass  # the file has changed, or cannot be read on: a row found before counts
        return found[0] if found else None


def with_replaced(
    files: Sequence[FileResult], replaced: ReplacedCount, hurried: Callable[[], bool]
) -> tuple[list[FileResult], Sequence[str]]:
    """Return results with what their rows replace, and notices about the counts; once.

    A fault in counting costs the counts, never the results.

    Args:
        files: Results of the load.
        replaced: Has counted their rows.
        hurried: Whether the load is to end: then no file is read again for values.
    """
    try:
        found, why_not_all = replaced.finish(hurried)
    except Exception as error:  # noqa: BLE001  rows are stored, and their count must be told
        found, why_not_all = {}, repr(error)
    notices: list[str] = []
    if why_not_all is not None:
        notices = [f"rows that replace others may not all be counted: {why_not_all}"]
    return [replace(file, replaced=found.get(file.input)) for file in files], notices


def _index_at(versions: bytes, recs: "Numbers", place: VersionPlace) -> int | None:
    """Return the index of the row with these hashes in this record; None without."""
    start = 0
    while (index := index_of_version(versions[start * VERSION_BYTES :], place.version)) is not None:
        start += index
        if int(recs[start]) == place.position:
            return start
        start += 1
    return None


def _written(value: object) -> str:
    if isinstance(value, datetime):  # in UTC, whichever way it was read
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)


def difference_text(
    earlier: Mapping[str, object], later: Mapping[str, object], fields: Sequence[str]
) -> str:
    """Return such as `kwh 1 -> 2, quality_flag absent -> VALID, and 2 more`.

    Args:
        earlier: Values by field; None or missing is absent.
        later: Those of the row that replaces it.
        fields: To compare, in the order in which they are named. `event_id` is not looked at.

    Returns:
        One line, at most 3 fields and 40 characters of each text; empty where nothing differs.
    """
    changed = [
        (name, earlier.get(name), later.get(name))
        for name in fields
        if name != "event_id" and earlier.get(name) != later.get(name)
    ]
    named = [f"{name} {' -> '.join(_both(*values))}" for name, *values in changed]
    more = len(named) - FIELDS_NAMED_MAX
    return ", ".join(named[:FIELDS_NAMED_MAX] + ([f"and {more} more"] if more > 0 else []))


def _both(earlier: object, later: object) -> tuple[str, str]:
    start = 0
    if isinstance(earlier, str) and isinstance(later, str):
        start = _first_difference(earlier, later)
        if max(len(earlier), len(later)) <= TEXT_CHARACTERS_MAX or start <= _BEFORE_DIFFERENCE:
            start = 0
        else:
            start -= _BEFORE_DIFFERENCE
    return _shown(earlier, start), _shown(later, start)


def _first_difference(left: str, right: str) -> int:
    pairs = enumerate(zip(left, right, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(left), len(right)))


def _shown(value: object, start: int) -> str:
    if value is None:
        return "absent"
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    if not isinstance(value, str):
        return str(value)
    end = start + TEXT_CHARACTERS_MAX
    shown = "".join(
        character if character.isprintable() else repr(character)[1:-1]
        for character in value[start:end]
    )
    # A text that could be taken for something else, or whose ends cannot be seen, gets quotes.
    if shown != shown.strip() or shown in ("", "absent") or "->" in shown or "," in shown:
        shown = f'"{shown}"'
    return f"{'...' if start else ''}{shown}{'...' if end < len(value) else ''}"
