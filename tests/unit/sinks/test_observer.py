"""The observer that is there when nobody looks."""

from utility_ts_analytics.sinks.observer import LaneObserver, SilentObserver


def test_silent_observer_takes_every_call() -> None:
    observer: LaneObserver = SilentObserver()
    observer.delivered(1, 0.1)
    observer.retried("in-doubt")
    observer.failed(1, "draining")
    observer.rejected(1)
