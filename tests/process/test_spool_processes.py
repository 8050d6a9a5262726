"""Spools of real processes: killed in the middle of appends and deliveries, in one order."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.delivery.spool.spool_rig import Store, batch, meters, opened

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
TIME_LIMIT_S = 60.0
ROWS = 3_000

APPENDER = f"""
import itertools, pathlib, sys
from tests.unit.delivery.spool.spool_rig import ORIGIN, batch, opened
from utility_ts_analytics.delivery.spool import Appended
store = opened(pathlib.Path(sys.argv[1]))
for number in itertools.count(int(sys.argv[2])):
    if isinstance(store.append(batch(number, {ROWS}), ORIGIN), Appended):
        print(number, flush=True)
"""

LIMITED = """
import pathlib, resource, sys
from tests.unit.delivery.spool.spool_rig import ORIGIN, batch, opened
store = opened(pathlib.Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for number in range(200):
    outcome = store.append(batch(number, 10), ORIGIN)
    print(type(outcome).__name__, number, flush=True)
"""

DELIVERER = """
import pathlib, sys, time
from tests.unit.delivery.spool.spool_rig import meters, opened
store = opened(pathlib.Path(sys.argv[1]))
while not store.try_to_deliver():
    time.sleep(0.01)
while True:
    record = store.oldest()
    if record is None:
        time.sleep(0.01)
    else:
        print(meters(record.rows)[0].partition(".")[0], flush=True)
        store.remove(record.number)
"""


def start(script: str, folder: Path, first: int = 0) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, str(folder), str(first)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'server'}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def delivered_numbers(store: Store) -> list[int]:
    """Take out everything; every record must be a whole batch."""
    numbers = []
    while (record := store.oldest()) is not None:
        number = int(meters(record.rows)[0].partition(".")[0])
        assert meters(record.rows) == meters(batch(number, len(record.rows)))
        numbers.append(number)
        store.remove(record.number)
    return numbers


@pytest.mark.parametrize("acknowledged_before", [0, 1, 2, 5, 9, 14])
def test_killed_process_leaves_every_acknowledged_batch_in_order(
    tmp_path: Path, acknowledged_before: int
) -> None:
    process = start(APPENDER, tmp_path)
    assert process.stdout is not None
    try:
        acknowledged = [process.stdout.readline().strip() for _ in range(acknowledged_before)]
        while acknowledged_before == 0 and not list(tmp_path.glob("*.sqlite3-wal")):
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
    assert store.lost_rows == 0
    store.close()


def test_file_that_may_not_grow_ends_no_spool(tmp_path: Path) -> None:
    output, _ = start(LIMITED, tmp_path).communicate(timeout=TIME_LIMIT_S)
    outcomes = [line.split() for line in output.splitlines()]
    assert len(outcomes) == 200
    taken = [int(number) for kind, number in outcomes if kind == "Appended"]
    assert 10 < len(taken) < 200
    store = opened(tmp_path)
    assert delivered_numbers(store) == taken
    store.close()


def test_killed_appenders_and_deliverers_leave_one_order(tmp_path: Path) -> None:
    """Each appender's batches come out in its order, and each acknowledged one at least once."""
    rng = random.Random(7)  # noqa: S311
    acknowledged: list[int] = []
    delivered: list[int] = []
    for turn in range(3):
        appenders = [start(APPENDER, tmp_path, turn * 100_000 + k * 10_000) for k in range(2)]
        deliverers = [start(DELIVERER, tmp_path) for _ in range(2)]
        for process in appenders:
            assert process.stdout is not None
            acknowledged += [int(process.stdout.readline()) for _ in range(rng.randrange(3, 8))]
        for processes, numbers in ((appenders, acknowledged), (deliverers, delivered)):
            for process in processes:
                process.kill()
                assert process.stdout is not None
                numbers += map(int, process.stdout.read().split())
                process.communicate(timeout=TIME_LIMIT_S)
    store = opened(tmp_path)
    delivered += delivered_numbers(store)
    assert (store.lost_rows, store.rows) == (0, 0)
    store.close()
    assert set(acknowledged) <= set(delivered)
    for first in {number // 10_000 * 10_000 for number in delivered}:
        own = [number for number in delivered if number // 10_000 * 10_000 == first]
        assert own == sorted(own), "an earlier batch came after a later one"
        repeated = len(own) - len(set(own))
        assert repeated <= 3, "the one that a killed deliverer had in hand, in each turn"
