"""Spools of real processes: killed in the middle of appends, and racing for what is left."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.sinks.spool.spool_rig import batch, meters, opened
from utility_ts_analytics.sinks.spool.store import SpoolStore

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
TIME_LIMIT_S = 60.0
ROWS = 3_000

APPENDER = f"""
import itertools, pathlib, sys
from tests.unit.sinks.spool.spool_rig import batch, new_store
from utility_ts_analytics.sinks.spool.store import Appended
store = new_store(pathlib.Path(sys.argv[1]), segment_bytes_max=1_000_000)
assert store.open() is None
for number in itertools.count():
    if isinstance(store.append(batch(number, {ROWS})), Appended):
        print(number, flush=True)
"""

LIMITED = """
import pathlib, resource, sys
from tests.unit.sinks.spool.spool_rig import batch, new_store
store = new_store(pathlib.Path(sys.argv[1]))
assert store.open() is None
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
for number in range(200):
    outcome = store.append(batch(number, 10))
    print(type(outcome).__name__, number, getattr(outcome, "reason", ""), sep=",", flush=True)
"""

RACER = """
import pathlib, sys
from tests.unit.sinks.spool.spool_rig import deliver, new_store
store = new_store(pathlib.Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
while store.adopt():
    for (meter,) in deliver(store):
        print(meter, flush=True)
"""

CHURNER = """
import pathlib, sys
from tests.unit.sinks.spool.spool_rig import batch, deliver, opened
print("ready", flush=True)
first = int(sys.stdin.readline())
for number in range(first, first + 60):
    store = opened(pathlib.Path(sys.argv[1]))
    outcome = store.append(batch(number))
    if number % 3:
        for (meter,) in deliver(store):
            print(meter, flush=True)
    store.close()
"""


def start(script: str, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'server'}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def delivered_numbers(store: SpoolStore) -> list[int]:
    """Take out everything; every record must be a whole batch."""
    numbers = []
    while (rows := store.oldest()) is not None:
        number = int(meters(rows)[0].partition(".")[0])
        assert meters(rows) == meters(batch(number, len(rows)))
        numbers.append(number)
        store.remove_oldest()
    return numbers


@pytest.mark.parametrize("acknowledged_before", [0, 1, 2, 5, 9, 14])
def test_killed_process_leaves_every_acknowledged_batch_in_order(
    tmp_path: Path, acknowledged_before: int
) -> None:
    process = start(APPENDER, tmp_path)
    assert process.stdout is not None
    try:
        acknowledged = [process.stdout.readline().strip() for _ in range(acknowledged_before)]
        while acknowledged_before == 0 and not list(tmp_path.glob("*/*/*.spool")):
            assert process.poll() is None
    finally:
        process.kill()
    # Not `communicate`: it would miss what `readline` has read ahead.
    acknowledged += process.stdout.read().split()
    process.communicate(timeout=TIME_LIMIT_S)
    assert acknowledged == [str(number) for number in range(len(acknowledged))]

    store = opened(tmp_path)
    numbers = delivered_numbers(store)
    # One more may have been on the disk without its acknowledgement on the way to us.
    assert numbers in ([*range(len(acknowledged))], [*range(len(acknowledged) + 1)])
    assert store.losses.records == 0
    store.close()


def test_file_size_limit_ends_a_segment_and_not_the_spool(tmp_path: Path) -> None:
    output, _ = start(LIMITED, tmp_path).communicate(timeout=TIME_LIMIT_S)
    outcomes = [line.split(",") for line in output.splitlines()]
    assert len(outcomes) == 200
    refused = [outcome for outcome in outcomes if outcome[0] != "Appended"]
    assert {(kind, reason) for kind, _, reason in refused} == {
        ("SpoolBroken", "cannot spool 10 rows: File too large")
    }
    store = opened(tmp_path)
    numbers = delivered_numbers(store)
    assert numbers == [int(number) for kind, number, _ in outcomes if kind == "Appended"]
    assert len(numbers) > 150
    assert store.losses.torn == 0
    store.close()


def test_two_processes_that_race_for_orphans_share_them(tmp_path: Path) -> None:
    stores = [opened(tmp_path) for _ in range(20)]
    for index, store in enumerate(stores):
        for number in (index * 2, index * 2 + 1):
            store.append(batch(number))
    racers = [start(RACER, tmp_path) for _ in range(2)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for store in stores:
        store.close()
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    outputs = [racer.communicate(timeout=TIME_LIMIT_S)[0].split() for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0]
    delivered = [meter for output in outputs for meter in output]
    assert sorted(delivered) == sorted(f"{number}.0" for number in range(40))
    for output in outputs:
        numbers = [int(meter.partition(".")[0]) for meter in output]
        assert numbers[1::2] == [number + 1 for number in numbers[::2]]
    left = opened(tmp_path)
    assert left.oldest() is None
    left.close()
    assert list(tmp_path.glob("*/*")) == []


def test_coming_and_going_processes_deliver_each_record_once(tmp_path: Path) -> None:
    """Making, taking over and removing directories, all at once: nobody gets what is another's."""
    churners = [start(CHURNER, tmp_path) for _ in range(3)]
    for index, churner in enumerate(churners):
        assert churner.stdout is not None
        assert churner.stdin is not None
        assert churner.stdout.readline() == "ready\n"
        churner.stdin.write(f"{index * 1000}\n")
        churner.stdin.flush()
    outputs = [churner.communicate(timeout=TIME_LIMIT_S)[0].split() for churner in churners]
    assert [churner.returncode for churner in churners] == [0, 0, 0]
    rest = opened(tmp_path)
    delivered = [int(meter.partition(".")[0]) for output in outputs for meter in output]
    delivered += delivered_numbers(rest)
    rest.close()
    assert sorted(delivered) == [
        index * 1000 + number for index in range(3) for number in range(60)
    ]
    assert list(tmp_path.glob("*/*")) == []
