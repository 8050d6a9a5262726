"""Compose file and manifests of the route through Kafka: accepted by the tools, and in agreement.

The schemas of the API know neither Strimzi's resources nor KEDA's: of those, only what has to agree
with our own configuration is checked here.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from tests.infra.promql import INFRA
from tests.infra.test_compose import resolved
from tests.infra.test_kubernetes import VERSIONS, Manifest, built, of_kind

from utility_ts_analytics.config import Config, parse_config
from utility_ts_analytics.consume.shard_map import shard_problems

OPERATORS = {"Kafka", "KafkaNodePool", "KafkaTopic", "ScaledObject"}
CONFIG_PATH = "/etc/ingestion/ingestion-config.toml"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = resolved("docker-compose.kafka.yml")["services"]
    return found


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    return built("kubernetes-kafka")


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    return next(one for one in manifests if (one["kind"], one["metadata"]["name"]) == (kind, name))


def consumer_config(manifests: list[Manifest]) -> Config:
    text = named(manifests, "Secret", "consumer")["stringData"]["ingestion-config.toml"]
    return parse_config(tomllib.loads(text), {})


def assert_fits(config: Config, partitions: Mapping[str, int]) -> None:
    """`consume` starts with these topics: every partition is in one shard, letters included."""
    assert shard_problems(config, partitions) == []
    numbers = [it for shard in config.questdb.shards for it in shard.partitions.numbers]
    assert sorted(numbers) == list(range(max(partitions.values())))


def topics_of(config: Config) -> set[str]:
    names = {config.kafka.topics.of(stream) for stream in config.streams}
    return names | {name + config.kafka.consumer.dead_letter_suffix for name in names}


def test_compose_has_three_brokers_two_shards_and_two_of_ours(compose: dict[str, Any]) -> None:
    assert set(compose) == {
        *("kafka-1", "kafka-2", "kafka-3", "topics", "questdb-a", "questdb-b"),
        *("schema", "edge", "consumer"),
    }
    assert compose["edge"]["deploy"]["replicas"] == compose["consumer"]["deploy"]["replicas"] == 2
    for name in ("schema", "edge", "consumer"):
        assert compose[name]["read_only"] is True
        assert compose[name]["cap_drop"] == ["ALL"]
        [mounted] = compose[name]["configs"]
        assert mounted["target"] == CONFIG_PATH
    assert not compose["questdb-a"].get("ports")
    assert {v["source"] for name in compose for v in compose[name].get("volumes", [])} == {
        f"{name}-data" for name in compose if name.startswith(("kafka-", "questdb-"))
    }


def test_brokers_of_compose_know_each_other(compose: dict[str, Any]) -> None:
    brokers = {name: one["environment"] for name, one in compose.items() if name[:6] == "kafka-"}
    voters = ",".join(f"{it['KAFKA_NODE_ID']}@{name}:9093" for name, it in brokers.items())
    for name, settings in brokers.items():
        assert settings["KAFKA_CONTROLLER_QUORUM_VOTERS"] == voters
        assert settings["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{name}:9092"
        assert settings["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_config_of_compose_names_its_brokers_and_shards(compose: dict[str, Any]) -> None:
    config = parse_config(
        tomllib.loads((INFRA / "kafka" / "ingestion-config.toml").read_text()), {}
    )
    assert {broker.host for broker in config.kafka.brokers} == {
        n for n in compose if n[:6] == "kafka-"
    }
    assert {it.ilp_http_addr.host for it in config.questdb.shards} == {
        name for name in compose if name.startswith("questdb-")
    }
    script = compose["topics"]["command"][-1]
    assert_fits(config, dict.fromkeys(topics_of(config), 24))
    assert all(f'make "$$stream{suffix}" 24' in script for suffix in ("", ".dead-letters"))
    assert "--replication-factor 3 --config min.insync.replicas=2" in script
    assert topics_of(config) == {
        f"{stream}{suffix}" for stream in config.streams for suffix in ("", ".dead-letters")
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_schemas_of_the_api_accept_every_manifest(version: str, manifests: list[Manifest]) -> None:
    for manifest in manifests:
        if manifest["kind"] not in OPERATORS:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_topics_are_those_of_the_config_and_survive_a_broker(manifests: list[Manifest]) -> None:
    config = consumer_config(manifests)
    topics = {one["spec"]["topicName"]: one for one in manifests if one["kind"] == "KafkaTopic"}
    assert set(topics) == topics_of(config)
    cluster = of_kind(manifests, "Kafka")["metadata"]["name"]
    for one in [*topics.values(), of_kind(manifests, "KafkaNodePool")]:
        assert one["metadata"]["labels"]["strimzi.io/cluster"] == cluster
    for topic in topics.values():
        assert topic["spec"]["replicas"] == 3
        assert topic["spec"]["config"]["min.insync.replicas"] == 2
    assert_fits(config, {name: topic["spec"]["partitions"] for name, topic in topics.items()})


def test_edges_and_consumers_find_the_brokers(manifests: list[Manifest]) -> None:
    text = of_kind(manifests, "ConfigMap")["data"]["ingestion-config.toml"]
    edge, consumer = parse_config(tomllib.loads(text), {}), consumer_config(manifests)
    cluster = of_kind(manifests, "Kafka")
    [listener] = cluster["spec"]["kafka"]["listeners"]
    bootstrap = f"{cluster['metadata']['name']}-kafka-bootstrap:{listener['port']}"
    [trigger] = of_kind(manifests, "ScaledObject")["spec"]["triggers"]
    assert trigger["metadata"]["bootstrapServers"] == bootstrap
    assert trigger["metadata"]["consumerGroup"] == consumer.kafka.group
    assert trigger["metadata"]["topic"] == consumer.kafka.topics.meter_usage
    for config in (edge, consumer):
        assert list(map(str, config.kafka.brokers)) == [bootstrap]
        assert config.streams_into("kafka") == list(config.streams)
    assert not edge.questdb.shards


def test_each_shard_is_a_set_of_its_own_with_the_name_that_consumers_use(
    manifests: list[Manifest],
) -> None:
    config = consumer_config(manifests)
    for shard in config.questdb.shards:
        name = shard.ilp_http_addr.host
        pods = named(manifests, "StatefulSet", name)["spec"]
        service = named(manifests, "Service", name)["spec"]
        labels = pods["template"]["metadata"]["labels"]
        assert pods["serviceName"] == name
        assert pods["selector"]["matchLabels"] == service["selector"]
        assert service["selector"].items() <= labels.items()
        assert labels["app.kubernetes.io/instance"] == shard.name
        assert {port["port"] for port in service["ports"]} == {9000, 8812}


def test_autoscalers_alone_set_the_number_of_pods(manifests: list[Manifest]) -> None:
    for kind, name in (("HorizontalPodAutoscaler", "edge"), ("ScaledObject", "consumer")):
        target = of_kind(manifests, kind)["spec"]["scaleTargetRef"]["name"]
        assert target == name
        assert "replicas" not in named(manifests, "Deployment", name)["spec"]
    [topic] = [
        one
        for one in manifests
        if one["kind"] == "KafkaTopic" and one["spec"]["topicName"] == "meter_usage"
    ]
    most = of_kind(manifests, "ScaledObject")["spec"]["maxReplicaCount"]
    assert most <= topic["spec"]["partitions"]


def test_pods_of_ours_are_confined_and_have_time_to_stop(manifests: list[Manifest]) -> None:
    for kind, name in (("Deployment", "edge"), ("Deployment", "consumer"), ("Job", "schema")):
        pod = named(manifests, kind, name)["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        [container] = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["volumeMounts"][0]["mountPath"] == str(Path(CONFIG_PATH).parent)
        if kind == "Deployment":
            assert pod["terminationGracePeriodSeconds"] >= Config().server.drain_timeout_s + 15
            assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
