"""What does it cost to admit a body that arrives in chunks, and to cut it into lines?"""

import gzip

import zstandard
from loadtest.bench import calls, samples
from loadtest.bench.figures import Figures
from loadtest.bench.measuring import Trial, measure_cpu
from loadtest.bench.request import Request

from utility_ts_analytics.reading.compression import Encoding

CASES = ("identity", "gzip", "zstd")
CHUNK_BYTES = 65_536


def measure(request: Request) -> Figures:
    """Read one body to its end, 64 KiB at a time, decompressing it where it is compressed."""
    lines = samples.clean_lines(request.rows)
    plain = b"".join(lines)
    sent, encoding = _compressed(plain, request.case)
    chunks = [sent[start : start + CHUNK_BYTES] for start in range(0, len(sent), CHUNK_BYTES)]

    def work() -> None:
        read = calls.run(lambda: calls.read_body(chunks, encoding))
        if read != len(lines):
            raise RuntimeError(f"cannot measure: {read} of {len(lines)} lines were read")

    return measure_cpu(Trial(lines, len(lines), len(plain), lambda: work), request)


def _compressed(plain: bytes, case: str) -> tuple[bytes, Encoding]:
    match case:
        case "gzip":
            return gzip.compress(plain, compresslevel=6, mtime=0), "gzip"
        case "zstd":
            return zstandard.compress(plain), "zstd"
        case _:
            return plain, "identity"
