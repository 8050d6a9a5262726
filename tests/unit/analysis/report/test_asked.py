from utility_ts_analytics.analysis.report.asked import day_and_night


def test_tariff_of_those_who_gave_none_covers_every_day() -> None:
    """The calendar itself refuses one that does not."""
    calendar = day_and_night("Europe/Berlin")
    assert calendar.zone == "Europe/Berlin"
    assert {period for _, period in calendar.rates} == {"day", "night"}
    [season] = calendar.seasons
    day = [w for w in season.windows_of("sunday") if w.period == "day"]
    assert [(w.start_minute, w.end_minute) for w in day] == [(7 * 60, 23 * 60)]
