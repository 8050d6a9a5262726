"""The observer that is there when nobody looks."""

from utility_ts_analytics.sinks.observer import LaneObserver, ReplayObserver, SilentObserver


def test_silent_observer_takes_every_call() -> None:
    observer: LaneObserver = SilentObserver()
    observer.delivered(1, 0.1, sink="ilp")
    observer.retried("in-doubt", sink="ilp")
    observer.failed(1, "draining")
    observer.rejected(1)
    observer.spooled(1)
    observer.fell_back(active=True)
    observer.recovered(1)
    observer.left_spool(1)
    observer.lost(1)
    observer.dead_letter(kept=True)


class Notes(SilentObserver):
    def __init__(self) -> None:
        self.heard: list[object] = []

    def delivered(self, rows: int, seconds: float, *, sink: str) -> None:
        self.heard.append((rows, seconds, sink))

    def rejected(self, rows: int) -> None:
        self.heard.append(rows)

    def left_spool(self, rows: int) -> None:
        self.heard.append(f"left {rows}")

    def retried(self, reason: str, *, sink: str) -> None:
        self.heard.append(reason)


def test_ends_of_rows_are_told_at_once_where_nothing_is_replayed() -> None:
    notes = Notes()
    replays: LaneObserver = ReplayObserver(notes)
    replays.delivered(5, 0.1, sink="ilp")
    replays.rejected(1)
    assert notes.heard == [(5, 0.1, "ilp"), 1]


def test_ends_of_a_replay_are_told_only_when_wanted_and_say_what_left_the_spool() -> None:
    notes = Notes()
    replays = ReplayObserver(notes)
    replays.hold()
    replays.delivered(5, 0.1, sink="ilp")
    replays.rejected(1)
    replays.retried("in-doubt", sink="ilp")
    held = replays.take_held()
    replays.delivered(9, 0.2, sink="ilp")
    assert notes.heard == ["in-doubt", (9, 0.2, "ilp")]
    for tell in held:
        tell()
    assert notes.heard[2:] == ["left 5", (5, 0.1, "ilp"), "left 1", 1]
