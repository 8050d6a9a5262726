"""`python -m loadtest fuzz`: runs fuzz targets, each in a process of its own."""

import argparse
import base64
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.command_line import Table, add_choice, add_counts, command_parser
from loadtest.fuzz.catalogue import TARGETS, dictionary, keep, kept_inputs

TABLE = Table(
    *(("target", 11), ("inputs tried", 12), ("seconds", 7), ("places reached", 14)),
    *(("peak memory, MiB", 16), ("findings", 8)),
)
KEPT_BYTES_MAX = 8_000
"""Of the inputs that `--keep` leaves for one target."""

INPUT_BYTES_MAX = 2_000
MEMORY_MIB_MAX = 512
INPUT_S_MAX = 10
"""An input that takes longer counts as a finding: a hang."""
_START_S = 60.0
_TAIL_LINES = 30

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
    words.write_text("".join(_word_line(word) for word in dictionary(name)))
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
