"""The spool against a list: whatever crashes, nothing acknowledged is lost, invented or moved."""

import errno
import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.unit.sinks.spool.spool_rig import (
    MEMORY,
    batch,
    crashed,
    deliver,
    failing,
    failing_write,
    meters,
    opened,
    segments,
)
from utility_ts_analytics.sinks.spool.owner_folder import Losses
from utility_ts_analytics.sinks.spool.store import Appended

from utility_ts_analytics.sinks.spool.record import encode_record

SEGMENT_BYTES = 600
"""Two or three of the records below."""

row_counts = st.integers(1, 4)


class SpoolMachine(RuleBasedStateMachine):
    """One spool at a time; a crash leaves a copy of the disk, which the next spool opens."""

    @initialize()
    def start(self) -> None:
        self.disks = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.generation = 0
        self.folder = Path(self.disks.name) / "0"
        self.store = opened(self.folder, segment_bytes_max=SEGMENT_BYTES)
        self.number = 0
        self.held: list[list[str]] = []

    def crash(self, *, grown: tuple[Path, int] | None = None) -> None:
        """Go on with what the disk holds now, where the file `grown` got only so many bytes."""
        self.generation += 1
        folder = crashed(self.folder, Path(self.disks.name) / str(self.generation))
        # Time stands still here, so the order in which orphans are taken is told by hand.
        for path in segments(folder):
            if path.stat().st_mtime > 1_000_000:
                os.utime(path, (self.generation, self.generation))
        if grown is not None:
            path, length = folder / grown[0].relative_to(self.folder), grown[1]
            os.truncate(path, length)
            os.utime(path, (self.generation, self.generation))
        self.store.close()
        self.folder = folder
        self.store = opened(folder, segment_bytes_max=SEGMENT_BYTES)

    def next_batch(self, rows: int) -> list[str]:
        self.number += 1
        return meters(batch(self.number, rows))

    @rule(rows=row_counts)
    def append(self, rows: int) -> None:
        self.held.append(self.next_batch(rows))
        assert isinstance(self.store.append(batch(self.number, rows)), Appended)

    @rule(rows=row_counts, data=st.data())
    def crash_in_append(self, rows: int, data: st.DataObject) -> None:
        before = {path: path.stat().st_size for path in segments(self.folder)}
        expected = self.next_batch(rows)
        rows_in = batch(self.number, rows)
        assert isinstance(self.store.append(rows_in), Appended)
        ((path, start),) = [
            (path, before.get(path, 0))
            for path in segments(self.folder)
            if path.stat().st_size > before.get(path, 0)
        ]
        length = len(encode_record(rows_in))
        written = data.draw(st.sampled_from([0, 1, length - 1, length]) | st.integers(0, length))
        if written == length:
            self.held.append(expected)
        self.crash(grown=(path, start + written))

    @rule(
        rows=row_counts,
        number=st.sampled_from([errno.ENOSPC, errno.EIO]),
        after_bytes=st.integers(0, 80),
        sync=st.booleans(),
    )
    def append_fails(self, rows: int, number: int, after_bytes: int, sync: bool) -> None:
        self.next_batch(rows)
        fault = (
            failing("fdatasync", number) if sync else failing_write(number, after_bytes=after_bytes)
        )
        with fault:
            assert not isinstance(self.store.append(batch(self.number, rows)), Appended)

    @rule()
    def look(self) -> None:
        rows = self.store.oldest()
        assert ([] if rows is None else [meters(rows)]) == self.held[:1]

    @precondition(lambda self: self.held)
    @rule()
    def deliver_and_remove(self) -> None:
        self.look()
        self.store.remove_oldest()
        del self.held[0]

    @precondition(lambda self: self.held)
    @rule()
    def deliver_and_crash(self) -> None:
        """The one record in hand is handed out again."""
        self.look()
        self.crash()

    @rule()
    def crash_between(self) -> None:
        self.crash()

    @rule()
    def close_and_reopen(self) -> None:
        self.store.close()
        self.crash()

    @precondition(lambda self: self.held)
    @rule()
    def crash_before_a_removal_reaches_the_disk(self) -> None:
        """The checkpoint does, the name of the delivered segment is back."""
        first = {path: path.read_bytes() for path in segments(self.folder)}
        times = {path: path.stat().st_mtime for path in first}
        self.deliver_and_remove()
        for path in set(first) - set(segments(self.folder)):
            # A whole directory goes only after the removal of its segments was synced.
            if path.parent.exists():
                path.write_bytes(first[path])
                os.utime(path, (times[path], times[path]))
        self.crash()

    @invariant()
    def counts_are_right(self) -> None:
        assert self.store.pending_rows == sum(map(len, self.held))
        assert self.store.losses == Losses(torn=self.store.losses.torn)

    def teardown(self) -> None:
        with self.disks:
            assert deliver(self.store) == self.held
            self.store.close()
            left = [path for path in self.folder.rglob("*") if path.is_file()]
            assert [path for path in left if path.suffix != ".damaged"] == []


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(
    max_examples=80,
    stateful_step_count=30,
    # Files, on a machine that others use too.
    suppress_health_check=[HealthCheck.too_slow],
)
