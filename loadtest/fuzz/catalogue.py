"""The fuzz targets by name, and the inputs that are kept for each."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
from loadtest.fuzz.bodies import (
    fuzz_array,
    fuzz_compression,
    fuzz_decoder,
    fuzz_lines,
    fuzz_ndjson,
)
from loadtest.fuzz.edges import fuzz_config, fuzz_head
from loadtest.fuzz.rows import fuzz_event_id, fuzz_ilp

from utility_ts_analytics.config import Config
from utility_ts_analytics.records.streams import STREAMS

Target = Callable[[bytes], None]
"""Returns where all is well, and raises for a finding, most often `AssertionError`."""

TARGETS: Mapping[str, Target] = {
    "lines": fuzz_lines,
    "ndjson": fuzz_ndjson,
    "decoder": fuzz_decoder,
    "array": fuzz_array,
    "compression": fuzz_compression,
    "event-id": fuzz_event_id,
    "ilp": fuzz_ilp,
    "head": fuzz_head,
    "config": fuzz_config,
}

CORPUS = Path(__file__).parent / "corpus"
"""One file per target, one input per line in base64: whole lines of `git diff`."""


def kept_inputs(name: str) -> list[bytes]:
    """Return the inputs kept for a target; none where there is no file."""
    path = CORPUS / f"{name}.txt"
    return [base64.b64decode(line) for line in path.read_text().split()] if path.exists() else []


def keep(name: str, inputs: Iterable[bytes], *, bytes_max: int) -> int:
    """Replace the kept inputs of a target by the shortest of `inputs` that have room.

    Args:
        name: Of the target.
        inputs: Any order; repeated ones count once.
        bytes_max: Of the file.

    Returns:
        How many were kept.
    """
    lines: list[str] = []
    size_bytes = 0
    for data in sorted(set(inputs), key=lambda data: (len(data), data)):
        line = base64.b64encode(data).decode() + "\n"
        size_bytes += len(line)
        if not data or size_bytes > bytes_max:
            continue
        lines.append(line)
    CORPUS.mkdir(exist_ok=True)
    (CORPUS / f"{name}.txt").write_text("".join(lines))
    return len(lines)


def dictionary(name: str) -> Sequence[bytes]:
    """Return words worth trying in the inputs of a target."""
    if name == "config":
        return sorted({word.encode() for word in _config_words(Config())})
    fields = {
        info.name for spec in STREAMS.values() for info in msgspec.structs.fields(spec.record_type)
    }
    words = [f'"{field}":'.encode() for field in sorted(fields)]
    for spec in STREAMS.values():
        key = spec.dedup_keys[1]
        words.append(f'{{"ts":"2024-01-01T00:00:00Z","{key}":"a","{spec.numbers[0]}":1}}'.encode())
    return [*words, *_WORDS]


_WORDS = (
    *(b"null", b"true", b"NaN", b"1e999", b"-0.0", b"1.5", b"0.1e-7", b'""', b"[", b"{", b"},{"),
    *(b"\\u0000", b"\\ud800", b"\\u00e4", b"\xef\xbb\xbf", b"\xff", b"\r\n", b"\n", b"\n\n"),
    *(b"2024-02-30T00:00:00Z", b"1999-12-31T23:59:59Z", b"+14:00", b".123456789"),
    *(b"Bearer ", b"application/json", b"gzip", b"zstd", b"100-continue", b"strict=true"),
    *(b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"),
)


def _config_words(section: msgspec.Struct) -> Iterable[str]:
    for info in msgspec.structs.fields(section):
        yield f"{info.encode_name} = "
        value = getattr(section, info.name)
        if isinstance(value, msgspec.Struct):
            yield f"[{info.encode_name}]"
            yield from _config_words(value)
