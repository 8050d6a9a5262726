"""Which numbers have a place in the layout is said by the labels of a metric."""

import pytest

from utility_ts_analytics.telemetry.metric import STREAM, Label, Metric

CLOSED, OPEN = Label("reason", ("a", "b"), "why"), Label("token", (), "the configuration")


@pytest.mark.parametrize(
    ("labels", "has_places"),
    [((), True), ((STREAM,), True), ((STREAM, CLOSED), True), ((STREAM, OPEN), False)],
)
def test_labels_that_the_configuration_knows_alone_have_no_places(
    labels: tuple[Label, ...], has_places: bool
) -> None:
    assert Metric("x", "counter", "count", "x", labels).has_places is has_places
    assert not Metric("x", "counter", "count", "x", labels, per_worker=False).has_places
