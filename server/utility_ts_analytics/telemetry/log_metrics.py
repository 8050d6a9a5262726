"""The metrics of the log, and of how `consume` reads it. Part of `registry.METRICS`."""

from typing import Final

from utility_ts_analytics.telemetry.metric import STREAM, Label, Metric

PARTITION: Final = Label("partition", (), "the partitions of the stream's topic")

SHARD: Final = Label("shard", (), "the names of `[[questdb.shards]]`")

MESSAGES_READ = Metric(
    "ingestion_log_messages_read_total",
    "counter",
    "messages",
    "Messages that `consume` has read from the log; those that are read again count again.",
    (STREAM,),
)
REBALANCES = Metric(
    "ingestion_log_rebalances_total",
    "counter",
    "count",
    "How often partitions came to a worker of `consume`, were released by it, or were lost.",
    (STREAM,),
)
PARTITIONS_ASSIGNED = Metric(
    "ingestion_log_partitions_assigned",
    "gauge",
    "partitions",
    "Partitions that the living workers of `consume` hold.",
    (STREAM,),
)
LAG_MESSAGES = Metric(
    "ingestion_log_lag_messages",
    "gauge",
    "messages",
    "Messages of a partition that are not stored and committed yet, of the whole consumer group.",
    (STREAM, PARTITION),
    per_worker=False,
)
LAG_SECONDS = Metric(
    "ingestion_log_lag_seconds",
    "gauge",
    "seconds",
    "How long ago everything in the partition was stored: 0 without lag, else the age of what was "
    "stored last.",
    (STREAM, PARTITION),
    per_worker=False,
)
SHARD_UP = Metric(
    "ingestion_shard_up",
    "gauge",
    "yes/no",
    "1 if the QuestDB of the shard answered the last health check (once a second); absent without "
    "shards. `ingestion_questdb_up` is 1 if all of them did.",
    (SHARD,),
    per_worker=False,
)
KAFKA_UP = Metric(
    "ingestion_kafka_up",
    "gauge",
    "yes/no",
    "1 if every topic of the streams can be written to (once a second); absent where no stream "
    "goes to Kafka.",
    per_worker=False,
)
