import json
import tomllib
from pathlib import Path

import msgspec
import pytest

from utility_ts_analytics.config import Address, Config, KafkaConfig, parse_config, redacted
from utility_ts_analytics.config.kafka import OWN_SETTINGS, KafkaTopics
from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.records.streams import STREAMS

PASSWORD = "INGESTION__KAFKA__CLIENT__SASL_PASSWORD"  # noqa: S105 - a variable's name


def kafka_of(toml: str, environ: dict[str, str] | None = None) -> KafkaConfig:
    return parse_config(tomllib.loads(toml), environ or {}).kafka


def problems_of(toml: str, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        kafka_of(toml, environ)
    return list(raised.value.problems)


def test_every_stream_has_a_topic_named_as_it_is() -> None:
    assert msgspec.structs.asdict(KafkaTopics()) == {name: name for name in STREAMS}
    assert [KafkaTopics().of(name) for name in STREAMS] == list(STREAMS)


def test_brokers_and_topics_are_read() -> None:
    kafka = kafka_of('kafka = {brokers = ["a:1", "b:2"], topics = {meter_usage = "usage.v1"}}')
    assert kafka.brokers == (Address("a", 1), Address("b", 2))
    assert kafka.topics == KafkaTopics(meter_usage="usage.v1")


@pytest.mark.parametrize("topic", ["", ".", "..", "a b", "a/b", "x" * 250, "a\n"])
def test_name_that_kafka_refuses_is_refused(topic: str) -> None:
    (problem,) = problems_of(f"kafka.topics.meter_usage = {json.dumps(topic)}")
    assert problem.startswith("kafka.topics.meter_usage: must be 1 to 249 letters")


def test_client_settings_are_taken_dotted_and_quoted() -> None:
    kafka = kafka_of(
        '[kafka.client]\nsasl.mechanism = "PLAIN"\nsasl.username = "u"\n"linger.ms" = 5\n'
        "socket.keepalive.enable = true\n"
    )
    assert kafka.client.reveal() == {
        "sasl.mechanism": "PLAIN",
        "sasl.username": "u",
        "linger.ms": "5",
        "socket.keepalive.enable": "true",
    }


def test_client_secret_comes_from_a_file_and_beats_the_table(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hush\n")
    for toml in ('kafka.client.sasl.password = "x"', 'kafka.client."sasl.password" = "x"', ""):
        kafka = kafka_of(toml, {f"{PASSWORD}_FILE": str(file)})
        assert kafka.client.reveal() == {"sasl.password": "hush"}
    assert kafka_of("", {PASSWORD: "hush"}).client.reveal() == {"sasl.password": "hush"}


def test_no_value_of_the_client_is_shown() -> None:
    config = parse_config(tomllib.loads('kafka.client.ssl.key.pem = "hush"'), {})
    shown = [json.dumps(redacted(config)), repr(config.kafka.client), str(config)]
    assert not any("hush" in text for text in shown)
    assert json.loads(shown[0])["kafka"]["client"] == {"ssl.key.pem": "***"}
    assert "client" not in json.dumps(redacted(Config())["kafka"])


@pytest.mark.parametrize("name", sorted(OWN_SETTINGS))
def test_setting_that_the_promise_depends_on_cannot_be_changed(name: str) -> None:
    (problem,) = problems_of(f'[kafka.client]\n"{name}" = "hush"')
    assert problem == f"kafka.client.{name}: cannot be set: {OWN_SETTINGS[name]}"


def test_every_bad_client_setting_is_a_problem_without_its_value() -> None:
    toml = '[kafka.client]\n"s3cr3t-t0ken" = "hush"\nsasl.password = ["hush"]\nx = {}\ny = 1.5'
    problems = problems_of(toml, {f"{PASSWORD}S_FILE": "hush"})
    assert not any("hush" in problem or "s3cr3t" in problem for problem in problems)
    assert [problem.partition(":")[0].partition(" (from")[0] for problem in problems] == [
        "kafka.client.sasl.passwords",
        "kafka.client.(a key of 12 characters)",
        "kafka.client.sasl.password",
        "kafka.client.x",
        "kafka.client.y",
    ]


def test_client_that_is_no_table_is_a_problem() -> None:
    assert problems_of("kafka.client = 5") == ["kafka.client: must be a table, is 5"]


def test_sink_kafka_takes_no_fallback() -> None:
    assert problems_of('meter_usage.sink.kind = "kafka"') == [
        'meter_usage.sink.fallback: must be "none" with kind = "kafka": rows that went past the '
        "log could be overtaken"
    ]
    config = parse_config({"meter_usage": {"sink": {"kind": "kafka", "fallback": "none"}}}, {})
    assert config.meter_usage.sink.kind == "kafka"
