"""The text of the queries for peaks, and what they refuse."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.queries.peaks import (
    coincident_peaks_sql,
    diversity_sql,
    meter_peaks_sql,
    peak_shares_sql,
)
from utility_ts_analytics.queries.time_range import TimeRange

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = TimeRange(START, START + timedelta(days=1))
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
Builder = Callable[..., str]
BUILDERS = [coincident_peaks_sql, peak_shares_sql, meter_peaks_sql, diversity_sql]
builders = pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)


def shape(sql: str) -> str:
    """The statement with every text literal blanked: what a value must never change."""
    return re.sub(r"'(?:[^']|'')*'", "?", sql, flags=re.DOTALL)


@given(texts, st.sampled_from(["feeder", "segment"]), st.sampled_from(BUILDERS))
def test_no_name_changes_the_statement(name: str, group: str, build: Builder) -> None:
    assert shape(build(DAY, group, names=[name])) == shape(build(DAY, group, names=["F1"]))


@builders
def test_names_may_come_from_a_generator(build: Builder) -> None:
    names = (name for name in ("F1", "F2"))

    assert build(DAY, "feeder", names=names) == build(DAY, "feeder", names=["F1", "F2"])


@builders
def test_bad_values_are_refused(build: Builder) -> None:
    with pytest.raises(ValueError, match="cannot group by 'street'"):
        build(DAY, "street")
    with pytest.raises(ValueError, match="cannot pick names of the system"):
        build(DAY, "system", names=["F1"])
    with pytest.raises(ValueError, match="the list is empty"):
        build(DAY, "feeder", names=[])
    with pytest.raises(ValueError, match="not the one text 'F1'"):
        build(DAY, "feeder", names="F1")
    with pytest.raises(ValueError, match="an interval of 7 minutes"):
        build(DAY, interval_minutes=7)
