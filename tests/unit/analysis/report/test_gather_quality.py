from datetime import UTC, datetime, timedelta

import polars as pl

from utility_ts_analytics.analysis.report.gather_quality import COLUMNS_MAX, cells_of


def _answer(days: int) -> pl.DataFrame:
    rows = [
        (datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=day), meter, 96, 96 - missing)
        for day in range(days)
        for meter, missing in (("m-1", 1), ("m-2", 2))
    ]
    columns = ["local_day", "meter_id", "expected", "present"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def test_meters_keep_the_order_they_were_named_in() -> None:
    cells, per_column = cells_of(_answer(3), ["m-2", "m-1"])
    assert cells["meter_id"].unique(maintain_order=True).to_list() == ["m-2", "m-1"]
    assert (per_column, len(cells)) == (1, 6)


def test_days_of_a_year_are_put_together() -> None:
    cells, per_column = cells_of(_answer(366), ["m-2", "m-1"])
    assert per_column == 6
    assert cells["day"].n_unique() <= COLUMNS_MAX
    assert cells["expected"].sum() == 2 * 366 * 96
    assert cells["present"].sum() == 2 * 366 * 96 - 3 * 366
    assert cells["expected"][0] == 6 * 96
