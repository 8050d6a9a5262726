"""The observer that is there when nobody looks."""

from utility_ts_analytics.sinks.observer import LaneObserver, SilentObserver


def test_silent_observer_takes_every_call() -> None:
    observer: LaneObserver = SilentObserver()
    observer.delivered(1, 0.1, sink="ilp")
    observer.retried("in-doubt", sink="ilp")
    observer.failed(1, "draining")
    observer.rejected(1)
    observer.spooled(1)
    observer.fell_back(active=True)
