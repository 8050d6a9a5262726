"""One input's books: entered piece by piece, recorded, taken up again."""

import asyncio
from pathlib import Path

import pytest
from tests.unit.ingest.piece_rig import line, pieces, written

from utility_ts_analytics.buffering.block import Settlement
from utility_ts_analytics.ingest.file_books import FileBooks, Kept
from utility_ts_analytics.ingest.identity import identify
from utility_ts_analytics.ingest.journal import Journal
from utility_ts_analytics.ingest.pieces import START, Piece
from utility_ts_analytics.records.validation import RowError


def settled(piece: Piece, *rejected: int) -> Settlement:
    """Return the end of a piece whose rows are stored but for some that QuestDB refuses."""
    settlement = Settlement()
    settlement.take(piece.row_count)
    for position in rejected:
        settlement.reject(RowError(position, "sink-rejected", None, "no"))
    settlement.store(piece.row_count - len(rejected))
    asyncio.run(settlement.settled())
    return settlement


@pytest.fixture
def path(tmp_path: Path) -> Path:
    bad = b"".join(line(number, -1 if number % 1_000 == 0 else 1) for number in range(1, 4_001))
    return written(tmp_path, "a.ndjson", bad)


def test_books_go_on_from_a_record_and_end_as_if_nothing_had_happened(
    path: Path, tmp_path: Path
) -> None:
    refused = tmp_path / "refused" / "a.ndjson"
    with Journal(tmp_path / "journal", ["a"], {}, restart=False) as journal:
        kept = Kept(journal, identify(path))
        books = FileBooks(refused, kept, None)
        first, second, *_ = pieces(path)
        books.open_refused(b"")
        books.settle(first, settled(first, 5))
        books.checkpoint()
        books.settle(second, settled(second))  # not recorded
        books.close()

        found, _ = journal.find(kept.identity)
        assert found is not None
        assert found.place == first.place
        books = FileBooks(refused, kept, found)
        assert books.account.lines == first.line_count
        books.open_refused(b"")
        for piece in pieces(path, books.place):
            books.settle(piece, settled(piece))
        books.finish()
        found, _ = journal.find(kept.identity)
        assert found is not None
        assert found.done
    assert books.account.lines == 4_000
    assert books.account.stored_rows == 3_995
    assert refused.read_bytes() == line(5, 1) + b"".join(
        line(number, -1) for number in range(1_000, 4_001, 1_000)
    )
    assert not list(refused.parent.glob("*.partial"))


def test_rows_refused_by_the_database_stand_in_the_order_of_the_input(
    path: Path, tmp_path: Path
) -> None:
    refused = tmp_path / "a.refused"
    books = FileBooks(refused, None, None)
    books.open_refused(b"")
    parts = pieces(path)
    holding = next(piece for piece in parts if piece.refused)
    position = holding.refused[0].error.position
    books.settle(holding, settled(holding, position + 1, position - 1))
    books.finish()
    assert refused.read_bytes() == line(position - 1, 1) + line(position, -1) + line(
        position + 1, 1
    )


def test_journal_that_cannot_be_written_is_told_and_no_reason_to_stop(
    path: Path, tmp_path: Path
) -> None:
    with Journal(tmp_path / "journal", ["a"], {}, restart=False) as journal:
        journal.path.mkdir()
        books = FileBooks(None, Kept(journal, identify(path)), None)
        books.checkpoint()
        assert "Is a directory" in (books.journal_trouble or "")


def test_books_without_journal_and_folder_only_count(path: Path) -> None:
    books = FileBooks(None, None, None)
    assert books.place == START
    for piece in pieces(path):
        books.settle(piece, settled(piece))
    books.finish()
    books.close()
    assert (books.account.stored_rows, books.account.refused_rows) == (3_996, 4)
