"""One table of all faults and one of all sequences, ready for a page in Markdown."""

from collections.abc import Sequence

from loadtest.faults.scenario import Report
from loadtest.faults.sequences import Outcome

Columns = tuple[tuple[str, int], ...]

_COLUMNS: Columns = (
    ("fault", 22),
    ("acknowledged", 12),
    ("stored", 9),
    ("lost", 6),
    ("doubled", 7),
    ("wrong", 6),
    ("versions", 8),
    ("undone", 6),
    ("retries", 7),
    ("acknowledged meanwhile", 22),
    ("slowest answer, s", 17),
    ("until acknowledged, s", 21),
)
_SEQUENCE_COLUMNS: Columns = (
    ("sequence", 24),
    ("workers", 7),
    ("connections", 11),
    ("spool", 5),
    ("steps", 5),
    ("readings", 8),
    ("versions", 8),
    ("undone", 6),
    ("lost", 6),
    ("wrong", 6),
)


def heading() -> str:
    """Return the two lines above the table: rows in all columns up to undone.

    Wrong counts rows with a value that was not sent, and rows that nobody sent. Versions counts
    those of corrected readings that were acknowledged; undone, the readings of which an older one
    is stored than the last of these. The last four are bodies sent again, bodies acknowledged in
    the later half of a fault, the longest time to an answer, and the longest time from the end of a
    fault to the next acknowledgement.
    """
    return _heading(_COLUMNS)


def row(report: Report) -> str:
    """Return one line of the table; a dash stands for what is not known."""
    books = report.books
    counts = ["-"] * 7
    if books is not None:
        wrong = books.wrong + books.unsent
        numbers = (
            books.acknowledged,
            books.stored,
            books.lost,
            books.doubled,
            wrong,
            books.versions,
            books.undone,
        )
        counts = [str(number) for number in numbers]
    recovery = "-" if report.recovery_s is None else f"{report.recovery_s:.1f}"
    rest = [str(report.retries), str(report.answered_in_fault), f"{report.slowest_s:.1f}", recovery]
    return _line([report.name, *counts, *rest], _COLUMNS)


def sequence_heading() -> str:
    """Return the two lines above the table of sequences.

    Connections are those of each worker to QuestDB. Readings are corrected several times; versions
    counts those of them that were acknowledged, undone the readings of which an older one was found
    than the last of these, in the end or where a sequence looks.
    """
    return _heading(_SEQUENCE_COLUMNS)


def sequence_row(outcome: Outcome) -> str:
    """Return one line of the table of sequences."""
    sequence, books = outcome.sequence, outcome.books
    numbers = (
        sequence.setup.workers,
        sequence.connections,
        "yes" if sequence.setup.spool else "no",
        len(sequence.steps),
        books.keys,
        books.versions,
        books.undone,
        books.lost,
        books.doubled + books.wrong + books.unsent,
    )
    return _line([sequence.name, *map(str, numbers)], _SEQUENCE_COLUMNS)


def sequence_summary(outcomes: Sequence[Outcome]) -> str:
    """Return one line about all sequences."""
    books = [outcome.books for outcome in outcomes]
    return (
        f"{len(outcomes)} sequences of faults, {sum(it.keys for it in books)} readings,"
        f" {sum(it.versions for it in books)} versions acknowledged,"
        f" {sum(it.undone for it in books)} undone"
    )


def _heading(columns: Columns) -> str:
    names = _line([name for name, _ in columns], columns)
    rules = ["-" * columns[0][1], *("-" * (width - 1) + ":" for _, width in columns[1:])]
    return f"{names}\n{_line(rules, columns)}"


def _line(cells: list[str], columns: Columns) -> str:
    first, *rest = cells
    padded = [first.ljust(columns[0][1])]
    padded += [cell.rjust(width) for cell, (_, width) in zip(rest, columns[1:], strict=True)]
    return "| " + " | ".join(padded) + " |"
