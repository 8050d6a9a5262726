"""One table of all faults, ready for a page in Markdown."""

from loadtest.faults.scenario import Report

_COLUMNS = (
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


def heading() -> str:
    """Return the two lines above the table: rows in all columns up to undone.

    Wrong counts rows with a value that was not sent, and rows that nobody sent. Versions counts
    those of corrected readings that were acknowledged; undone, the readings of which an older one
    is stored than the last of these. The last four are bodies sent again, bodies acknowledged in
    the later half of a fault, the longest time to an answer, and the longest time from the end of a
    fault to the next acknowledgement.
    """
    names = _line([name for name, _ in _COLUMNS])
    rules = ["-" * _COLUMNS[0][1], *("-" * (width - 1) + ":" for _, width in _COLUMNS[1:])]
    return f"{names}\n{_line(rules)}"


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
    return _line([report.name, *counts, *rest])


def _line(cells: list[str]) -> str:
    first, *rest = cells
    padded = [first.ljust(_COLUMNS[0][1])]
    padded += [cell.rjust(width) for cell, (_, width) in zip(rest, _COLUMNS[1:], strict=True)]
    return "| " + " | ".join(padded) + " |"
