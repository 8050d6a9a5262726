"""The first fault of a row is the one that counts."""

import numpy as np

from utility_ts_analytics.ingest.mapping.faults import Faults


def faults_of(*rows: list[bool]) -> Faults:
    faults = Faults()
    for number, mask in enumerate(rows):
        faults.add(np.array(mask), "wrong-type", f"field-{number}", "no")
    return faults


def test_rows_without_a_fault_are_kept_and_the_first_fault_is_named() -> None:
    faults = faults_of([False, True, True], [False, False, False], [False, True, False])
    assert faults.kept(3).tolist() == [True, False, False]
    assert faults.of_row(1).field == "field-0"
    assert bool(faults)
    assert not faults_of([False])


def test_joined_faults_keep_their_order_and_rows_can_be_taken() -> None:
    both = faults_of([False, True]).joined(faults_of([True, True]))
    assert both.kept(2).tolist() == [False, False]
    taken = both.of_rows(np.array([1, 1, 0]))
    assert taken.kept(3).tolist() == [False] * 3
    assert faults_of([False, True]).of_rows(np.array([0, 0])).kept(2).tolist() == [True, True]
