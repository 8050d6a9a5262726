"""The registry says what it says everywhere: its closed sets are those of the code, its names those
of the contract."""

import re
from typing import get_args

from utility_ts_analytics import errors
from utility_ts_analytics.buffering.block import FailureCode
from utility_ts_analytics.errors import ClientError
from utility_ts_analytics.records.validation import PARSE_CODES, RULE_CODES
from utility_ts_analytics.service.shared_worker_state import STATE_NAMES
from utility_ts_analytics.telemetry.registry import (
    GIVEN_BACK,
    METRICS,
    PROBLEM_CODES,
    ROW_CODES,
    STATES,
    STATUSES,
)

CONTRACT = """
ingestion_requests_total{stream,code} ingestion_request_bytes_total{stream}
ingestion_request_seconds{stream} ingestion_rows_received_total{stream}
ingestion_rows_stored_total{stream,sink} ingestion_rows_rejected_total{stream,reason}
ingestion_rows_failed_total{stream,reason} ingestion_rows_in_flight{stream}
ingestion_buffer_bytes{stream} ingestion_flush_seconds{stream,sink}
ingestion_flush_rows{stream,sink} ingestion_sink_retries_total{stream,sink,reason}
ingestion_fallback_active{stream} ingestion_worker_restarts_total{stream} ingestion_questdb_up
ingestion_table_suspended{table} ingestion_table_wal_lag_transactions{table}
ingestion_build_info{version}
"""
"""CONTRACT section 6."""


def every_client_error() -> list[type[ClientError]]:
    found = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    kinds = [kind for kind in found if issubclass(kind, ClientError) and hasattr(kind, "code")]
    assert len(kinds) > 10
    return kinds


def test_row_codes_are_those_of_the_validation() -> None:
    assert set(ROW_CODES) == PARSE_CODES | RULE_CODES
    assert len(ROW_CODES) == len(set(ROW_CODES))


def test_failure_codes_are_those_of_the_buffer() -> None:
    assert set(GIVEN_BACK) == set(get_args(FailureCode))


def test_problem_codes_and_statuses_are_those_of_the_errors() -> None:
    kinds = every_client_error()
    assert set(PROBLEM_CODES) == {kind.code for kind in kinds}
    assert set(STATUSES) == {str(kind.status) for kind in kinds} | {"200", "202", "other"}


def test_states_are_those_of_the_workers() -> None:
    assert STATES == STATE_NAMES


def test_every_metric_of_the_contract_is_there_with_its_labels() -> None:
    ours = {metric.name: [label.name for label in metric.labels] for metric in METRICS}
    promised = re.findall(r"(\w+?)(?:\{([\w,]+)\})?\s", CONTRACT.replace("\n", " "))
    names = {name: labels.split(",") if labels else [] for name, labels in promised if name}
    assert len(names) == 18
    for name, labels in names.items():
        assert ours[name] == labels, name


def test_names_are_in_the_manner_of_the_contract() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"ingestion(_[a-z]+)+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert list(metric.buckets) == sorted(set(metric.buckets))
        assert bool(metric.buckets) == (metric.kind == "histogram")
