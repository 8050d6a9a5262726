"""`python -m loadtest fuzz`: runs fuzz targets, each in a process of its own."""

import argparse
import base64
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from loadtest.command_line import add_choice, add_counts, command_parser
from loadtest.fuzz.targets import TARGETS

from utility_ts_analytics.config import Config
from utility_ts_analytics.records.streams import STREAMS

CORPUS = Path(__file__).parent / "corpus"
"""One file per target, one input per line in base64: whole lines of `git diff`."""

_KEPT_BYTES_MAX = 4_000
"""Of the inputs that `--keep` leaves for one target."""
_INPUT_BYTES_MAX = 2_000
_MEMORY_MIB_MAX = 512
_INPUT_S_MAX = 10
"""An input that takes longer counts as a finding: a hang."""
_START_S = 60.0
_MERGE_S_MAX = 600.0

_WORDS = (
    *(b"null", b"true", b"NaN", b"1e999", b"-0.0", b"1.5", b"0.1e-7", b'""', b"[", b"{", b"},{"),
    *(b"\\u0000", b"\\ud800", b"\\u00e4", b"\xef\xbb\xbf", b"\xff", b"\r\n", b"\n", b"\n\n"),
    *(b"2024-02-30T00:00:00Z", b"1999-12-31T23:59:59Z", b"+14:00", b".123456789"),
    *(b"Bearer ", b"application/json", b"gzip", b"zstd", b"100-continue", b"strict=true"),
    *(b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"),
)
"""Worth trying in any input, beside the names of fields and settings."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz the chosen targets and return the exit code."""
    options = _parse(arguments)
    if options.list:
        print("\n".join(TARGETS))
        return 0
    failed = []
    for name in options.only or TARGETS:
        print(f"fuzzing {name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            if not fuzz(name, Path(folder), seconds=options.seconds, seed=options.seed):
                failed.append(name)
            elif options.keep:
                keep(name, least_inputs(name, Path(folder)))
    print(f"FAILED: {', '.join(failed)}" if failed else "no input was found")
    return 1 if failed else 0


def fuzz(name: str, folder: Path, *, seconds: int, seed: int) -> bool:
    """Fuzz one target, starting from the inputs that are kept for it.

    libFuzzer prints how many inputs it tried, and one that fails in base64.

    Returns:
        Whether no input failed, took too long, or took too much memory.
    """
    corpus, words = folder / "corpus", folder / "words"
    corpus.mkdir()
    for index, data in enumerate(kept_inputs(name)):
        (corpus / f"kept-{index}").write_bytes(data)
    escaped = ("".join(f"\\x{byte:02x}" for byte in word) for word in dictionary())
    words.write_text("".join(f'"{word}"\n' for word in escaped))
    options = (
        *(f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={_INPUT_BYTES_MAX}"),
        *(f"-rss_limit_mb={_MEMORY_MIB_MAX}", f"-timeout={_INPUT_S_MAX}", f"-dict={words}"),
        *(f"-artifact_prefix={folder}/", "-print_final_stats=1", "-verbosity=0", str(corpus)),
    )
    return _child(name, options, seconds + _START_S) == 0


def least_inputs(name: str, folder: Path) -> list[bytes]:
    """Return few of the inputs that `fuzz` left in `folder` which reach all that they all reach."""
    least = folder / "least"
    least.mkdir()
    if _child(name, ["-merge=1", str(least), str(folder / "corpus")], _MERGE_S_MAX):
        raise RuntimeError(f"cannot merge the inputs of {name}")
    return [path.read_bytes() for path in sorted(least.iterdir())]


def _child(name: str, options: Sequence[str], timeout_s: float) -> int:
    command = [sys.executable, "-m", "loadtest.fuzz.child", name, *options]
    return subprocess.run(command, timeout=timeout_s, check=False).returncode  # noqa: S603 - our own arguments


def kept_inputs(name: str) -> list[bytes]:
    """Return the inputs kept for a target; none where there is no file."""
    path = CORPUS / f"{name}.txt"
    return [base64.b64decode(line) for line in path.read_text().split()] if path.exists() else []


def keep(name: str, inputs: Iterable[bytes], *, bytes_max: int = _KEPT_BYTES_MAX) -> None:
    """Replace the kept inputs of a target by the shortest of `inputs` that have room.

    Args:
        name: Of the target.
        inputs: Any order; repeated ones count once.
        bytes_max: Of the file.
    """
    text = ""
    for data in sorted(set(inputs) - {b""}, key=lambda data: (len(data), data)):
        line = base64.b64encode(data).decode() + "\n"
        text += line if len(text) + len(line) <= bytes_max else ""
    (CORPUS / f"{name}.txt").write_text(text)


def dictionary() -> list[bytes]:
    """Return words worth trying in an input."""
    names = {it.name for one in STREAMS.values() for it in msgspec.structs.fields(one.record_type)}
    words = [f'"{name}":'.encode() for name in sorted(names)]
    for spec in STREAMS.values():
        key = spec.dedup_keys[1]
        words.append(f'{{"ts":"2024-01-01T00:00:00Z","{key}":"a","{spec.numbers[0]}":1}}'.encode())
    return [*words, *sorted({word.encode() for word in _settings(Config())}), *_WORDS]


def _settings(section: msgspec.Struct) -> Iterable[str]:
    for info in msgspec.structs.fields(section):
        yield f"{info.encode_name} = "
        value = getattr(section, info.name)
        if isinstance(value, msgspec.Struct):
            yield f"[{info.encode_name}]"
            yield from _settings(value)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser(
        "fuzz",
        "Fuzz the code that reads bytes from outside, guided by coverage. Needs no QuestDB; needs"
        " atheris (requirements/fuzz.txt). Exit code 1: an input was found; libFuzzer prints it in"
        " base64, ready for a line of loadtest/fuzz/corpus/NAME.txt, which the unit tests replay.",
        example="--only ndjson --seconds 10",
    )
    add_choice(parser, TARGETS, "target")
    add_counts(parser, {"seconds": (60, "seconds for each target"), "seed": (1, "of the fuzzer")})
    parser.add_argument("--keep", action="store_true", help="keep few inputs that reach the most")
    return parser.parse_args(arguments)
