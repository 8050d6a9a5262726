"""The metrics of the log, and of how `consume` reads it. Part of `registry.METRICS`."""

from typing import Final, Literal, get_args

from utility_ts_analytics.telemetry.metric import STREAM, Label, Metric

PARTITION: Final = Label("partition", (), "the partitions of the stream's topic")

SHARD: Final = Label("shard", (), "the names of `[[questdb.shards]]`")

LetterTrouble = Literal[
    "missing", "not-allowed", "too-few-replicas", "too-large", "disk", "no-answer", "other"
]
"""Why the dead-letter topic takes no record."""

LETTER_TROUBLES: Final[tuple[LetterTrouble, ...]] = get_args(LetterTrouble)

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
PARTITIONS_PAUSED = Metric(
    "ingestion_log_partitions_paused",
    "gauge",
    "partitions",
    "Part of the held partitions: those of which no more is fetched until what was read is stored.",
    (STREAM,),
)
MESSAGES_WRITTEN = Metric(
    "ingestion_log_messages_written_total",
    "counter",
    "messages",
    "Messages of `serve` that every in-sync replica has acknowledged.",
    (STREAM,),
)
UNDER_REPLICATED = Metric(
    "ingestion_log_partitions_under_replicated",
    "gauge",
    "partitions",
    "Partitions of the stream's topic of which some broker does not have everything; absent while "
    "brokers do not say.",
    (STREAM,),
    per_worker=False,
)
LAG_MESSAGES = Metric(
    "ingestion_log_lag_messages",
    "gauge",
    "messages",
    "Messages of a partition that are not stored and committed yet, of the whole consumer group.",
    (STREAM, PARTITION),
    per_worker=False,
)
LAG_ROWS = Metric(
    "ingestion_log_lag_rows_estimate",
    "gauge",
    "rows",
    "Estimate of the rows in the messages that are not stored yet: their number, times the mean "
    "rows of the messages of this partition that the group has stored lately. Brokers cannot tell. "
    "Absent while messages wait and none was stored.",
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
LOST = Metric(
    "ingestion_log_messages_lost_total",
    "counter",
    "messages",
    "Messages of a partition that the log had deleted, by its retention, before they were stored: "
    "of the whole consumer group, over all of its restarts. Offsets without a message count too.",
    (STREAM, PARTITION),
    per_worker=False,
)
LETTERS_WAITING = Metric(
    "ingestion_dead_letters_waiting",
    "gauge",
    "rows",
    "Refused records that the dead-letter topic does not take just now, as far as they were tried. "
    "Nothing behind them is committed.",
    (STREAM, Label("reason", LETTER_TROUBLES, "why, by the answer of the brokers")),
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
    "1 if every topic of the streams can be written to (`serve`, once a second) or read "
    "(`consume`, every three seconds); absent where no stream goes to Kafka or comes from there.",
    per_worker=False,
)

LOG_METRICS: Final = (
    *(MESSAGES_WRITTEN, MESSAGES_READ, REBALANCES, PARTITIONS_ASSIGNED, PARTITIONS_PAUSED),
    *(LAG_MESSAGES, LAG_ROWS, LAG_SECONDS, LOST, LETTERS_WAITING),
    *(SHARD_UP, KAFKA_UP, UNDER_REPLICATED),
)
"""All of them, in the order of `registry.METRICS`."""
