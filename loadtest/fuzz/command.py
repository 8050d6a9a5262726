"""`python -m loadtest fuzz`: runs fuzz targets, each in a process of its own."""

import argparse
import base64
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from loadtest.command_line import Table, add_choice, add_counts, command_parser
from loadtest.fuzz.targets import TARGETS

from utility_ts_analytics.config import Config
from utility_ts_analytics.records.streams import STREAMS

TABLE = Table(
    *(("target", 11), ("inputs tried", 12), ("seconds", 7), ("places reached", 14)),
    *(("peak memory, MiB", 16), ("findings", 8)),
)
KEPT_BYTES_MAX = 4_000
"""Of the inputs that `--keep` leaves for one target."""

INPUT_BYTES_MAX = 2_000
MEMORY_MIB_MAX = 512
INPUT_S_MAX = 10
"""An input that takes longer counts as a finding: a hang."""
_START_S = 60.0
_TAIL_LINES = 30

_WORDS = (
    *(b"null", b"true", b"NaN", b"1e999", b"-0.0", b"1.5", b"0.1e-7", b'""', b"[", b"{", b"},{"),
    *(b"\\u0000", b"\\ud800", b"\\u00e4", b"\xef\xbb\xbf", b"\xff", b"\r\n", b"\n", b"\n\n"),
    *(b"2024-02-30T00:00:00Z", b"1999-12-31T23:59:59Z", b"+14:00", b".123456789"),
    *(b"Bearer ", b"application/json", b"gzip", b"zstd", b"100-continue", b"strict=true"),
    *(b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"),
)
"""Worth trying in any input, beside the names of fields and settings."""

CORPUS = Path(__file__).parent / "corpus"
"""One file per target, one input per line in base64: whole lines of `git diff`."""

_STATISTIC = re.compile(r"^stat::(\w+):\s+(\d+)$", re.MULTILINE)
_COVERAGE = re.compile(r"\bcov: (\d+)")


@dataclass(frozen=True, slots=True)
class FuzzReport:
    """The result of one target.

    Attributes:
        inputs: Number of inputs tried.
        seconds: As asked for.
        places: Places in the code that were reached, as libFuzzer counts them.
        memory_mib: Peak of the process.
        findings: Inputs that failed, took too long, or took too much memory.
        output: The end of the output of the process, if something was found or went wrong.
    """

    name: str
    inputs: int
    seconds: int
    places: int
    memory_mib: int
    findings: Sequence[bytes]
    output: str

    @property
    def failed(self) -> bool:
        """Whether an input was found or the run went wrong."""
        return bool(self.findings or self.output)

    def row(self) -> str:
        """Return its row of the table."""
        numbers = (self.seconds, self.places, self.memory_mib, len(self.findings))
        return TABLE.row([self.name, f"{self.inputs:,}", *map(str, numbers)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz the chosen targets and return the exit code."""
    options = _parse(arguments)
    if options.list:
        print("\n".join(TARGETS))
        return 0
    failed = False
    print(TABLE.heading(), flush=True)
    for name in options.only or TARGETS:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as directory:
            report = fuzz(name, Path(directory), seconds=options.seconds, seed=options.seed)
            print(report.row(), flush=True)
            if report.failed:
                print(report.output)
                for data in report.findings:
                    print(f"finding: {base64.b64encode(data).decode()}", flush=True)
                failed = True
            elif options.keep:
                keep(name, least_inputs(name, Path(directory)), bytes_max=KEPT_BYTES_MAX)
    return 1 if failed else 0


def fuzz(name: str, folder: Path, *, seconds: int, seed: int) -> FuzzReport:
    """Fuzz one target, starting from the inputs that are kept for it."""
    corpus, findings = folder / "corpus", folder / "findings"
    for place in (corpus, findings):
        place.mkdir()
    for index, data in enumerate(kept_inputs(name)):
        (corpus / f"kept-{index}").write_bytes(data)
    words = folder / "words"
    words.write_text("".join(_word_line(word) for word in dictionary()))
    options = [
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        f"-max_len={INPUT_BYTES_MAX}",
        f"-rss_limit_mb={MEMORY_MIB_MAX}",
        f"-timeout={INPUT_S_MAX}",
        f"-artifact_prefix={findings}/",
        f"-dict={words}",
        "-print_final_stats=1",
        str(corpus),
    ]
    code, output = _child(name, options, seconds + _START_S)
    found = [path.read_bytes() for path in sorted(findings.iterdir())]
    statistics = {key: int(value) for key, value in _STATISTIC.findall(output)}
    return FuzzReport(
        name=name,
        inputs=statistics.get("number_of_executed_units", 0),
        seconds=seconds,
        places=max(map(int, _COVERAGE.findall(output)), default=0),
        memory_mib=statistics.get("peak_rss_mb", 0),
        findings=found,
        output="\n".join(output.splitlines()[-_TAIL_LINES:]) if code or found else "",
    )


def least_inputs(name: str, folder: Path) -> list[bytes]:
    """Return few of the inputs that `fuzz` left in `folder` which reach all that they all reach."""
    least = folder / "least"
    least.mkdir()
    code, output = _child(name, ["-merge=1", str(least), str(folder / "corpus")], 600)
    if code:
        raise AssertionError(f"cannot merge the inputs of {name}: {output[-2000:]}")
    return [path.read_bytes() for path in sorted(least.iterdir())]


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


def _child(name: str, options: Sequence[str], timeout_s: float) -> tuple[int, str]:
    done = subprocess.run(  # noqa: S603 - our own arguments
        [sys.executable, "-m", "loadtest.fuzz.child", name, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout_s,
        check=False,
    )
    return done.returncode, done.stdout.decode(errors="replace")


def _word_line(word: bytes) -> str:
    return '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n'


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser(
        "fuzz",
        "Fuzz the code that reads bytes from outside and the code that writes to QuestDB, guided by"
        " coverage. Needs no QuestDB; needs atheris (requirements/fuzz.txt). Exit code 1: an input"
        " was found; it is printed in base64, ready for a line of loadtest/fuzz/corpus/NAME.txt,"
        " which the unit tests replay.",
        example="--only lines --seconds 10",
    )
    add_choice(parser, TARGETS, "target")
    add_counts(parser, {"seconds": (60, "seconds for each target"), "seed": (1, "of the fuzzer")})
    parser.add_argument("--keep", action="store_true", help="keep few inputs that reach the most")
    return parser.parse_args(arguments)
