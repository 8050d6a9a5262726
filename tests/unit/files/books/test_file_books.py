"""One input's books: entered piece by piece, recorded, taken up again."""

import asyncio
from pathlib import Path

import pytest
from tests.unit.files.piece_rig import MadePiece, line, pieces, written

from utility_ts_analytics.buffering.block import Settlement
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.books.file_books import FileBooks, Kept
from utility_ts_analytics.files.books.journal import Journal, identify
from utility_ts_analytics.files.pieces import START, Piece, Place, Refused
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
    position = holding.refused[0].rec
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


def bad(rec: int) -> Refused:
    return Refused(rec, rec, "negative-value", "kwh", "no", "-1", b"bad-%d\n" % rec)


def test_resumed_input_of_which_nothing_was_left_keeps_its_refused_rows(tmp_path: Path) -> None:
    """Killed between the last record of progress and the end of the input."""
    path = written(tmp_path, "a.ndjson", line(1, -1) + line(2))
    refused = tmp_path / "refused" / "a.ndjson"
    with Journal(tmp_path / "journal", ["a"], {}, restart=False) as journal:
        kept = Kept(journal, identify(path))
        books = FileBooks(refused, kept, None)
        books.open_refused(b"")
        for piece in pieces(path):
            books.settle(piece, settled(piece))
        books.checkpoint()
        books.close()
        found, _ = journal.find(kept.identity)
        assert found is not None
        assert not found.done
        books = FileBooks(refused, kept, found)
        assert pieces(path, books.place) == []
        books.finish()
        books.close()
    assert refused.read_bytes() == line(1, -1)
    assert [file.name for file in sorted(refused.parent.iterdir())] == [
        "a.ndjson",
        "a.ndjson.reasons",
    ]


@pytest.fixture
def sorted_input() -> list[MadePiece]:
    """As a mapping that sorts gives them: none has a place."""
    return [MadePiece(10, [bad(1)], None), MadePiece(5, [], None), MadePiece(0, [bad(7)], None)]


@pytest.mark.parametrize("settled_pieces", [0, 1, 2, 3])
def test_input_without_places_starts_over_wherever_it_was_left(
    sorted_input: list[MadePiece], settled_pieces: int, path: Path, tmp_path: Path
) -> None:
    refused = tmp_path / "refused" / "a.ndjson"
    with Journal(tmp_path / "journal", ["a"], {}, restart=False) as journal:
        kept = Kept(journal, identify(path))
        books = FileBooks(refused, kept, None)
        books.open_refused(b"head\n")
        for piece in sorted_input[:settled_pieces]:
            books.settle(piece, settled(piece))
            books.checkpoint()
        books.close()

        found, _ = journal.find(kept.identity)
        if settled_pieces:
            assert found is not None
            assert (found.place, found.stored_rows, found.refused_bytes) == (START, 0, 0)
        books = FileBooks(refused, kept, found)
        assert (books.place, books.account.lines, books.account.refused_rows) == (START, 0, 0)
        books.open_refused(b"head\n")
        for piece in sorted_input:
            books.settle(piece, settled(piece))
        books.finish()
        books.close()
        found, _ = journal.find(kept.identity)
    assert refused.read_bytes() == b"head\nbad-1\nbad-7\n"
    assert found is not None
    again = FileBooks(refused, None, found).account
    assert (again.lines, again.stored_rows, again.refused_rows) == (17, 15, 2)


def test_counts_and_refused_bytes_are_those_of_the_last_place(path: Path, tmp_path: Path) -> None:
    refused = tmp_path / "refused" / "a.ndjson"
    with Journal(tmp_path / "journal", ["a"], {}, restart=False) as journal:
        kept = Kept(journal, identify(path))
        books = FileBooks(refused, kept, None)
        books.open_refused(b"")
        middle = Place(3, 4)
        for piece in (MadePiece(2, [bad(2)], middle), MadePiece(1, [bad(4)], None)):
            books.settle(piece, settled(piece))
        books.checkpoint()
        books.close()
        found, _ = journal.find(kept.identity)
    assert found is not None
    assert (found.place, found.stored_rows) == (middle, 2)
    assert found.refused == {"negative-value kwh": 1}
    assert found.refused_bytes == len(b"bad-2\n")


def test_piece_whose_refused_rows_cannot_be_kept_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    books = FileBooks(tmp_path / "file" / "a.ndjson", None, None)
    books.open_refused(b"")
    piece = MadePiece(2, [bad(2)], Place(3, 4))
    with pytest.raises(OperatorError, match="cannot write refused rows"):
        books.settle(piece, settled(piece))
    assert (books.account.lines, books.account.refused_rows, books.place) == (0, 0, START)
