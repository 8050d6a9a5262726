"""Sections of ports: a stream's source and the operations port, with their protection.

Part of the model: the rules for names and ranges in `model` apply here too.
"""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, field

from utility_ts_analytics.config.values import (
    Address,
    AllowedHost,
    BearerToken,
    BindAddress,
    NamedToken,
    Origin,
    Section,
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
        channel_capacity: Rows held per worker, waiting or in flight.
        channel_capacity_bytes: Body bytes of those rows.
        max_body_bytes: Of an array body, which is held in memory; also once decompressed.
        max_ndjson_body_bytes: Of an NDJSON body, also once decompressed; 0 is no limit.
        max_decompressed_bytes: Of any compressed body, once decompressed.
        max_request_records: Records of one request; 0 is no limit.
        max_request_days: Different days of the readings of one request; 0 is no limit.
        max_request_errors: Bad records of one request, if fewer are good; 0 is no limit.
        max_line_bytes: Of one NDJSON line, without its newline.
        max_window_bytes: Of the decompression windows of all requests of a worker.
        max_concurrent_requests: Per worker; beyond it 429.
        max_connections: Per worker, idle ones included; further connections wait until one ends.
        body_idle_timeout_ms: No byte for so long ends in 408.
        body_min_rate_bytes: Bytes per second, averaged over the idle time-out; 0 is off.
        ndjson_strict: Whether the first bad line ends a request, unless the request says.
        allow_negative: Whether energy and power below zero are readings.
        max_future_minutes: How far `ts` may lie after now, minutes; 0 is no such bound.
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
    channel_capacity: Annotated[int, Meta(ge=1, le=10_000_000)] = 50_000
    channel_capacity_bytes: Annotated[int, Meta(ge=1, le=64 * _GIB)] = 64 * _MIB
    max_body_bytes: Annotated[int, Meta(ge=1, le=_GIB)] = 10 * _MIB
    max_ndjson_body_bytes: Annotated[int, Meta(ge=0, le=2**50)] = 0
    max_decompressed_bytes: Annotated[int, Meta(ge=1, le=2**50)] = _GIB
    max_request_records: Annotated[int, Meta(ge=0, le=10**12)] = 0
    max_request_days: Annotated[int, Meta(ge=0, le=100_000)] = 2_000
    max_request_errors: Annotated[int, Meta(ge=0, le=10**12)] = 10_000
    max_line_bytes: Annotated[int, Meta(ge=1, le=64 * _MIB)] = _MIB
    max_window_bytes: Annotated[int, Meta(ge=1, le=64 * _GIB)] = 32 * _MIB
    max_concurrent_requests: Annotated[int, Meta(ge=1, le=10_000)] = 128
    max_connections: Annotated[int, Meta(ge=1, le=100_000)] = 4096
    body_idle_timeout_ms: Annotated[int, Meta(ge=1, le=3_600_000)] = 30_000
    body_min_rate_bytes: Annotated[int, Meta(ge=0, le=_GIB)] = 1024
    ndjson_strict: bool = False
    allow_negative: bool = False
    max_future_minutes: Annotated[int, Meta(ge=0, le=52_560_000)] = 576_000
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
        bind_addr: Where it listens; None leaves that to `bind_address`.
        allowed_hosts: Names under which it may be asked, besides IP addresses, localhost and the
            machine's own; others get 403.
        auth_bearer_token: Asked for by everything but `/healthz` and `/readyz`.
        tls_cert_file: As for a stream.
        tls_key_file: As for a stream.
    """

    bind_addr: BindAddress | None = None
    allowed_hosts: Annotated[tuple[AllowedHost, ...], _ALLOWED] = ()
    auth_bearer_token: BearerToken | None = None
    tls_cert_file: FilePath | None = None
    tls_key_file: FilePath | None = None

    @property
    def bind_address(self) -> BindAddress:
        """Where the port listens: `bind_addr`, else 0.0.0.0 with a token and 127.0.0.1 without."""
        if self.bind_addr is not None:
            return self.bind_addr
        host = "127.0.0.1" if self.auth_bearer_token is None else "0.0.0.0"  # noqa: S104 - guarded
        return BindAddress(host, 9090)

    @property
    def is_open(self) -> bool:
        """Whether other machines can read it without a token."""
        return self.auth_bearer_token is None and not self.bind_address.is_loopback

    @property
    def tls(self) -> TlsFiles | None:
        """What the port needs for TLS; None for plain HTTP."""
        if self.tls_cert_file is None or self.tls_key_file is None:
            return None
        return TlsFiles(self.tls_cert_file, self.tls_key_file, None)
