"""Runs one fuzz target in a child process and reads what libFuzzer says of it."""

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.fuzz.catalogue import dictionary, kept_inputs

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
    """What one run came to.

    Attributes:
        name: Of the target.
        inputs: Tried.
        seconds: Asked for.
        places: Places in the code that were reached, as libFuzzer counts them.
        memory_mib: Most that the process had, MiB.
        findings: Inputs that failed, took too long, or took too much memory.
        output: The end of what the child wrote, if something was found or went wrong.
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
        """Whether there is something to look at."""
        return bool(self.findings or self.output)

    def row(self) -> str:
        """Return one row of the table under `heading`."""
        return (
            f"| {self.name} | {self.inputs:,} | {self.seconds} | {self.places} "
            f"| {self.memory_mib} | {len(self.findings)} |"
        )


def heading() -> str:
    """Return the two lines above the rows."""
    return (
        "| target | inputs tried | seconds | places reached | peak memory, MiB | findings |\n"
        "|---|--:|--:|--:|--:|--:|"
    )


def fuzz(name: str, folder: Path, *, seconds: int, seed: int) -> FuzzReport:
    """Fuzz one target, starting from the inputs that are kept for it.

    Args:
        name: Of the target.
        folder: Exists and is empty; gets the inputs in `corpus` and what is found in `findings`.
        seconds: How long.
        seed: Of libFuzzer.
    """
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
