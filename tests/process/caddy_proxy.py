"""A real Caddy; with the project's Caddyfile, in front of one running service."""

import contextlib
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.process.running_service import PROJECT, ServicePorts, free_ports
from tests.process.stored_tables import until
from tests.system_programs import system_program

CADDYFILE = PROJECT / "infra" / "caddy" / "Caddyfile"
LOG_NAME = "caddy.log"
_STOP_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class CaddyProxy:
    """Caddy while it runs.

    Attributes:
        port: Where it speaks TLS.
        root: Certificate of its own authority, PEM.
        pid: Of its process.
        output_path: What it logs, one JSON object a line.
    """

    port: int
    root: Path
    pid: int
    output_path: Path

    def context(self) -> ssl.SSLContext:
        """Return the context of a client that trusts this authority and speaks HTTP/1.1."""
        context = ssl.create_default_context(cafile=str(self.root))
        context.set_alpn_protocols(["http/1.1"])
        return context

    def url(self, path: str) -> str:
        return f"https://localhost:{self.port}{path}"


@contextlib.contextmanager
def caddy_process(
    caddyfile: Path, place: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run Caddy until the end of a `with` block.

    Args:
        caddyfile: Its configuration.
        place: Directory for its files; what it logs goes to `LOG_NAME` there.
        environment: What the configuration asks for.
    """
    with (place / LOG_NAME).open("wb") as log:
        process = subprocess.Popen(
            [system_program("caddy"), "run", "--config", str(caddyfile), "--adapter", "caddyfile"],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(place),
                "XDG_DATA_HOME": str(place),
                "XDG_CONFIG_HOME": str(place),
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def run_caddy(place: Path, ports: ServicePorts) -> Iterator[CaddyProxy]:
    """Run Caddy in the directory `place`, for the length of a `with` block."""
    [port] = free_ports(1)
    output = place / LOG_NAME
    root = place / "caddy" / "pki" / "authorities" / "local" / "root.crt"
    environment = {
        "TLS_SITES": f"https://localhost:{port}",
        "METER_USAGE_UPSTREAM": f"127.0.0.1:{ports.meter_usage}",
        "GENERATION_OUTPUT_UPSTREAM": f"127.0.0.1:{ports.generation_output}",
    }
    with caddy_process(CADDYFILE, place, environment) as process:
        proxy = CaddyProxy(port, root, process.pid, output)

        def serves() -> bool:
            assert process.poll() is None, output.read_text()
            with contextlib.suppress(OSError):
                with socket.create_connection(("127.0.0.1", port), 5) as plain:
                    proxy.context().wrap_socket(plain, server_hostname="localhost").close()
                return True
            return False

        until(serves, "Caddy speaks TLS")
        yield proxy
