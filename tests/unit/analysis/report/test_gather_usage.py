"""What the database is asked is in `test_assembly`; here, how its answers are put in order."""

import polars as pl

from utility_ts_analytics.analysis.report.gather_usage import busiest_first, largest_groups


def test_periods_stand_from_the_busiest_to_the_quietest() -> None:
    names = ["off-peak", "shoulder", "peak", "night", "critical peak", "day"]
    energies = pl.DataFrame({"period": names})
    assert busiest_first(energies) == [
        *("peak", "critical peak", "day", "shoulder", "off-peak", "night")
    ]


def test_only_the_first_groups_are_drawn() -> None:
    energies = pl.DataFrame({"group": [f"s{place}" for place in range(9) for _ in range(2)]})
    assert largest_groups(energies) == ["s0", "s1", "s2", "s3", "s4"]
