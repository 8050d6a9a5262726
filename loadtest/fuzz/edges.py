"""Fuzz targets for the head of a request and for the configuration."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from loadtest.fuzz.draws import Draws

from utility_ts_analytics.asgi.auth import BearerAuth, HeldToken
from utility_ts_analytics.asgi.protocol import header
from utility_ts_analytics.asgi.request import read_head
from utility_ts_analytics.config import load_config, redacted
from utility_ts_analytics.errors import ClientError, ConfigError, Unauthorized

_TOKEN = "only-this-one-opens-the-door"  # noqa: S105 - of no service
_NAMES = (
    b"content-type",
    b"content-encoding",
    b"content-length",
    b"authorization",
    b"expect",
    b"x-other",
)
_SECRETS = (
    "INGESTION__METER_USAGE__SOURCE__AUTH_BEARER_TOKEN",
    "INGESTION__QUESTDB__ILP_PASSWORD",
)
_SECTIONS = ("QUESTDB", "METER_USAGE__SOURCE", "GENERATION_OUTPUT__SINK", "SERVER", "METRICS")


def fuzz_head(data: bytes) -> None:
    """Any head is a `RequestHead` or one of the client's errors, and only the token opens."""
    draws = Draws(data)
    headers = [
        (draws.choice(_NAMES), draws.take(draws.integer(0, 60))) for _ in range(draws.integer(0, 8))
    ]
    query = draws.take(draws.integer(0, 120))
    scope = {"path": "/ingest/meter_usage", "headers": headers, "query_string": query}
    try:
        head = read_head(scope, ndjson=draws.flag(), ndjson_strict=draws.flag())
        assert head.content_length is None or head.content_length >= 0
    except ClientError as error:
        assert 400 <= error.status < 500
        assert error.detail.isascii()
    given = header(scope, b"authorization")
    try:
        BearerAuth([HeldToken("holder", _TOKEN)]).holder_or_raise(given)
        assert given is not None
        assert _TOKEN.encode() in given
    except Unauthorized:
        assert given is None or given.lower() != b"bearer " + _TOKEN.encode()


def fuzz_config(data: bytes) -> None:
    """Any file and environment make a configuration, or problems in lines; no secret gets out."""
    draws = Draws(data)
    environ = {
        f"INGESTION__{draws.choice(_SECTIONS)}__{draws.text(24).upper()}": draws.text(24)
        for _ in range(draws.integer(0, 3))
    }
    # `..._FILE` variables are opened: they name only files that do not exist.
    environ = {n: f"missing-{v}" if n.endswith("_FILE") else v for n, v in environ.items()}
    secret = "s3cr3t-0f-n0-s3rv1c3"  # noqa: S105 - as above
    if draws.flag():
        environ[draws.choice(_SECRETS)] = secret
    try:
        with _file_with(draws.rest()) as path:
            config = load_config(path, environ)
    except ConfigError as error:
        assert error.problems
        for problem in error.problems:
            assert problem
            assert secret not in problem
        return
    for shown in (json.dumps(redacted(config)), repr(config)):
        assert secret not in shown


@contextlib.contextmanager
def _file_with(content: bytes) -> Iterator[Path]:
    """Return a file without a place on disk: libFuzzer ends its process without tidying up."""
    with os.fdopen(os.memfd_create("fuzzed.toml"), "wb") as file:
        file.write(content)
        file.flush()
        yield Path(f"/proc/self/fd/{file.fileno()}")
