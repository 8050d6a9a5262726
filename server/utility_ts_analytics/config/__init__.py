"""The frozen configuration: model, loading from file and environment, checks across keys.

Pure but for reading files: no network, no process state.
"""

from utility_ts_analytics.config.kafka import ClientSettings, KafkaConfig
from utility_ts_analytics.config.listeners import (
    MetricsConfig,
    SourceConfig,
    TlsFiles,
    url_of,
)
from utility_ts_analytics.config.load import load_config, parse_config, read_tables
from utility_ts_analytics.config.model import (
    ArchiveConfig,
    Config,
    QuestDBConfig,
    ServerConfig,
    SinkConfig,
    StreamConfig,
)
from utility_ts_analytics.config.questdb_values import DatabaseUri
from utility_ts_analytics.config.tree import redacted
from utility_ts_analytics.config.values import (
    Address,
    BearerToken,
    BindAddress,
    NamedToken,
    Secret,
)

__all__ = [
    "Address",
    "ArchiveConfig",
    "BearerToken",
    "BindAddress",
    "ClientSettings",
    "Config",
    "DatabaseUri",
    "KafkaConfig",
    "MetricsConfig",
    "NamedToken",
    "QuestDBConfig",
    "Secret",
    "ServerConfig",
    "SinkConfig",
    "SourceConfig",
    "StreamConfig",
    "TlsFiles",
    "load_config",
    "parse_config",
    "read_tables",
    "redacted",
    "url_of",
]
