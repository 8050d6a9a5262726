"""A real Prometheus scrapes the running service with the project's config, rules and dashboard."""

import json
from collections.abc import Iterator

import pytest
from tests.infra.promql import rules
from tests.process.running_prometheus import RunningPrometheus, run_prometheus
from tests.process.running_service import RunningService
from tests.process.sample_readings import reading_lines
from tests.process.stored_tables import until

from make_dashboard import DASHBOARD

pytestmark = [pytest.mark.process, pytest.mark.questdb]

RECEIVED = 'sum(ingestion_rows_received_total{stream="meter_usage"})'
STORED = 'sum(ingestion_rows_stored_total{stream="meter_usage"})'


@pytest.fixture(scope="module")
def prometheus(
    service: RunningService, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningPrometheus]:
    place = tmp_path_factory.mktemp("prometheus")
    with run_prometheus(place, service.ports.operations) as running:
        until(lambda: running.value('up{job="ingestion"}') == 1, "the service is scraped")
        yield running


def test_target_is_up(prometheus: RunningPrometheus) -> None:
    [target] = prometheus.get("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    assert target["labels"]["job"] == "ingestion"


def test_posted_rows_are_seen_and_the_books_balance(
    prometheus: RunningPrometheus, service: RunningService
) -> None:
    received, stored = prometheus.value(RECEIVED) or 0.0, prometheus.value(STORED) or 0.0
    bad = b'{"ts":"2024-01-01T00:00:00Z","meter_id":"scraped","kwh":"high"}\n'
    answer = service.post_lines(reading_lines("scraped", 300) + bad)
    assert answer.status == 200
    until(lambda: prometheus.value(RECEIVED) == received + 301, "301 rows more are received")
    until(lambda: prometheus.value(STORED) == stored + 300, "300 of them are stored")
    books = 'sum(abs(stream:ingestion_books:difference{stream="meter_usage"}))'
    until(lambda: prometheus.value(books) == 0, "the books balance")
    wrong = 'sum(ingestion_rows_rejected_total{stream="meter_usage", reason="wrong-type"})'
    assert (prometheus.value(wrong) or 0) >= 1


def test_every_rule_is_evaluated_without_an_error(prometheus: RunningPrometheus) -> None:
    def evaluated() -> bool:
        found = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        assert [rule["lastError"] for rule in found if rule.get("lastError")] == []
        return {rule["health"] for rule in found} == {"ok"}

    until(evaluated, "every rule was evaluated")
    groups = prometheus.get("rules")["groups"]
    names = [rule["name"] for group in groups for rule in group["rules"]]
    expected = [
        rule.get("alert") or rule["record"] for k in ("alert", "record") for rule in rules(k)
    ]
    assert sorted(names) == sorted(map(str, expected))


def test_no_alert_fires_on_a_healthy_service(prometheus: RunningPrometheus) -> None:
    firing = [one for one in prometheus.get("alerts")["alerts"] if one["state"] == "firing"]
    assert firing == []


def test_every_query_of_the_dashboard_is_understood(prometheus: RunningPrometheus) -> None:
    empty = []
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", []):
            expr = target["expr"].replace("$__rate_interval", "1m")
            for variable in ("$instance", "$stream"):
                expr = expr.replace(variable, ".*")
            if not prometheus.get("query", query=expr)["result"]:
                empty.append(panel["title"])
    # These have nothing to show where nothing goes wrong, nothing was posted a moment ago, no
    # stream has tokens, or none goes to Kafka.
    assert set(empty) <= {
        *("Given back to their senders", "Repeated sends, and the second way in use"),
        *("Refused, share by reason", "Since the last row was stored", "Requests by status"),
        *("Posts by token", "Rows accepted by token"),
        *("Kafka can be used", "Shards that answer", "Partitions not on all of their brokers"),
        *("Messages not stored yet", "Rows not stored yet, about", "Age of what was stored last"),
        *("Refused records that cannot be kept", "Messages deleted before they were stored"),
    }
