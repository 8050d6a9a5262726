"""Parts of SQL about versions; what they select is held by the results of the queries in real."""

from utility_ts_analytics.queries.reference_versions import (
    customer_join,
    feeder_join,
    in_service,
    scale_join,
    valid,
    versions,
)


def test_version_ends_where_the_next_one_begins() -> None:
    assert valid("m") == "mu.ts >= m.valid_from AND (m.next_from IS NULL OR mu.ts < m.next_from)"


def test_version_that_ends_by_itself_holds_until_then() -> None:
    assert valid("f", ends=True, at="g.ts") == (
        "g.ts >= f.valid_from AND (f.next_from IS NULL OR g.ts < f.next_from)"
        " AND (f.valid_to IS NULL OR g.ts < f.valid_to)"
    )


def test_versions_of_a_key_follow_each_other() -> None:
    assert versions("meters", "meter_id", "customer_id", " WHERE meter_id = 'm'") == (
        "(SELECT meter_id, customer_id, valid_from,"
        " lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from"
        " FROM meters WHERE meter_id = 'm')"
    )


def test_scale_join_keeps_readings_without_a_factor() -> None:
    assert scale_join().startswith("LEFT JOIN (SELECT meter_id, scale_factor, valid_to")


def test_state_counts_in_any_case_and_unknown_ones_as_in_service() -> None:
    assert in_service("m.status") == (
        "(m.status IS NULL OR lower(m.status) NOT IN ('inactive', 'removed', 'retired'))"
    )


def test_readings_without_a_partner_stay_only_where_that_is_asked_for() -> None:
    assert feeder_join().startswith("JOIN (SELECT meter_id, feeder_id, valid_to")
    assert feeder_join("LEFT JOIN") == f"LEFT {feeder_join()}"
    meters, customers, _ = customer_join("segment").split("\n")
    kept = f"LEFT {meters}\nLEFT {customers}\n"
    assert customer_join("segment", "LEFT JOIN") == kept
    assert customers.startswith("JOIN (SELECT customer_id, segment, valid_from")
