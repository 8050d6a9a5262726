"""What was written down is what is read."""

from pathlib import Path

import msgspec
import pytest
from loadtest.profiles.journal import Entry, JournalWriter, read_journal

ENTRY = Entry(
    first=3,
    pieces=2,
    due_s=1.5,
    sent_s=1.75,
    ended_s=2.25,
    status=200,
    accepted=10,
    parse_errors=1,
    rejected=2,
    last=True,
    replay=False,
    size=1800,
    fault="",
)


def test_entries_come_back_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    other = msgspec.structs.replace(ENTRY, status=0, fault="no answer: \n\u20ac")
    with JournalWriter(path) as journal:
        journal.write(ENTRY)
        journal.write(other)
    assert list(read_journal(path)) == [ENTRY, other]


def test_journal_that_was_cut_off_is_an_error_and_not_a_short_run(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with JournalWriter(path) as journal:
        journal.write(ENTRY)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(msgspec.DecodeError):
        list(read_journal(path))
