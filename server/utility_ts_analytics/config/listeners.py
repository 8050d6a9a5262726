"""The sections of what listens: a stream's source and the operations port, with their guards.

Part of the model: what `model` says of names and ranges holds here too.
"""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, field

from utility_ts_analytics.config.section import Section
from utility_ts_analytics.config.values import (
    Address,
    AllowedHost,
    BearerToken,
    BindAddress,
    NamedToken,
    Origin,
)

_MIB = 1024 * 1024
_GIB = 1024 * _MIB

FilePath = Annotated[str, Meta(min_length=1, max_length=4096)]
_ALLOWED = Meta(min_length=0, max_length=64)
_TOKENS = Meta(min_length=1, max_length=64)
"""At least one: an empty list would open the stream to everyone without saying so."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The PEM files of one listener that speaks TLS.

    Attributes:
        cert: The certificate, followed by those between it and the root.
        key: Its private key.
        client_ca: Authorities of which clients must show a certificate; None asks for none.
    """

    cert: str
    key: str
    client_ca: str | None


def url_of(section: "SourceConfig | MetricsConfig") -> str:
    """Return where a listener is reached from this machine, without a path."""
    address = section.bind_address
    host = Address("localhost", address.port) if address.is_wildcard else address
    return f"{'http' if section.tls is None else 'https'}://{host}"


class SourceConfig(Section, frozen=True, kw_only=True):
    """How a stream comes in: `[<stream>.source]`.

    Attributes:
        bind_address: Of this stream's HTTP port.
        workers: Processes, 0..256; 0 is one per core.
        channel_rows_max: Rows held per worker, waiting or in flight.
        channel_bytes_max: Body bytes of those rows.
        body_bytes_max: Of an array body, which is held in memory; also once decompressed.
        ndjson_body_bytes_max: Of an NDJSON body, also once decompressed; 0 is no limit.
        decompressed_bytes_max: Of any compressed body, once decompressed.
        request_records_max: Records of one request; 0 is no limit.
        request_days_max: Different days of the readings of one request; 0 is no limit.
        request_errors_max: Bad records of one request, if fewer are good; 0 is no limit.
        line_bytes_max: Of one NDJSON line, without its newline.
        window_bytes_max: Of the decompression windows of all requests of a worker.
        concurrent_requests_max: Per worker; beyond it 429.
        connections_max: Per worker, idle ones too; beyond it nobody is let in until one ends.
        body_idle_timeout_ms: No byte for so long ends in 408.
        body_rate_bytes_min: Bytes per second, averaged over the idle time-out; 0 is off.
        ndjson_strict: Whether the first bad line ends a request, unless the request says.
        allow_negative: Whether energy and power below zero are readings.
        future_minutes_max: How far `ts` may lie after now, minutes; 0 is no such bound.
        allowed_origins: Of pages whose scripts and forms may post; of others they get 403.
        auth_bearer_token: One token; not together with `auth_bearer_tokens`.
        auth_bearer_tokens: Several tokens, each as good as the other.
        auth_named_tokens: Tokens with the name that logs and metrics call their holder by.
        tls_cert_file: Makes the port speak TLS; set if and only if `tls_key_file` is.
        tls_key_file: Its private key.
        tls_client_ca_file: Only clients with a certificate of these authorities are let in.
    """

    bind_address: BindAddress = field(name="http_bind_addr")
    workers: Annotated[int, Meta(ge=0, le=256)]
    channel_rows_max: Annotated[int, Meta(ge=1, le=10_000_000)] = field(
        name="channel_capacity", default=50_000
    )
    channel_bytes_max: Annotated[int, Meta(ge=1, le=64 * _GIB)] = field(
        name="channel_capacity_bytes", default=64 * _MIB
    )
    body_bytes_max: Annotated[int, Meta(ge=1, le=_GIB)] = field(
        name="max_body_bytes", default=10 * _MIB
    )
    ndjson_body_bytes_max: Annotated[int, Meta(ge=0, le=2**50)] = field(
        name="max_ndjson_body_bytes", default=0
    )
    decompressed_bytes_max: Annotated[int, Meta(ge=1, le=2**50)] = field(
        name="max_decompressed_bytes", default=_GIB
    )
    request_records_max: Annotated[int, Meta(ge=0, le=10**12)] = field(
        name="max_request_records", default=0
    )
    request_days_max: Annotated[int, Meta(ge=0, le=100_000)] = field(
        name="max_request_days", default=2_000
    )
    request_errors_max: Annotated[int, Meta(ge=0, le=10**12)] = field(
        name="max_request_errors", default=10_000
    )
    line_bytes_max: Annotated[int, Meta(ge=1, le=64 * _MIB)] = field(
        name="max_line_bytes", default=_MIB
    )
    window_bytes_max: Annotated[int, Meta(ge=1, le=64 * _GIB)] = field(
        name="max_window_bytes", default=32 * _MIB
    )
    concurrent_requests_max: Annotated[int, Meta(ge=1, le=10_000)] = field(
        name="max_concurrent_requests", default=128
    )
    connections_max: Annotated[int, Meta(ge=1, le=100_000)] = field(
        name="max_connections", default=4096
    )
    body_idle_timeout_ms: Annotated[int, Meta(ge=1, le=3_600_000)] = 30_000
    body_rate_bytes_min: Annotated[int, Meta(ge=0, le=_GIB)] = field(
        name="body_min_rate_bytes", default=1024
    )
    ndjson_strict: bool = False
    allow_negative: bool = False
    future_minutes_max: Annotated[int, Meta(ge=0, le=52_560_000)] = field(
        name="max_future_minutes", default=576_000
    )
    allowed_origins: Annotated[tuple[Origin, ...], _ALLOWED] = ()
    auth_bearer_token: BearerToken | None = None
    auth_bearer_tokens: Annotated[tuple[BearerToken, ...], _TOKENS] | None = None
    auth_named_tokens: Annotated[tuple[NamedToken, ...], _TOKENS] | None = None
    tls_cert_file: FilePath | None = None
    tls_key_file: FilePath | None = None
    tls_client_ca_file: FilePath | None = None

    @property
    def tokens(self) -> tuple[NamedToken, ...]:
        """Every token that opens this stream; empty if none is needed.

        Those without a name of their own are called `token-1`, `token-2` and so on.
        """
        unnamed = self.auth_bearer_tokens or ()
        if self.auth_bearer_token is not None:
            unnamed = (self.auth_bearer_token,)
        numbered = (NamedToken(f"token-{n}", token) for n, token in enumerate(unnamed, 1))
        return (*numbered, *(self.auth_named_tokens or ()))

    @property
    def tls(self) -> TlsFiles | None:
        """What the port needs for TLS; None for plain HTTP."""
        if self.tls_cert_file is None or self.tls_key_file is None:
            return None
        return TlsFiles(self.tls_cert_file, self.tls_key_file, self.tls_client_ca_file)


class MetricsConfig(Section, frozen=True, kw_only=True):
    """The operations port: `[metrics]`.

    Attributes:
        bind_address_set: Where it listens; None leaves that to `bind_address`.
        allowed_hosts: Names under which it may be asked, besides IP addresses, localhost and the
            machine's own; others get 403.
        auth_bearer_token: Asked for by everything but `/healthz` and `/readyz`.
        tls_cert_file: As for a stream.
        tls_key_file: As for a stream.
    """

    bind_address_set: BindAddress | None = field(name="bind_addr", default=None)
    allowed_hosts: Annotated[tuple[AllowedHost, ...], _ALLOWED] = ()
    auth_bearer_token: BearerToken | None = None
    tls_cert_file: FilePath | None = None
    tls_key_file: FilePath | None = None

    @property
    def bind_address(self) -> BindAddress:
        """Where the port listens: unless it is said, other machines need a token to be let in."""
        if self.bind_address_set is not None:
            return self.bind_address_set
        host = "127.0.0.1" if self.auth_bearer_token is None else "0.0.0.0"  # noqa: S104 - guarded
        return BindAddress(host, 9090)

    @property
    def is_open(self) -> bool:
        """Whether other machines may read it without a token, because the file says so."""
        return self.auth_bearer_token is None and not self.bind_address.is_loopback

    @property
    def tls(self) -> TlsFiles | None:
        """What the port needs for TLS; None for plain HTTP."""
        if self.tls_cert_file is None or self.tls_key_file is None:
            return None
        return TlsFiles(self.tls_cert_file, self.tls_key_file, None)
